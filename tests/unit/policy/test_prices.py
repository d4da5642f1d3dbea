"""What a request costs: whose price counts, when, and that an unknown one is never 0."""

from __future__ import annotations

import tracemalloc
from datetime import datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.config.model import PriceOverride, PriceOverrides, PriceSettings
from ai_gateway.core.usage import Usage
from ai_gateway.policy import prices as prices_module
from ai_gateway.policy.prices import Prices
from ai_gateway.policy.rates import Price, bands
from ai_gateway.policy.targets import target_of
from ai_gateway.providers import PROVIDERS, Upstream

NOW = datetime.fromisoformat("2026-11-01T12:00:00Z").timestamp()
OPENAI = Upstream.of("openai")
USED = Usage(input=1_000_000, output=1_000_000)


def overriding(overrides: dict[str, object]) -> Prices:
    return Prices(PriceSettings.model_validate({"overrides": overrides}).overrides)


def upstream(provider: str, base_url: str = "") -> Upstream:
    return Upstream.of(provider, base_url=base_url or PROVIDERS[provider].base_url or "http://10.0.0.1/v1")


PRICED = [
    ("openai", "", "gpt-4o", "gpt-4o"),
    ("openai", "", "gpt-4o-2024-08-06", "gpt-4o"),
    ("openai", "", "GPT-4o-20240806", "gpt-4o"),
    ("openai", "", "gpt-5.2-20251211", "gpt-5.2"),
    ("openai", "http://proxy.internal/v1", "gpt-4o", "gpt-4o"),
    ("anthropic", "", "claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
    ("gemini", "", "gemini-2.5-flash", "gemini-2.5-flash"),
    ("gemini", "", "models/gemini-2.5-flash", "gemini-2.5-flash"),
    ("azure-openai", "https://x.openai.azure.com", "gpt-4o-2024-08-06", "gpt-4o"),
    (
        "azure-openai",
        "https://x.openai.azure.com",
        "grok-4-1-fast-non-reasoning",
        "grok-4-1-fast-non-reasoning",
    ),
    ("mistral", "", "mistral-large-latest", "mistral-large"),
    ("openrouter", "", "openai/gpt-4o", "openai/gpt-4o"),
    ("openai-compatible", "https://api.openai.com/v1", "gpt-4o", "gpt-4o"),
    ("openai-compatible", "https://api.groq.com/openai/v1", "openai/gpt-oss-120b", "openai/gpt-oss-120b"),
    ("openai-compatible", "http://10.0.0.1/v1", "gpt-4o-mini", "gpt-4o-mini"),
    ("openai-compatible", "http://10.0.0.1/v1", "anthropic/claude-sonnet-4-5", "claude-sonnet-4-5"),
    ("openai-compatible", "http://10.0.0.1/v1", "gemini-2.5-flash", "gemini-2.5-flash"),
]


@pytest.mark.parametrize(("provider", "address", "model", "name"), PRICED)
def test_a_model_is_priced_as(provider: str, address: str, model: str, name: str) -> None:
    price = Prices().tariff(upstream(provider, address), model).at(NOW)
    assert price is not None
    assert price.name == name
    assert 0 < price.input_usd < price.output_usd
    cost = Prices().cost(upstream(provider, address), model, NOW, USED, None)
    assert cost is not None
    assert cost >= 1_000_000 * (price.input_usd + price.output_usd) * 0.999


UNPRICED = [
    ("openai", "", "gpt-made-up-by-a-caller"[4:]),
    ("openai", "", ""),
    ("ollama", "", "gpt-4o"),
    ("lmstudio", "", "claude-sonnet-4-5"),
    ("vllm", "https://api.openai.com/v1", "gpt-4o"),
    ("echo", "", "echo"),
    ("openai-compatible", "http://10.0.0.1/v1", "llama-3.3-70b"),
    ("openai-compatible", "http://10.0.0.1/v1", "gpt-oss-120b"),
    ("openai-compatible", "http://10.0.0.1/v1", "my-claude-sonnet-4-5"),
    ("openai", "", "tts-1"),
    ("openai", "", "whisper-1"),
]


@pytest.mark.parametrize(("provider", "address", "model"), UNPRICED)
def test_an_unknown_price_is_none(provider: str, address: str, model: str) -> None:
    assert Prices().tariff(upstream(provider, address), model).at(NOW) is None
    assert Prices().cost(upstream(provider, address), model, NOW, USED, model) is None


def test_a_sound_is_charged_by_its_length_where_it_is_told() -> None:
    cost = Prices().cost(OPENAI, "whisper-1", NOW, Usage(audio_seconds=100.0), None)
    assert cost == pytest.approx(0.01)


def test_the_order_of_what_counts() -> None:
    """Own price of the name asked for, of the name reported; the provider's word; listed prices."""
    asked = {"input": 1, "output": 0}
    reported = {"input": 2, "output": 0}
    used = Usage(input=1_000_000, reported_usd=0.5)
    both = overriding({"mine": asked, "gpt-4o": reported})
    assert both.cost(OPENAI, "mine", NOW, used, "gpt-4o") == pytest.approx(1)
    assert both.cost(OPENAI, "other", NOW, used, "gpt-4o") == pytest.approx(2)
    assert both.cost(OPENAI, "other", NOW, used, "another") == 0.5
    assert Prices().cost(OPENAI, "gpt-4o", NOW, Usage(input=1_000_000), "gpt-4o-mini") == pytest.approx(0.15)
    assert Prices().cost(OPENAI, "gpt-4o", NOW, Usage(input=1_000_000), "unheard-of") == pytest.approx(2.5)


def test_a_provider_that_says_0_charges_nothing() -> None:
    assert (
        Prices().cost(upstream("openrouter"), "free/model", NOW, Usage(input=9, reported_usd=0.0), None) == 0
    )


def test_exact_names_come_before_patterns_and_longer_patterns_before_short_ones() -> None:
    flat = {"output": 0}
    prices = overriding(
        {
            "*": {"input": 1, **flat},
            "qwen*": {"input": 2, **flat},
            "qwen*coder*": {"input": 3, **flat},
            "qwen3-coder": {"input": 4, **flat},
        }
    )
    local = upstream("vllm")
    found = {
        name: prices.cost(local, name, NOW, Usage(input=1_000_000), None)
        for name in ("qwen3-coder", "qwen3-coder-30b", "qwen3", "llama", "Qwen3")
    }
    assert found == {"qwen3-coder": 4, "qwen3-coder-30b": 3, "qwen3": 2, "llama": 1, "Qwen3": 1}
    price = prices.tariff(local, "qwen3-x").at(NOW)
    assert price is not None
    assert price.name == "qwen*"


def test_the_latest_price_in_effect_counts() -> None:
    prices = overriding(
        {
            "m": [
                {"input": 3, "output": 0, "effective_at": "2026-10-01T00:00:00+02:00"},
                {"input": 2, "output": 0, "effective_at": "2026-05-01"},
            ],
            "gpt-4o": {"input": 7, "output": 0, "effective_at": "2026-10-01"},
        }
    )

    def cost(model: str, when: str) -> float | None:
        moment = datetime.fromisoformat(when).timestamp()
        return prices.cost(OPENAI, model, moment, Usage(input=1_000_000), None)

    assert cost("m", "2026-04-30T23:59:59Z") is None
    assert cost("m", "2026-05-01T00:00:00Z") == 2
    assert cost("m", "2026-09-30T21:59:59Z") == 2
    assert cost("m", "2026-09-30T22:00:00Z") == 3
    assert cost("gpt-4o", "2026-09-30T00:00:00Z") == pytest.approx(2.5)  # the table's, until then
    assert cost("gpt-4o", "2026-10-01T00:00:00Z") == pytest.approx(7)


def test_what_an_own_price_leaves_out_costs_what_its_class_does() -> None:
    usage = Usage(input=1, cache_read=10, cache_write=100, cache_write_1h=100, output=1000, reasoning=10_000)
    plain = overriding({"m": {"input": 1, "output": 2}}).cost(OPENAI, "m", NOW, usage, None)
    assert plain == pytest.approx((111 + 2 * 11_000) / 1e6)
    full = {"input": 1, "output": 2, "cache_read": 3, "cache_write": 4, "cache_write_1h": 5, "reasoning": 6}
    own = overriding({"m": {**full, "request": 0.5}}).cost(OPENAI, "m", NOW, usage, None)
    assert own == pytest.approx(0.5 + (1 + 30 + 500 + 2000 + 60_000) / 1e6)


def test_work_of_another_model_costs_what_that_one_does() -> None:
    anthropic = upstream("anthropic")
    usage = Usage(input=100, output=10, others=(("claude-opus-4-8", Usage(input=2518, output=22)),))
    prices = Prices()
    alone = prices.cost(anthropic, "claude-sonnet-4-5", NOW, Usage(input=100, output=10), None)
    advisor = prices.cost(anthropic, "claude-opus-4-8", NOW, Usage(input=2518, output=22), None)
    assert alone is not None
    assert advisor is not None
    assert prices.cost(anthropic, "claude-sonnet-4-5", NOW, usage, None) == pytest.approx(alone + advisor)
    unheard = Usage(input=1, others=(("somebody", Usage(input=1)),))
    assert prices.cost(anthropic, "claude-sonnet-4-5", NOW, unheard, None) is None


def test_deepseek_is_cheaper_by_night() -> None:
    prices, deepseek = Prices(), upstream("deepseek")
    costs = {
        hour: prices.cost(deepseek, "deepseek-v4-pro", NOW - 12 * 3600 + hour * 3600, USED, None)
        for hour in range(24)
    }
    assert len(set(costs.values())) == 2
    assert costs[1] == costs[3] == costs[6] == costs[9]
    assert costs[0] == costs[4] == costs[5] == costs[10]


@given(names=st.lists(st.sampled_from(["gpt-4o", "gpt-4o-mini", "o3", "unheard-of", "whisper-1", None, ""])))
def test_what_was_reported_before_changes_nothing(names: list[str | None]) -> None:
    prices, usage = Prices(), Usage(input=1_000, output=10)
    for asked in ("gpt-4o", "unheard-of"):
        kept = [prices.cost(OPENAI, asked, NOW, usage, name) for name in names]
        assert kept == [Prices().cost(OPENAI, asked, NOW, usage, name) for name in names]


def test_a_target_remembers_what_its_model_costs() -> None:
    prices, target = Prices(), target_of(OPENAI, "gpt-4o")
    assert target.tariff is None
    assert prices.of(target) is target.tariff is prices.tariff(OPENAI, "gpt-4o")


def test_names_that_callers_make_up_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prices_module, "MAX_CACHED", 10)
    prices = overriding({"mine*": {"input": 1, "output": 1}})
    for number in range(35):
        assert prices.tariff(OPENAI, f"zzz-{number}").at(NOW) is None
    assert len(prices._tariffs) <= 10
    assert len(prices._overridden) <= 10
    assert prices.tariff(OPENAI, "gpt-4o").at(NOW) is not None


