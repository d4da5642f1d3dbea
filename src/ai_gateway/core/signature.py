"""Signatures with which a provider takes its own reasoning back, carried through other dialects.

Anthropic signs thinking blocks, Gemini any part, OpenAI encrypts reasoning items. Each is opaque text that
must come back unchanged to where it was made. A caller of another dialect gets it wrapped in whatever slot
its own dialect has for such text; wrapped ones are Base64 (Gemini's field demands that) with a mark.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

__all__ = ["Signature", "unwrap", "wrap"]

_MARK = b"aigw1:"  # six bytes: in Base64 a fixed beginning
_MARK_TEXT = base64.b64encode(_MARK).decode()


class Signature(msgspec.Struct, frozen=True):
    """`value` as the provider of `dialect` wrote it. `kind` and `item` say what it stood on."""

    dialect: str
    value: str
    kind: str = ""
    """`redacted`: of a block without text; `tool_call`: of a call; else of thoughts or text."""
    item: str = ""
    """OpenAI: the id of the reasoning item."""


def wrap(signature: Signature, dialect: str) -> str:
    """Text for a slot of `dialect`: the value itself where it is at home there, else wrapped."""
    if signature.dialect == dialect:
        return signature.value
    packed = msgspec.json.encode((signature.dialect, signature.kind, signature.item, signature.value))
    return base64.b64encode(_MARK + packed).decode()


def unwrap(text: str, dialect: str, *, kind: str = "", item: str = "") -> Signature:
    """What stood in a slot of `dialect`: a wrapped signature of another, or its own (with `kind`, `item`)."""
    if text.startswith(_MARK_TEXT):
        try:
            # Google's Python SDK gives them back in the alphabet for URLs.
            standard = text.replace("-", "+").replace("_", "/")
            packed = base64.b64decode(standard, validate=True)[len(_MARK) :]
            origin, its_kind, its_item, value = msgspec.json.decode(packed, type=tuple[str, str, str, str])
        except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
            return Signature(dialect, text, kind, item)
        return Signature(origin, value, its_kind, its_item)
    return Signature(dialect, text, kind, item)
