"""Rows out of the spool's lines. What many lines end in, byte for byte, is decoded once."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import Any

import msgspec
from msgspec.structs import astuple

from ai_gateway.core.record import RequestRecord
from ai_gateway.core.rows import OWN, Rows, Shared, Values, has_more, shared_of
from ai_gateway.store.pace import rest

__all__ = ["UNREADABLE", "Lines"]

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)
_MARK = b',"day":'
"""Where a row's own members end. No text can have it: a quotation mark in there has a backslash before it."""
_HEAD = b'{"id":"","started_at":0,"day":'
PIECE_BYTES = 32 * 1024
"""Of lines that are decoded at once: some 0.15 ms."""
MAX_KNOWN = 256
MAX_TAIL_BYTES = 1024

_fields = {field.name: field for field in msgspec.structs.fields(RequestRecord)}
_Own = msgspec.defstruct(
    "_Own",
    [
        (name, _fields[name].type)
        if _fields[name].required
        else (name, _fields[name].type, _fields[name].default)
        for name in OWN
    ],
    forbid_unknown_fields=True,
    gc=False,
)
"""The members before the mark. With any other there, the line is one of another version's."""
_NOTHING = ("", 0, *astuple(_Own(id="", started_at=0))[2:])
_own = msgspec.json.Decoder[Any](_Own)
_whole = msgspec.json.Decoder(RequestRecord)


class Lines:
    """Decodes lines, and remembers how they end."""

    def __init__(self) -> None:
        self._known: dict[bytes, Shared | None] = {}

    def read(self, data: bytes) -> Rows:
        """Rests as the calling thread's pace tells it.

        Raises: one of `UNREADABLE`, where any of them cannot be read.
        """
        values: list[Values] = []
        shared: list[Shared] = []
        whole: dict[int, bytes] = {}
        lines = BytesIO(data)  # `split` would look at each byte
        while piece := lines.readlines(PIECE_BYTES):
            rest()
            values += self._own(piece, shared, whole)
        if not whole:
            return Rows(list(zip(*values, strict=True)), shared, {})
        return _with_whole(values, shared, whole)

    def _own(self, lines: list[bytes], shared: list[Shared], whole: dict[int, bytes]) -> Iterable[Values]:
        """Values of `OWN` of lines that are not read whole."""
        heads: list[bytes] = []
        ending, found = b"\n", None
        for line in lines:
            head = line.removesuffix(ending)
            if found is None or len(head) == len(line):  # mostly, it ends as the one before
                head, mark, tail = line.partition(_MARK)
                ending = mark + tail
                found = self._ending(tail)
                if found is None:
                    whole[len(shared) + len(whole)] = line
                    continue
            heads.append(head)
            shared.append(found)
        own = _own.decode_lines(b"}\n".join(heads) + b"}") if heads else []
        if len(own) != len(heads):
            raise ValueError("a line is not of one row")
        return map(astuple, own)

    def _ending(self, tail: bytes) -> Shared | None:
        """What a line shares that has this after the mark; None where it has to be read with the line."""
        known = self._known
        if tail in known:
            return known[tail]
        found = _shared_in(tail) if tail else None
        if len(tail) <= MAX_TAIL_BYTES:
            if len(known) >= MAX_KNOWN:
                known.clear()
            known[tail] = found
        return found

    def read_one(self, line: bytes) -> RequestRecord:
        """Raises: one of `UNREADABLE`."""
        return _whole.decode(line)


def _shared_in(tail: bytes) -> Shared | None:
    record = _whole.decode(_HEAD + tail)
    values = astuple(record)
    if has_more(record) or values[: len(OWN)] != _NOTHING:
        return None
    return shared_of(record, values, {})


def _with_whole(values: list[Values], shared: list[Shared], whole: dict[int, bytes]) -> Rows:
    """Rows of which some are read whole: those that have more, and those of other versions."""
    known: dict[Values, Shared] = {each.values: each for each in shared}
    more: dict[int, RequestRecord] = {}
    for at, line in whole.items():  # in ascending order: what is inserted moves what comes after it
        record = _whole.decode(line)
        each = astuple(record)
        values.insert(at, each[: len(OWN)])
        shared.insert(at, shared_of(record, each, known))
        if has_more(record):
            more[at] = record
    return Rows(list(zip(*values, strict=True)), shared, more)
