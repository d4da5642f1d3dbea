"""What finished requests add up to. The accounting writer feeds it: the data path pays nothing."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from typing import TypeVar

import msgspec

from ai_gateway.core.record import Attempt, RequestRecord, attempts_of
from ai_gateway.core.server_tools import ToolRun, runs_of
from ai_gateway.observe.model_names import ModelNames
from ai_gateway.observe.tool_names import ToolNames

__all__ = ["DURATION_S", "OVERHEAD_S", "TOOL_S", "Histogram", "Tally", "Used", "provider_failed"]

K = TypeVar("K", bound=Sequence[object])
V = TypeVar("V")
DURATION_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Upper bounds, in seconds: LLMs answer within milliseconds (embeddings) to minutes (reasoning)."""
OVERHEAD_S = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)
"""Upper bounds, in seconds: a request's own way takes a fraction of a millisecond, fetching files seconds."""
TOOL_S = (0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Upper bounds, in seconds: a clock takes no time, a page of the web seconds, a server's work minutes."""
_NOT_THE_PROVIDERS = frozenset({"client_closed", "internal_error"})
_ITS_FAULT = frozenset({401, 403, 408, 429})
"""Of the 4xx those that speak of the gateway's credential, or of the provider's load."""


class Histogram:
    """Counts by upper bound, as Prometheus has them."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def copy(self) -> Histogram:
        twin = Histogram(self.bounds)
        twin.counts, twin.total = self.counts.copy(), self.total
        return twin


class Used(msgspec.Struct):
    """Of one client and model: tokens, and USD where a price is known."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float = 0.0


class Sums(msgspec.Struct):
    """All that is counted. Keys begin with a client's id; it is empty where none was known."""

    requests: defaultdict[tuple[str, str, int], int] = msgspec.field(default_factory=lambda: defaultdict(int))
    """By client, model and status."""
    used: dict[tuple[str, str], Used] = {}
    """By client and model."""
    upstream_errors: defaultdict[tuple[str, str], int] = msgspec.field(
        default_factory=lambda: defaultdict(int)
    )
    """By client and provider."""
    upstream: dict[str, Histogram] = {}
    """Seconds of each call, by provider."""
    tool_calls: defaultdict[tuple[str, str, str], int] = msgspec.field(
        default_factory=lambda: defaultdict(int)
    )
    """By tool, source and outcome."""
    tools: dict[str, Histogram] = {}
    """Seconds of each run, by tool."""
    duration: Histogram = msgspec.field(default_factory=lambda: Histogram(DURATION_S))
    first_token: Histogram = msgspec.field(default_factory=lambda: Histogram(DURATION_S))
    overhead: Histogram = msgspec.field(default_factory=lambda: Histogram(OVERHEAD_S))
    cached_tokens: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0


class Tally:
    """The counters. `add` is called by one thread, `sums` by any."""

    def __init__(self, names: ModelNames) -> None:
        self._names = names
        self._tools = ToolNames()
        self._lock = threading.Lock()
        self._sums = Sums()
        self._met: set[str] = set()
        """Clients that have been there: of another one, rows may come before it is known here."""

    def add(self, records: Sequence[RequestRecord]) -> None:
        """Count finished requests."""
        with self._lock:
            for record in records:
                self._add(record)
                if record.tool_log is not None:
                    self._add_runs(runs_of(record.tool_log))

    def sums(self, clients: Collection[str]) -> Sums:
        """A copy of what was counted so far, of these clients and of none; that of deleted ones is
        forgotten."""
        with self._lock:
            own = self._sums
            self._met.update(clients)
            deleted = self._met.difference(clients)
            if deleted:
                self._names.forget(deleted)
                _forget(own.requests, deleted)
                _forget(own.used, deleted)
                _forget(own.upstream_errors, deleted)
            return Sums(
                requests=defaultdict(int, _of(own.requests, clients)),
                used={key: msgspec.structs.replace(used) for key, used in _of(own.used, clients)},
                upstream_errors=defaultdict(int, _of(own.upstream_errors, clients)),
                upstream={name: histogram.copy() for name, histogram in own.upstream.items()},
                tool_calls=own.tool_calls.copy(),
                tools={name: histogram.copy() for name, histogram in own.tools.items()},
                duration=own.duration.copy(),
                first_token=own.first_token.copy(),
                overhead=own.overhead.copy(),
                cached_tokens=own.cached_tokens,
                cost_usd=own.cost_usd,
                unpriced=own.unpriced,
            )

    def _add(self, record: RequestRecord) -> None:
        sums, client = self._sums, record.client_id or ""
        model = self._names.label(
            client, record.model_served or record.model_asked, priced=_is_priced(record)
        )
        sums.requests[client, model, record.status] += 1
        sums.duration.observe(record.latency_ms / 1000)
        if record.cost_usd is None:
            sums.unpriced += record.is_unpriced
        if not record.attempts:
            return
        sums.overhead.observe(record.overhead_ms / 1000)
        if record.streaming and record.ttfb_ms is not None:
            sums.first_token.observe(record.ttfb_ms / 1000)
        if record.attempt_log is None:
            self._add_call(record.provider or "", record.latency_ms - record.overhead_ms)
            self._add_use(client, model, record)
            if record.error is not None and provider_failed(attempts_of(record)[0], record):
                sums.upstream_errors[client, record.provider or ""] += 1
            return
        for attempt in attempts_of(record):
            self._add_call(attempt.provider, attempt.latency_ms)
            if attempt.input_tokens or attempt.output_tokens or attempt.cost_usd:
                priced = attempt.cost_usd is not None
                self._add_use(client, self._names.label(client, attempt.model, priced=priced), attempt)
            if provider_failed(attempt, record):
                sums.upstream_errors[client, attempt.provider] += 1

    def _add_call(self, provider: str, latency_ms: float) -> None:
        _observe(self._sums.upstream, provider, latency_ms, DURATION_S)

    def _add_runs(self, runs: Sequence[ToolRun]) -> None:
        for run in runs:
            tool, source = self._tools.labels(run)
            self._sums.tool_calls[tool, source, run.error or "ok"] += 1
            _observe(self._sums.tools, tool, run.duration_ms, TOOL_S)

    def _add_use(self, client: str, model: str, used: RequestRecord | Attempt) -> None:
        sums = self._sums
        total = sums.used.get((client, model))
        if total is None:
            total = sums.used[client, model] = Used()
        total.input_tokens += used.input_tokens
        total.output_tokens += used.output_tokens
        sums.cached_tokens += used.cached_tokens
        if used.cost_usd is not None:
            total.cost_usd += used.cost_usd
            sums.cost_usd += used.cost_usd


def _observe(histograms: dict[str, Histogram], key: str, spent_ms: float, bounds: Sequence[float]) -> None:
    histogram = histograms.get(key)
    if histogram is None:
        histogram = histograms[key] = Histogram(bounds)
    histogram.observe(spent_ms / 1000)


def provider_failed(attempt: Attempt, record: RequestRecord) -> bool:
    """Whether a call came to nothing by its provider's fault, or that of the gateway's own credential; a
    request that the provider refuses for what is in it is its caller's fault."""
    if attempt.error is None or attempt.error in _NOT_THE_PROVIDERS:
        return False
    status = attempt.status
    if status is None:
        status = record.status if record.attempt_log is None else 0
    return not 400 <= status < 500 or status in _ITS_FAULT


def _of(keyed: dict[K, V], clients: Collection[object]) -> Iterator[tuple[K, V]]:
    """What is counted of these clients, and of none."""
    return ((key, value) for key, value in keyed.items() if not key[0] or key[0] in clients)


def _forget(keyed: dict[K, V], clients: Collection[object]) -> None:
    for key in [key for key in keyed if key[0] in clients]:
        del keyed[key]


def _is_priced(record: RequestRecord) -> bool:
    return (
        record.cost_usd is not None
        and record.attempts > 0
        and record.status < 400
        and (record.input_tokens > 0 or record.output_tokens > 0)
    )
