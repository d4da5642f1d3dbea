"""What rows add to the sums that the database keeps: those of days, and the steps of charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter

import msgspec

from ai_gateway.core.record import Attempt, RequestRecord
from ai_gateway.core.rows import OWN, Values, picked
from ai_gateway.store.alike import Alike
from ai_gateway.store.days import utc_day
from ai_gateway.store.pace import Pace
from ai_gateway.store.steps import Steps

__all__ = ["BatchSums", "Key", "Sums", "aggregate", "day_of"]

Key = tuple[str, str, str]
"""Day, client id and model: of a row of `usage_daily`."""
MINUTE_MS = 60_000

_AT = OWN.index("started_at")
_figures = itemgetter(
    _AT,
    *map(
        OWN.index,
        (
            "input_tokens",
            "cached_tokens",
            "cache_write_tokens",
            "output_tokens",
            "reasoning_tokens",
            "cost_usd",
        ),
    ),
)
_attempts = msgspec.json.Decoder(list[Attempt])


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
    """What a batch adds to every sum. A column of rows that are alike is summed ten times as fast as its
    figures one by one."""

    def __init__(self, batch: Alike, pace: Pace) -> None:
        """Rests as `pace` tells it."""
        self.usage: dict[Key, Sums] = {}
        self.steps = Steps()
        self.seen: dict[str, int] = {}
        """When each client was last there, in Unix milliseconds."""
        for row in pace.over(batch.single):
            aggregate(self.usage, row)
            self.steps.add_row(row)
            self._see(row.client_id, row.started_at)
        for group in pace.over(batch.groups):
            for columns in _minutes(group.columns):
                self._add(group.first, columns)

    def _add(self, like: RequestRecord, columns: Sequence[Values]) -> None:
        """Rows of one minute that are like this one."""
        started, input_tokens, cached, cache_write, output_tokens, reasoning, costs = _figures(columns)
        model = like.model_served or like.model_asked or ""
        count = len(started)
        errors = count if like.status >= 400 else 0
        used = _sums_of(self.usage, like, started[0], model)
        used.requests += count
        used.admitted_requests += count * like.admitted
        used.errors += errors
        used.estimated_requests += count * like.usage_estimated
        used.input_tokens += (all_input := sum(input_tokens))
        used.cached_tokens += sum(cached)
        used.cache_write_tokens += sum(cache_write)
        used.output_tokens += (all_output := sum(output_tokens))
        used.reasoning_tokens += sum(reasoning)
        cost_usd = None
        if costs[0] is None:
            used.unpriced_requests += (
                sum(map(any, zip(input_tokens, output_tokens, strict=True))) if errors else count
            )
        else:
            cost_usd = sum(costs)
            used.cost_usd = (used.cost_usd or 0.0) + cost_usd
        self.steps.add(started[0], like.client_id, model, (count, errors, all_input, all_output), cost_usd)
        self._see(like.client_id, max(started))

    def _see(self, client_id: str | None, at_ms: int) -> None:
        if client_id and at_ms > self.seen.get(client_id, 0):
            self.seen[client_id] = at_ms


def aggregate(usage: dict[Key, Sums], row: RequestRecord) -> None:
    """Add a row to its day's sums: the request to the model that served, what it used to each model that
    was tried."""
    own = _sums_of(usage, row, row.started_at, row.model_served or row.model_asked or "")
    own.count(row)
    if row.attempt_log is None:
        own.use(row)
        return
    for attempt in _attempts.decode(row.attempt_log):
        if attempt.input_tokens or attempt.output_tokens or attempt.cost_usd:
            _sums_of(usage, row, row.started_at, attempt.model).use(attempt)


def day_of(row: RequestRecord) -> str:
    """The day that a row counts for, YYYY-MM-DD."""
    return row.day or utc_day(row.started_at)


def _sums_of(usage: dict[Key, Sums], row: RequestRecord, started_at: int, model: str) -> Sums:
    """Those of the row's day and client, whose newest name they bear."""
    key = (row.day or utc_day(started_at), row.client_id or "", model)
    found = usage.get(key)
    if found is None:
        found = usage[key] = Sums()
    found.client_name = row.client_name or ""
    return found


def _minutes(columns: Sequence[Values]) -> Iterable[Sequence[Values]]:
    """The rows of each minute: mostly, there is one."""
    started = columns[_AT]
    if min(started) // MINUTE_MS == max(started) // MINUTE_MS:
        return (columns,)
    found: dict[int, list[int]] = {}
    for at, started_at in enumerate(started):
        found.setdefault(started_at // MINUTE_MS, []).append(at)
    return [picked(columns, places) for places in found.values()]
