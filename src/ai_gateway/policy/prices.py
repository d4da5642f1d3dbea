"""What a request costs: the admin's own prices, then what the provider reports, then the price table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from ai_gateway.core.usage import Usage
from ai_gateway.policy.price_table import ModelPrices, price_table
from ai_gateway.policy.rates import Price, Value, bands
from ai_gateway.providers import Upstream

if TYPE_CHECKING:
    from ai_gateway.config.model import PriceOverride

__all__ = ["MAX_CACHED", "Price", "Prices"]

K = TypeVar("K")
V = TypeVar("V")
MAX_CACHED = 4096
"""Names that are remembered: callers make them up, so there is no end of them."""

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


class Prices:
    """Costs of requests, in USD. Not for threads: one event loop, or one command, has its own."""

    def __init__(self, overrides: Mapping[str, Sequence[PriceOverride]] | None = None) -> None:
        """`overrides` by model name; one with `*` speaks of many."""
        made = {name: _Dated(name, entries) for name, entries in (overrides or {}).items()}
        self._overrides = bool(made)
        self._exact = {name: dated for name, dated in made.items() if "*" not in name}
        patterns = sorted((name for name in made if "*" in name), key=_weight)
        self._patterns = [(_pattern(name), made[name]) for name in patterns]
        self._overridden: dict[str, _Dated | None] = {}
        self._found: dict[tuple[str, str, str], ModelPrices | None] = {}

    def prepare(self, upstreams: Iterable[Upstream]) -> None:
        """Read what the table says of these providers now, and not while a request waits."""
        for upstream in {(each.provider_name, each.base): each for each in upstreams}.values():
            self._listed(upstream, "", 0.0)

    def find(self, upstream: Upstream, model: str, at_s: float) -> Price | None:
        """The price of a model by name, at a time (Unix seconds); None where it is unknown.

        For reservations: what a request really costs may depend on what its answer says (`cost`).
        """
        price = self._override(model, at_s) if self._overrides else None
        if price is None:
            price = self._listed(upstream, model, at_s)
        return price if price is not None and price.by_token else None

    def cost(
        self, upstream: Upstream, model: str, at_s: float, usage: Usage, reported: str | None
    ) -> float | None:
        """USD for a request; None where no price is known.

        `model` is the name that the provider was asked for, `reported` what it called the model.
        """
        price = None
        if self._overrides:
            price = self._override(model, at_s) or (self._override(reported, at_s) if reported else None)
        if price is None:
            if usage.reported_usd is not None:
                return usage.reported_usd
            for name in (reported, model) if reported and reported != model else (model,):
                price = self._listed(upstream, name, at_s)
                # One by the hour says nothing of mere tokens.
                if price is not None and (price.by_token or (usage.audio_seconds and price.by_length)):
                    break
            else:
                return None
        total = price.cost(usage)
        for name, other in usage.others:
            further = self.cost(upstream, name, at_s, other, None)
            if further is None:
                return None
            total += further
        return total

    def _override(self, model: str, at_s: float) -> Price | None:
        try:
            dated = self._overridden[model]
        except KeyError:
            dated = _remember(self._overridden, model, self._look_up(model))
        return None if dated is None else dated.at(at_s)

    def _look_up(self, model: str) -> _Dated | None:
        if model in self._exact:
            return self._exact[model]
        return next((dated for pattern, dated in self._patterns if pattern.fullmatch(model)), None)

    def _listed(self, upstream: Upstream, model: str, at_s: float) -> Price | None:
        key = (upstream.provider_name, upstream.base, model)
        try:
            prices = self._found[key]
        except KeyError:
            prices = _remember(self._found, key, _in_table(upstream, model))
        return None if prices is None else prices.at(at_s)


def _remember(found: dict[K, V], key: K, value: V) -> V:
    if len(found) >= MAX_CACHED:
        found.clear()
    found[key] = value
    return value


def _in_table(upstream: Upstream, model: str) -> ModelPrices | None:
    provider, name = upstream.provider.price_provider, model
    if upstream.provider.priced_by_address:
        name = model.rpartition("/")[2]
        known = price_table().provider_at(upstream.base)
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
