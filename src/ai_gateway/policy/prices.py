"""What a request costs: the admin's own prices, then what the provider reports, then the price table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.policy.price_table import ModelPrices, price_table
from ai_gateway.policy.rates import Price, Value, bands
from ai_gateway.policy.targets import Target
from ai_gateway.providers import Provider, Upstream

if TYPE_CHECKING:
    from ai_gateway.config.model import PriceOverride

__all__ = ["MAX_CACHED", "Price", "Prices", "Tariff"]

K = TypeVar("K")
V = TypeVar("V")
MAX_CACHED = 4096
"""Names that are remembered: callers make them up, so there is no end of them."""
LONGEST_NAME = 500
"""Characters of a model's name that is remembered."""

_CLOSED = (
    (re.compile(r"gpt-(?:[3-9]|image|audio|realtime)|chatgpt-|o[134](?:-|$)|text-embedding-3"), "openai"),
    (re.compile(r"claude-"), "anthropic"),
    (re.compile(r"gemini-"), "google"),
    (re.compile(r"grok-(?:[3-9]|code|imagine)"), "x-ai"),
)
"""Models whose weights nobody else has: a server that offers one passes it on."""


class _Dated:
    """The admin's prices for one name or pattern, the latest that is in effect first."""

    __slots__ = ("_entries",)

    def __init__(self, name: str, entries: Sequence[PriceOverride]) -> None:
        found = [(_since(one), Price(name=name, bands=bands(_values(one)))) for one in entries]
        self._entries = sorted(found, key=lambda entry: entry[0], reverse=True)

    def at(self, at_s: float) -> Price | None:
        return next((price for since, price in self._entries if at_s >= since), None)


class _Place(NamedTuple):
    """Of an upstream, what its prices depend on. No credential: this is kept for all its clients."""

    provider_name: str
    base: str
    provider: Provider


class Tariff:
    """What one model costs at one place."""

    __slots__ = ("_model", "_named", "_place", "_prices", "_reported", "listed")

    def __init__(self, prices: Prices, place: _Place, model: str) -> None:
        self._prices = prices
        self._place = place
        self._model = model
        self.listed = _in_table(place, model)
        """What the table says of the name that the provider is asked for."""
        self._reported = model
        self._named = self.listed
        """What it says of the name that the provider called the model by the last time."""

    def at(self, at_s: float) -> Price | None:
        """The price of the model by its name, at a time (Unix seconds); None where it is unknown.

        For reservations: what a request really costs may depend on what its answer says (`cost`).
        """
        price = self._prices.override(self._model, at_s) if self._prices.overrides else None
        if price is None and self.listed is not None:
            price = self.listed.at(at_s)
        return price if price is not None and price.by_token else None

    def cost(self, usage: Usage, reported: str | None, at_s: float) -> float | None:
        """As `Prices.cost`."""
        price = self._overriding(reported, at_s) if self._prices.overrides else None
        if price is None:
            if usage.reported_usd is not None:
                return usage.reported_usd
            if reported and reported != self._reported:
                self._reported = reported
                self._named = self._prices.tariff_at(self._place, reported).listed
            if reported and self._named is not None:
                price = _of_use(self._named.at(at_s), usage)
            if price is None and self.listed is not None:
                price = _of_use(self.listed.at(at_s), usage)
            if price is None:
                return None
        total = price.cost(usage)
        return total if not usage.others else self._with_others(total, usage, at_s)

    def _overriding(self, reported: str | None, at_s: float) -> Price | None:
        price = self._prices.override(self._model, at_s)
        if price is None and reported:
            price = self._prices.override(reported, at_s)
        return price

    def _with_others(self, total: float, usage: Usage, at_s: float) -> float | None:
        for name, other in usage.others:
            further = self._prices.tariff_at(self._place, name).cost(other, None, at_s)
            if further is None:
                return None
            total += further
        return total


