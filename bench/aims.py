"""The aims, and whether each holds: a busy machine may leave that open, but never makes an aim hold.

MB and kB are 10^6 and 10^3 bytes: the stricter reading.
"""

import enum
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.results import DIRECT, GATEWAY, MACHINE, NGINX, Results, Summary, summary

HOLDS, MISSED, NOT_MEASURED = "holds", "MISSED", "not measured"
NOT_MEASURABLE = "not measurable"
VARIES_ABOVE = 0.20
"""Spread of a baseline over the rounds, above which the machine is busy; a quiet one has under 0.1."""
_CHANCE = 1 / 8
"""Rounds say the same where chance alone would put as many on one side no more often: three of three do, and
eight of ten."""
FOREIGN_ABOVE = 5.0  # per cent of the cores
BEHIND_BELOW = 98.0  # per cent of the expected events
FULL_ABOVE = 95.0  # per cent of a core
WORKERS_CORES = 2

_BASELINES = (
    ("chat_cpu_us", NGINX, "nginx's CPU a request"),
    ("paced100_cpu_us", NGINX, "nginx's CPU an event"),
    ("chat_rps", DIRECT, "the direct rate of requests"),
)


class Kind(enum.Enum):
    """What a busy machine does to a figure."""

    TIME = enum.auto()  # it grows; so does what waits in memory
    RATIO = enum.auto()  # within a round: it may go either way, unless the rounds agree
    SIZE = enum.auto()  # nothing


@dataclass(frozen=True)
class Aim:
    """A bound on one figure of the results.

    `values` gives the figure of each round. `at_least`: the bound is a lower one. `excuse` tells why a miss
    would say nothing. `baseline`: the gateway's own metric that a ratio is taken by, and what it is.
    """

    text: str
    unit: str
    bound: float
    values: Callable[[Results], list[float]]
    kind: Kind = Kind.TIME
    at_least: bool = False
    excuse: Callable[[Results], str | None] = lambda _: None
    baseline: tuple[str, str] | None = None

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
        agree = _by_chance(kept.count(holds), len(kept)) <= _CHANCE
        doubt = busy_machine(results) or self._varied(results)
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

    def _varied(self, results: Results) -> str | None:
        if self.baseline is None:
            return None
        metric, what = self.baseline
        return _varied(results, metric, GATEWAY, what)

    def _keeps(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


def busy_machine(results: Results) -> str | None:
    """Why figures of this run may not be its targets' own; None on a quiet machine."""
    foreign = results.median("foreign_busy", MACHINE)
    if foreign is not None and foreign > FOREIGN_ABOVE:
        return f"machine busy, others took {foreign:.0f} % of the cores"
    for baseline in _BASELINES:
        if varied := _varied(results, *baseline):
            return varied
    return None


def _varied(results: Results, metric: str, target: str, what: str) -> str | None:
    found = summary(results.runs(metric, target))
    if found is None or found.spread <= VARIES_ABOVE:
        return None
    return f"machine busy, {what} varied by {100 * found.spread:.0f} %"


def _by_chance(count: int, of: int) -> float:
    """How often at least `count` of `of` tosses of a coin are heads."""
    return sum(math.comb(of, heads) for heads in range(count, of + 1)) * 0.5**of


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


def shared_load(results: Results) -> Iterator[str]:
    """What two workers did to the load beside them, which has the same to do for each request as with one."""
    one, two = (results.median(f"workers{workers}_load_cpu_us", GATEWAY) for workers in (1, 2))
    if one and two:
        yield f"two workers: load and upstream, too, took {two / one:.2f} times the CPU a request of one's"


def _load_was_full(metric: str) -> Callable[[Results], str | None]:
    def excuse(results: Results) -> str | None:
        direct = results.median(f"{metric}_achieved", DIRECT)
        if direct is not None and direct < BEHIND_BELOW:
            return f"the load itself reached {direct:.0f} % of that rate"
        busy = results.median(f"{metric}_load_busy", GATEWAY)
        return "the load's core was full" if busy is not None and busy > FULL_ABOVE else None

    return excuse


def _nginx_misses(metric: str, bound: float, unit: str) -> Callable[[Results], str | None]:
    """What a bare proxy does not keep on this machine, no gateway can."""

    def excuse(results: Results) -> str | None:
        found = results.median(metric, NGINX)
        return None if found is None or found <= bound else f"nginx itself adds {found:.2f}{unit}"

    return excuse


def _no_room(bound: float) -> Callable[[Results], str | None]:
    """What two cores do not hold, were a second worker to cost nothing at all."""

    def excuse(results: Results) -> str | None:
        rps, own_us, load_us = (
            results.median(f"workers1_{name}", GATEWAY) for name in ("rps", "cpu_us", "load_cpu_us")
        )
        if not rps or own_us is None or load_us is None:
            return None
        busy = rps * (own_us + load_us) / 1e6
        room = WORKERS_CORES / busy
        if room >= bound:
            return None
        taken = f"one worker and the load take {busy:.2f} of {WORKERS_CORES} cores"
        return f"{taken}, which leaves room for {room:.2f}x"

    return excuse


def _load_too(bound: float) -> Callable[[Results], str | None]:
    """Cores that more processes share are slower for all of them: the load, too, is a measure of that."""

    def excuse(results: Results) -> str | None:
        own = summary(results.against("workers2_cpu_us", "workers1_cpu_us"))
        load = summary(results.against("workers2_load_cpu_us", "workers1_load_cpu_us"))
        if own is None or load is None or own.median > bound * load.median:
            return None
        return f"load and upstream, with the same to do as before, took {load.median:.2f} times the CPU, too"

    return excuse


def _own(metric: str) -> Callable[[Results], list[float]]:
    return lambda results: results.runs(metric, GATEWAY)


def _by_nginx(metric: str) -> Callable[[Results], list[float]]:
    return lambda results: results.ratios(metric)


def _by_own(metric: str, base: str) -> Callable[[Results], list[float]]:
    return lambda results: results.against(metric, base)


def _ratio(
    text: str,
    bound: float,
    values: Callable[[Results], list[float]],
    *,
    at_least: bool = False,
    baseline: tuple[str, str] | None = None,
    excuse: Callable[[Results], str | None] = lambda _: None,
) -> Aim:
    return Aim(text, "x", bound, values, Kind.RATIO, at_least=at_least, baseline=baseline, excuse=excuse)


def _added(percentile: str, bound: float) -> Aim:
    metric = f"rate_added_{percentile}_ms"
    text = f"added latency at half load, {percentile}"
    return Aim(text, " ms", bound, _own(metric), excuse=_nginx_misses(metric, bound, " ms"))


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
    _added("p50", 0.3),
    _added("p99", 2),
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
    _ratio(
        "p99 with the control path busy, by p99 without",
        1.2,
        _by_own("control_p99_ms", "quiet_p99_ms"),
        baseline=("quiet_p99_ms", "p99 without it"),
    ),
    _ratio(
        "CPU a request of two workers, by one's",
        1.1,
        _by_own("workers2_cpu_us", "workers1_cpu_us"),
        baseline=("workers1_cpu_us", "one worker's CPU a request"),
        excuse=_load_too(1.1),
    ),
    _ratio(
        "requests/s of two workers, by one's",
        1.5,
        _by_own("workers2_rps", "workers1_rps"),
        at_least=True,
        baseline=("workers1_rps", "one worker's requests/s"),
        excuse=_no_room(1.5),
    ),
)
