"""Token usage as OpenAI-compatible providers report it.

Source: OpenAI API reference, "The chat completion object" (`usage`) and "The Response object" (`usage`);
the differences are from recorded traffic.
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.usage import Usage

__all__ = ["BYTES_PER_TOKEN", "MEDIA_TOKENS", "read_usage"]

BYTES_PER_TOKEN = 4
"""For estimates: what English text comes to with current tokenizers."""
MEDIA_TOKENS = 1000
"""For estimates: one image, file or sound."""


class _Details(msgspec.Struct):
    cached_tokens: float | None = None
    cache_write_tokens: float | None = None
    reasoning_tokens: float | None = None
    audio_tokens: float | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: float | None = None
    completion_tokens: float | None = None
    total_tokens: float | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None
    input_tokens: float | None = None  # the Responses API, and newer endpoints
    output_tokens: float | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None
    prompt_cache_hit_tokens: float | None = None  # DeepSeek


_decoder = msgspec.json.Decoder(_Usage)


def read_usage(raw: bytes) -> Usage | None:
    """Disjoint token classes from a `usage` object; None where it is null or no such object.

    `cached_tokens` is part of the prompt and is clamped to it (Azure-hosted models have reported more).
    Reasoning is part of the completion, unless the total shows that it stands beside it (xAI).
    Audio input stands beside the prompt where the total shows that (Mistral).
    """
    if not raw or bytes(raw) == b"null":
        return None
    try:
        found = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if found.prompt_tokens is None and found.input_tokens is None and found.completion_tokens is None:
        return None
    return _disjoint(found, bytes(raw))


def _disjoint(found: _Usage, raw: bytes) -> Usage:
    nothing = _Details()
    details_in = found.prompt_tokens_details or found.input_tokens_details or nothing
    details_out = found.completion_tokens_details or found.output_tokens_details or nothing
    prompt = _count(found.prompt_tokens if found.prompt_tokens is not None else found.input_tokens)
    completion = _count(
        found.completion_tokens if found.completion_tokens is not None else found.output_tokens
    )
    reasoning = _count(details_out.reasoning_tokens)
    beside = _count(found.total_tokens) - prompt - completion
    if beside > 0 and beside == reasoning:
        completion += reasoning
    elif beside > 0 and beside == _count(details_in.audio_tokens):
        prompt += beside
    cached = min(_count(details_in.cached_tokens) or _count(found.prompt_cache_hit_tokens), prompt)
    written = min(_count(details_in.cache_write_tokens), prompt - cached)
    reasoning = min(reasoning, completion)
    return Usage(
        input=prompt - cached - written,
        cache_read=cached,
        cache_write=written,
        output=completion - reasoning,
        reasoning=reasoning,
        raw=raw,
    )


def _count(value: float | None) -> int:
    return max(0, int(value)) if value else 0