def used(counts: dict[str, int], tier: str = "") -> Usage:
    return msgspec.convert({**counts, "tier": tier}, Usage)


tokens = st.integers(min_value=0, max_value=10**7)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    """Parts within their classes."""
    whole = {name: draw(tokens) for name in ("input", "cache_read", "cache_write", "output", "reasoning")}
    part = draw(st.fractions(min_value=0, max_value=1))
    parts = {
        "input_audio": int(whole["input"] * part),
        "cache_read_image": int(whole["cache_read"] * part),
        "cache_write_1h": int(whole["cache_write"] * part),
        "output_image": int(whole["output"] * part),
    }
    return used({**whole, **parts}, draw(st.sampled_from(["", "flex", "priority", "batch", "nonsense"])))


models = st.sampled_from(
    [
        ("openai", "gpt-4o"),
        ("openai", "gpt-image-1"),
        ("anthropic", "claude-sonnet-4-5"),
        ("openai", "gpt-audio"),
        ("openai", "gpt-5.2"),
        ("azure-openai", "gpt-4o"),
        ("gemini", "gemini-2.5-pro"),
        ("xai", "grok-4"),
    ]
)


@given(model=models, usage=usages(), more=usages())
def test_costs_are_never_negative_and_grow_with_the_tokens(
    model: tuple[str, str], usage: Usage, more: Usage
) -> None:
    price = Prices().tariff(upstream(model[0]), model[1]).at(NOW)
    assert price is not None
    cost = price.cost(usage)
    assert cost >= 0
    grown = {
        name: getattr(usage, name) + getattr(more, name)
        for name in Usage.__struct_fields__
        if isinstance(getattr(usage, name), int) and name != "estimated"
    }
    assert price.cost(used(grown, usage.tier)) >= cost * (1 - 1e-9)


