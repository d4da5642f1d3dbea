"""The aims, and whether each holds: a busy machine may leave that open, but never makes an aim hold.

MB and kB are 10^6 and 10^3 bytes: the stricter reading.
"""

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.results import DIRECT, GATEWAY, MACHINE, NGINX, Results, Summary, summary

HOLDS, MISSED, NOT_MEASURED = "holds", "MISSED", "not measured"
NOT_MEASURABLE = "not measurable"
VARIES_ABOVE = 0.20
"""Spread of a baseline over the rounds, above which the machine is busy; a quiet one has under 0.1."""
_ROUNDS_TO_AGREE = 3
FOREIGN_ABOVE = 5.0  # per cent of the cores
BEHIND_BELOW = 98.0  # per cent of the expected events
FULL_ABOVE = 95.0  # per cent of a core

_BASELINES = (
    ("chat_cpu_us", NGINX, "nginx's CPU a request"),
    ("paced100_cpu_us", NGINX, "nginx's CPU an event"),
    ("chat_rps", DIRECT, "the direct rate of requests"),
)


class Kind(enum.Enum):
    """What a busy machine does to a figure."""

    TIME = enum.auto()  # it grows; so does what waits in memory
    RATIO = enum.auto()  # within a round: it may go either way, unless all rounds agree
    SIZE = enum.auto()  # nothing


@dataclass(frozen=True)
class Aim:
    """A bound on one figure of the results.

    `values` gives the figure of each round. `at_least`: the bound is a lower one. `excuse` tells why a miss
    would say nothing.
    """

    text: str
    unit: str
    bound: float
    values: Callable[[Results], list[float]]
    kind: Kind = Kind.TIME
    at_least: bool = False
    excuse: Callable[[Results], str | None] = lambda _: None

    def summary(self, results: Results) -> Summary | None:
        """None where it was not measured."""
        return summary(self.values(results))

    def verdict(self, results: Results) -> str:
        """`holds`, `MISSED`, `not measured`, or `not measurable: ` and why."""
        values = self.values(results)
        found = summary(values)
        if found is None:
            return NOT_MEASURED
        kept = [self._keeps(value) for value in values]
        holds = self._keeps(found.median)
        agree = len(values) >= _ROUNDS_TO_AGREE and len(set(kept)) == 1
        doubt = busy_machine(results)
        if (
            self.kind is Kind.SIZE
            or (self.kind is Kind.RATIO and agree)
            or (self.kind is Kind.TIME and holds)
        ):
            doubt = None  # others' work makes no process larger, and nothing quicker
        if not holds:
            doubt = self.excuse(results) or doubt
        if doubt is not None:
            return f"{NOT_MEASURABLE}: {doubt}"
        return HOLDS if holds else MISSED

    def _keeps(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


def busy_machine(results: Results) -> str | None:
    """Why figures of this run may not be its targets' own; None on a quiet machine."""
    foreign = results.median("foreign_busy", MACHINE)
    if foreign is not None and foreign > FOREIGN_ABOVE:
        return f"machine busy, others took {foreign:.0f} % of the cores"
    for metric, target, what in _BASELINES:
        found = summary(results.runs(metric, target))
        if found is not None and found.spread > VARIES_ABOVE:
            return f"machine busy, {what} varied by {100 * found.spread:.0f} %"
    return None


def behind(results: Results) -> Iterator[str]:
    """Who did not keep up with paced streams, and whose core was full."""
    for column in (NGINX, GATEWAY):
        load_busy = results.median("chat_load_busy", column)
        if load_busy is not None and load_busy > FULL_ABOVE:
            yield f"{column}, chat requests: the load's core was full; requests/s are the load's"
    for streams in (100, 500, 5000):
        for column in (DIRECT, NGINX, GATEWAY):
            names = ("achieved", "busy", "load_busy")
            achieved, busy, load_busy = (results.median(f"paced{streams}_{name}", column) for name in names)
            who = f"{column}, {streams:,} streams"
            if achieved is not None and achieved < BEHIND_BELOW:
                yield f"{who}: FELL BEHIND, {achieved:.1f} % of the expected events"
            if busy is not None and busy > FULL_ABOVE:
                yield f"{who}: its core was full; events wait, share reads, and each then costs less"
            if load_busy is not None and load_busy > FULL_ABOVE:
                yield f"{who}: the load's core was full; rate and latency are the load's too"


def _load_was_full(metric: str) -> Callable[[Results], str | None]:
    def excuse(results: Results) -> str | None:
        direct = results.median(f"{metric}_achieved", DIRECT)
        if direct is not None and direct < BEHIND_BELOW:
            return f"the load itself reached {direct:.0f} % of that rate"
        busy = results.median(f"{metric}_load_busy", GATEWAY)
        return "the load's core was full" if busy is not None and busy > FULL_ABOVE else None

    return excuse


def _own(metric: str) -> Callable[[Results], list[float]]:
    return lambda results: results.runs(metric, GATEWAY)


def _by_nginx(metric: str) -> Callable[[Results], list[float]]:
    return lambda results: results.ratios(metric)


def _by_own(metric: str, base: str) -> Callable[[Results], list[float]]:
    return lambda results: results.against(metric, base)


def _ratio(
    text: str, bound: float, values: Callable[[Results], list[float]], *, at_least: bool = False
) -> Aim:
    return Aim(text, "x", bound, values, Kind.RATIO, at_least=at_least)


AIMS = (
    _ratio("CPU a request, by nginx's", 5, _by_nginx("chat_cpu_us")),
    _ratio("CPU a paced event (100 streams, one each 10 ms), by nginx's", 1.6, _by_nginx("paced100_cpu_us")),
    _ratio("CPU a translated request, by a relayed one's", 2.5, _by_own("translated_cpu_us", "chat_cpu_us")),
    _ratio(
        "CPU a translated event (100 streams, one each 10 ms), by a relayed one's",
        2.5,
        _by_own("translated_paced100_cpu_us", "paced100_cpu_us"),
    ),
    _ratio(
        "CPU a translated event (32 streams, as fast as they come), by a relayed one's",
        2.5,
        _by_own("translated_fast32_cpu_us", "fast32_cpu_us"),
    ),
    Aim("added latency at half load, p50", " ms", 0.3, _own("rate_added_p50_ms")),
    Aim("added latency at half load, p99", " ms", 2, _own("rate_added_p99_ms")),
    Aim("admission by all limits, in process", " us", 10, _own("admission_us")),
    Aim("RSS idle", " MB", 80, _own("rss_idle_mb"), Kind.SIZE),
    Aim("RSS under load", " MB", 94, _own("rss_load_mb")),
    Aim("RSS for each open stream (5,000)", " kB", 40, _own("paced5000_rss_kb_each")),
    Aim("second start to first 200", " ms", 1000, _own("start_ms")),
    Aim(
        "5,000 open streams, one event each 100 ms, of the expected events",
        " %",
        BEHIND_BELOW,
        _own("paced5000_achieved"),
        at_least=True,
        excuse=_load_was_full("paced5000"),
    ),
    _ratio("p99 with the control path busy, by p99 without", 1.2, _by_own("control_p99_ms", "quiet_p99_ms")),
    _ratio("CPU a request of two workers, by one's", 1.1, _by_own("workers2_cpu_us", "workers1_cpu_us")),
    _ratio(
        "requests/s of two workers, by one's",
        1.5,
        _by_own("workers2_rps", "workers1_rps"),
        at_least=True,
    ),
)
