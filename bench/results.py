"""Measured values by metric and target, and the aims that are held against their medians."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

DIRECT, NGINX, GATEWAY = "direct", "nginx", "ai-gateway"
MACHINE = "machine"
"""The target of figures that belong to no column."""


class Results:
    """Every value of every run; a metric that was not measured is absent."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, list[float]]] = {}

    def add(self, metric: str, target: str, value: float) -> None:
        """Record the value of one run."""
        self._values.setdefault(metric, {}).setdefault(target, []).append(value)

    def runs(self, metric: str, target: str) -> list[float]:
        """The values of all runs, in order."""
        return self._values.get(metric, {}).get(target, [])

    def median(self, metric: str, target: str) -> float | None:
        """The median of the runs, None without a run."""
        runs = self.runs(metric, target)
        return statistics.median(runs) if runs else None

    def ratio(self, metric: str) -> float | None:
        """ai-gateway's median by nginx's."""
        ours, theirs = self.median(metric, GATEWAY), self.median(metric, NGINX)
        return ours / theirs if ours is not None and theirs else None

    def by_relay(self, metric: str, relayed: str) -> float | None:
        """ai-gateway's median of `metric` by its own of `relayed`."""
        ours, plain = self.median(metric, GATEWAY), self.median(relayed, GATEWAY)
        return ours / plain if ours is not None and plain else None

    def as_json(self) -> dict[str, dict[str, dict[str, object]]]:
        """`{metric: {target: {"runs": [...], "median": x}}}`."""
        return {
            metric: {
                target: {"runs": runs, "median": statistics.median(runs)} for target, runs in targets.items()
            }
            for metric, targets in self._values.items()
        }


@dataclass(frozen=True)
class Aim:
    """A bound on one figure of the results; `figure` gives None where it was not measured."""

    text: str
    unit: str
    bound: float
    figure: Callable[[Results], float | None]

    def verdict(self, results: Results) -> str:
        """`holds`, `MISSED` or `not measured`."""
        value = self.figure(results)
        if value is None:
            return "not measured"
        return "holds" if value <= self.bound else "MISSED"


AIMS = (
    Aim("CPU a request, by nginx's", "x", 15, lambda r: r.ratio("chat_cpu_us")),
    Aim("CPU a paced event (500 streams, 10 ms), by nginx's", "x", 3, lambda r: r.ratio("paced500_cpu_us")),
    Aim(
        "CPU a translated request, by a relayed one's",
        "x",
        2.5,
        lambda r: r.by_relay("translated_cpu_us", "chat_cpu_us"),
    ),
    Aim(
        "CPU a translated event (100 streams, 10 ms), by a relayed one's",
        "x",
        2.5,
        lambda r: r.by_relay("translated_paced100_cpu_us", "paced100_cpu_us"),
    ),
    Aim(
        "CPU a translated event (32 streams, as fast as they come), by a relayed one's",
        "x",
        2.5,
        lambda r: r.by_relay("translated_fast32_cpu_us", "fast32_cpu_us"),
    ),
    Aim("admission by all limits, in process", " us", 10, lambda r: r.median("admission_us", GATEWAY)),
    Aim("RSS under load", " MiB", 90, lambda r: r.median("rss_load_mb", GATEWAY)),
    Aim("second start to first 200", " ms", 1000, lambda r: r.median("start_ms", GATEWAY)),
)
