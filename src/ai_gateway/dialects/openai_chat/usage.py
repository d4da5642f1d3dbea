"""Token usage of Chat Completions, in and out.

Source: OpenAI API reference, "The chat completion object" (`usage`); openai-python,
`types/completion_usage.py`.
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.dialects import openai_usage

__all__ = ["UsageWire", "read_usage", "usage_wire"]


class _PromptDetails(msgspec.Struct):
    cached_tokens: int
    cache_write_tokens: int
    audio_tokens: int = 0


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int
    audio_tokens: int = 0
    accepted_prediction_tokens: int = 0
    rejected_prediction_tokens: int = 0


class UsageWire(msgspec.Struct):
    """`usage` as a caller gets it, in tokens."""

    prompt_tokens: int
    """Cached ones included."""
    completion_tokens: int
    """Reasoning included."""
    total_tokens: int
    prompt_tokens_details: _PromptDetails
    completion_tokens_details: _CompletionDetails


def read_usage(raw: bytes | msgspec.Raw, tier: bytes | msgspec.Raw = b"") -> Usage | None:
    """Disjoint token classes from a `usage` object of any compatible server; None where it is none.

    `tier` is the JSON of the answer's `service_tier`.
    """
    return openai_usage.read_usage(raw, tier)


def usage_wire(usage: Usage) -> UsageWire:
    """The figures put together again as OpenAI counts them."""
    return UsageWire(
        prompt_tokens=usage.total_input,
        completion_tokens=usage.total_output,
        total_tokens=usage.total_input + usage.total_output,
        prompt_tokens_details=_PromptDetails(
            cached_tokens=usage.cache_read, cache_write_tokens=usage.cache_write
        ),
        completion_tokens_details=_CompletionDetails(reasoning_tokens=usage.reasoning),
    )
