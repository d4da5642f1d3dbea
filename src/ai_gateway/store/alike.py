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
"""Rows that a statement takes, the most first: that is for haste. The last is for rows that are all alike, or
have little in common: a statement costs more than what it does not have to bind for so few."""


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


_COST_AT = OWN.index("cost_usd")
_ADDRESS_AT = OWN.index("caller_address")
_SELDOM = ("cached_tokens", "cache_write_tokens", "reasoning_tokens")
_COMMON = (*_SELDOM, "caller_address")
_CLIENT = ("client_id", "client_name", "key_tail")
_LOGS = _FIELDS.index("attempt_log")
_NOTHING = (None,) * (len(_FIELDS) - _LOGS)
_seldom = itemgetter(*map(OWN.index, _SELDOM))
_id = itemgetter(_FIELDS.index("id"))


class _Level:
    """How much rows have in common. That there is no price is shared, too: the driver takes ten times as long
    for a NULL as for a number."""

    def __init__(self, shared: Sequence[str]) -> None:
        own = [name for name in _FIELDS[:_LOGS] if name not in shared]
        self.priced = _Kind(own, shared)
        self.unpriced = _Kind([name for name in own if name != "cost_usd"], ["cost_usd", *shared])
        self.key = itemgetter(*map(_FIELDS.index, shared))


_PLAIN = _Level([*_COMMON, *SHARED])
"""One address, and none of the seldom tokens."""
_ALIKE = _Level(SHARED)
_OTHER_CLIENTS = _Level([*_COMMON, *(name for name in SHARED if name not in _CLIENT)])
_SAME_OUTCOME = _Level(SHARED[SHARED.index("admitted") :])
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
        left: list[Values] = []
        sizes = _PIECES if len(self.groups) == 1 else _PIECES[:-1]
        for group in self.groups:
            left += self._insert_group(connection, group, sizes)
        for level in (_OTHER_CLIENTS, _SAME_OUTCOME):
            alike: dict[tuple[bool, Values], list[Values]] = {}
            for row in left:
                alike.setdefault((row[_COST_AT] is None, level.key(row)), []).append(row)
            left = []
            for (is_unpriced, _), rows in alike.items():
                rows.sort(key=_id)
                kind = level.unpriced if is_unpriced else level.priced
                done = self._insert(connection, kind, rows[0], [*zip(*rows, strict=True)], _PIECES)
                left += rows[done:]
        left += map(astuple, self.single)
        if left:
            self._insert(connection, _OTHER, left[0], [*zip(*left, strict=True)], (*_PIECES, 1))

    def _insert_group(
        self, connection: sqlite3.Connection, group: Group, sizes: Sequence[int]
    ) -> Iterable[Values]:
        """Returns rows that are left, with the values of all fields."""
        columns = group.columns
        addresses = columns[_ADDRESS_AT]
        done, count = 0, len(addresses)
        if count >= sizes[-1]:
            is_plain = addresses.count(addresses[0]) == count and not any(map(any, _seldom(columns)))
            level = _PLAIN if is_plain else _ALIKE
            kind = level.unpriced if columns[_COST_AT][0] is None else level.priced
            first = (*[column[0] for column in columns], *group.shared)
            done = self._insert(connection, kind, first, columns, sizes)
        if done == count:
            return ()
        rest = (*group.shared, *_NOTHING)
        return [(*own, *rest) for own in zip(*[column[done:] for column in columns], strict=True)]

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
