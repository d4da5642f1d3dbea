"""Pricing stored rows again, beside a running gateway: some hundred in each transaction, and room between."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from ai_gateway.core.record import RequestRecord
from ai_gateway.store import sqlite
from ai_gateway.store.steps import Steps
from ai_gateway.store.sums import Sums, aggregate, day_of

__all__ = ["CHUNK", "Repriced", "reprice"]

CHUNK = 500
"""Rows of a transaction: some milliseconds of the write lock."""
PAUSE_S = 0.01
"""After a transaction: the gateway's own writer gets its turn."""
_NOTHING_USD = 1e-9
_LONGEST_DAY_MS = 38 * 3_600_000
"""From a day's first second somewhere on earth to its last one elsewhere, and an hour of summer time."""

_COLUMNS = (
    *("id", "started_at", "day", "client_id", "client_name", "endpoint", "dialect", "provider"),
    *("model_asked", "model_served", "model_reported", "status", "input_tokens", "cached_tokens"),
    *("cache_write_tokens", "output_tokens", "reasoning_tokens", "usage_estimated", "usage_raw", "cost_usd"),
    *("attempts", "attempt_log"),
)
_SELECT = f"""
SELECT {", ".join(_COLUMNS)} FROM requests
WHERE (started_at, id) > (?, ?) AND started_at <= ? {{only}}
ORDER BY started_at, id LIMIT {CHUNK}
"""  # noqa: S608 - names of our own fields
_UPDATE = (
    "UPDATE requests SET cost_usd = ?, attempt_log = ? WHERE id = ? AND cost_usd IS ? AND attempt_log IS ?"
)
_ADD = """
UPDATE usage_daily SET
    unpriced_requests = max(unpriced_requests + ?, 0),
    cost_usd = CASE WHEN ? OR cost_usd IS NOT NULL THEN max(coalesce(cost_usd, 0.0) + ?, 0.0) END
WHERE day = ? AND client_id = ? AND model = ?
"""
_NONE_PRICED = """
UPDATE usage_daily SET cost_usd = NULL
WHERE day = ? AND client_id = ? AND model = ? AND cost_usd < ? AND unpriced_requests >= requests - errors
"""

_ADD_STEP = """
UPDATE usage_steps SET cost_usd = max(coalesce(cost_usd, 0.0) + ?, 0.0)
WHERE step_s = ? AND client_id = ? AND at = ? AND model = ?
"""

Key = tuple[str, str, str]


class Repriced(msgspec.Struct, kw_only=True):
    """What came of it: rows looked at, and their sums."""

    rows: int = 0
    changed: int = 0
    cost_usd_before: float = 0.0
    cost_usd_after: float = 0.0
    unpriced_before: int = 0
    """Requests without a known cost."""
    unpriced_after: int = 0

    def count(self, before: RequestRecord, after: RequestRecord) -> None:
        self.rows += 1
        self.cost_usd_before += before.cost_usd or 0.0
        self.cost_usd_after += after.cost_usd or 0.0
        self.unpriced_before += before.is_unpriced
        self.unpriced_after += after.is_unpriced


class _Change(msgspec.Struct):
    """To a row of `usage_daily`."""

    unpriced: int = 0
    cost_usd: float = 0.0
    gained: bool = False
    lost: bool = False


def reprice(
    path: Path,
    price: Callable[[RequestRecord], RequestRecord],
    *,
    since_day: str | None = None,
    client_id: str | None = None,
) -> Repriced:
    """Give every row the cost that `price` says, and the daily sums with them.

    `price` returns the row with another `cost_usd` (and costs in `attempt_log`), or the same one. Rows that
    came after the start are left alone: they have today's price. Raises: StoreError.
    """
    done = Repriced()
    try:
        with closing(sqlite.connect(path)) as connection:
            for rows in _chunks(connection, since_day, client_id):
                changes = []
                for row in rows:
                    new = price(row)
                    if (row.cost_usd, row.attempt_log) != (new.cost_usd, new.attempt_log):
                        changes.append((row, new))
                    done.count(row, new)
                if changes:
                    done.changed += _write(connection, changes)
                    time.sleep(PAUSE_S)
    except sqlite3.Error as error:
        raise sqlite.fault(error, path) from error
    return done


def _chunks(
    connection: sqlite3.Connection, since_day: str | None, client_id: str | None
) -> Iterator[list[RequestRecord]]:
    """Oldest first."""
    query = _SELECT.format(only="AND client_id = ?" if client_id is not None else "")
    own = () if client_id is None else (client_id,)
    end = round(time.time() * 1000)
    place = (-1 if since_day is None else _ms(since_day) - _LONGEST_DAY_MS, "")
    while found := connection.execute(query, (*place, end, *own)).fetchall():
        rows = [RequestRecord(**dict(zip(_COLUMNS, values, strict=True))) for values in found]
        place = (rows[-1].started_at, rows[-1].id)
        yield [row for row in rows if since_day is None or day_of(row) >= since_day]


def _write(connection: sqlite3.Connection, changes: Sequence[tuple[RequestRecord, RequestRecord]]) -> int:
    """In one transaction; rows that have changed or gone meanwhile are left. Returns how many were not."""
    sums: dict[Key, _Change] = {}
    done: list[tuple[RequestRecord, RequestRecord]] = []
    connection.execute("BEGIN IMMEDIATE")
    try:
        for old, new in changes:
            values = (new.cost_usd, new.attempt_log, old.id, old.cost_usd, old.attempt_log)
            if connection.execute(_UPDATE, values).rowcount:
                done.append((old, new))
                _add(sums, old, new)
        connection.executemany(
            _ADD, [(one.unpriced, one.gained, one.cost_usd, *key) for key, one in sums.items()]
        )
        connection.executemany(
            _NONE_PRICED, [(*key, _NOTHING_USD) for key, one in sums.items() if one.lost and not one.gained]
        )
        connection.executemany(_ADD_STEP, [(cost, *key) for key, cost in _step_costs(done).items()])
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise
    return len(done)


def _add(sums: dict[Key, _Change], old: RequestRecord, new: RequestRecord) -> None:
    """What the row adds to the daily sums now, less what it added before."""
    before: dict[Key, Sums] = {}
    after: dict[Key, Sums] = {}
    aggregate(before, old)
    aggregate(after, new)
    for key in before.keys() | after.keys():
        was, now = before.get(key, Sums()), after.get(key, Sums())
        change = sums.setdefault(key, _Change())
        change.unpriced += now.unpriced_requests - was.unpriced_requests
        change.cost_usd += (now.cost_usd or 0.0) - (was.cost_usd or 0.0)
        change.gained = change.gained or now.cost_usd is not None
        change.lost = change.lost or (was.cost_usd is not None and now.cost_usd is None)


def _step_costs(
    changes: Sequence[tuple[RequestRecord, RequestRecord]],
) -> dict[tuple[int, str, int, str], float]:
    """What the rows add to the costs of minutes and hours now, less what they added before."""
    costs: dict[tuple[int, str, int, str], float] = {}
    for pair in changes:
        for row, sign in zip(pair, (-1.0, 1.0), strict=True):
            steps = Steps()
            steps.add_row(row)
            for step_s, client, at, model, *_, cost in steps.rows():
                if cost is not None:
                    key = (step_s, client, at, model)
                    costs[key] = costs.get(key, 0.0) + sign * cost
    return costs


def _ms(day: str) -> int:
    """Unix milliseconds of its first moment, UTC."""
    return round(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)
