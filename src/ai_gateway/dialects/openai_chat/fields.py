"""How callers of Chat Completions spell the canonical fields, and what the API takes by address.

Source: OpenAI API reference, "Create chat completion".
"""

from __future__ import annotations

__all__ = ["FIELD_NAMES", "URL_KINDS"]

FIELD_NAMES = {
    "max_output_tokens": "max_completion_tokens",
    "reasoning": "reasoning_effort",
    "output_format": "response_format",
    "cache_key": "prompt_cache_key",
    "messages.thinking": "messages.reasoning_content",
}

URL_KINDS = frozenset({"image"})
