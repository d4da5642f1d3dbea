"""The request log and the daily aggregates in SQLite, through the standard library's driver for speed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from ai_gateway.core.record import RequestRecord
from ai_gateway.core.rows import Rows
from ai_gateway.store import sqlite
from ai_gateway.store.alike import Alike
from ai_gateway.store.days import DAY_MS
from ai_gateway.store.pace import Pace
from ai_gateway.store.rows import storable
from ai_gateway.store.steps import KEPT_DAYS
from ai_gateway.store.sums import BatchSums

__all__ = ["SqliteAccounting"]

BUSY_TIMEOUT_S = 1.0
"""Short: the writer comes back by itself, and has to be able to stop in between."""

_INSERT_BODIES = "INSERT INTO request_bodies VALUES (?, ?, ?, ?, ?)"
_KNOWN = "SELECT id FROM requests WHERE id IN (SELECT value FROM json_each(?))"
_SEEN = "UPDATE clients SET last_seen = ?1 WHERE id = ?2 AND (last_seen IS NULL OR last_seen < ?1)"
_ADD_USAGE = """
INSERT INTO usage_daily (
    day, client_id, model, client_name, requests, admitted_requests, errors, input_tokens, cached_tokens,
    cache_write_tokens, output_tokens, reasoning_tokens, estimated_requests, unpriced_requests, cost_usd
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (day, client_id, model) DO UPDATE SET
    client_name = excluded.client_name,
    requests = requests + excluded.requests,
    admitted_requests = admitted_requests + excluded.admitted_requests,
    errors = errors + excluded.errors,
    input_tokens = input_tokens + excluded.input_tokens,
    cached_tokens = cached_tokens + excluded.cached_tokens,
    cache_write_tokens = cache_write_tokens + excluded.cache_write_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    reasoning_tokens = reasoning_tokens + excluded.reasoning_tokens,
    estimated_requests = estimated_requests + excluded.estimated_requests,
    unpriced_requests = unpriced_requests + excluded.unpriced_requests,
    cost_usd = CASE WHEN excluded.cost_usd IS NULL THEN cost_usd
                    ELSE coalesce(cost_usd, 0.0) + excluded.cost_usd END
"""
_ADD_STEPS = """
INSERT INTO usage_steps (
    step_s, client_id, at, model, requests, errors, input_tokens, output_tokens, cost_usd
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (step_s, client_id, at, model) DO UPDATE SET
    requests = requests + excluded.requests,
    errors = errors + excluded.errors,
    input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens,
    cost_usd = CASE WHEN excluded.cost_usd IS NULL THEN cost_usd
                    ELSE coalesce(cost_usd, 0.0) + excluded.cost_usd END
"""
_PURGE_STEPS = """
DELETE FROM usage_steps WHERE (step_s, client_id, at, model) IN (
    SELECT step_s, client_id, at, model FROM usage_steps WHERE step_s = ? AND at < ? LIMIT ?)
"""
_PURGE_BODIES = """
DELETE FROM request_bodies WHERE request_id IN (
    SELECT request_id FROM request_bodies WHERE started_at < ? ORDER BY started_at LIMIT ?)
"""
_PURGE_ROWS = """
DELETE FROM requests WHERE id IN (
    SELECT id FROM requests WHERE started_at < ? ORDER BY started_at LIMIT ?)
"""


class _KnownRow(Exception):
    """A row is in the database already."""


class SqliteAccounting:
    """An `AccountingStore`. One thread at a time; it connects at its first use, and again after a fault."""

    def __init__(self, path: Path, *, fsync: bool = False, pace: Pace | None = None) -> None:
        """With `fsync`, what `write` has returned from survives the death of the machine too. `write` rests
        as `pace` tells it."""
        self._path = path
        self._fsync = fsync
        self._pace = pace or Pace(in_haste=True)
        self._connection: sqlite3.Connection | None = None

    def write(self, records: Sequence[RequestRecord]) -> int:
        """Rows without a client are aggregated under the empty client id."""
        try:
            return self._write(records)
        except OverflowError:  # a token count that no column holds
            return self._write([storable(record) for record in records])

    def _write(self, records: Sequence[RequestRecord]) -> int:
        try:
            with self._transaction() as connection:
                try:
                    self._insert(connection, records)
                except sqlite3.IntegrityError as error:
                    raise _KnownRow from error
        except _KnownRow:
            return self._write_unknown(list({record.id: record for record in records}.values()))
        return len(records)

    def _write_unknown(self, rows: Sequence[RequestRecord]) -> int:
        """Of rows that come again."""
        with self._transaction() as connection:
            # The transaction holds the write lock: what is new now stays new until its end.
            names = msgspec.json.encode([row.id for row in rows]).decode()
            known = {name for (name,) in connection.execute(_KNOWN, (names,))}
            new = [row for row in rows if row.id not in known]
            self._insert(connection, new)
        return len(new)

    def _insert(self, connection: sqlite3.Connection, rows: Sequence[RequestRecord]) -> None:
        every = Rows.of(rows)
        batch = Alike(every, self._pace)
        batch.insert(connection)
        bodies = [
            (row.id, row.started_at, row.caller_request, row.upstream_request, row.response)
            for row in every.whole.values()
            if row.caller_request is not None or row.upstream_request is not None or row.response is not None
        ]
        if bodies:
            connection.executemany(_INSERT_BODIES, bodies)
        sums = BatchSums(batch, self._pace)
        connection.executemany(
            _ADD_USAGE, [(*key, *msgspec.structs.astuple(used)) for key, used in sums.usage.items()]
        )
        connection.executemany(_ADD_STEPS, sums.steps.rows())
        connection.executemany(_SEEN, [(at, client) for client, at in sums.seen.items()])
        self._pace.rest()

    def purge(self, *, rows_before_ms: int, bodies_before_ms: int, limit: int = 1000) -> int:
        """Bodies first; those of a deleted row go with it and are not counted."""
        with self._transaction() as connection:
            bodies = connection.execute(_PURGE_BODIES, (bodies_before_ms, limit)).rowcount
            rows = connection.execute(_PURGE_ROWS, (rows_before_ms, limit - bodies)).rowcount
        return bodies + rows

    def purge_steps(self, *, now_ms: int, limit: int = 1000) -> int:
        gone = 0
        with self._transaction() as connection:
            for step_s, kept_days in KEPT_DAYS.items():
                before_ms = now_ms - kept_days * DAY_MS
                gone += connection.execute(_PURGE_STEPS, (step_s, before_ms, limit - gone)).rowcount
        return gone

    def close(self) -> None:
        """A later call of another method opens it again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Commits at its end; at any fault, nothing of it is left. Raises: StoreError."""
        try:
            if self._connection is None:
                self._connection = self._connect()
            connection = self._connection
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.rollback()
                raise
        except sqlite3.Error as error:
            self.close()
            raise sqlite.fault(error, self._path) from error

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite.connect(self._path, timeout_s=BUSY_TIMEOUT_S, any_thread=True)
        # NORMAL: in WAL mode a commit outlives this process, though perhaps not a power cut.
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._fsync else 'NORMAL'}")
        return connection
