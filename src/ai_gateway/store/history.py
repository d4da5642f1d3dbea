"""The request log, a page at a time: keyset paging whose work is bounded whatever the filters."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    and_,
    func,
    literal,
    or_,
    select,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from ai_gateway.core.record import UNSTORED, RequestRecord
from ai_gateway.store import schema
from ai_gateway.store.admin_protocols import HistoryPage, RequestFilter
from ai_gateway.store.database import Database

__all__ = ["MAX_SCAN", "SqlHistoryStore", "conditions", "floor_query", "page_query"]

MAX_SCAN = 20_000
"""Rows of the index that a page looks at, at most: some 50 ms."""

FAILED, HIGHEST = 400, 999

_requests, _bodies = schema.requests, schema.request_bodies
_BODY_NAMES = ("caller_request", "upstream_request", "response")
_NAMES = tuple(name for name in RequestRecord.__struct_fields__ if name not in (*_BODY_NAMES, *UNSTORED))
_HEAVY = ("usage_raw", "attempt_log", "tool_log")
_LIST_NAMES = tuple(name for name in _NAMES if name not in _HEAVY)
_TEXTS = ("id", "error", "error_message", "model_asked", "model_served", "client_name")

Position = tuple[int, str]
Condition = ColumnElement[bool]


class SqlHistoryStore:
    """A `HistoryStore`."""

    def __init__(self, database: Database, *, max_scan: int = MAX_SCAN) -> None:
        self._database = database
        self._max_scan = max_scan

    async def page(self, wanted: RequestFilter, *, before: Position | None, limit: int) -> HistoryPage:
        leading, residual = conditions(wanted)
        floor: Position | None = None
        async with self._database.reading() as connection:
            if residual:
                floor = await self._floor(connection, leading, before)
            query = page_query(leading, residual, before=before, floor=floor, limit=limit + 1)
            rows = [RequestRecord(**row._mapping) for row in await connection.execute(query)]
        if len(rows) > limit:
            last = rows[limit - 1]
            return HistoryPage(rows[:limit], (last.started_at, last.id))
        return HistoryPage(rows, floor)

    async def _floor(
        self, connection: AsyncConnection, leading: list[Condition], before: Position | None
    ) -> Position | None:
        """The last row that this page may look at; None: there are fewer than that."""
        query = floor_query(leading, before=before, scan=self._max_scan)
        row = (await connection.execute(query)).one_or_none()
        return None if row is None else (row.started_at, row.id)

    async def request(self, request_id: str) -> RequestRecord | None:
        columns = (*(_requests.c[name] for name in _NAMES), *(_bodies.c[name] for name in _BODY_NAMES))
        joined = _requests.outerjoin(_bodies, _bodies.c.request_id == _requests.c.id)
        query = select(*columns).select_from(joined).where(_requests.c.id == request_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else RequestRecord(**row._mapping)

    async def tool_requests(self, limit: int) -> list[RequestRecord]:
        log = _requests.c.tool_log
        columns = (*(_requests.c[name] for name in _LIST_NAMES), log)
        query = _paged(select(*columns).where(log.is_not(None)), None).limit(limit)
        async with self._database.reading() as connection:
            return [RequestRecord(**row._mapping) for row in await connection.execute(query)]


def floor_query(leading: list[Condition], *, before: Position | None, scan: int) -> Select[Any]:
    """Where a page stops looking. Reads nothing but an index."""
    query = select(_requests.c.started_at, _requests.c.id).where(*leading)
    return _paged(query, before).offset(scan - 1).limit(1)


def page_query(
    leading: list[Condition],
    residual: list[Condition],
    *,
    before: Position | None,
    floor: Position | None,
    limit: int,
) -> Select[Any]:
    query = select(*(_requests.c[name] for name in _LIST_NAMES)).where(*leading, *residual)
    if floor is not None:
        query = query.where(tuple_(_requests.c.started_at, _requests.c.id) >= tuple_(*map(literal, floor)))
    return _paged(query, before).limit(limit)


def _paged(query: Select[Any], before: Position | None) -> Select[Any]:
    if before is not None:
        query = query.where(tuple_(_requests.c.started_at, _requests.c.id) < tuple_(*map(literal, before)))
    return query.order_by(_requests.c.started_at.desc(), _requests.c.id.desc())


def conditions(wanted: RequestFilter) -> tuple[list[Condition], list[Condition]]:
    """What one index answers, and what has to be looked at row by row."""
    c = _requests.c
    leading: list[Condition] = []
    if wanted.since_ms is not None:
        leading.append(c.started_at >= wanted.since_ms)
    if wanted.until_ms is not None:
        leading.append(c.started_at < wanted.until_ms)
    named = {c.client_id: wanted.client, c.model_served: wanted.model}
    given = [(column, value) for column, value in named.items() if value is not None]
    leading += [column == value for column, value in given[:1]]
    residual: list[Condition] = [_unindexed(column) == value for column, value in given[1:]]
    if wanted.provider is not None:
        residual.append(c.provider == wanted.provider)
    if wanted.status is not None:
        first, last = _statuses(wanted.status)
        if first >= FAILED and not given:
            # As the index of failures has it, word for word: only then is it used.
            leading.append(c.status >= literal(FAILED, literal_execute=True))
        if (first, last) != (FAILED, HIGHEST) or given:
            residual.append(and_(c.status >= first, c.status <= last))
    if wanted.streaming is not None:
        residual.append(c.streaming.is_(wanted.streaming))
    if wanted.text:
        texts = (func.lower(c[name]).contains(wanted.text.lower(), autoescape=True) for name in _TEXTS)
        residual.append(or_(*texts))
    return leading, residual


def _unindexed(column: ColumnElement[Any]) -> ColumnElement[str]:
    """The same value, which no index is used for: the bound on rows holds for one index only."""
    return column.concat(literal("", String))


def _statuses(word: str) -> tuple[int, int]:
    """First and last status of `ok`, `error`, `4xx` or `404`."""
    if word == "ok":
        return 0, FAILED - 1
    if word == "error":
        return FAILED, HIGHEST
    if word.endswith("xx"):
        return int(word[0]) * 100, int(word[0]) * 100 + 99
    return int(word), int(word)
