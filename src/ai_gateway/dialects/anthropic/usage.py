"""Token usage as Anthropic reports it, and as its callers read it.

Source: Anthropic API reference, "Create a Message" (`usage`): `input_tokens`, `cache_read_input_tokens` and
`cache_creation_input_tokens` stand beside each other; `output_tokens` counts thinking too. "Compaction" and
"Advisor tool": `iterations` lists every call of a model that made up the answer; the totals leave out those
that compacted the conversation, and those of the advisor, which is another model.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.plain_usage import Tokens, Zero

__all__ = ["encode_usage", "read_usage"]


class _Details(msgspec.Struct):
    thinking_tokens: float | None = None


class _Creation(msgspec.Struct):
    ephemeral_1h_input_tokens: float | None = None


class _ServerTools(msgspec.Struct):
    web_search_requests: float | None = None


class _Counts(msgspec.Struct):
    input_tokens: float | None = None
    cache_creation_input_tokens: float | None = None
    cache_read_input_tokens: float | None = None
    output_tokens: float | None = None
    output_tokens_details: _Details | None = None
    cache_creation: _Creation | None = None


class _Iteration(_Counts):
    type: str | None = None
    model: str | None = None


class _Usage(_Counts):
    server_tool_use: _ServerTools | None = None


class _Told(msgspec.Struct):
    """What is no token. Read apart: an odd value here does not hide the counts."""

    iterations: list[_Iteration] | None = None
    service_tier: str | None = None
    speed: str | None = None
    cost: float | None = None  # gateways that speak this dialect


class _PlainDetails(msgspec.Struct, gc=False):
    thinking_tokens: Tokens | None = None


class _PlainCreation(msgspec.Struct, gc=False):
    ephemeral_1h_input_tokens: Zero = None


class _PlainTools(msgspec.Struct, gc=False):
    web_search_requests: Zero = None


class _Plain(msgspec.Struct, gc=False):
    """What most answers report; anything else is for the careful reader, and does not fit the types here."""

    input_tokens: Tokens
    cache_creation_input_tokens: Tokens | None = None
    cache_read_input_tokens: Tokens | None = None
    cache_creation: _PlainCreation | None = None
    output_tokens: Tokens | None = None
    output_tokens_details: _PlainDetails | None = None
    service_tier: Literal["standard", "priority", None] = None
    server_tool_use: _PlainTools | None = None
    iterations: None = None
    speed: Literal["standard", None] = None
    cost: None = None


_plain = msgspec.json.Decoder(_Plain)
_decoder = msgspec.json.Decoder(_Usage)
_told = msgspec.json.Decoder(_Told)


def read_usage(raw: bytes | msgspec.Raw) -> Usage | None:
    """Disjoint token classes from a `usage` object; None where it is null or no such object."""
    data = bytes(raw)
    try:
        plain = _plain.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return read_carefully(data)
    output, thinking = plain.output_tokens or 0, 0
    if plain.output_tokens_details is not None:
        thinking = min(plain.output_tokens_details.thinking_tokens or 0, output)
    return Usage(
        input=plain.input_tokens,
        cache_read=plain.cache_read_input_tokens or 0,
        cache_write=plain.cache_creation_input_tokens or 0,
        output=output - thinking,
        reasoning=thinking,
        raw=data,
    )


def read_carefully(data: bytes) -> Usage | None:
    """As `read_usage`, of whatever a provider may say."""
    try:
        found = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found.input_tokens is None and found.output_tokens is None:
        return None
    told = _also(data)
    usage = _classes(found)
    others = []
    for one in told.iterations or ():
        if one.type == "compaction":
            usage = _sum(usage, _classes(one))
        elif one.type == "advisor_message" and one.model:
            others.append((one.model, _classes(one)))
    tools = found.server_tool_use
    return msgspec.structs.replace(
        usage,
        web_searches=_count(tools.web_search_requests) if tools else 0,
        tier="fast" if told.speed == "fast" else "batch" if told.service_tier == "batch" else "",
        others=tuple(others),
        reported_usd=told.cost if told.cost is not None and 0 <= told.cost < math.inf else None,
        raw=data,
    )


def _also(data: bytes) -> _Told:
    try:
        return _told.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Told()


def _classes(found: _Counts) -> Usage:
    output, written = _count(found.output_tokens), _count(found.cache_creation_input_tokens)
    thinking = _count(found.output_tokens_details.thinking_tokens) if found.output_tokens_details else 0
    thinking = min(thinking, output)
    hour = _count(found.cache_creation.ephemeral_1h_input_tokens) if found.cache_creation else 0
    return Usage(
        input=_count(found.input_tokens),
        cache_read=_count(found.cache_read_input_tokens),
        cache_write=written,
        cache_write_1h=min(hour, written),
        output=output - thinking,
        reasoning=thinking,
    )


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        input=one.input + other.input,
        cache_read=one.cache_read + other.cache_read,
        cache_write=one.cache_write + other.cache_write,
        cache_write_1h=one.cache_write_1h + other.cache_write_1h,
        output=one.output + other.output,
        reasoning=one.reasoning + other.reasoning,
    )


def encode_usage(usage: Usage | None) -> dict[str, object]:
    """The members that callers read; zeroes where nothing is known, since the schema demands figures."""
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    members: dict[str, object] = {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "output_tokens": usage.total_output,
    }
    if usage.reasoning:
        members["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return members


def _count(value: float | None) -> int:
    return max(0, int(value)) if value else 0
