"""The slot for what only another dialect knows of an answer: `extensions: {DIALECT: {NAME: raw}}`."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ai_gateway.core.chat import Audio, DialectName, Document, Image, Opaque, Part, Video
from ai_gateway.core.events import Extension

__all__ = ["extension_slot"]

_MEDIA = "media"
_MEDIA_PARTS = frozenset({Image, Audio, Video, Document})


def extension_slot(
    own: DialectName, extensions: Iterable[Extension], parts: Iterable[Part]
) -> dict[str, object]:
    """The member, or nothing where everything had a place.

    Beside the extensions: parts that only their own dialect has, as lists by kind, and media, for which
    callers of `own` have no form, under `media`.
    """
    found: dict[str, dict[str, object]] = {}
    for extension in extensions:
        if extension.dialect is not own:
            found.setdefault(extension.dialect.value, {})[extension.name] = extension.raw
    lists: dict[tuple[str, str], list[msgspec.Raw]] = {}
    for part in parts:
        if type(part) is Opaque and part.dialect is not own:
            lists.setdefault((part.dialect.value, part.kind), []).append(part.raw)
        elif type(part) in _MEDIA_PARTS:
            raw = msgspec.Raw(msgspec.json.encode(part))
            lists.setdefault((_MEDIA, type(part).__name__.lower()), []).append(raw)
    for (origin, kind), rows in lists.items():
        found.setdefault(origin, {})[kind] = rows
    return {"extensions": found} if found else {}
