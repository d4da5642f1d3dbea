"""Output limits: what the caller asks for, and what the provider is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.dialects.endpoints import (
    CHAT,
    COMPLETIONS,
    COUNT_CONTENT_TOKENS,
    COUNT_MESSAGE_TOKENS,
    EMBED_CONTENT,
    EMBEDDINGS,
    GENERATE_CONTENT,
    MESSAGES,
    PLAIN,
    RESPONSES,
    STREAM_GENERATE_CONTENT,
    Endpoint,
)
from ai_gateway.dialects.exchange import Exchange, Settings
from ai_gateway.dialects.interface import Asked
from ai_gateway.dialects.opening import open_exchange
from ai_gateway.errors import BadRequest
from ai_gateway.providers import PROVIDERS
from tests.harness.moments import Instant

Body = dict[str, object]
MESSAGE = {"role": "user", "content": "hi"}
NEEDED: dict[Endpoint, Body] = {
    CHAT: {"messages": [MESSAGE]},
    COMPLETIONS: {"prompt": "hi"},
    RESPONSES: {"input": "hi"},
    MESSAGES: {"messages": [MESSAGE]},
    GENERATE_CONTENT: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    STREAM_GENERATE_CONTENT: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    COUNT_MESSAGE_TOKENS: {"messages": [MESSAGE]},
    COUNT_CONTENT_TOKENS: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
    EMBEDDINGS: {"input": "hi"},
    EMBED_CONTENT: {"content": {"parts": [{"text": "hi"}]}},
}


def opened(endpoint: Endpoint, backend: str, body: Body, *, model: str = "m") -> Exchange:
    asked = Asked(model=model) if endpoint.model_in_path else Asked()
    named: Body = {} if endpoint.model_in_path else {"model": model}
    return open_exchange(
        endpoint,
        json.dumps({**named, **NEEDED.get(endpoint, {}), **body}).encode(),
        asked,
        PROVIDERS[backend],
        content_type="application/json",
        moment=Instant(answer_id="0", created_s=1),
        serves=lambda model: model,
    )


def told(
    endpoint: Endpoint,
    backend: str,
    body: Body,
    *,
    limit: int | None = None,
    cap: int = 0,
    model: str = "m",
) -> tuple[Body, tuple[str, ...]]:
    """What the provider gets beside what the endpoint needs, and what was dropped."""
    settings = Settings(model=model, max_output_tokens=cap, output_limit=limit)
    rendered = opened(endpoint, backend, body, model=model).render(settings, PROVIDERS[backend])
    assert rendered is not None
    sent = json.loads(rendered.body)
    rest = {name: value for name, value in sent.items() if name not in NEEDED[endpoint] and name != "model"}
    return rest, rendered.dropped


ASKED: list[tuple[Endpoint, str, Body, int | None]] = [
    (CHAT, "openai", {}, None),
    (CHAT, "openai", {"max_tokens": 10}, 10),
    (CHAT, "openai", {"max_completion_tokens": 10, "n": 3}, 30),
    (CHAT, "openai", {"max_tokens": None, "n": 3}, None),
    (CHAT, "openai", {"max_tokens": "ten"}, None),
    (CHAT, "lmstudio", {"max_tokens": -1}, None),
    (CHAT, "openai", {"max_tokens": 10, "n": "two"}, 10),
    (COMPLETIONS, "openai", {"max_tokens": 10, "n": 2}, 20),
    (COMPLETIONS, "openai", {"max_tokens": 10, "n": 2, "best_of": 4}, 40),
    (COMPLETIONS, "openai", {"max_tokens": 10, "n": 2, "prompt": ["a", "b", "c"]}, 60),
    (COMPLETIONS, "openai", {"max_tokens": 10, "prompt": [1, 2, 3]}, 10),
    (COMPLETIONS, "openai", {"max_tokens": 10, "prompt": [[1, 2], [3]]}, 20),
    (RESPONSES, "openai", {"max_output_tokens": 10}, 10),
    (RESPONSES, "openai", {}, None),
    (MESSAGES, "anthropic", {"max_tokens": 10}, 10),
    (GENERATE_CONTENT, "gemini", {}, None),
    (GENERATE_CONTENT, "gemini", {"generationConfig": {"maxOutputTokens": 10, "candidateCount": 2}}, 20),
    (STREAM_GENERATE_CONTENT, "gemini", {"generation_config": {"max_output_tokens": 10}}, 10),
    (GENERATE_CONTENT, "gemini", {"generationConfig": 3}, None),
    (PLAIN, "openai", {}, None),
    # translated
    (CHAT, "anthropic", {"max_tokens": 10}, 10),
    (CHAT, "gemini", {"max_completion_tokens": 10, "n": 3}, 30),
    (CHAT, "gemini", {}, None),
    (MESSAGES, "openai", {"max_tokens": 10}, 10),
    (GENERATE_CONTENT, "openai", {"generationConfig": {"maxOutputTokens": 10, "candidateCount": 2}}, 20),
    # nothing is generated
    (EMBEDDINGS, "openai", {}, 0),
    (EMBEDDINGS, "gemini", {}, 0),
    (COUNT_MESSAGE_TOKENS, "anthropic", {}, 0),
    (COUNT_MESSAGE_TOKENS, "openai", {}, 0),
    (COUNT_CONTENT_TOKENS, "gemini", {}, 0),
    (EMBED_CONTENT, "gemini", {}, 0),
]


@pytest.mark.parametrize(("endpoint", "backend", "body", "tokens"), ASKED)
def test_what_the_caller_limits_itself_to(
    endpoint: Endpoint, backend: str, body: Body, tokens: int | None
) -> None:
    assert opened(endpoint, backend, body).output_asked() == tokens


def config(**members: object) -> Body:
    return {"generationConfig": members}


LIMITED: list[tuple[Endpoint, str, Body, int, Body]] = [
    (CHAT, "openai", {}, 100, {"max_completion_tokens": 100}),
    (CHAT, "mistral", {}, 100, {"max_tokens": 100}),
    (CHAT, "openai", {"max_tokens": 500}, 100, {"max_tokens": 100}),
    (CHAT, "mistral", {"max_completion_tokens": 500}, 100, {"max_completion_tokens": 100}),
    (CHAT, "openai", {"max_tokens": 50}, 100, {"max_tokens": 50}),
    (CHAT, "openai", {"max_completion_tokens": None}, 100, {"max_completion_tokens": 100}),
    (CHAT, "lmstudio", {"max_tokens": -1}, 100, {"max_tokens": 100}),
    (CHAT, "openai", {"max_tokens": 50, "n": 4}, 100, {"max_tokens": 25, "n": 4}),
    (CHAT, "openai", {"n": 4}, 2, {"max_completion_tokens": 1, "n": 4}),
    (CHAT, "openai", {}, 0, {"max_completion_tokens": 1}),
    (COMPLETIONS, "openai", {}, 100, {"max_tokens": 100}),
    (COMPLETIONS, "openai", {"prompt": ["a", "b"]}, 100, {"max_tokens": 50}),
    (RESPONSES, "openai", {}, 100, {"max_output_tokens": 100}),
    (RESPONSES, "openai", {"max_output_tokens": 500}, 100, {"max_output_tokens": 100}),
    (RESPONSES, "openai", {"max_output_tokens": 500}, 3, {"max_output_tokens": 16}),
    (RESPONSES, "openai", {"max_output_tokens": 5}, 3, {"max_output_tokens": 5}),
    (MESSAGES, "anthropic", {"max_tokens": 500}, 100, {"max_tokens": 100}),
    (MESSAGES, "anthropic", {}, 100, {"max_tokens": 100}),
    (GENERATE_CONTENT, "gemini", {}, 100, config(maxOutputTokens=100)),
    (
        GENERATE_CONTENT,
        "gemini",
        config(temperature=1, candidateCount=2),
        100,
        config(temperature=1, candidateCount=2, maxOutputTokens=50),
    ),
    (
        GENERATE_CONTENT,
        "gemini",
        {"generation_config": {"max_output_tokens": 500}},
        100,
        {"generation_config": {"max_output_tokens": 100}},
    ),
    (
        GENERATE_CONTENT,
        "gemini",
        config(maxOutputTokens=500, thinkingConfig={"thinkingBudget": 400}),
        100,
        config(maxOutputTokens=100, thinkingConfig={"thinkingBudget": 400}),
    ),
    (EMBEDDINGS, "openai", {}, 100, {}),
    # translated
    (MESSAGES, "openai", {"max_tokens": 500}, 100, {"max_completion_tokens": 100}),
    (CHAT, "anthropic", {}, 100, {"max_tokens": 100}),
    (CHAT, "gemini", {}, 100, config(maxOutputTokens=100)),
    (CHAT, "gemini", {"n": 2}, 100, config(candidateCount=2, maxOutputTokens=50)),
]


@pytest.mark.parametrize(("endpoint", "backend", "body", "limit", "sent"), LIMITED)
def test_the_provider_is_told_the_limit(
    endpoint: Endpoint, backend: str, body: Body, limit: int, sent: Body
) -> None:
    found, _ = told(endpoint, backend, body, limit=limit)
    assert {name: found.get(name) for name in sent} == sent
    assert set(found) <= {*sent, "store", "messages", "contents"}


def test_a_translated_response_is_limited_to_what_openai_takes() -> None:
    found, dropped = told(MESSAGES, "openai", {"max_tokens": 500}, limit=3, model="gpt-5-codex")
    assert found["max_output_tokens"] == 16
    assert dropped == ("max_tokens",)


def test_a_limit_beyond_the_model_is_no_loss_of_the_caller_s() -> None:
    found, dropped = told(CHAT, "anthropic", {}, limit=10_000_000, model="claude-3-haiku-20240307")
    assert found["max_tokens"] == 4096
    assert dropped == ()


@pytest.mark.parametrize(
    ("own", "limit", "cap", "sent"),
    [(500, 100, 50, 50), (500, 50, 100, 50), (20, 50, 100, 20), (None, 100, 50, 50), (None, None, 50, None)],
)
@pytest.mark.parametrize("backend", ["mistral", "gemini"])
def test_the_lowest_of_all_limits_holds(
    backend: str, own: int | None, limit: int | None, cap: int, sent: int | None
) -> None:
    found, _ = told(CHAT, backend, {"max_tokens": own}, limit=limit, cap=cap)
    config = found.get("generationConfig", {})
    assert isinstance(config, dict)
    assert found.get("max_tokens", config.get("maxOutputTokens")) == sent


@pytest.mark.parametrize("settings", [{"limit": 100}, {"cap": 100}])
def test_a_limit_of_another_type_is_refused(settings: dict[str, int]) -> None:
    for endpoint, backend, body in (
        (CHAT, "openai", {"max_tokens": "ten"}),
        (GENERATE_CONTENT, "gemini", config(maxOutputTokens="ten")),
    ):
        with pytest.raises(BadRequest):
            told(endpoint, backend, body, **settings)  # type: ignore[arg-type]


def thinking(budget: int) -> Body:
    return {
        "max_tokens": 8000,
        "thinking": {"type": "enabled", "budget_tokens": budget, "display": "omitted"},
    }


@pytest.mark.parametrize("settings", [{"limit": 5000}, {"cap": 5000}])
def test_a_thinking_budget_stays_below_the_limit(settings: dict[str, int]) -> None:
    found, dropped = told(MESSAGES, "anthropic", thinking(6000), **settings)  # type: ignore[arg-type]
    assert found["max_tokens"] == 5000
    assert found["thinking"] == {"type": "enabled", "budget_tokens": 4999, "display": "omitted"}
    assert dropped == ("thinking.budget_tokens",)


def test_a_budget_that_fits_stays() -> None:
    found, dropped = told(MESSAGES, "anthropic", thinking(2000), limit=5000)
    assert found["thinking"] == thinking(2000)["thinking"]
    assert dropped == ()


def test_where_nothing_is_left_to_think_with_thinking_is_off() -> None:
    found, dropped = told(MESSAGES, "anthropic", thinking(2000), limit=1024)
    assert found["thinking"] == {"type": "disabled"}
    assert dropped == ("thinking",)


@pytest.mark.parametrize("odd", [{"type": "adaptive"}, "on", None, {"type": "enabled", "budget_tokens": "x"}])
def test_other_thinking_is_left_alone(odd: object) -> None:
    found, dropped = told(MESSAGES, "anthropic", {"max_tokens": 8000, "thinking": odd}, limit=100)
    assert found["thinking"] == odd
    assert dropped == ()


FIGURES = st.one_of(st.integers(-2, 40), st.sampled_from([None, "ten", 1.5, True]))
COUNTED = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("max_tokens", "max_completion_tokens", "max_output_tokens", "n", "best_of"), FIGURES
    ),
)


@given(
    st.sampled_from([CHAT, COMPLETIONS, RESPONSES]),
    COUNTED,
    st.integers(0, 40),
    st.one_of(st.none(), st.integers(1, 40)),
)
def test_a_request_is_limited_alike_whether_it_was_asked_before(
    endpoint: Endpoint, body: Body, cap: int, limit: int | None
) -> None:
    def sent(*, asks: bool) -> bytes | str:
        exchange = opened(endpoint, "openai", body)
        if asks:
            exchange.output_asked()
        try:
            settings = Settings(model="m", max_output_tokens=cap, output_limit=limit)
            rendered = exchange.render(settings, PROVIDERS["openai"])
        except BadRequest as error:
            return error.message
        assert rendered is not None
        return rendered.body

    assert sent(asks=True) == sent(asks=False)
