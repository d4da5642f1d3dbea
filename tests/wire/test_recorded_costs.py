"""What recorded answers used and cost: all that the provider counted, whichever way they are read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from ai_gateway.core.answer import Answer, collect
from ai_gateway.core.chat import DialectName
from ai_gateway.core.usage import Usage
from ai_gateway.dialects import anthropic, gemini
from ai_gateway.dialects.endpoints import CHAT, MESSAGES, RESPONSES, STREAM_GENERATE_CONTENT
from ai_gateway.dialects.openai_usage import read_usage
from ai_gateway.dialects.relay_answer import read_reply, stream_relay
from ai_gateway.errors import GatewayError
from ai_gateway.policy.prices import Prices
from ai_gateway.providers import PROVIDERS, Upstream
from tests.harness.cassettes import Cassette, cassette_params, load_cassettes
from tests.harness.recorded import decode, dialect_of, is_answer, is_stream, provider_of

Json = dict[str, Any]
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC).timestamp()
PRICES = Prices()
ENDPOINTS = {
    DialectName.OPENAI_CHAT: CHAT,
    DialectName.OPENAI_RESPONSES: RESPONSES,
    DialectName.ANTHROPIC: MESSAGES,
    DialectName.GEMINI: STREAM_GENERATE_CONTENT,
}
READERS = {
    DialectName.OPENAI_CHAT: read_usage,
    DialectName.OPENAI_RESPONSES: read_usage,
    DialectName.ANTHROPIC: anthropic.read_usage,
    DialectName.GEMINI: gemini.read_usage,
}
SPELLED = {"azure": "azure-openai", "gemini_vertex": "gemini"}
CLASSES = ("input", "cache_read", "cache_write", "output", "reasoning")
PARTS = {
    "input": ("input_audio", "input_image", "input_video"),
    "cache_read": ("cache_read_audio", "cache_read_image", "cache_read_video"),
    "cache_write": ("cache_write_1h",),
    "output": ("output_audio", "output_image", "output_video", "output_citation"),
}


def name_of(cassette: Cassette) -> DialectName:
    name = dialect_of(cassette)
    assert name is not None
    return name


def upstream_of(cassette: Cassette) -> Upstream:
    name = SPELLED.get(cassette.provider, cassette.provider)
    name = name if name in PROVIDERS else "openai-compatible"
    return Upstream.of(name, base_url=PROVIDERS[name].base_url or "http://10.0.0.1/v1")


def reports(value: object) -> Iterator[Json]:
    """Every usage object in a JSON value, in order."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("usage", "usageMetadata") and isinstance(inner, dict) and inner:
                yield inner
            else:
                yield from reports(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from reports(inner)


def streamed(cassette: Cassette) -> Iterator[Json]:
    """The JSON of every event, up to the end of the first response."""
    for line in cassette.response_bytes().decode().splitlines():
        if line.startswith("data:") and line[5:].strip().startswith("{"):
            event = json.loads(line[5:])
            yield event
            if event.get("type") == "response.completed":
                return


def whole_report(cassette: Cassette) -> Json | None:
    """What an answer that is not streamed would have reported: the last word; Anthropic's add up."""
    found = [report for event in streamed(cassette) for report in reports(event)]
    if name_of(cassette) is DialectName.ANTHROPIC:
        merged: Json = {}
        for report in found:
            merged |= {name: value for name, value in report.items() if value is not None}
        return merged or None
    return found[-1] if found else None


def total(name: DialectName, report: Json) -> int:
    """All tokens by the provider's own word."""
    if name is DialectName.GEMINI:
        return int(report.get("totalTokenCount") or 0)
    prompt = int(report.get("prompt_tokens") or report.get("input_tokens") or 0)
    answer = int(report.get("completion_tokens") or report.get("output_tokens") or 0)
    if name is DialectName.ANTHROPIC:
        cached = (report.get("cache_creation_input_tokens"), report.get("cache_read_input_tokens"))
        return prompt + answer + sum(int(count or 0) for count in cached)
    return max(int(report.get("total_tokens") or 0), prompt + answer)


def check(usage: Usage, name: DialectName, report: Json) -> None:
    assert sum(getattr(usage, one) for one in CLASSES) == total(name, report)
    assert min(getattr(usage, one) for one in CLASSES) >= 0
    for whole, parts in PARTS.items():
        assert min(getattr(usage, one) for one in parts) >= 0
        assert sum(getattr(usage, one) for one in parts) <= getattr(usage, whole)


def cost(cassette: Cassette, reported: str | None, usage: Usage) -> float | None:
    asked = cassette.request_body.get("model") if isinstance(cassette.request_body, dict) else None
    return PRICES.cost(upstream_of(cassette), asked or "", NOW, usage, reported)


@pytest.mark.parametrize("cassette", cassette_params(is_answer))
def test_an_answers_classes_are_all_that_its_provider_counted(cassette: Cassette) -> None:
    name = name_of(cassette)
    found = list(reports(cassette.body))
    reply = read_reply(ENDPOINTS[name], cassette.response_bytes())
    if not found or reply.usage is None:
        assert not found or not total(name, found[0])
        return
    check(reply.usage, name, found[0])
    said = told(cassette)
    if said is None:
        return
    assert said.usage is not None
    assert cost(cassette, said.start.model, said.usage) == cost(cassette, reply.model, reply.usage)


@pytest.mark.parametrize("cassette", cassette_params(is_stream))
def test_a_stream_costs_what_the_whole_answer_does(cassette: Cassette) -> None:
    """Relayed, decoded, and read from what a whole answer would have said."""
    name, wire = name_of(cassette), cassette.response_bytes()
    report = whole_report(cassette)
    watcher = stream_relay(ENDPOINTS[name], terminator_optional=True)
    for start in range(0, len(wire), 700):
        watcher.feed(wire[start : start + 700])
        if watcher.done:
            break
    else:
        watcher.finish()
    said = told(cassette)
    if said is None:
        return  # a failure
    whole = READERS[name](json.dumps(report).encode()) if report is not None else None
    if whole is None:
        assert watcher.usage is None
        assert said.usage is None
        return
    assert watcher.usage is not None
    assert said.usage is not None
    check(whole, name, report or {})
    assert costed(watcher.usage) == costed(said.usage)
    assert costed(said.usage) == {**costed(whole), "tier": said.usage.tier}  # the tier may stand beside
    assert cost(cassette, watcher.model, watcher.usage) == cost(cassette, said.start.model, said.usage)
    assert cost(cassette, watcher.model, whole) == cost(cassette, watcher.model, watcher.usage)


def costed(usage: Usage) -> dict[str, object]:
    """All that a price may look at."""
    return {
        name: getattr(usage, name)
        for name in Usage.__struct_fields__
        if name not in ("raw", "others", "estimated")
    }


@pytest.mark.parametrize("cassette", cassette_params(lambda one: is_answer(one) or is_stream(one)))
def test_what_is_kept_can_be_priced_again(cassette: Cassette) -> None:
    said = told(cassette)
    if said is not None and said.usage is not None:
        assert said.usage.raw is not None
        again = READERS[name_of(cassette)](said.usage.raw)
        assert again is not None
        assert costed(again) == costed(said.usage)


def told(cassette: Cassette) -> Answer | None:
    """None where the provider failed."""
    wire, provider = cassette.response_bytes(), provider_of(cassette)
    try:
        return collect(decode(name_of(cassette), provider, wire, stream=is_stream(cassette)))
    except GatewayError:
        return None


def measured(
    wanted: Callable[[Cassette], bool] = lambda _: True,
) -> Iterator[tuple[Cassette, str | None, Usage]]:
    for cassette in load_cassettes(lambda one: (is_answer(one) or is_stream(one)) and wanted(one)):
        said = told(cassette)
        if said is not None and said.usage is not None:
            yield cassette, said.start.model, said.usage


def test_answers_of_providers_that_charge_have_a_price_and_those_of_local_servers_none() -> None:
    priced: dict[str, list[bool]] = {}
    for cassette, model, usage in measured():
        priced.setdefault(cassette.provider, []).append(cost(cassette, model, usage) is not None)
    assert len(priced) >= 14
    for provider, found in priced.items():
        if provider in ("ollama", "lmstudio", "vllm", "llamacpp", "gpustack"):
            assert not any(found), provider
        else:
            assert sum(found) >= 0.8 * len(found), provider  # the others are of models with no listed price


def test_listed_prices_come_to_what_the_provider_charged() -> None:
    """xAI says what a request cost: so do its tokens, at the listed prices."""
    compared = 0
    for cassette, model, usage in measured(lambda one: one.provider == "xai" and "image" not in one.name):
        if usage.reported_usd:
            own = cost(cassette, model, msgspec.structs.replace(usage, reported_usd=None))
            assert own == pytest.approx(usage.reported_usd, rel=1e-9)
            compared += 1
    assert compared >= 20


TIERED: list[tuple[DialectName, Json]] = [
    (
        DialectName.OPENAI_CHAT,
        {"usage": {"prompt_tokens": 1000, "completion_tokens": 10}},
    ),
    (
        DialectName.OPENAI_RESPONSES,
        {"usage": {"input_tokens": 1000, "output_tokens": 10}, "status": "completed", "output": []},
    ),
]


@pytest.mark.parametrize(("name", "answer"), TIERED, ids=[name.value for name, _ in TIERED])
def test_a_service_tier_beside_the_usage_decides_the_price(name: DialectName, answer: Json) -> None:
    """Streamed or not, relayed or translated; and it is kept to price the row again."""
    row = PROVIDERS["openai"]
    answer = {**answer, "id": "a", "model": "gpt-5.2", "service_tier": "flex"}
    if name is DialectName.OPENAI_CHAT:
        choice = {"index": 0, "finish_reason": "stop"}
        whole = json.dumps({**answer, "choices": [{**choice, "message": {"content": "a"}}]})
        chunk = json.dumps({**answer, "choices": [{**choice, "delta": {"content": "a"}}]})
        stream = f"data: {chunk}\n\ndata: [DONE]\n\n"
    else:
        whole = json.dumps(answer)
        stream = f"data: {json.dumps({'type': 'response.completed', 'response': answer})}\n\n"
    watcher = stream_relay(ENDPOINTS[name])
    watcher.feed(stream.encode())
    found = [
        read_reply(ENDPOINTS[name], whole.encode()).usage,
        collect(decode(name, row, whole.encode(), stream=False)).usage,
        watcher.usage,
        collect(decode(name, row, stream.encode(), stream=True)).usage,
    ]
    plain = PRICES.cost(Upstream.of("openai"), "gpt-5.2", NOW, Usage(input=1000, output=10), None)
    assert plain is not None
    for usage in found:
        assert usage is not None
        assert usage.tier == "flex"
        assert usage.raw is not None
        assert read_usage(usage.raw) == usage
        price = PRICES.cost(Upstream.of("openai"), "gpt-5.2", NOW, usage, None)
        assert price == pytest.approx(plain / 2)
