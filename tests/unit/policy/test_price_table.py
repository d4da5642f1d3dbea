"""The price table is what the script makes of the library, and gives the library's answers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from genai_prices import types
from genai_prices.data import providers
from scripts.price_table import FILE, IGNORED, UNITS, compiled, library_version

from ai_gateway.core.usage import Usage
from ai_gateway.policy.price_table import PriceTable, price_table
from ai_gateway.providers import PROVIDERS

TABLE = price_table()
MOMENTS = [
    datetime(2024, 6, 1, 12, 0, tzinfo=UTC),
    datetime(2025, 3, 1, 2, 30, tzinfo=UTC),
    datetime(2026, 10, 13, 23, 59, 59, tzinfo=UTC),
    datetime(2026, 10, 14, tzinfo=UTC),
    datetime(2027, 1, 1, 17, 0, tzinfo=UTC),
]
USAGES = [
    Usage(input=1000, output=500),
    Usage(input=1, output=1, reasoning=3),
    Usage(input=10_000, cache_read=5_000, cache_write=3_000, output=800, reasoning=200),
    Usage(input=999, cache_read=50_001, cache_write=149_000, cache_write_1h=100_000, output=7),
    Usage(input=272_000, output=10),
    Usage(input=1, cache_read=272_000, output=10),
    Usage(input=900_000, cache_write=200_000, output=64_000, reasoning=1),
    Usage(input=500, input_audio=300, output=200, output_audio=150),
    Usage(input=900, input_image=400, input_video=300, cache_read=100, cache_read_image=60, output=90),
    Usage(input=9, cache_read=80, cache_read_audio=80, output=70, output_image=50, output_video=20),
    Usage(input=5, output=900, output_citation=400, reasoning=100, web_searches=7),
]
OURS = {row.price_provider for row in PROVIDERS.values() if row.price_provider}
TIERS = {"flex": "service_tier", "priority": "service_tier", "batch": "processing", "fast": "speed"}


def test_the_file_is_up_to_date() -> None:
    assert FILE.read_text(encoding="utf-8") == compiled(), "run `python -m scripts.price_table`"
    assert TABLE.library == library_version()


def test_every_unit_of_the_library_is_known_or_ignored_on_purpose() -> None:
    units = {unit for _, model in all_models() for prices in prices_of(model) for unit in vars(prices)}
    assert units <= set(UNITS) | IGNORED


def test_every_provider_of_ours_is_in_the_table() -> None:
    known = {provider.id for provider in providers}
    assert known >= OURS


def all_models() -> Iterator[tuple[types.Provider, types.ModelInfo]]:
    for provider in providers:
        for model in provider.models:
            yield provider, model


def prices_of(model: types.ModelInfo) -> list[types.ModelPrice]:
    plain = (
        [model.prices] if isinstance(model.prices, types.ModelPrice) else [one.prices for one in model.prices]
    )
    return [*plain, *(one.prices for one in model.price_variants or ())]


def library_find(provider: types.Provider, name: str) -> types.ModelInfo | None:
    return provider.find_model(name, all_providers=providers)


def library_usage(usage: Usage) -> types.Usage:
    """As the library counts: what contains what."""
    return types.Usage(
        input_tokens=usage.total_input,
        output_tokens=usage.total_output,
        cache_read_tokens=usage.cache_read,
        cache_write_tokens=usage.cache_write,
        cache_write_1h_tokens=usage.cache_write_1h,
        output_reasoning_tokens=usage.reasoning,
        output_citation_tokens=usage.output_citation,
        input_audio_tokens=usage.input_audio + usage.cache_read_audio,
        input_image_tokens=usage.input_image + usage.cache_read_image,
        input_video_tokens=usage.input_video + usage.cache_read_video,
        cache_audio_read_tokens=usage.cache_read_audio,
        cache_image_read_tokens=usage.cache_read_image,
        cache_video_read_tokens=usage.cache_read_video,
        output_audio_tokens=usage.output_audio,
        output_image_tokens=usage.output_image,
        output_video_tokens=usage.output_video,
        web_searches=usage.web_searches,
        audio_seconds=usage.audio_seconds or None,
        input_audio_seconds=usage.audio_seconds or None,
    )


def names(model: types.ModelInfo) -> set[str]:
    """Ways to call a model: its id, dated, in capitals, cut short, with a prefix; what its clauses say."""
    found = {
        model.id,
        model.id.upper(),
        f"{model.id}-20251211",
        f"{model.id}-2025-12-11",
        f"{model.id}-latest",
    }
    found |= {model.id[:-1], f"x{model.id}", f"vendor/{model.id}", model.id.split(":")[0], f"{model.id}:free"}
    return found | set(texts(model.match))


def texts(clause: object) -> Iterator[str]:
    for value in vars(clause).values():
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            for one in value:
                yield from texts(one)


@pytest.mark.parametrize("provider", providers, ids=lambda one: one.id)
def test_a_name_finds_the_librarys_model(provider: types.Provider) -> None:
    """Every id; of the other ways to call it, fewer where a provider has hundreds of models."""
    chosen = random.Random(provider.id)
    fallbacks = [one for one in providers if one.id in (provider.fallback_model_providers or ())]
    models = [*provider.models, *(model for one in fallbacks for model in one.models)]
    for model in models:
        others = sorted(names(model))
        for name in [model.id, *(chosen.sample(others, min(len(others), 500 // len(models))))]:
            theirs = library_find(provider, name)
            ours = TABLE.find(provider.id, name)
            assert (theirs is None) == (ours is None), name
            if theirs is not None and ours is not None:
                assert ours.id == theirs.id, name


def test_names_of_one_provider_at_another() -> None:
    chosen = random.Random(1)
    everything = [model.id for _, model in all_models()]
    for provider in providers:
        if provider.id in OURS:
            for name in chosen.sample(everything, 150):
                theirs, ours = library_find(provider, name), TABLE.find(provider.id, name)
                assert (ours.id if ours else None) == (theirs.id if theirs else None)


@pytest.mark.parametrize("provider", providers, ids=lambda one: one.id)
def test_costs_are_the_librarys(provider: types.Provider) -> None:
    chosen = random.Random(provider.id)
    for model in provider.models:
        every = provider.id in OURS and (
            not isinstance(model.prices, types.ModelPrice) or model.price_variants
        )
        usages = USAGES if every else chosen.sample(USAGES, 1 if len(provider.models) > 200 else 3)
        for usage in usages:
            for moment in MOMENTS if every else [chosen.choice(MOMENTS)]:
                same_cost(provider, model, usage, moment, "")


@pytest.mark.parametrize("provider", [one for one in providers if one.id in OURS], ids=lambda one: one.id)
def test_tiers_cost_what_the_library_says(provider: types.Provider) -> None:
    for model in provider.models:
        for variant in model.price_variants or ():
            [(context, tier)] = variant.when.items()
            for moment in MOMENTS if context in TIERS.values() else ():
                for usage in USAGES[2:6]:
                    same_cost(provider, model, usage, moment, tier, {context: tier})


def test_bounds_of_the_steps_are_exclusive() -> None:
    """At every bound of every model of ours, and a token beyond."""
    for provider, model in all_models():
        if provider.id not in OURS:
            continue
        for start in {bound for prices in prices_of(model) for bound in bounds(prices)}:
            for size in (start, start + 1):
                same_cost(provider, model, Usage(input=size - 10, cache_read=10, output=3), MOMENTS[-1], "")


def bounds(prices: types.ModelPrice) -> Iterator[int]:
    for value in vars(prices).values():
        if isinstance(value, types.TieredPrices):
            yield from (tier.start for tier in value.tiers)


def same_cost(
    provider: types.Provider,
    model: types.ModelInfo,
    usage: Usage,
    moment: datetime,
    tier: str,
    context: dict[str, str] | None = None,
) -> None:
    found = next((one for name in texts(model.match) if (one := TABLE.find(provider.id, name))), None)
    if found is None or found.id != model.id:
        return  # none of its clauses is a name, or all are names of another model
    price = found.at(moment.timestamp())
    if price is None:
        assert vars(model.get_prices(moment, context)).keys() <= IGNORED, model.id
        return
    theirs = model.calc_price(
        library_usage(usage), provider, genai_request_timestamp=moment, price_context=context
    )
    ours = price.cost(with_tier(usage, tier))
    assert ours == pytest.approx(float(theirs.total_price), rel=1e-9, abs=1e-15), (
        model.id,
        usage,
        moment,
        tier,
    )


def with_tier(usage: Usage, tier: str) -> Usage:
    return msgspec.structs.replace(usage, tier=tier)


@pytest.mark.parametrize(
    ("provider", "model", "rate"),
    [("openai", "whisper-1", 0.36 / 3600), ("mistral", "voxtral-mini-2602", 0.18 / 3600)],
)
def test_sound_is_charged_by_its_length(provider: str, model: str, rate: float) -> None:
    found = TABLE.find(provider, model)
    assert found is not None
    price = found.at(MOMENTS[-1].timestamp())
    assert price is not None
    assert not price.by_token
    assert price.cost(Usage(audio_seconds=90.0)) == pytest.approx(90 * rate)


@pytest.mark.parametrize("row", sorted(PROVIDERS))
def test_a_providers_address_is_that_of_its_prices(row: str) -> None:
    provider = PROVIDERS[row]
    if provider.price_provider and provider.base_url:
        assert TABLE.provider_at(provider.base_url) == provider.price_provider


def test_an_address_that_nobody_knows() -> None:
    assert TABLE.provider_at("http://localhost:8000/v1") is None


def test_a_table_without_the_model() -> None:
    table = PriceTable(b'{"library": "0", "providers": [{"id": "a", "address": "x", "models": []}]}')
    assert table.find("a", "m-20251211") is None
