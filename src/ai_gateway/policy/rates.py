"""What a model costs: rates, and the arithmetic of a request's cost."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ai_gateway.core.usage import Usage

__all__ = ["Price", "Rates", "Value", "bands"]

Value = float | list[tuple[int, float]]
"""USD; or its steps, where it grows with the request's input: (above how many tokens, USD)."""

_MILLION = 1e6
_THOUSAND = 1e3
_HOUR_S = 3600.0
_PARTS = {
    "cache_write_1h": "cache_write",
    "input_audio": "input",
    "input_image": "input",
    "input_video": "input",
    "cache_read_audio": "cache_read",
    "cache_read_image": "cache_read",
    "cache_read_video": "cache_read",
    "output_audio": "output",
    "output_image": "output",
    "output_video": "output",
    "output_citation": "output",
}
"""Parts of `Usage` that may have a rate of their own, and the class that each belongs to."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """USD for one token of each class, and what else is charged for."""

    above: int = -1
    """Input tokens from which on (exclusive) these rates hold for the whole request."""
    input: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0
    output: float = 0.0
    reasoning: float = 0.0
    parts: tuple[tuple[str, float], ...] = ()
    """(member of `Usage`, USD for each): for parts of a class, the difference from the class's rate."""
    request: float = 0.0
    audio_second: float | None = None
    """Sound is charged by its length: its tokens are not."""

    def cost(self, usage: Usage) -> float:
        """USD, without what further models did."""
        total = self.request + usage.input * self.input
        if usage.cache_read:
            total += usage.cache_read * self.cache_read
        if usage.cache_write:
            total += usage.cache_write * self.cache_write
        total += usage.output * self.output
        if usage.reasoning:
            total += usage.reasoning * self.reasoning
        if self.parts:
            for name, each in self.parts:
                total += getattr(usage, name) * each
        if usage.audio_seconds and self.audio_second is not None:
            total += usage.audio_seconds * self.audio_second - usage.input_audio * self.input
        return total


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a model costs at some time."""

    name: str
    """What it is priced as: a model of the price table, or a name or pattern of `prices.overrides`."""
    bands: tuple[Rates, ...]
    """By `above`, lowest first."""
    tiers: dict[str, tuple[Rates, ...]] = {}
    """Those of service tiers with prices of their own."""
    by_token: bool = True
    """False: only what is no token has a price, such as the length of sound."""
    input_usd: float = 0.0
    output_usd: float = 0.0
    """For an input token and an output token: the plain rates, for reservations. They follow from `bands`."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "input_usd", self.bands[0].input)
        msgspec.structs.force_setattr(self, "output_usd", self.bands[0].output)

    @property
    def by_length(self) -> bool:
        """Whether the length of sound has a price."""
        return self.bands[0].audio_second is not None

    def cost(self, usage: Usage) -> float:
        """USD for what this model did, never negative."""
        found = self.bands
        if usage.tier and self.tiers:
            found = self.tiers.get(usage.tier, found)
        rates = found[0]
        if len(found) > 1:
            size = usage.total_input
            for band in found:
                if size > band.above:
                    rates = band
        total = rates.cost(usage)
        return total if total > 0.0 else 0.0


def bands(prices: Mapping[str, Value]) -> tuple[Rates, ...]:
    """Rates from prices by member of `Usage`: USD per million tokens, thousand searches or requests, hour.

    A class without a price of its own costs what the class does that it is of: input for what a cache holds,
    output for reasoning. An output that has only a price for pictures or sound is all of that.
    """
    starts = {-1}
    for value in prices.values():
        if isinstance(value, list):
            starts.update(start for start, _ in value)
    return tuple(
        _rates(start, {name: _at(value, start) for name, value in prices.items()}) for start in sorted(starts)
    )


def _at(value: Value, start: int) -> float:
    """The price in the band that begins at `start`."""
    if not isinstance(value, list):
        return value
    found = value[0][1]
    for begins, price in value:
        if begins <= start:
            found = price
    return found


def _rates(above: int, prices: Mapping[str, float]) -> Rates:
    own = {name: price / _MILLION for name, price in prices.items()}
    classes = {"input": _first(own, "input", "input_audio", "input_image", "input_video")}
    classes["output"] = _first(own, "output", "output_image", "output_audio", "output_video")
    classes["cache_read"] = own.get("cache_read", classes["input"])
    classes["cache_write"] = own.get("cache_write", classes["input"])
    hours = prices.get("input_audio_hours", prices.get("audio_hours"))
    return Rates(
        above=above,
        **classes,
        reasoning=own.get("reasoning", classes["output"]),
        parts=_parts(prices, own, classes),
        request=prices.get("request", 0.0) / _THOUSAND,
        audio_second=None if hours is None or "input_audio" in own else hours / _HOUR_S,
    )


def _parts(
    prices: Mapping[str, float], own: Mapping[str, float], classes: Mapping[str, float]
) -> tuple[tuple[str, float], ...]:
    found = []
    for name, whole in _PARTS.items():
        rate = own.get(name)
        if rate is None and whole == "cache_read" and "cache_read" not in own:
            rate = own.get(name.replace("cache_read", "input"))  # a cache that saves nothing
        if rate is not None and rate != classes[whole]:
            found.append((name, rate - classes[whole]))
    if prices.get("web_searches"):
        found.append(("web_searches", prices["web_searches"] / _THOUSAND))
    return tuple(found)


def _first(own: Mapping[str, float], *names: str) -> float:
    return next((own[name] for name in names if name in own), 0.0)