@given(usage=usages(), times=st.integers(min_value=1, max_value=50))
def test_a_price_without_steps_is_linear(usage: Usage, times: int) -> None:
    price = Price(name="m", bands=bands({"input": 3, "output": 15, "cache_read": 0.3, "output_image": 30}))
    counts = {name: getattr(usage, name) for name in ("input", "cache_read", "output", "output_image")}
    many = {name: count * times for name, count in counts.items()}
    assert price.cost(used(many)) == pytest.approx(price.cost(used(counts)) * times)


def test_a_damaged_usage_costs_nothing_rather_than_less() -> None:
    price = Price(name="m", bands=bands({"input": 3, "output": 1, "input_image": 1}))
    assert price.cost(Usage(input=0, input_image=1000)) == 0


def test_the_types_of_the_settings_are_what_prices_take() -> None:
    overrides: PriceOverrides = {"m": [PriceOverride(input=1, output=1)]}
    assert Prices(overrides).tariff(OPENAI, "m").at(NOW) is not None


def test_long_names_of_callers_fill_no_memory() -> None:
    prices = overriding({"x*": [{"input": 1.0, "output": 0.0}]})
    tracemalloc.start()
    try:
        for number in range(40):
            name = f"x{number}-{'x' * 1_000_000}"
            assert prices.cost(OPENAI, name, NOW, USED, None) == 1.0
        del name
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 4_000_000
