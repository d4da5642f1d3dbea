"""Rows of a batch that have most in common, together: what they share is looked at, and bound, once.

Most batches are of few clients, models and outcomes. Of some fifteen texts of a row, three are its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec
from msgspec.structs import astuple

from ai_gateway.core.record import UNSTORED, RequestRecord
from ai_gateway.store.pace import PIECE_ROWS, Pace

__all__ = ["COLUMNS", "Alike", "Group", "Values", "place"]

Values = tuple[Any, ...]
"""The members of a `RequestRecord` in its order: of as many types as it has."""

_FIELDS = RequestRecord.__struct_fields__
place = _FIELDS.index
_BODIES = ("caller_request", "upstream_request", "response")
COLUMNS = _FIELDS[: place(_BODIES[0])]
"""Of the table `requests`. After them come only bodies, and what is not stored."""
assert not {*COLUMNS} & {*_BODIES, *UNSTORED}
assert {*COLUMNS, *_BODIES, *UNSTORED} == {*_FIELDS}

_LOGS = ("attempt_log", "tool_log")
"""Rows that have one are few, and each is like no other."""
_OWN = (
    "id",
    "started_at",
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "usage_raw",
    "ttfb_ms",
    "latency_ms",
    "overhead_ms",
    "caller_address",
)
_SHARED = tuple(name for name in COLUMNS if name not in (*_OWN, *_LOGS, "cost_usd"))
_PIECES = (4 * PIECE_ROWS, PIECE_ROWS, 4)
"""Rows that a statement takes, the most first: that is for haste."""


def _values(names: Sequence[str]) -> itemgetter[Any]:
    return itemgetter(*map(place, names))


def _insert(rows: int, shared: Sequence[str] = (), own: Sequence[str] = ()) -> str:
    """An INSERT whose first parameters are what the rows share, and then what each has of its own. Columns
    that are in neither are NULL."""
    places = {name: number for number, name in enumerate(shared, 1)}
    first = len(shared) + 1
    values = []
    for at in range(first, first + rows * len(own), len(own)):
        places |= {name: number for number, name in enumerate(own, at)}
        values.append(", ".join(f"?{places[name]}" if name in places else "NULL" for name in COLUMNS))
    # The names are those of our own fields.
    return f"INSERT INTO requests ({', '.join(COLUMNS)}) VALUES ({'), ('.join(values)})"  # noqa: S608


class _Kind(msgspec.Struct, frozen=True):
    """Of groups: what their rows share, and what each has of its own."""

    shared: itemgetter[Any]
    own: itemgetter[Any]
    inserts: Mapping[int, str]
    """By how many rows they take, the most first."""


def _kind(shared: Sequence[str], own: Sequence[str]) -> _Kind:
    return _Kind(_values(shared), _values(own), {size: _insert(size, shared, own) for size in _PIECES})


_PRICED = _kind(_SHARED, (*_OWN, "cost_usd"))
_UNPRICED = _kind((*_SHARED, "cost_usd"), _OWN)
"""The driver takes ten times as long for a NULL as for a number."""
_INSERTS = {size: _insert(size, own=COLUMNS) for size in (*_PIECES, 1)}
"""For rows that have nothing in common."""


class Group(msgspec.Struct):
    """Rows that differ only in what `_OWN` names, and in their costs where there are any."""

    first: RequestRecord
    shared: Values
    kind: _Kind
    rows: list[Values]


class Alike:
    """A batch."""

    def __init__(self, records: Sequence[RequestRecord], pace: Pace) -> None:
        """Rests as `pace` tells it."""
        self._pace = pace
        self.single: list[RequestRecord] = []
        """Those that have a log of attempts, or of tools."""
        groups: dict[Values, Group] = {}
        priced, unpriced = _PRICED.shared, _UNPRICED.shared
        for start in range(0, len(records), PIECE_ROWS):
            pace.rest()
            for record in records[start : start + PIECE_ROWS]:
                if record.attempt_log is not None or record.tool_log is not None:
                    self.single.append(record)
                    continue
                values = astuple(record)
                shared = unpriced(values) if record.cost_usd is None else priced(values)
                found = groups.get(shared)
                if found is None:
                    kind = _UNPRICED if record.cost_usd is None else _PRICED
                    groups[shared] = Group(record, shared, kind, [values])
                else:
                    found.rows.append(values)
        self.groups = list(groups.values())

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write the rows themselves. Many a statement: each statement hands the GIL to and fro, which the
        event loop would feel. Raises: sqlite3.Error."""
        others = [astuple(record) for record in self.single]
        for group in self.groups:
            rows, own = group.rows, group.kind.own
            done = 0
            for start, size in self._pieces(len(rows), _PIECES):
                done = start + size
                values = chain.from_iterable(map(own, rows[start:done]))
                connection.execute(group.kind.inserts[size], [*group.shared, *values])
            others += rows[done:]
        for start, size in self._pieces(len(others), (*_PIECES, 1)):
            chunk = [values[: len(COLUMNS)] for values in others[start : start + size]]
            connection.execute(_INSERTS[size], list(chain.from_iterable(chunk)))

    def _pieces(self, rows: int, sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Start and length of each, with rests in between. What is less than the last size is left."""
        start = 0
        for size in sizes:
            while start + size <= rows and (size <= PIECE_ROWS or self._pace.in_haste):
                self._pace.rest()
                yield start, size
                start += size