class Prices:
    """Costs of requests, in USD. Not for threads: one event loop, or one command, has its own."""

    def __init__(self, overrides: Mapping[str, Sequence[PriceOverride]] | None = None) -> None:
        """`overrides` by model name; one with `*` speaks of many."""
        made = {name: _Dated(name, entries) for name, entries in (overrides or {}).items()}
        self.overrides = bool(made)
        """Whether there are any."""
        self._exact = {name: dated for name, dated in made.items() if "*" not in name}
        patterns = sorted((name for name in made if "*" in name), key=_weight)
        self._patterns = [(_pattern(name), made[name]) for name in patterns]
        self._overridden: dict[str, _Dated | None] = {}
        self._tariffs: dict[tuple[str, str, str], Tariff] = {}

    def prepare(self, upstreams: Iterable[Upstream]) -> None:
        """Read what the table says of these providers now, and not while a request waits."""
        for upstream in {(each.provider_name, each.base): each for each in upstreams}.values():
            self.tariff(upstream, "")

    def tariff(self, upstream: Upstream, model: str) -> Tariff:
        """What a model costs; `model` is the name that the provider is asked for."""
        try:
            return self._tariffs[upstream.provider_name, upstream.base, model]
        except KeyError:
            place = _Place(upstream.provider_name, upstream.base, upstream.provider)
            return self.tariff_at(place, model)

    def tariff_at(self, place: _Place, model: str) -> Tariff:
        key = (place.provider_name, place.base, model)
        found = self._tariffs.get(key)
        return _remember(self._tariffs, key, model, Tariff(self, place, model)) if found is None else found

    def of(self, target: Target) -> Tariff:
        """What the target's model costs. The target remembers it."""
        tariff = self.tariff(target.upstream, target.model or "")
        msgspec.structs.force_setattr(target, "tariff", tariff)
        return tariff

    def cost(
        self, upstream: Upstream, model: str, at_s: float, usage: Usage, reported: str | None
    ) -> float | None:
        """USD for a request; None where no price is known.

        `model` is the name that the provider was asked for, `reported` what it called the model.
        """
        return self.tariff(upstream, model).cost(usage, reported, at_s)

    def override(self, model: str, at_s: float) -> Price | None:
        """The admin's own price."""
        try:
            dated = self._overridden[model]
        except KeyError:
            dated = _remember(self._overridden, model, model, self._look_up(model))
        return None if dated is None else dated.at(at_s)

    def _look_up(self, model: str) -> _Dated | None:
        if model in self._exact:
            return self._exact[model]
        return next((dated for pattern, dated in self._patterns if pattern.fullmatch(model)), None)


def _of_use(price: Price | None, usage: Usage) -> Price | None:
    """A listed price, where it says something of this usage: one by the hour does not of mere tokens."""
    if price is None or price.by_token or (usage.audio_seconds and price.by_length):
        return price
    return None


def _remember(found: dict[K, V], key: K, model: str, value: V) -> V:
    """Not where a caller has made the name up to fill memory."""
    if len(model) <= LONGEST_NAME:
        if len(found) >= MAX_CACHED:
            found.clear()
        found[key] = value
    return value


def _in_table(place: _Place, model: str) -> ModelPrices | None:
    provider, name = place.provider.price_provider, model
    if place.provider.priced_by_address:
        name = model.rpartition("/")[2]
        known = price_table().provider_at(place.base)
        if known is not None:
            provider, name = known, model
        else:
            provider = next((vendor for names, vendor in _CLOSED if names.match(name)), "")
    if not provider:
        return None
    if provider == "google":  # its own API writes `models/`, its OpenAI-compatible one `google/` too
        name = name.removeprefix("models/").removeprefix("google/")
    return price_table().find(provider, name)


def _weight(pattern: str) -> tuple[int, str]:
    """Longer patterns first; a star weighs nothing."""
    return -len(pattern.replace("*", "")), pattern


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)


def _since(entry: PriceOverride) -> float:
    return float("-inf") if entry.effective_at is None else entry.effective_at.timestamp()


def _values(entry: PriceOverride) -> dict[str, Value]:
    """As `bands` reads them: USD per million tokens, per thousand requests."""
    given: dict[str, float | None] = {
        "input": entry.input,
        "output": entry.output,
        "cache_read": entry.cache_read,
        "cache_write": entry.cache_write,
        "cache_write_1h": entry.cache_write_1h,
        "reasoning": entry.reasoning,
        "request": entry.request * 1000,
    }
    return {name: value for name, value in given.items() if value is not None}
