"""What the dashboard starts from, read in one transaction by the standard library's driver."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ai_gateway.core.record import UNSTORED, RequestRecord
from ai_gateway.store import sqlite
from ai_gateway.store.admin_protocols import Baseline, PointRow, Sums, TopRow

__all__ = ["SqliteLiveStore"]

TIMEOUT_S = 2.0
MAX_NAMES = 20_000
_SUMS = (
    "requests",
    "errors",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "unpriced_requests",
)
_COUNTS = ", ".join(f"coalesce(sum({name}), 0) AS {name}" for name in _SUMS) + ", sum(cost_usd) AS cost_usd"
_TODAY = f"SELECT {_COUNTS} FROM usage_daily WHERE day = ?"  # noqa: S608 - our own column names
_MODELS = f"""
SELECT model AS key, model AS name, {_COUNTS} FROM usage_daily
WHERE day = ? AND model <> '' GROUP BY model ORDER BY requests DESC LIMIT {MAX_NAMES}
"""  # noqa: S608 - our own column names
_CLIENTS = f"""
SELECT u.client_id AS key, max(coalesce(c.name, u.client_name)) AS name, {_COUNTS}
FROM usage_daily u LEFT JOIN clients c ON c.id = u.client_id
WHERE day = ? AND client_id <> '' GROUP BY client_id ORDER BY requests DESC LIMIT {MAX_NAMES}
"""  # noqa: S608 - our own column names
_MINUTES = """
SELECT at, sum(requests) AS requests, sum(errors) AS errors, sum(input_tokens) AS input_tokens,
       sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd
FROM usage_steps WHERE step_s = 60 AND client_id = '' AND at >= ? GROUP BY at
"""
_SEEN = "SELECT id, last_seen - last_seen % 60000 FROM clients WHERE last_seen >= ?"
_KNOWN = "SELECT id FROM requests WHERE id IN (SELECT value FROM json_each(?))"
_NAMES = tuple(
    name
    for name in RequestRecord.__struct_fields__
    if name
    not in (
        "caller_request",
        "upstream_request",
        "response",
        "usage_raw",
        "attempt_log",
        "tool_log",
        *UNSTORED,
    )
)
_FLAGS = ("admitted", "streaming", "tools_used", "usage_estimated")
_RECENT = f"SELECT {', '.join(_NAMES)} FROM requests ORDER BY started_at DESC, id DESC LIMIT ?"  # noqa: S608 - likewise


class SqliteLiveStore:
    """A `LiveStore`. Connects for each reading: those are minutes apart."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def baseline(self, *, day: str, since_ms: int, recent: int, ids: Sequence[str]) -> Baseline:
        with self._transaction() as connection:
            return Baseline(
                today=Sums(**_rows(connection, _TODAY, day)[0]),
                minutes=[PointRow(**row) for row in _rows(connection, _MINUTES, since_ms)],
                clients_seen=dict(connection.execute(_SEEN, (since_ms,)).fetchall()),
                models=[TopRow(**row) for row in _rows(connection, _MODELS, day)],
                clients=[TopRow(**row) for row in _rows(connection, _CLIENTS, day)],
                recent=[_record(row) for row in _rows(connection, _RECENT, recent)],
                stored=frozenset(
                    name for (name,) in connection.execute(_KNOWN, (msgspec.json.encode(ids).decode(),))
                ),
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Everything in it sees one moment. Raises: StoreError."""
        try:
            with closing(sqlite.connect(self._path, timeout_s=TIMEOUT_S)) as connection:
                connection.execute("BEGIN")
                yield connection
        except sqlite3.Error as error:
            raise sqlite.fault(error, self._path) from error


# A row of the database is whatever its columns hold.
def _rows(connection: sqlite3.Connection, query: str, *values: object) -> list[dict[str, Any]]:
    cursor = connection.execute(query, values)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _record(row: dict[str, Any]) -> RequestRecord:
    return RequestRecord(**{**row, **{name: bool(row[name]) for name in _FLAGS}})
