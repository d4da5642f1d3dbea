"""What the dashboard starts from: today's sums and the last hour, of one moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ai_gateway.core.record import UNSTORED, RequestRecord
from ai_gateway.store.admin_protocols import Baseline, Moment, PointRow, Sums, TopRow
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.reader import Reads
from ai_gateway.store.reads import Ask, Value

__all__ = ["SqliteLiveStore"]

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
_TODAY = f"SELECT {_COUNTS} FROM usage_daily WHERE day = :day"  # noqa: S608 - our own column names
_MODELS = f"""
SELECT model AS key, model AS name, {_COUNTS} FROM usage_daily
WHERE day = :day AND model <> '' GROUP BY model ORDER BY requests DESC LIMIT {MAX_NAMES}
"""  # noqa: S608 - our own column names
_CLIENTS = f"""
SELECT u.client_id AS key, max(coalesce(c.name, u.client_name)) AS name, {_COUNTS}
FROM usage_daily u LEFT JOIN clients c ON c.id = u.client_id
WHERE day = :day AND client_id <> '' GROUP BY client_id ORDER BY requests DESC LIMIT {MAX_NAMES}
"""  # noqa: S608 - our own column names
_MINUTES = """
SELECT at, sum(requests) AS requests, sum(errors) AS errors, sum(input_tokens) AS input_tokens,
       sum(output_tokens) AS output_tokens, sum(cost_usd) AS cost_usd
FROM usage_steps WHERE step_s = 60 AND client_id = '' AND at >= :since GROUP BY at
"""
_SEEN = "SELECT id, last_seen - last_seen % 60000 AS at FROM clients WHERE last_seen >= :since"
_MOMENT = """
SELECT (SELECT coalesce(max(rowid), 0) FROM requests) AS newest,
       (SELECT id FROM requests ORDER BY rowid DESC LIMIT 1) AS newest_id,
       (SELECT schema_version FROM pragma_schema_version) AS version
"""
_STORED = """
SELECT (SELECT schema_version FROM pragma_schema_version) = :version
       AND (SELECT id FROM requests WHERE rowid = :newest) IS :newest_id,
       (SELECT json_group_array(id) FROM requests
        WHERE id IN (SELECT value FROM json_each(:ids)) AND rowid <= :newest)
"""
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
_RECENT = f"SELECT {', '.join(_NAMES)} FROM requests ORDER BY started_at DESC, id DESC LIMIT :recent"  # noqa: S608 - likewise


class _Seen(msgspec.Struct, frozen=True):
    id: str
    at: int


_tables = msgspec.json.Decoder(
    tuple[
        tuple[Moment],
        tuple[Sums],
        list[PointRow],
        list[_Seen],
        list[TopRow],
        list[TopRow],
        list[dict[str, Any]],  # a row of the log is whatever its columns hold
    ]
)
_ids = msgspec.json.Decoder(frozenset[str])


class SqliteLiveStore:
    """A `LiveStore`. Today's sums go through thousands of rows: `reads` takes no processor time from a
    request for that."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    async def baseline(self, *, day: str, since_ms: int, recent: int) -> Baseline:
        of_day: dict[str, Value] = {"day": day}
        since: dict[str, Value] = {"since": since_ms}
        more: tuple[tuple[str, dict[str, Value]], ...] = (
            (_TODAY, of_day),
            (_MINUTES, since),
            (_SEEN, since),
            (_MODELS, of_day),
            (_CLIENTS, of_day),
            (_RECENT, {"recent": recent}),
        )
        told = await self._reads.ask(Ask(sql=_MOMENT, values={}, more=more))
        (moment,), (today,), minutes, seen, models, clients, rows = _tables.decode(told.text)
        return Baseline(
            moment=moment,
            today=today,
            minutes=minutes,
            clients_seen={each.id: each.at for each in seen},
            models=models,
            clients=clients,
            recent=[_record(row) for row in rows],
        )

    async def stored(self, ids: Sequence[str], moment: Moment) -> frozenset[str]:
        values: dict[str, Value] = {
            "ids": msgspec.json.encode(ids).decode(),
            "newest": moment.newest,
            "newest_id": moment.newest_id,
            "version": moment.version,
        }
        told = await self._reads.ask(Ask(sql=_STORED, values=values))
        ((is_same, names),) = told.rows
        if not is_same:
            raise StoreError("the database has been rewritten while it was read")
        return _ids.decode(str(names))


# Likewise.
def _record(row: dict[str, Any]) -> RequestRecord:
    return RequestRecord(**{**row, **{name: bool(row[name]) for name in _FLAGS}})
