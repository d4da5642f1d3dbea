"""How callers of the Responses API spell the canonical fields, and what the API takes by address.

Source: OpenAI API reference, "Create a model response".
"""

from __future__ import annotations

__all__ = ["FIELD_NAMES", "URL_KINDS"]

FIELD_NAMES = {
    "messages": "input",
    "messages.thinking": "input.reasoning",
    "messages.phase": "input.phase",
    "output_format": "text.format",
    "verbosity": "text.verbosity",
    "user": "safety_identifier",
    "cache_key": "prompt_cache_key",
    "logprobs": "include.message.output_text.logprobs",
}

URL_KINDS = frozenset({"image", "document"})
