"""A JSON object opened one level deep: members are edited, everything else keeps its bytes."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import msgspec

from ai_gateway.errors import BadRequest

__all__ = ["Members", "as_json", "is_plain_object", "member", "open_object", "read_object", "write_object"]

Members = dict[str, msgspec.Raw]
T = TypeVar("T")

_decoder = msgspec.json.Decoder(Members)
_encoder = msgspec.json.Encoder()
_SPACE = frozenset((b" ", b"\n", b"\r", b"\t"))
read_object = _decoder.decode
"""As `open_object`, of ASCII alone; raises what msgspec does."""
write_object = _encoder.encode
"""The bytes of an object, members in their order."""


def open_object(body: bytes) -> Members:
    """The members of a JSON object, each as its own bytes.

    Raises:
        BadRequest: `body` is not JSON, or not an object.
    """
    try:
        if not body.isascii():
            body.decode()  # the decoder skips over strings that it need not look into
        return _decoder.decode(body)
    except msgspec.ValidationError as error:
        raise BadRequest("the request body must be a JSON object") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the request body is not valid JSON: {error}") from error
    except RecursionError as error:
        raise BadRequest("the request body is nested too deeply") from error


def member(members: Members, name: str, kind: type[T], expected: str) -> T | None:
    """The member `name` as `kind`; None where it is absent or null. `expected` names the type to the caller.

    Raises:
        BadRequest: it is of another type; `param` is its name.
    """
    raw = members.get(name)
    if raw is None:
        return None
    try:
        return _optional(kind).decode(raw)  # type: ignore[arg-type]  # a type can be hashed
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"'{name}' must be {expected}", param=name) from error


@cache
def _optional(kind: type[T]) -> msgspec.json.Decoder[T | None]:
    """Of a value that may be null. There are few kinds, and making one takes longer than decoding."""
    return msgspec.json.Decoder(kind | None)


def as_json(value: object) -> msgspec.Raw:
    """A value as a member's bytes."""
    return msgspec.Raw(_encoder.encode(value))


def is_plain_object(body: bytes, members: Members) -> bool:
    """Whether `body` says exactly `members`, so that it can be passed on as it came.

    False where a member stands twice: the gateway has checked one of the two, and the provider may
    read the other.
    """
    if not members or _encoder.encode(members) == body:
        return True  # no space between its tokens: as nearly every SDK writes
    position = _skip_space(body, 0) + 1
    for name, value in members.items():
        position = _skip_space(body, position)
        for token in (_encoder.encode(name), b":", value):
            if not body.startswith(bytes(token), position):
                return False
            position = _skip_space(body, position + len(bytes(token)))
        position += 1  # a comma, or the closing brace
    return position >= len(body) or not body[position:].strip()


def _skip_space(body: bytes, position: int) -> int:
    while body[position : position + 1] in _SPACE:
        position += 1
    return position
