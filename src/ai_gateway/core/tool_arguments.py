"""What a model wrote as the arguments of a tool call, in the forms that dialects have for it."""

from __future__ import annotations

import msgspec

__all__ = ["as_object", "free_text", "from_free_text"]

_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Input(msgspec.Struct):
    input: str


_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_input = msgspec.json.Decoder(_Input)


def as_object(arguments: str) -> msgspec.Raw:
    """A JSON object, for dialects that allow nothing else: what the model wrote otherwise (broken JSON, a
    list) stands in it as text, under `_raw`. Nothing at all is an empty object."""
    text = arguments or "{}"
    try:
        _object.decode(text)
    except _BROKEN:
        return msgspec.Raw(msgspec.json.encode({"_raw": text}))
    return msgspec.Raw(text.encode())


def free_text(arguments: str) -> str:
    """The input of a custom tool, out of the canonical `{"input": TEXT}`; anything else goes out as it is."""
    try:
        return _input.decode(arguments).input
    except _BROKEN:
        return arguments


def from_free_text(text: str) -> str:
    """The canonical arguments of a custom tool's call."""
    return msgspec.json.encode({"input": text}).decode()
