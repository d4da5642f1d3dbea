"""Cursors: where a page of a list ends, as opaque text."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

import msgspec

from ai_gateway.admin.problems import invalid

__all__ = ["ClientSort", "Key", "decode_cursor", "encode_cursor", "page_of"]

T = TypeVar("T")
Key = tuple[str | int | float | None, ...]
ClientSort = Literal["name", "last_seen", "cost_today"]

_decoder = msgspec.json.Decoder(Key)


def encode_cursor(key: Key | None) -> str | None:
    if key is None:
        return None
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def decode_cursor(text: str | None) -> Key | None:
    """Raises: ApiError 422 where it is none of ours."""
    if not text:
        return None
    try:
        return _decoder.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise invalid("cursor", "is not one of this list's") from None


def page_of(rows: Sequence[T], limit: int, key: Callable[[T], Key]) -> tuple[Sequence[T], Key | None]:
    """The page, out of up to `limit` + 1 rows, and the key of its last row where another page follows."""
    if len(rows) <= limit:
        return rows, None
    shown = rows[:limit]
    return shown, key(shown[-1])
