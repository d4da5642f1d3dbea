"""How Anthropic's callers spell the canonical fields, and what the API takes by address.

Source: Anthropic API reference, "Create a Message".
"""

from __future__ import annotations

__all__ = ["FIELD_NAMES", "URL_KINDS"]

FIELD_NAMES = {
    "max_output_tokens": "max_tokens",
    "stop": "stop_sequences",
    "user": "metadata.user_id",
    "reasoning": "thinking",
    "output_format": "output_config.format",
    "parallel_tool_calls": "tool_choice.disable_parallel_tool_use",
    "cache": "cache_control",
    "messages.cache": "cache_control",
    "tools.cache": "cache_control",
}

URL_KINDS = frozenset({"image", "document"})
