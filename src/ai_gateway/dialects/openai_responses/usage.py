"""Token usage as the Responses API reports it, and as its callers read it.

Source: OpenAI API reference, "The Response object" (`usage`): cached tokens are part of the input, reasoning
of the output.
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.dialects import openai_usage

__all__ = ["encode_usage", "read_usage"]


def read_usage(raw: bytes | msgspec.Raw, tier: bytes | msgspec.Raw = b"") -> Usage | None:
    """Disjoint token classes from a `usage` object; None where it is null or no such object.

    `tier` is the JSON of the response's `service_tier`.
    """
    return openai_usage.read_usage(raw, tier)


def encode_usage(usage: Usage) -> dict[str, object]:
    """Every member that the schema demands."""
    return {
        "input_tokens": usage.total_input,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read,
            "cache_write_tokens": usage.cache_write,
        },
        "output_tokens": usage.total_output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total_input + usage.total_output,
    }
