"""Token usage as OpenAI-compatible providers report it.

Source: OpenAI API reference, "The chat completion object" (`usage`), "The Response object" (`usage`), "Create
image" (`usage`), "Create transcription" (`usage`); OpenRouter, "Usage accounting"; xAI, "Cost tracking";
Perplexity, "Pricing"; the differences are from recorded traffic.
"""

from __future__ import annotations

import math

import msgspec

from ai_gateway.core.usage import BYTES_PER_TOKEN, Usage
from ai_gateway.dialects.plain_usage import read_plain_usage

__all__ = ["BYTES_PER_TOKEN", "MEDIA_TOKENS", "read_usage"]

MEDIA_TOKENS = 1000
"""For estimates: one image, file or sound."""

_USD_PER_TICK = 1e-10
_PLAIN_TIERS = frozenset({b"", b"null", b'""', b'"auto"', b'"default"', b'"standard"'})
"""As JSON: those that cost what a model costs."""


class _Details(msgspec.Struct):
    cached_tokens: float | None = None
    cache_read_input_tokens: float | None = None  # Perplexity's Responses
    cache_write_tokens: float | None = None
    reasoning_tokens: float | None = None
    audio_tokens: float | None = None
    image_tokens: float | None = None


class _Upstream(msgspec.Struct):
    upstream_inference_cost: float | None = None


class _Cost(msgspec.Struct):
    total_cost: float | None = None


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
    num_cached_tokens: float | None = None  # Mistral
    cached_tokens: float | None = None  # Moonshot
    reasoning_tokens: float | None = None  # Perplexity, beside the completion; so are the next
    citation_tokens: float | None = None
    num_search_queries: float | None = None
    prompt_audio_seconds: float | None = None  # Mistral
    type: str | None = None  # `duration`: a transcription that is charged by its length
    seconds: float | None = None


class _Told(msgspec.Struct):
    """What is no token. Read apart: an odd value here does not hide the counts."""

    service_tier: msgspec.Raw = msgspec.Raw()
    cost: float | _Cost | None = None
    is_byok: bool | None = None  # OpenRouter: the call was made with the account's own key at the provider
    cost_details: _Upstream | None = None
    cost_in_usd_ticks: float | None = None  # xAI


_NO_DETAILS = _Details()
_decoder = msgspec.json.Decoder(_Usage)
_told = msgspec.json.Decoder(_Told)


def read_usage(raw: bytes | msgspec.Raw, tier: bytes | msgspec.Raw = b"") -> Usage | None:
    """Disjoint token classes from a `usage` object; None where it is null or no such object.

    `tier` is the JSON of the answer's `service_tier`, which OpenAI says beside `usage`.

    `cached_tokens` is part of the prompt and is clamped to it (Azure-hosted models have reported more).
    Reasoning is part of the completion, unless the total shows that it stands beside it (xAI).
    Audio input stands beside the prompt where the total shows that (Mistral).
    What only the total counts is reasoning that nobody named (Google's compatible endpoint).
    """
    data = bytes(raw)
    if not data or data == b"null":
        return None
    if not tier or bytes(tier) in _PLAIN_TIERS:
        usage = read_plain_usage(data)
        if usage is not None:
            return usage
    return read_carefully(data, bytes(tier))


def read_carefully(data: bytes, tier: bytes) -> Usage | None:
    """As `read_usage`, of whatever a provider may say."""
    try:
        found = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if found.type == "duration" and found.seconds is not None:
        return Usage(audio_seconds=_seconds(found.seconds), raw=data)
    if found.prompt_tokens is None and found.input_tokens is None and found.completion_tokens is None:
        return None
    return _disjoint(found, _with_tier(data, tier))


def _with_tier(usage: bytes, tier: bytes) -> bytes:
    """The usage object with the answer's service tier in it, where that may have prices of its own: what is
    kept to price a row again must hold it."""
    if tier[:1] != b'"' or tier in _PLAIN_TIERS or usage.find(b'"service_tier"') >= 0:
        return usage
    return usage.rstrip()[:-1] + b',"service_tier":' + tier + b"}"  # it is an object, and not an empty one


