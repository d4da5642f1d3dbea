"""A long history, written quickly: a million rows of usage and as many of the request log."""

import sqlite3
from contextlib import closing
from pathlib import Path

ROWS = 1_000_000
_CLIENTS, _MODELS = 1000, 10
_DAY_MS = 86_400_000
_LOGGED_DAYS = 20  # of requests; within any retention that is the default

_USAGE = {
    "day": "date('now', '-' || (n / 10000) || ' days')",
    "client_id": "printf('c%04d', n / 10 % 1000)",
    "model": "'model-' || (n % 10)",
    "client_name": "printf('client %04d', n / 10 % 1000)",
    "requests": "1 + n % 97",
    "errors": "n % 3",
    "input_tokens": "1000 + n % 9000",
    "output_tokens": "500 + n % 4000",
    "cost_usd": "0.001 * (n % 500)",
}
_REQUESTS = {
    "id": "printf('01HISTORY%017d', n)",
    "started_at": f"CAST(strftime('%s', 'now') AS INTEGER) * 1000 - n * {_LOGGED_DAYS * _DAY_MS // ROWS}",
    "client_id": "printf('c%04d', n % 1000)",
    "client_name": "printf('client %04d', n % 1000)",
    "endpoint": "'/v1/chat/completions'",
    "dialect": "'openai-chat'",
    "provider": "'openai'",
    "model_asked": "'model-' || (n % 10)",
    "model_served": "'model-' || (n % 10)",
    "status": "CASE WHEN n % 50 THEN 200 ELSE 502 END",
    "input_tokens": "1000 + n % 9000",
    "output_tokens": "500 + n % 4000",
    "cost_usd": "0.001 * (n % 500)",
    "latency_ms": "100.0 + n % 5000",
    "overhead_ms": "0.2",
    "attempts": "1",
}
_EMPTY = {"INTEGER": "0", "BIGINT": "0", "BOOLEAN": "0", "DOUBLE": "0.0"}


def fill(database: Path, rows: int = ROWS) -> None:
    """`rows` of usage (days, clients and models) and as many requests of the last days, in some seconds.

    The gateway must not be running. Columns that are not known here get an empty value where they need one.
    """
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        for table, values in (("usage_daily", _USAGE), ("requests", _REQUESTS)):
            known = dict(values)
            for _, name, kind, needed, default, _ in connection.execute(f"PRAGMA table_info({table})"):
                if name not in known and needed and default is None:
                    known[name] = _EMPTY.get(kind, "''")
            connection.execute(
                f"WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers "
                f"WHERE n < {rows - 1}) "
                f"INSERT INTO {table} ({', '.join(known)}) SELECT {', '.join(known.values())} FROM numbers"
            )
