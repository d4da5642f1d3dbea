"""Token usage as most OpenAI-compatible answers report it: of text alone, every figure in one place.

Read in one pass. Whatever else an answer says of its usage does not fit the types here, and is for the
careful reader (`openai_usage.py`). Of what fits, both make the same.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from ai_gateway.core.usage import Usage

__all__ = ["Figure", "Tokens", "Zero", "read_plain_usage"]

Tokens = Annotated[int, msgspec.Meta(ge=0, le=1 << 53)]
"""The careful reader's figures are floats: up to here they are the same."""
Zero = Literal[0, None]
Figure = float | None
"""A figure that neither reader looks at, where it stands."""


class _Input(msgspec.Struct, gc=False):
    cached_tokens: Tokens | None = None
    cache_read_input_tokens: Zero = None
    cache_write_tokens: Zero = None
    reasoning_tokens: Figure = None
    audio_tokens: Zero = None
    image_tokens: Zero = None


class _Output(msgspec.Struct, gc=False):
    cached_tokens: Figure = None
    cache_read_input_tokens: Figure = None
    cache_write_tokens: Figure = None
    reasoning_tokens: Tokens | None = None
    audio_tokens: Zero = None
    image_tokens: Zero = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: Tokens | None = None
    completion_tokens: Tokens | None = None
    total_tokens: Tokens | None = None
    prompt_tokens_details: _Input | None = None
    completion_tokens_details: _Output | None = None
    input_tokens: Tokens | None = None
    output_tokens: Tokens | None = None
    input_tokens_details: _Input | None = None
    output_tokens_details: _Output | None = None
    prompt_cache_hit_tokens: Zero = None
    num_cached_tokens: Zero = None
    cached_tokens: Zero = None
    reasoning_tokens: Figure = None
    citation_tokens: None = None
    num_search_queries: None = None
    prompt_audio_seconds: Zero = None
    type: None = None
    seconds: Figure = None
    service_tier: Literal["", "auto", "default", "standard", None] = None
    cost: None = None
    cost_in_usd_ticks: None = None


_decode = msgspec.json.Decoder(_Usage).decode


def read_plain_usage(data: bytes) -> Usage | None:
    """Disjoint token classes; None where it takes a closer look."""
    try:
        found = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    prompt, completion = found.prompt_tokens, found.completion_tokens
    if prompt is None:
        prompt = found.input_tokens
    if completion is None:
        completion = found.output_tokens or 0
    if prompt is None:
        return None
    details_in = found.prompt_tokens_details or found.input_tokens_details
    details_out = found.completion_tokens_details or found.output_tokens_details
    cached = (details_in.cached_tokens or 0) if details_in is not None else 0
    reasoning = (details_out.reasoning_tokens or 0) if details_out is not None else 0
    if cached > prompt or reasoning > completion or (found.total_tokens or 0) > prompt + completion:
        return None
    return Usage(prompt - cached, cached, 0, completion - reasoning, reasoning, raw=data)
