"""Usage reports and charts, out of the sums of days, hours and minutes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    Text,
    bindparam,
    case,
    func,
    null,
    select,
    tuple_,
)

from ai_gateway.store import schema
from ai_gateway.store.admin_protocols import Grouping, PointRow, Sums, UsageReport
from ai_gateway.store.database import Database
from ai_gateway.store.reader import Reads, asked
from ai_gateway.store.reads import Value
from ai_gateway.store.steps import ALL_CLIENTS

__all__ = ["SqlUsageStore"]

_daily, _steps, _clients = schema.usage_daily, schema.usage_steps, schema.clients
_requests = schema.requests
_COUNTS = (
    "requests",
    "errors",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "unpriced_requests",
)
_POINT_COUNTS = ("requests", "errors", "input_tokens", "output_tokens")
CHUNK = 2000
"""Rows of an export that are read at once: some 150 KB."""
_REPORT = (
    "day",
    "client_id",
    "client",
    "model",
    "requests",
    "errors",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
    "cost_usd",
    "unpriced_requests",
)
_KEYS: dict[Grouping, str] = {"day": "day", "client": "client_id", "model": "model"}
_KEY_COLUMNS = tuple(map(_REPORT.index, _KEYS.values()))
_AFTER = tuple(f"after_{name}" for name in _KEYS.values())
MAX_COUNTED = 20_000
"""Rows of the log that a chart of one client's minutes may take."""


class SqlUsageStore:
    """A `UsageStore`. What goes through a long history is asked of `reads`."""

    def __init__(self, database: Database, reads: Reads) -> None:
        self._database = database
        self._reads = reads

    async def totals(
        self, *, first_day: str, last_day: str, client: str | None = None, model: str | None = None
    ) -> Sums:
        query = select(*_sums()).where(*_within(first_day, last_day, client, model))
        told = await self._reads.ask(asked(query))
        return _sums_of(told.rows[0])

    async def by_client(self, client_ids: Sequence[str], *, first_day: str, last_day: str) -> dict[str, Sums]:
        query = (
            select(_daily.c.client_id, *_sums())
            .where(*_within(first_day, last_day, None, None), _daily.c.client_id.in_(client_ids))
            .group_by(_daily.c.client_id)
        )
        found: dict[str, Sums] = {}
        async with self._database.reading() as connection:
            for row in await connection.execute(query):
                fields = dict(row._mapping)
                client_id = fields.pop("client_id")
                found[client_id] = Sums(**fields)
        return found

    async def report(
        self,
        *,
        first_day: str | None,
        last_day: str | None,
        client: str | None,
        model: str | None,
        groups: frozenset[Grouping],
        limit: int,
    ) -> UsageReport:
        query = report_query(first_day, last_day, client, model, groups, limit + 1)
        ask = msgspec.structs.replace(asked(query), form="json", most=limit)
        told = await self._reads.ask(ask)
        return UsageReport(rows_json=told.text, truncated=told.count > limit)

    async def export(
        self, *, first_day: str | None, last_day: str | None, client: str | None, model: str | None
    ) -> AsyncIterator[bytes]:
        """A chunk a query: none of them is open while the reader takes its time."""
        query = asked(_export_query(first_day, last_day, client, model))
        query = msgspec.structs.replace(query, form="csv", key=_KEY_COLUMNS)
        after = dict.fromkeys(_AFTER, "")
        while True:
            told = await self._reads.ask(msgspec.structs.replace(query, values={**query.values, **after}))
            if told.count:
                yield told.text
            if told.count < CHUNK:
                return
            after = dict(zip(_AFTER, map(str, told.last), strict=True))

    async def series(
        self, *, step_s: Literal[60, 3600], from_ms: int, to_ms: int, client: str | None, model: str | None
    ) -> Sequence[PointRow]:
        told = await self._reads.ask(asked(series_query(step_s, from_ms, to_ms, client, model)))
        return [_point_of(row) for row in told.rows]

    async def client_minutes(
        self, client: str, *, from_ms: int, to_ms: int, model: str | None
    ) -> Sequence[PointRow] | None:
        newest = newest_of_client(client, from_ms, to_ms, model, MAX_COUNTED + 1).subquery()
        found = await self._reads.ask(asked(select(func.count()).select_from(newest)))
        if found.rows[0][0] == MAX_COUNTED + 1:
            return None
        told = await self._reads.ask(asked(_minutes_of(newest)))
        return [_point_of(row) for row in told.rows]

    async def daily_series(
        self, *, first_day: str, last_day: str, client: str | None, model: str | None
    ) -> Sequence[tuple[str, PointRow]]:
        query = (
            select(_daily.c.day, *(func.sum(_daily.c[name]).label(name) for name in _POINT_COUNTS))
            .add_columns(func.sum(_daily.c.cost_usd).label("cost_usd"))
            .where(*_within(first_day, last_day, client, model))
            .group_by(_daily.c.day)
            .order_by(_daily.c.day)
        )
        told = await self._reads.ask(asked(query))
        return [(str(day), _point_of([0, *sums])) for day, *sums in told.rows]


def _sums_of(row: Sequence[Value]) -> Sums:
    """Of a row of `_sums`."""
    return msgspec.convert(dict(zip((*_COUNTS, "cost_usd"), row, strict=True)), Sums)


