"""Measured values by metric and target; ratios are of one round each, since a machine's speed changes."""

import statistics
from collections.abc import Mapping, Sequence

import msgspec

DIRECT, NGINX, GATEWAY = "direct", "nginx", "ai-gateway"
LITELLM, PORTKEY = "LiteLLM", "Portkey"
COLUMNS = (DIRECT, NGINX, GATEWAY, LITELLM, PORTKEY)
MACHINE = "machine"
"""The target of figures that belong to no column."""


class Summary(msgspec.Struct, frozen=True):
    """Some rounds of one figure."""

    median: float
    least: float
    most: float

    @property
    def spread(self) -> float:
        """From the least to the most, as a share of the median; 0 where that is 0."""
        return (self.most - self.least) / abs(self.median) if self.median else 0.0


def summary(values: Sequence[float]) -> Summary | None:
    """None of no values."""
    return Summary(statistics.median(values), min(values), max(values)) if values else None


def round_ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """One ratio a round; what belongs to no pair, or would be divided by nothing, is left out."""
    return [a / b for a, b in zip(ours, theirs, strict=False) if b]


class Results:
    """Every value of every round; a metric that was not measured is absent."""

    def __init__(self, values: Mapping[str, Mapping[str, Sequence[float]]] | None = None) -> None:
        """`values`: `{metric: {target: [value of each round]}}`, as `as_json` gives it back."""
        self._values: dict[str, dict[str, list[float]]] = {}
        for metric, targets in (values or {}).items():
            self._values[metric] = {target: list(runs) for target, runs in targets.items()}

    def add(self, metric: str, target: str, value: float) -> None:
        """Record the value of one round."""
        self._values.setdefault(metric, {}).setdefault(target, []).append(value)

    def targets(self) -> set[str]:
        """Every target of any metric."""
        return {target for targets in self._values.values() for target in targets}

    def runs(self, metric: str, target: str) -> list[float]:
        """The values of all rounds, in order."""
        return self._values.get(metric, {}).get(target, [])

    def median(self, metric: str, target: str) -> float | None:
        """The median of the rounds, None without a round."""
        found = summary(self.runs(metric, target))
        return None if found is None else found.median

    def ratios(self, metric: str, *, of: str = GATEWAY, by: str = NGINX) -> list[float]:
        """Two targets' values of one metric, round by round."""
        return round_ratios(self.runs(metric, of), self.runs(metric, by))

    def ratio(self, metric: str, *, of: str = GATEWAY, by: str = NGINX) -> float | None:
        """The median of `ratios`."""
        found = summary(self.ratios(metric, of=of, by=by))
        return None if found is None else found.median

    def against(self, metric: str, base: str) -> list[float]:
        """ai-gateway's values of `metric` by its own of `base`, round by round."""
        return round_ratios(self.runs(metric, GATEWAY), self.runs(base, GATEWAY))

    def as_json(self) -> dict[str, dict[str, list[float]]]:
        """`{metric: {target: [value of each round]}}`."""
        return self._values
