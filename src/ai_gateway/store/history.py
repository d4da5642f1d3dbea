"""The request log, a page at a time: keyset paging whose work is bounded whatever the filters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
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

from ai_gateway.core.record import UNSTORED, RequestRecord
from ai_gateway.store import schema
from ai_gateway.store.admin_protocols import HistoryPage, RequestFilter
from ai_gateway.store.database import Database
from ai_gateway.store.reader import Reads, asked
from ai_gateway.store.reads import Value

__all__ = ["MAX_SCAN", "SqlHistoryStore", "conditions", "floor_query", "page_query"]

MAX_SCAN = 20_000
"""Rows of the index that a page looks at, at most: some 50 ms."""

FAILED, HIGHEST = 400, 999

_requests, _bodies = schema.requests, schema.request_bodies
_BODY_NAMES = ("caller_request", "upstream_request", "response")
_NAMES = tuple(name for name in RequestRecord.__struct_fields__ if name not in (*_BODY_NAMES, *UNSTORED))
_HEAVY = ("usage_raw", "attempt_log", "tool_log")
_LIST_NAMES = tuple(name for name in _NAMES if name not in _HEAVY)
_FLAGS = tuple(name for name in _LIST_NAMES if isinstance(_requests.c[name].type, Boolean))
_TEXTS = ("id", "error", "error_message", "model_asked", "model_served", "client_name")

Position = tuple[int, str]
Condition = ColumnElement[bool]


class SqlHistoryStore:
    """A `HistoryStore`."""

    def __init__(self, database: Database, reads: Reads, *, max_scan: int = MAX_SCAN) -> None:
        self._database = database
        self._reads = reads
        self._max_scan = max_scan

    async def page(self, wanted: RequestFilter, *, before: Position | None, limit: int) -> HistoryPage:
        leading, residual = conditions(wanted)
        floor = await self._floor(leading, before) if residual else None
        query = page_query(leading, residual, before=before, floor=floor, limit=limit + 1)
        told = await self._reads.ask(asked(query))
        rows = [_record(_LIST_NAMES, row) for row in told.rows]
        if len(rows) > limit:
            last = rows[limit - 1]
            return HistoryPage(rows[:limit], (last.started_at, last.id))
        return HistoryPage(rows, floor)

    async def _floor(self, leading: list[Condition], before: Position | None) -> Position | None:
        """The last row that this page may look at; None: there are fewer than that."""
        told = await self._reads.ask(asked(floor_query(leading, before=before, scan=self._max_scan)))
        return msgspec.convert(told.rows[0], Position) if told.rows else None

    async def request(self, request_id: str) -> RequestRecord | None:
        columns = (*(_requests.c[name] for name in _NAMES), *(_bodies.c[name] for name in _BODY_NAMES))
        joined = _requests.outerjoin(_bodies, _bodies.c.request_id == _requests.c.id)
        query = select(*columns).select_from(joined).where(_requests.c.id == request_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else RequestRecord(**row._mapping)

    async def tool_requests(self, limit: int) -> list[RequestRecord]:
        names = (*_LIST_NAMES, "tool_log")
        found = select(*(_requests.c[name] for name in names)).where(_requests.c.tool_log.is_not(None))
        told = await self._reads.ask(asked(_paged(found, None).limit(limit)))
        return [_record(names, row) for row in told.rows]


def _record(names: Sequence[str], row: Sequence[Value]) -> RequestRecord:
    """SQLite has 0 and 1 where the record has false and true."""
    named = dict(zip(names, row, strict=True))
    return msgspec.convert(named | {flag: bool(named[flag]) for flag in _FLAGS}, RequestRecord)


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
