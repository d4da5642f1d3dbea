"""What finished requests add up to. The accounting writer feeds it: the data path pays nothing."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from operator import sub
from typing import TypeVar

import msgspec

from ai_gateway.core.record import Attempt, RequestRecord, attempts_of
from ai_gateway.core.rows import OWN, Rows, Shared, Values, picked
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
_COUNTED = tuple(
    map(
        OWN.index,
        (
            "ttfb_ms",
            "latency_ms",
            "overhead_ms",
            "cost_usd",
            "input_tokens",
            "output_tokens",
            "cached_tokens",
        ),
    )
)
_NOT_THE_PROVIDERS = frozenset({"client_closed", "internal_error"})
_ITS_FAULT = frozenset({401, 403, 408, 429})
"""Of the 4xx those that speak of the gateway's credential, or of the provider's load."""


class Histogram:
    """Counts by upper bound, as Prometheus has them."""

    __slots__ = ("_bounds_ms", "bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self._bounds_ms = [round(bound * 1000, 6) for bound in bounds]
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def observe_all(self, times_ms: list[float]) -> None:
        """At least one, in milliseconds, where the bounds are seconds; they are sorted in place."""
        times_ms.sort()
        bounds, counts = self._bounds_ms, self.counts
        bucket, last = bisect_left(bounds, times_ms[0]), bisect_left(bounds, times_ms[-1])
        done = 0
        while bucket < last:
            below = bisect_right(times_ms, bounds[bucket])
            counts[bucket] += below - done
            done = below
            bucket += 1
        counts[last] += len(times_ms) - done
        self.total += sum(times_ms) / 1000

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
        rows = Rows.of(records)
        plain, others = _sorted_out(rows)
        with self._lock:
            if plain:
                self._add_plain(rows, plain)
            for at in others:
                record = rows[at]
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

    def _add_plain(self, rows: Rows, groups: Mapping[Shared, Sequence[int]]) -> None:
        """As `_add` of each: they went well at the first try."""
        sums = self._sums
        duration: list[float] = []
        overhead: list[float] = []
        first: list[float] = []
        calls: dict[str, list[float]] = {}
        counted = [rows.columns[at] for at in _COUNTED]
        for shared, places in groups.items():
            columns = counted if len(places) == len(rows) else picked(counted, places)
            ttfb, took, own = columns[:3]
            duration += took
            overhead += own
            if shared.first.streaming:
                first += [ms for ms in ttfb if ms is not None]
            calls.setdefault(shared.first.provider or "", []).extend(map(sub, took, own))
            self._add_group(shared.first, *columns[3:])
        sums.duration.observe_all(duration)
        sums.overhead.observe_all(overhead)
        if first:
            sums.first_token.observe_all(first)
        for provider, calls_ms in calls.items():
            _histogram(sums.upstream, provider, DURATION_S).observe_all(calls_ms)

    def _add_group(
        self, like: RequestRecord, costs: Values, input_tokens: Values, output_tokens: Values, cached: Values
    ) -> None:
        """Of rows that share the rest: their requests, and what they used."""
        missing = costs.count(None)
        if 0 < missing < len(costs):  # a name may be known by its price alone
            rows = list(zip(costs, input_tokens, output_tokens, cached, strict=True))
            for is_missing in (rows[0][0] is None, rows[0][0] is not None):
                part = [row for row in rows if (row[0] is None) is is_missing]
                self._add_group(like, *zip(*part, strict=True))
            return
        sums, client, count = self._sums, like.client_id or "", len(costs)
        priced = not missing and like.status < 400 and (any(input_tokens) or any(output_tokens))
        model = self._names.label(client, like.model_served or like.model_asked, priced=priced)
        sums.requests[client, model, like.status] += count
        total = self._used(client, model)
        total.input_tokens += sum(input_tokens)
        total.output_tokens += sum(output_tokens)
        sums.cached_tokens += sum(cached)
        if not missing:
            cost_usd = sum(costs)
            total.cost_usd += cost_usd
            sums.cost_usd += cost_usd
        elif like.status < 400:
            sums.unpriced += count
        else:
            sums.unpriced += sum(map(any, zip(input_tokens, output_tokens, strict=True)))

    def _add_call(self, provider: str, latency_ms: float) -> None:
        _histogram(self._sums.upstream, provider, DURATION_S).observe(latency_ms / 1000)

    def _add_runs(self, runs: Sequence[ToolRun]) -> None:
        for run in runs:
            tool, source = self._tools.labels(run)
            self._sums.tool_calls[tool, source, run.error or "ok"] += 1
            _histogram(self._sums.tools, tool, TOOL_S).observe(run.duration_ms / 1000)

    def _used(self, client: str, model: str) -> Used:
        found = self._sums.used.get((client, model))
        if found is None:
            found = self._sums.used[client, model] = Used()
        return found

    def _add_use(self, client: str, model: str, used: RequestRecord | Attempt) -> None:
        sums, total = self._sums, self._used(client, model)
        total.input_tokens += used.input_tokens
        total.output_tokens += used.output_tokens
        sums.cached_tokens += used.cached_tokens
        if used.cost_usd is not None:
            total.cost_usd += used.cost_usd
            sums.cost_usd += used.cost_usd


def _sorted_out(rows: Rows) -> tuple[Mapping[Shared, Sequence[int]], Sequence[int]]:
    """Those that went well at the first try, by what they share; the places of the others."""
    plain: dict[Shared, Sequence[int]] = {}
    others: list[int] = []
    for shared, places in rows.groups().items():
        if shared.first.error is not None or not shared.first.attempts:
            others += places
            continue
        if rows.whole:
            logged = {at for at in places if at in rows.whole and _has_log(rows.whole[at])}
            others += logged
            places = [at for at in places if at not in logged]
        if places:
            plain[shared] = places
    return plain, sorted(others)


def _has_log(record: RequestRecord) -> bool:
    return record.attempt_log is not None or record.tool_log is not None


def _histogram(histograms: dict[str, Histogram], key: str, bounds: Sequence[float]) -> Histogram:
    found = histograms.get(key)
    if found is None:
        found = histograms[key] = Histogram(bounds)
    return found


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