def _point_of(row: Sequence[Value]) -> PointRow:
    """Of a row of `at`, `_POINT_COUNTS` and the cost."""
    return msgspec.convert(dict(zip(("at", *_POINT_COUNTS, "cost_usd"), row, strict=True)), PointRow)


def report_query(
    first_day: str | None,
    last_day: str | None,
    client: str | None,
    model: str | None,
    groups: frozenset[Grouping],
    limit: int,
) -> Select[Any]:
    """Oldest day first. A client goes by its present name, or the last one that is known."""
    if len(groups) == len(_KEYS):
        return _rows_query(first_day, last_day, client, model).limit(limit)
    keys = [_daily.c[column] for name, column in _KEYS.items() if name in groups]
    columns: list[ColumnElement[Any]] = [*keys, *_sums()]
    if "client" in groups:
        columns.append(func.max(_daily.c.client_name).label("client_name"))
    query = select(*columns).where(*_within(first_day, last_day, client, model))
    summed = query.group_by(*keys).order_by(*keys).limit(limit).subquery()
    return _named(summed, [key.name for key in keys])


def _named(summed: Subquery, keys: Sequence[str]) -> Select[Any]:
    """All columns of a report; clients' names are looked up for the rows that are shown."""
    known: dict[str, ColumnElement[Any]] = {column.name: column for column in summed.c}
    if "client_name" in known:
        known["client"] = func.coalesce(_clients.c.name, known["client_name"]).label("client")
    query = select(*(known.get(name, null().label(name)) for name in _REPORT))
    if "client_id" in known:
        query = query.select_from(summed.outerjoin(_clients, _clients.c.id == known["client_id"]))
    return query.order_by(*(known[key] for key in keys))


def _rows_query(
    first_day: str | None, last_day: str | None, client: str | None, model: str | None
) -> Select[Any]:
    """The rows as they are, in the order of their key."""
    known: dict[str, ColumnElement[Any]] = {name: _daily.c[name] for name in _REPORT if name != "client"}
    known["client"] = func.coalesce(_clients.c.name, _daily.c.client_name).label("client")
    query = select(*(known[name] for name in _REPORT))
    query = query.select_from(_daily.outerjoin(_clients, _clients.c.id == _daily.c.client_id))
    return query.where(*_within(first_day, last_day, client, model)).order_by(*_key())


def _export_query(
    first_day: str | None, last_day: str | None, client: str | None, model: str | None
) -> Select[Any]:
    """`CHUNK` of these rows, from the one that comes after the key `_AFTER`."""
    after = tuple_(*(bindparam(name, type_=Text) for name in _AFTER))
    return _rows_query(first_day, last_day, client, model).where(tuple_(*_key()) > after).limit(CHUNK)


def _key() -> tuple[ColumnElement[Any], ...]:
    return tuple(_daily.c[name] for name in _KEYS.values())


def series_query(step_s: int, from_ms: int, to_ms: int, client: str | None, model: str | None) -> Select[Any]:
    query = (
        select(_steps.c.at, *(func.sum(_steps.c[name]).label(name) for name in _POINT_COUNTS))
        .add_columns(func.sum(_steps.c.cost_usd).label("cost_usd"))
        .where(
            _steps.c.step_s == step_s,
            _steps.c.client_id == (ALL_CLIENTS if client is None else client),
            _steps.c.at >= from_ms,
            _steps.c.at < to_ms,
        )
        .group_by(_steps.c.at)
        .order_by(_steps.c.at)
    )
    return query if model is None else query.where(_steps.c.model == model)


def newest_of_client(client: str, from_ms: int, to_ms: int, model: str | None, limit: int) -> Select[Any]:
    """A client's rows of the log, at most `limit`."""
    c = _requests.c
    query = select(
        (c.started_at - c.started_at % 60_000).label("at"),
        c.status,
        c.input_tokens,
        c.output_tokens,
        c.cost_usd,
    ).where(c.client_id == client, c.started_at >= from_ms, c.started_at < to_ms)
    if model is not None:
        query = query.where(func.coalesce(c.model_served, c.model_asked) == model)
    return query.order_by(c.started_at.desc()).limit(limit)


def _minutes_of(rows: Subquery) -> Select[Any]:
    c = rows.c
    return (
        select(
            c.at,
            func.count().label("requests"),
            func.sum(case((c.status >= 400, 1), else_=0)).label("errors"),
            func.sum(c.input_tokens).label("input_tokens"),
            func.sum(c.output_tokens).label("output_tokens"),
            func.sum(c.cost_usd).label("cost_usd"),
        )
        .group_by(c.at)
        .order_by(c.at)
    )


def _sums() -> list[ColumnElement[Any]]:
    counts = [func.coalesce(func.sum(_daily.c[name]), 0).label(name) for name in _COUNTS]
    return [*counts, func.sum(_daily.c.cost_usd).label("cost_usd")]


def _within(
    first_day: str | None, last_day: str | None, client: str | None, model: str | None
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if first_day is not None and first_day == last_day:
        found.append(_daily.c.day == first_day)  # lets the key's next column be used too
        first_day = last_day = None
    if first_day is not None:
        found.append(_daily.c.day >= first_day)
    if last_day is not None:
        found.append(_daily.c.day <= last_day)
    if client is not None:
        found.append(_daily.c.client_id == client)
    if model is not None:
        found.append(_daily.c.model == model)
    return found
