"""Recorded traffic of Anthropic and Gemini passes byte for byte, and what it says of itself is found."""

from __future__ import annotations

import json

import pytest

from ai_gateway.core.answer import collect
from ai_gateway.core.chat import DialectName
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.endpoints import MESSAGES, STREAM_GENERATE_CONTENT, Endpoint
from ai_gateway.dialects.relay_answer import read_reply, stream_relay
from ai_gateway.dialects.relay_request import RelayRequest
from ai_gateway.dialects.relay_stream import StreamRelay
from ai_gateway.errors import UpstreamError
from ai_gateway.providers import PROVIDERS
from tests.harness.cassettes import Cassette, cassette_params
from tests.harness.recorded import decode, dialect_of, is_answer, is_request, is_stream

ENDPOINTS = {DialectName.ANTHROPIC: MESSAGES, DialectName.GEMINI: STREAM_GENERATE_CONTENT}
HOMES = {DialectName.ANTHROPIC: "anthropic", DialectName.GEMINI: "gemini"}


def native(cassette: Cassette) -> bool:
    return dialect_of(cassette) in ENDPOINTS


def endpoint_of(cassette: Cassette) -> Endpoint:
    name = dialect_of(cassette)
    assert name is not None
    return ENDPOINTS[name]


def counts(usage: Usage | None) -> tuple[int, ...]:
    if usage is None:  # a prompt that was blocked
        return ()
    return usage.input, usage.cache_read, usage.cache_write, usage.output, usage.reasoning


def passed(watcher: StreamRelay, wire: bytes, size: int) -> bytes:
    out = b""
    for start in range(0, len(wire), size):
        out += watcher.feed(wire[start : start + size])
        if watcher.done or watcher.failure:
            return out
    return out + watcher.finish()


@pytest.mark.parametrize("cassette", cassette_params(lambda one: native(one) and is_stream(one)))
def test_a_stream_passes_and_is_measured(cassette: Cassette) -> None:
    name, wire = dialect_of(cassette), cassette.response_bytes()
    assert name is not None
    usage = collect(decode(name, PROVIDERS[HOMES[name]], wire, stream=True)).usage
    for size in (len(wire), 1000, 17):
        watcher = stream_relay(endpoint_of(cassette))
        out = passed(watcher, wire, size)
        assert watcher.done, watcher.failure
        assert wire.startswith(out.rstrip())
        assert wire[len(out) :].strip() in (
            b"",
            b"data: [DONE]",
            b"event: data\ndata: [DONE]",
        )  # nothing after the last word counts
        assert counts(watcher.usage) == counts(usage)


@pytest.mark.parametrize("cassette", cassette_params(lambda one: native(one) and is_stream(one)))
def test_a_stream_that_stops_early_is_a_failure(cassette: Cassette) -> None:
    wire = cassette.response_bytes()
    watcher = stream_relay(endpoint_of(cassette))
    passed(watcher, wire[: len(wire) // 3], 100)
    assert watcher.failure is not None or not watcher.done or b"finishReason" in wire[: len(wire) // 3]


@pytest.mark.parametrize("cassette", cassette_params(lambda one: native(one) and is_answer(one)))
def test_an_answer_is_measured(cassette: Cassette) -> None:
    name, body = dialect_of(cassette), cassette.response_bytes()
    assert name is not None
    try:
        said = collect(decode(name, PROVIDERS[HOMES[name]], body, stream=False))
    except UpstreamError:
        return
    reply = read_reply(endpoint_of(cassette), body)
    assert counts(reply.usage) == counts(said.usage)
    assert reply.model == said.start.model
    assert reply.tools_used == any(choice.tool_calls for choice in said.choices)


@pytest.mark.parametrize("cassette", cassette_params(lambda one: native(one) and is_request(one)))
def test_a_request_passes_unchanged(cassette: Cassette) -> None:
    body = json.dumps(cassette.request_body).encode()
    request = RelayRequest.parse(endpoint_of(cassette), body)
    rendered = request.written(
        model=cassette.request_body.get("model"),
        system_prompt="",
        max_output_tokens=0,
        ask_usage=False,
        rejected=frozenset(),
    )
    assert rendered.body == body


@pytest.mark.parametrize("cassette", cassette_params(lambda one: native(one) and is_request(one)))
def test_a_system_prompt_stands_first(cassette: Cassette) -> None:
    """In the place and form in which the caller has its own."""
    name = dialect_of(cassette)
    assert name is not None
    request = RelayRequest.parse(endpoint_of(cassette), json.dumps(cassette.request_body).encode())
    rendered = request.written(
        model=cassette.request_body.get("model"),
        system_prompt="The gateway speaks.",
        max_output_tokens=0,
        ask_usage=False,
        rejected=frozenset(),
    )
    body = json.loads(rendered.body)
    system = body.get("system") or body.get("systemInstruction") or body["system_instruction"]
    assert json.dumps(system).find("The gateway speaks.") < 60
    own = cassette.request_body.get("system") or cassette.request_body.get("systemInstruction")
    if isinstance(own, str):
        assert own in json.dumps(system, ensure_ascii=False) or json.dumps(own)[1:-1] in json.dumps(system)
