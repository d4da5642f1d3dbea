"""Recorded traffic of OpenAI's dialect passes byte for byte, and its usage is found."""

from __future__ import annotations

import json

import pytest

from ai_gateway.dialects.endpoints import CHAT, RESPONSES, Endpoint
from ai_gateway.dialects.openai_errors import parse_error, render_error
from ai_gateway.dialects.relay_answer import read_reply, stream_relay
from ai_gateway.dialects.relay_request import RelayRequest
from ai_gateway.providers import PROVIDERS
from tests.harness.cassettes import Cassette, cassette_params

ROWS = {"azure": "azure-openai", "llamacpp": "openai-compatible", "gpustack": "openai-compatible"}
DIALECT = frozenset({"gemini_vertex", "anthropic", "gemini"})  # providers that speak another one natively


def endpoint_of(cassette: Cassette) -> Endpoint | None:
    path = cassette.url.partition("?")[0]
    if cassette.provider in DIALECT:
        return None
    if path.endswith("/chat/completions"):
        return CHAT
    return RESPONSES if path.endswith("/v1/responses") else None


def is_stream(cassette: Cassette) -> bool:
    text = cassette.body_text or ""
    return endpoint_of(cassette) is not None and cassette.status == 200 and ("data:" in text[:2000])


def is_answer(cassette: Cassette) -> bool:
    return endpoint_of(cassette) is not None and cassette.status == 200 and isinstance(cassette.body, dict)


def is_refusal(cassette: Cassette) -> bool:
    return endpoint_of(cassette) is not None and 400 <= cassette.status < 500


def is_request(cassette: Cassette) -> bool:
    return endpoint_of(cassette) is not None and isinstance(cassette.request_body, dict)


@pytest.mark.parametrize("cassette", cassette_params(is_stream))
def test_a_stream_passes_and_is_measured(cassette: Cassette) -> None:
    endpoint = endpoint_of(cassette)
    assert endpoint is not None
    wire = cassette.response_bytes()
    row = PROVIDERS[ROWS.get(cassette.provider, cassette.provider)]
    found = []
    for size in (len(wire), 1000, 1 if len(wire) < 30_000 else 17):
        watcher = stream_relay(endpoint, hide_usage=False, terminator_optional=row.terminator_optional)
        out = b""
        for start in range(0, len(wire), size):
            out += watcher.feed(wire[start : start + size])
            if watcher.done:
                break
        else:
            out += watcher.finish()
        assert watcher.failure is None
        assert out.startswith(wire.rstrip()) or wire.startswith(out)
        found.append((out, watcher.usage, watcher.model, watcher.tools_used, watcher.output_bytes))
    assert found[0] == found[1] == found[2]
    if '"usage":{' in wire.decode().replace(" ", ""):
        assert found[0][1] is not None
        assert found[0][1].total_input > 0


@pytest.mark.parametrize("cassette", cassette_params(is_answer))
def test_an_answer_is_measured(cassette: Cassette) -> None:
    reply = read_reply(CHAT, json.dumps(cassette.body).encode())
    usage = cassette.body.get("usage")
    if usage:
        assert reply.usage is not None
        prompt = usage.get("prompt_tokens", usage.get("input_tokens"))
        assert reply.usage.total_input >= prompt
        total = usage.get("total_tokens")
        if total and total >= prompt:
            assert reply.usage.total_input + reply.usage.total_output <= total


@pytest.mark.parametrize("cassette", cassette_params(is_refusal))
def test_a_refusal_keeps_its_status_and_message(cassette: Cassette) -> None:
    error = parse_error(cassette.status, cassette.response_bytes())
    assert error.status == cassette.status
    said = json.loads(render_error(error))["error"]["message"]
    assert said
    assert "the upstream answered" not in said


@pytest.mark.parametrize("cassette", cassette_params(is_request))
def test_a_request_passes_unchanged(cassette: Cassette) -> None:
    endpoint = endpoint_of(cassette)
    assert endpoint is not None
    body = json.dumps(cassette.request_body, ensure_ascii=False).encode()
    request = RelayRequest.parse(endpoint, body)
    assert request.written(model=request.stated).body == body
    edited = json.loads(request.written(model="another", system_prompt="ours").body)
    for name, value in cassette.request_body.items():
        if name not in ("model", "messages", "instructions"):
            assert edited[name] == value
