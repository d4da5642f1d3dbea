"""The price table: prices of models by provider, as `scripts/price_table.py` compiles them from the library
genai-prices, and how a name finds its model there.

A provider's part of the file is read when its first model is asked for.
"""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from pathlib import Path

import msgspec

from ai_gateway.policy.rates import Price, Value, bands

__all__ = ["ModelPrices", "PriceTable", "price_table"]

_FILE = Path(__file__).with_name("price_table.json")
_DAY_S = 86_400
_NOT_TOKENS = frozenset({"web_searches", "request", "audio_hours", "input_audio_hours"})
_COMPACT_DATE = re.compile(r"-(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)")


class Match(msgspec.Struct, frozen=True):
    """Names, in lower case, that mean a model: any of the alternatives will do."""

    equals: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    ends: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    every: tuple[tuple[Match, ...], ...] = ()
    """Alternatives that are met where all of them are."""

    @property
    def exact(self) -> bool:
        """Whether only equal names match."""
        return not (self.starts or self.ends or self.contains or self.regex or self.every)

    def matches(self, name: str) -> bool:
        return (
            name in self.equals
            or name.startswith(self.starts)
            or name.endswith(self.ends)
            or any(text in name for text in self.contains)
            or any(re.search(pattern, name) for pattern in self.regex)
            or any(all(one.matches(name) for one in clauses) for clauses in self.every)
        )


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Prices, and when they hold."""

    prices: dict[str, Value]
    since: int | None = None
    """Unix seconds."""
    hours: tuple[int, int] | None = None
    """Seconds of the UTC day: from, until."""
    tier: str = ""

    def holds(self, at_s: float) -> bool:
        if self.since is not None:
            return at_s >= self.since
        if self.hours is None:
            return True
        start, end = self.hours
        moment = at_s % _DAY_S
        return start <= moment < end if start <= end else moment >= start or moment < end

    def changes(self, at_s: float) -> tuple[float, ...]:
        """When it begins or ends to hold, the last time before `at_s` and the next one among them."""
        if self.since is not None:
            return (self.since,)
        if self.hours is None:
            return ()
        midnight = at_s - at_s % _DAY_S
        return tuple(midnight + day + moment for day in (-_DAY_S, 0, _DAY_S) for moment in self.hours)


class _Model(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    match: Match
    entries: tuple[_Entry, ...]
    variants: tuple[_Entry, ...] = ()


class _Provider(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    address: str
    """A regular expression that its base URLs begin with."""
    models: msgspec.Raw
    fallbacks: tuple[str, ...] = ()
    """Other providers whose models it serves."""


class _Table(msgspec.Struct, frozen=True):
    library: str
    providers: list[_Provider]


_models = msgspec.json.Decoder(list[_Model])


class ModelPrices:
    """The prices of one model over time."""

    __slots__ = ("_end_s", "_found", "_model", "_price", "_start_s")

    def __init__(self, model: _Model) -> None:
        self._model = model
        self._found: dict[tuple[int, ...], Price | None] = {}
        self._price: Price | None = None
        self._start_s = self._end_s = 0.0  # when `_price` holds: at no time yet

    @property
    def id(self) -> str:
        """The model's name in the table."""
        return self._model.id

    def at(self, at_s: float) -> Price | None:
        """The price at a time (Unix seconds); None where the table holds none."""
        if at_s < self._start_s or at_s >= self._end_s:
            self._price = self._resolved(at_s)
            changes = [change for one in self._entries() for change in one.changes(at_s)]
            self._start_s = max((change for change in changes if change <= at_s), default=float("-inf"))
            self._end_s = min((change for change in changes if change > at_s), default=float("inf"))
        return self._price

    def _entries(self) -> tuple[_Entry, ...]:
        return (*self._model.entries, *self._model.variants)

    def _resolved(self, at_s: float) -> Price | None:
        entries, variants = self._model.entries, self._model.variants
        number = next((i for i in range(len(entries) - 1, -1, -1) if entries[i].holds(at_s)), 0)
        key = (number, *(i for i, one in enumerate(variants) if one.holds(at_s)))
        if key not in self._found:
            self._found[key] = self._made(entries[number], [variants[i] for i in key[1:]])
        return self._found[key]

    def _made(self, entry: _Entry, variants: list[_Entry]) -> Price | None:
        if not entry.prices:
            return None
        tiers: dict[str, dict[str, Value]] = {}
        for one in variants:  # the first that speaks of a unit counts
            tiers[one.tier] = {**one.prices, **tiers.get(one.tier, {})}
        return Price(
            name=self._model.id,
            bands=bands(entry.prices),
            tiers={tier: bands({**entry.prices, **own}) for tier, own in tiers.items() if own},
            by_token=not _NOT_TOKENS.issuperset(entry.prices),
        )


class _Book:
    """The models of one provider, ready to be found."""

    def __init__(self, models: list[_Model]) -> None:
        self._models = models
        self._exact: dict[str, int] = {}
        self._others: list[tuple[int, Match]] = []
        self._made: dict[int, ModelPrices] = {}
        for number, model in enumerate(models):
            for name in model.match.equals:
                self._exact.setdefault(name, number)
            if not model.match.exact:
                self._others.append((number, model.match))

    def find(self, name: str) -> ModelPrices | None:
        """The first model that matches."""
        found = self._exact.get(name, len(self._models))
        for number, match in self._others:
            if number >= found:
                break
            if match.matches(name):
                found = number
                break
        if found == len(self._models):
            return None
        if found not in self._made:
            self._made[found] = ModelPrices(self._models[found])
        return self._made[found]


class PriceTable:
    """Prices by provider (of the library's names) and model."""

    def __init__(self, data: bytes) -> None:
        table = msgspec.json.decode(data, type=_Table)
        self.library = table.library
        """The version of the library that the prices are from."""
        self._providers = {one.id: one for one in table.providers}
        self._books: dict[str, _Book] = {}

    def find(self, provider: str, model: str) -> ModelPrices | None:
        """The prices of a model at a provider, by any of its names: dated ones find their family.

        Names are matched in lower case; one with a compact date is tried with a written-out one as well.
        """
        name = model.lower()
        found = self._find(provider, name)
        if found is None:
            spelled = _COMPACT_DATE.sub(_spelled, name)
            if spelled != name:
                found = self._find(provider, spelled)
        return found

    def provider_at(self, address: str) -> str | None:
        """The provider that a base URL belongs to."""
        for one in self._providers.values():
            if re.match(one.address, address):
                return one.id
        return None

    def _find(self, provider: str, name: str) -> ModelPrices | None:
        found = self._book(provider).find(name)
        for other in self._providers[provider].fallbacks:
            if found is not None:
                break
            found = self._book(other).find(name)
        return found

    def _book(self, provider: str) -> _Book:
        if provider not in self._books:
            self._books[provider] = _Book(_models.decode(self._providers[provider].models))
        return self._books[provider]


def _spelled(found: re.Match[str]) -> str:
    year, month, day = map(int, found.groups())
    try:
        date(year, month, day)
    except ValueError:
        return found.group(0)
    return f"-{year:04d}-{month:02d}-{day:02d}"


@cache
def price_table() -> PriceTable:
    """That of the package, read at the first call."""
    return PriceTable(_FILE.read_bytes())