def _disjoint(found: _Usage, raw: bytes) -> Usage:
    details_in = found.prompt_tokens_details or found.input_tokens_details or _NO_DETAILS
    details_out = found.completion_tokens_details or found.output_tokens_details or _NO_DETAILS
    prompt, completion, reasoning = _totals(found, details_in, details_out)
    cached = min(_cached(found, details_in), prompt)
    written = (
        min(_count(details_in.cache_write_tokens), prompt - cached) if details_in.cache_write_tokens else 0
    )
    usage = Usage(
        input=prompt - cached - written,
        cache_read=cached,
        cache_write=written,
        output=completion - reasoning,
        reasoning=reasoning,
        raw=raw,
    )
    if _says_more(found, details_in, details_out):
        usage = _with_parts(usage, found, details_in, details_out)
    # Not `in`, which asks first whether it is given a number, by way of an error.
    if raw.find(b'"cost') >= 0 or raw.find(b'"service_tier"') >= 0:
        told = _also(raw)
        usage = msgspec.structs.replace(usage, tier=_tier(told.service_tier), reported_usd=_reported(told))
    return usage


def _says_more(found: _Usage, details_in: _Details, details_out: _Details) -> bool:
    """Most answers are of text alone."""
    return bool(
        details_in.audio_tokens
        or details_in.image_tokens
        or details_out.audio_tokens
        or details_out.image_tokens
        or found.citation_tokens
        or found.num_search_queries
        or found.prompt_audio_seconds
    )


def _with_parts(usage: Usage, found: _Usage, details_in: _Details, details_out: _Details) -> Usage:
    """With what the classes consist of, each part clamped to what is left of its class."""
    audio_in = min(_count(details_in.audio_tokens), usage.input)
    citations = min(_count(found.citation_tokens), usage.output)
    audio_out = min(_count(details_out.audio_tokens), usage.output - citations)
    return msgspec.structs.replace(
        usage,
        input_audio=audio_in,
        input_image=min(_count(details_in.image_tokens), usage.input - audio_in),
        output_citation=citations,
        output_audio=audio_out,
        output_image=min(_count(details_out.image_tokens), usage.output - citations - audio_out),
        audio_seconds=_seconds(found.prompt_audio_seconds),
        web_searches=_count(found.num_search_queries),
    )


def _totals(found: _Usage, details_in: _Details, details_out: _Details) -> tuple[int, int, int]:
    """All of the prompt, all of the completion, and of that the reasoning."""
    prompt = _count(found.prompt_tokens if found.prompt_tokens is not None else found.input_tokens)
    written = found.completion_tokens if found.completion_tokens is not None else found.output_tokens
    completion, reasoning = _count(written), _count(details_out.reasoning_tokens)
    if found.num_search_queries is not None or found.citation_tokens is not None:  # Perplexity
        beside = _count(found.reasoning_tokens)
        return (
            prompt,
            completion + beside + _count(found.citation_tokens),
            beside or min(reasoning, completion),
        )
    beside = _count(found.total_tokens) - prompt - completion
    if beside > 0 and beside == reasoning:
        completion += reasoning
    elif beside > 0 and beside == _count(details_in.audio_tokens):
        prompt += beside
    elif beside > 0 and not reasoning and prompt and written is not None:
        completion += beside
        reasoning = beside
    return prompt, completion, reasoning if reasoning < completion else completion


def _cached(found: _Usage, details: _Details) -> int:
    """Wherever the provider says it; several places say the same."""
    most = max(
        details.cached_tokens or 0,
        details.cache_read_input_tokens or 0,
        found.prompt_cache_hit_tokens or 0,
        found.num_cached_tokens or 0,
        found.cached_tokens or 0,
    )
    return int(most) if most else 0


def _also(raw: bytes) -> _Told:
    try:
        return _told.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Told()


def _tier(raw: msgspec.Raw) -> str:
    text = bytes(raw)
    return "" if text[:1] != b'"' or text in _PLAIN_TIERS else msgspec.json.decode(text, type=str)


def _reported(told: _Told) -> float | None:
    """USD. OpenRouter's `cost` of a call with one's own key is its fee alone."""
    if told.cost_in_usd_ticks is not None:
        return _usd(told.cost_in_usd_ticks * _USD_PER_TICK)
    if isinstance(told.cost, _Cost):
        return _usd(told.cost.total_cost)
    cost = _usd(told.cost)
    if cost is not None and told.is_byok and told.cost_details is not None:
        cost += _usd(told.cost_details.upstream_inference_cost) or 0.0
    return cost


def _usd(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) and value >= 0 else None


def _seconds(value: float | None) -> float:
    return value if value is not None and math.isfinite(value) and value > 0 else 0.0


def _count(value: float | None) -> int:
    return int(value) if value and value > 0 else 0
