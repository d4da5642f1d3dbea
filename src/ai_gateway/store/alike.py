"""Rows of a batch that have most in common go into the database together: what they share is bound once.

Most batches are of few clients, models and outcomes. Of some fifteen texts of a row, three are its own.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from itertools import chain
from operator import itemgetter

import msgspec
from msgspec.structs import astuple

from ai_gateway.core.record import UNSTORED, RequestRecord
from ai_gateway.core.rows import OWN, SHARED, Rows, Values, picked
from ai_gateway.store.pace import PIECE_ROWS, Pace

__all__ = ["COLUMNS", "Alike", "Group"]

_FIELDS = RequestRecord.__struct_fields__
_BODIES = _FIELDS.index("caller_request")
COLUMNS = """
id started_at client_id client_name endpoint dialect provider model_asked model_served status error
error_message streaming tools_used input_tokens cached_tokens cache_write_tokens output_tokens
reasoning_tokens usage_estimated usage_raw cost_usd ttfb_ms latency_ms overhead_ms attempts key_tail
caller_address day model_reported admitted attempt_log tool_log
""".split()  # noqa: SIM905 - a list would have a line for each
"""Of the table `requests`, in the order in which it has come to have them: given in another order, SQLite
copies each value once more."""
_PIECES = (4 * PIECE_ROWS, PIECE_ROWS, PIECE_ROWS // 2, 4)
"""Rows that a statement takes, the most first: that is for haste."""


class _Kind:
    """Which values are a row's own, and which it shares. The columns of others are NULL."""

    def __init__(self, own: Sequence[str], shared: Sequence[str]) -> None:
        self._own = [name for name in own if name not in UNSTORED]
        self._shared = [name for name in shared if name not in UNSTORED]
        self.own_at = [*map(_FIELDS.index, self._own)]
        self.shared_at = [*map(_FIELDS.index, self._shared)]
        self._inserts: dict[int, str] = {}

    def insert(self, rows: int) -> str:
        """The statement: its first parameters are what is shared, then come those of each row."""
        found = self._inserts.get(rows)
        if found is None:
            found = self._inserts[rows] = _insert(rows, self._shared, self._own)
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


_COST = ("cost_usd",)
_SELDOM = ("cached_tokens", "cache_write_tokens", "reasoning_tokens")
_seldom = itemgetter(*map(OWN.index, _SELDOM))
_ADDRESS = ("caller_address",)
_ADDRESS_AT = OWN.index("caller_address")
_COST_AT = OWN.index("cost_usd")


def _kind(*also_shared: str) -> _Kind:
    return _Kind([name for name in OWN if name not in also_shared], [*also_shared, *SHARED])


_KINDS = {
    (priced, plain): _kind(*(() if priced else _COST), *((*_SELDOM, *_ADDRESS) if plain else ()))
    for priced in (False, True)
    for plain in (False, True)
}
"""By whether rows have a price, and whether they share an address and have none of the seldom tokens. (The
driver takes ten times as long for a NULL as for a number.)"""
_OUTCOME = _FIELDS.index("admitted")
_LOGS = _FIELDS.index("attempt_log")
_SAME_OUTCOME = _Kind(_FIELDS[:_OUTCOME], _FIELDS[_OUTCOME:_LOGS])
_OTHER = _Kind(_FIELDS[:_BODIES], ())
"""Of rows that have nothing in common."""


class Group(msgspec.Struct):
    """Rows that differ only in what is their own."""

    first: RequestRecord
    shared: Values
    columns: Sequence[Values]
    """As those of `Rows`; by id."""


class Alike:
    """A batch."""

    def __init__(self, rows: Rows, pace: Pace) -> None:
        """Rests as `pace` tells it."""
        self._pace = pace
        alone = {
            at: row
            for at, row in rows.whole.items()
            if row.attempt_log is not None or row.tool_log is not None
        }
        self.single = list(alone.values())
        """Those that have a log of attempts, or of tools."""
        self.groups: list[Group] = []
        id_of = rows.columns[0].__getitem__
        for shared, places in pace.over(rows.groups().items()):
            if alone:
                places = [at for at in places if at not in alone]
            if places:
                # By their start: each index is written from its end on.
                columns = picked(rows.columns, sorted(places, key=id_of))
                self.groups += [Group(shared.first, shared.values, part) for part in _by_price(columns)]

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write the rows themselves. Raises: sqlite3.Error."""
        outcomes: dict[Values, list[Values]] = {}
        for group in self.groups:
            left = self._insert_group(connection, group)
            for row in left:
                outcomes.setdefault(row[_OUTCOME:_LOGS], []).append(row)
        others = [astuple(record) for record in self.single]
        for rows in outcomes.values():
            columns = [*zip(*rows, strict=True)]
            done = self._insert(connection, _SAME_OUTCOME, rows[0], columns, _PIECES)
            others += rows[done:]
        if others:
            self._insert(connection, _OTHER, others[0], [*zip(*others, strict=True)], (*_PIECES, 1))

    def _insert_group(self, connection: sqlite3.Connection, group: Group) -> Iterable[Values]:
        """Returns rows that are left, with the values of all fields up to the logs."""
        columns = group.columns
        addresses = columns[_ADDRESS_AT]
        plain = addresses.count(addresses[0]) == len(addresses) and not any(map(any, _seldom(columns)))
        kind = _KINDS[columns[_COST_AT][0] is not None, plain]
        first = (*[column[0] for column in columns], *group.shared)
        done = self._insert(connection, kind, first, columns, _PIECES)
        if done == len(addresses):
            return ()
        nothing = (None,) * (len(_FIELDS) - _LOGS)
        left = zip(*[column[done:] for column in columns], strict=True)
        return [(*own, *group.shared, *nothing) for own in left]

    def _insert(
        self,
        connection: sqlite3.Connection,
        kind: _Kind,
        first: Values,
        columns: Sequence[Values],
        sizes: Sequence[int],
    ) -> int:
        """Returns how many it has written: what is left is less than the last size. Many rows a statement:
        each statement hands the GIL to and fro, which the event loop would feel."""
        own = [columns[at] for at in kind.own_at]
        shared = [first[at] for at in kind.shared_at]
        count, start = len(own[0]), 0
        for size in sizes:
            while start + size <= count and (size <= PIECE_ROWS or self._pace.in_haste):
                self._pace.rest()
                values = zip(*[column[start : start + size] for column in own], strict=True)
                connection.execute(kind.insert(size), [*shared, *chain.from_iterable(values)])
                start += size
        return start


def _by_price(columns: Sequence[Values]) -> Iterable[Sequence[Values]]:
    """Those with a price, and those without, apart."""
    costs = columns[_COST_AT]
    if costs.count(None) in (0, len(costs)):
        return (columns,)
    return [
        picked(columns, [at for at, cost in enumerate(costs) if (cost is None) is missing])
        for missing in (False, True)
    ]
