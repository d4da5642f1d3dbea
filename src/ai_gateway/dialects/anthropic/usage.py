"""Token usage as Anthropic reports it, and as its callers read it.

Source: Anthropic API reference, "Create a Message" (`usage`): `input_tokens`, `cache_read_input_tokens` and
`cache_creation_input_tokens` stand beside each other; `output_tokens` counts thinking too.
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.usage import Usage

__all__ = ["encode_usage", "read_usage"]


class _Details(msgspec.Struct):
    thinking_tokens: float | None = None


class _Usage(msgspec.Struct):
    input_tokens: float | None = None
    cache_creation_input_tokens: float | None = None
    cache_read_input_tokens: float | None = None
    output_tokens: float | None = None
    output_tokens_details: _Details | None = None


_decoder = msgspec.json.Decoder(_Usage)


def read_usage(raw: bytes | msgspec.Raw) -> Usage | None:
    """Disjoint token classes from a `usage` object; None where it is null or no such object."""
    data = bytes(raw)
    try:
        found = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found.input_tokens is None and found.output_tokens is None:
        return None
    output = _count(found.output_tokens)
    thinking = _count(found.output_tokens_details.thinking_tokens) if found.output_tokens_details else 0
    thinking = min(thinking, output)
    return Usage(
        input=_count(found.input_tokens),
        cache_read=_count(found.cache_read_input_tokens),
        cache_write=_count(found.cache_creation_input_tokens),
        output=output - thinking,
        reasoning=thinking,
        raw=data,
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
