"""Rows of a batch that have most in common, together: what they share is looked at, and bound, once.

Most batches are of few clients, models and outcomes. Of some fifteen texts of a row, three are its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import msgspec
from msgspec.structs import astuple

from ai_gateway.core.record import RequestRecord
from ai_gateway.store.pace import PIECE_ROWS, Pace

__all__ = ["COLUMNS", "OWN", "Alike", "Group", "Values"]

Values = tuple[Any, ...]
"""The members of a `RequestRecord` in its order: of as many types as it has."""

_FIELDS = RequestRecord.__struct_fields__
_COST, _OUTCOME, _LOGS, _BODIES = map(
    _FIELDS.index, ("cost_usd", "admitted", "attempt_log", "caller_request")
)
_id = itemgetter(_FIELDS.index("id"))
OWN = slice(_COST + 1)
"""What no row shares with others, its cost the last of it."""
COLUMNS = """
id started_at client_id client_name endpoint dialect provider model_asked model_served status error
error_message streaming tools_used input_tokens cached_tokens cache_write_tokens output_tokens
reasoning_tokens usage_estimated usage_raw cost_usd ttfb_ms latency_ms overhead_ms attempts key_tail
caller_address day model_reported admitted attempt_log tool_log
""".split()  # noqa: SIM905 - a list would have a line for each
"""Of the table `requests`, in the order in which it has come to have them: given in another order, SQLite
copies each value once more."""
_PIECES = (4 * PIECE_ROWS, PIECE_ROWS, 4)
"""Rows that a statement takes, the most first: that is for haste."""


class _Kind:
    """Which values are a row's own, and which it shares. The columns of others are NULL."""

    def __init__(self, own: slice, shared: slice) -> None:
        self.own = own
        self.shared = shared
        self._inserts: dict[int, str] = {}

    def insert(self, rows: int) -> str:
        """The statement: its first parameters are what is shared, then come those of each row."""
        found = self._inserts.get(rows)
        if found is None:
            found = self._inserts[rows] = _insert(rows, _FIELDS[self.shared], _FIELDS[self.own])
        return found


def _insert(rows: int, shared: Sequence[str], own: Sequence[str]) -> str:
    named = [name for name in COLUMNS if name in shared or name in own]
    places = {name: number for number, name in enumerate(shared, 1)}
    first = len(shared) + 1
    values = []
    for at in range(first, first + rows * len(own), len(own)):
        places |= {name: number for number, name in enumerate(own, at)}
        values.append(", ".join([f"?{places[name]}" for name in named]))
    # Where a row is refused, the whole transaction is given up in any case. OR ROLLBACK says so: else SQLite
    # copies each page that a statement of many rows touches, to be able to take back that statement alone.
    # The names are those of our own fields.
    into = f"INSERT OR ROLLBACK INTO requests ({', '.join(named)})"
    return f"{into} VALUES ({'), ('.join(values)})"


_PRICED = _Kind(slice(_COST + 1), slice(_COST + 1, _LOGS))
_UNPRICED = _Kind(slice(_COST), slice(_COST, _LOGS))
"""Here the missing cost is shared: the driver takes ten times as long for a NULL as for a number."""
_SAME_OUTCOME = _Kind(slice(_OUTCOME), slice(_OUTCOME, _LOGS))
_OTHER = _Kind(slice(_BODIES), slice(0))
"""Of rows that have nothing in common."""


class Group(msgspec.Struct):
    """Rows that differ only in what is their own."""

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
        group: Group | None = None
        priced, unpriced = _PRICED.shared, _UNPRICED.shared
        for start in range(0, len(records), PIECE_ROWS):
            pace.rest()
            for record in records[start : start + PIECE_ROWS]:
                if record.attempt_log is not None or record.tool_log is not None:
                    self.single.append(record)
                    continue
                values = astuple(record)
                shared = values[unpriced if record.cost_usd is None else priced]
                if group is None or shared != group.shared:  # mostly, it is that of the row before
                    group = groups.get(shared)
                    if group is None:
                        kind = _UNPRICED if record.cost_usd is None else _PRICED
                        group = groups[shared] = Group(record, shared, kind, [])
                group.rows.append(values)
        self.groups = list(groups.values())

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write the rows themselves. Raises: sqlite3.Error."""
        outcomes: dict[Values, list[Values]] = {}
        for group in self.groups:
            group.rows.sort(key=_id)  # by their start: each index is written from its end on
            left = self._insert(connection, group.kind, group.shared, group.rows, _PIECES)
            if left:
                outcomes.setdefault(left[0][_SAME_OUTCOME.shared], []).extend(left)
        others = [astuple(record) for record in self.single]
        for outcome, rows in outcomes.items():
            others += self._insert(connection, _SAME_OUTCOME, outcome, rows, _PIECES)
        self._insert(connection, _OTHER, (), others, (*_PIECES, 1))

    def _insert(
        self,
        connection: sqlite3.Connection,
        kind: _Kind,
        shared: Values,
        rows: Sequence[Values],
        sizes: Sequence[int],
    ) -> Sequence[Values]:
        """What is left is less than the last size. Many rows a statement: each statement hands the GIL to and
        fro, which the event loop would feel."""
        own, start = kind.own, 0
        for size in sizes:
            while start + size <= len(rows) and (size <= PIECE_ROWS or self._pace.in_haste):
                self._pace.rest()
                values = chain.from_iterable([row[own] for row in rows[start : start + size]])
                connection.execute(kind.insert(size), [*shared, *values])
                start += size
        return rows[start:]
