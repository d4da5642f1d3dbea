"""Sums of today and of the last hour, to which rows are added as they come."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from ai_gateway.admin.schemas.traffic import Point, TopClient, TopModel
from ai_gateway.admin.views import point, top_client, top_model
from ai_gateway.core.record import RequestRecord
from ai_gateway.store.admin_protocols import Baseline, PointRow, Sums, TopRow
from ai_gateway.store.days import utc_day

__all__ = ["MAX_NAMES", "MINUTES", "MINUTE_MS", "TOP", "LiveSums"]

MINUTES = 60
MINUTE_MS = 60_000
TOP = 8
MAX_NAMES = 20_000
"""Of clients and of models, which callers make up: further ones are in the totals only."""


class LiveSums:
    """One day's sums. Not thread-safe."""

    def __init__(self, day: str, base: Baseline) -> None:
        self.day = day
        self.today = base.today
        self.seen = dict(base.clients_seen)
        """Client id: the newest minute (Unix ms) with a request."""
        self._minutes = {row.at: row for row in base.minutes}
        self._models = {row.key: row for row in base.models}
        self._clients = {row.key: row for row in base.clients}

    def add(self, record: RequestRecord) -> None:
        minute_ms = record.started_at // MINUTE_MS * MINUTE_MS
        at = self._minutes.get(minute_ms)
        if at is None:
            at = self._minutes[minute_ms] = PointRow(at=minute_ms)
        _add_point(at, record)
        if record.client_id:
            self.seen[record.client_id] = max(minute_ms, self.seen.get(record.client_id, 0))
        if (record.day or utc_day(record.started_at)) != self.day:
            return
        _add(self.today, record)
        model = record.model_served or record.model_asked
        if model:
            _add_top(self._models, model, model, record)
        if record.client_id:
            _add_top(self._clients, record.client_id, record.client_name or "", record)

    def forget_before(self, first_ms: int) -> None:
        """Drop minutes, and clients that were last seen, before this moment."""
        for minute_ms in [at for at in self._minutes if at < first_ms]:
            del self._minutes[minute_ms]
        for client_id in [key for key, at in self.seen.items() if at < first_ms]:
            del self.seen[client_id]

    def minute(self, minute_ms: int) -> Point:
        return point(self._minutes.get(minute_ms) or PointRow(at=minute_ms))

    def series(self, last_ms: int) -> list[Point]:
        """The last hour, up to the minute that begins at `last_ms`."""
        first_ms = last_ms - (MINUTES - 1) * MINUTE_MS
        return [self.minute(at) for at in range(first_ms, last_ms + 1, MINUTE_MS)]

    def top_models(self) -> list[TopModel]:
        return [top_model(row) for row in _largest(self._models.values())]

    def top_clients(self) -> list[TopClient]:
        return [top_client(row) for row in _largest(self._clients.values())]


def _largest(rows: Iterable[TopRow]) -> list[TopRow]:
    return heapq.nlargest(TOP, rows, key=lambda row: (row.requests, row.input_tokens + row.output_tokens))


def _add_top(rows: dict[str, TopRow], key: str, name: str, record: RequestRecord) -> None:
    row = rows.get(key)
    if row is None:
        if len(rows) >= MAX_NAMES:
            return
        row = rows[key] = TopRow(key=key, name=name)
    _add(row, record)


def _add(sums: Sums, record: RequestRecord) -> None:
    sums.requests += 1
    sums.errors += record.status >= 400
    sums.input_tokens += record.input_tokens
    sums.output_tokens += record.output_tokens
    sums.cached_tokens += record.cached_tokens
    sums.reasoning_tokens += record.reasoning_tokens
    if record.cost_usd is not None:
        sums.cost_usd = (sums.cost_usd or 0.0) + record.cost_usd
    sums.unpriced_requests += record.is_unpriced


def _add_point(at: PointRow, record: RequestRecord) -> None:
    at.requests += 1
    at.errors += record.status >= 400
    at.input_tokens += record.input_tokens
    at.output_tokens += record.output_tokens
    if record.cost_usd is not None:
        at.cost_usd = (at.cost_usd or 0.0) + record.cost_usd
