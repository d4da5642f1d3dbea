"""What rows add to the sums that the database keeps: those of days, and the steps of charts."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import msgspec

from ai_gateway.core.record import Attempt, RequestRecord
from ai_gateway.store.days import utc_day
from ai_gateway.store.pace import Pace
from ai_gateway.store.steps import Steps

__all__ = ["BatchSums", "Key", "Sums", "aggregate", "day_of"]

Key = tuple[str, str, str]
"""Day, client id and model: of a row of `usage_daily`."""
MINUTE_MS = 60_000

_attempts = msgspec.json.Decoder(list[Attempt])
_figures = attrgetter(
    "started_at",
    "status",
    "admitted",
    "usage_estimated",
    "input_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
)


class Sums(msgspec.Struct):
    """What a batch adds to one row of `usage_daily`, in the order of its columns."""

    client_name: str = ""
    requests: int = 0
    admitted_requests: int = 0
    errors: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated_requests: int = 0
    unpriced_requests: int = 0
    cost_usd: float | None = None

    def count(self, record: RequestRecord) -> None:
        """The request itself, without what it used."""
        self.requests += 1
        self.admitted_requests += record.admitted
        self.errors += record.status >= 400
        self.estimated_requests += record.usage_estimated
        self.unpriced_requests += record.is_unpriced

    def use(self, used: RequestRecord | Attempt) -> None:
        self.input_tokens += used.input_tokens
        self.cached_tokens += used.cached_tokens
        self.cache_write_tokens += used.cache_write_tokens
        self.output_tokens += used.output_tokens
        self.reasoning_tokens += used.reasoning_tokens
        if used.cost_usd is not None:
            self.cost_usd = (self.cost_usd or 0.0) + used.cost_usd


class BatchSums:
    """What a batch adds to every sum.

    Rows that go into the same sums are added up together, column by column: there are few clients and models
    in most batches, and a column is summed ten times as fast as its figures one by one.
    """

    def __init__(self, rows: Sequence[RequestRecord], pace: Pace) -> None:
        """Rests as `pace` tells it."""
        self.usage: dict[Key, Sums] = {}
        self.steps = Steps()
        self.seen: dict[str, int] = {}
        """When each client was last there, in Unix milliseconds."""
        alike: dict[tuple[str | None, str | None, str | None, str, int], list[RequestRecord]] = {}
        for row in pace.over(rows):
            if row.attempt_log is not None:
                self._add_one(row)
                continue
            model = row.model_served or row.model_asked or ""
            key = (row.day, row.client_id, row.client_name, model, row.started_at // MINUTE_MS)
            found = alike.get(key)
            if found is None:
                alike[key] = [row]
            else:
                found.append(row)
        for (*_, model, _minute), group in alike.items():
            pace.rest()
            self._add_alike(group, model)

    def _add_one(self, row: RequestRecord) -> None:
        aggregate(self.usage, row)
        self.steps.add_row(row)
        self._see(row.client_id, row.started_at)

    def _add_alike(self, rows: Sequence[RequestRecord], model: str) -> None:
        first = rows[0]
        started, statuses, admitted, estimated, *tokens, costs = zip(*map(_figures, rows), strict=True)
        input_tokens, cached, cache_write, output_tokens, reasoning = map(sum, tokens)
        errors = sum([status >= 400 for status in statuses])
        known = [cost for cost in costs if cost is not None]
        cost_usd = sum(known) if known else None
        used = _sums_of(self.usage, first, model)
        used.requests += len(rows)
        used.admitted_requests += sum(admitted)
        used.errors += errors
        used.estimated_requests += sum(estimated)
        if len(known) < len(rows):
            used.unpriced_requests += sum([row.is_unpriced for row in rows])
        used.input_tokens += input_tokens
        used.cached_tokens += cached
        used.cache_write_tokens += cache_write
        used.output_tokens += output_tokens
        used.reasoning_tokens += reasoning
        if cost_usd is not None:
            used.cost_usd = (used.cost_usd or 0.0) + cost_usd
        self.steps.add(
            first.started_at,
            first.client_id,
            model,
            (len(rows), errors, input_tokens, output_tokens),
            cost_usd,
        )
        self._see(first.client_id, max(started))

    def _see(self, client_id: str | None, at_ms: int) -> None:
        if client_id and at_ms > self.seen.get(client_id, 0):
            self.seen[client_id] = at_ms


def aggregate(usage: dict[Key, Sums], row: RequestRecord) -> None:
    """Add a row to its day's sums: the request to the model that served, what it used to each model that
    was tried."""
    own = _sums_of(usage, row, row.model_served or row.model_asked or "")
    own.count(row)
    if row.attempt_log is None:
        own.use(row)
        return
    for attempt in _attempts.decode(row.attempt_log):
        if attempt.input_tokens or attempt.output_tokens or attempt.cost_usd:
            _sums_of(usage, row, attempt.model).use(attempt)


def day_of(row: RequestRecord) -> str:
    """The day that a row counts for, YYYY-MM-DD."""
    return row.day or utc_day(row.started_at)


def _sums_of(usage: dict[Key, Sums], row: RequestRecord, model: str) -> Sums:
    """Those of the row's day and client, whose newest name they bear."""
    key = (day_of(row), row.client_id or "", model)
    found = usage.get(key)
    if found is None:
        found = usage[key] = Sums()
    found.client_name = row.client_name or ""
    return found
