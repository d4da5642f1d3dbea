"""Failures that providers report: which of them another try could survive."""

from __future__ import annotations

import json

import pytest

from ai_gateway.core.chat import DialectName
from ai_gateway.core.events import Failed
from ai_gateway.dialects.endpoints import CHAT, MESSAGES, PLAIN, RESPONSES, STREAM_GENERATE_CONTENT, Endpoint
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.dialects.relay_answer import stream_relay
from ai_gateway.errors import (
    BadRequest,
    GatewayError,
    LimitReached,
    Overloaded,
    UpstreamProtocolError,
    UpstreamRejected,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ai_gateway.providers import PROVIDERS


def event(body: object) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def anthropic(kind: str) -> bytes:
    return event({"type": "error", "error": {"type": kind, "message": "why"}})


def gemini(code: int, status: str) -> bytes:
    return event({"error": {"code": code, "message": "why", "status": status}})


def chat(**error: object) -> bytes:
    return event({"error": {"message": "why", **error}, "choices": []})


def failed(**error: object) -> bytes:
    return event({"type": "response.failed", "response": {"error": {"message": "why", **error}}})


REPORTED = [
    (MESSAGES, anthropic("overloaded_error"), 502, True),
    (MESSAGES, anthropic("api_error"), 502, True),
    (MESSAGES, anthropic("timeout_error"), 502, True),
    (MESSAGES, anthropic("rate_limit_error"), 429, True),
    (MESSAGES, anthropic("invalid_request_error"), 400, False),
    (MESSAGES, anthropic("authentication_error"), 401, False),
    (MESSAGES, anthropic("billing_error"), 402, False),
    (MESSAGES, anthropic("permission_error"), 403, False),
    (MESSAGES, anthropic("not_found_error"), 404, False),
    (MESSAGES, anthropic("request_too_large"), 413, False),
    (MESSAGES, anthropic("never heard of"), 502, True),
    (STREAM_GENERATE_CONTENT, gemini(503, "UNAVAILABLE"), 502, True),
    (STREAM_GENERATE_CONTENT, gemini(429, "RESOURCE_EXHAUSTED"), 429, True),
    (STREAM_GENERATE_CONTENT, gemini(500, "INTERNAL"), 502, True),
    (STREAM_GENERATE_CONTENT, gemini(504, "DEADLINE_EXCEEDED"), 502, True),
    (STREAM_GENERATE_CONTENT, gemini(400, "INVALID_ARGUMENT"), 400, False),
    (STREAM_GENERATE_CONTENT, gemini(403, "PERMISSION_DENIED"), 403, False),
    (STREAM_GENERATE_CONTENT, gemini(0, "RESOURCE_EXHAUSTED"), 429, True),
    (STREAM_GENERATE_CONTENT, gemini(0, "UNAUTHENTICATED"), 401, False),
    (CHAT, chat(code=502, type="invalid_request_error"), 502, True),  # OpenRouter: the status decides
    (CHAT, chat(code=408), 408, True),
    (CHAT, chat(code=429), 429, True),
    (CHAT, chat(code="429"), 429, True),
    (CHAT, chat(code=529), 502, True),
    (CHAT, chat(code=400), 400, False),
    (CHAT, chat(code=402), 402, False),
    (CHAT, chat(type="server_error", code=None), 502, True),
    (CHAT, chat(type="invalid_request_error", code="context_length_exceeded"), 400, False),
    (CHAT, chat(type="insufficient_quota", code="insufficient_quota"), 429, False),
    (CHAT, chat(type="requests", code="rate_limit_exceeded"), 429, True),
    (CHAT, chat(code="content_policy_violation"), 400, False),
    (CHAT, event({"error": "why", "choices": []}), 502, True),
    (CHAT, event({"choices": [{"delta": {}, "error": {"code": 403, "message": "why"}}]}), 403, False),
    (RESPONSES, failed(code="server_error"), 502, True),
    (RESPONSES, failed(code="rate_limit_exceeded"), 429, True),
    (RESPONSES, failed(code="insufficient_quota"), 429, False),
    (RESPONSES, failed(code="invalid_prompt"), 400, False),
    (RESPONSES, failed(code="image_content_policy_violation"), 400, False),
    (RESPONSES, event({"type": "error", "code": "rate_limit_exceeded", "message": "why"}), 429, True),
    (RESPONSES, event({"type": "error", "code": "invalid_prompt", "message": "why"}), 400, False),
    (RESPONSES, event({"type": "error", "error": {"type": "invalid_request_error"}}), 400, False),
    (RESPONSES, event({"type": "error"}), 502, True),
    (PLAIN, event({"type": "error", "message": "why"}), 502, True),
]


@pytest.mark.parametrize(("endpoint", "wire", "status", "retryable"), REPORTED)
def test_a_relay_tells_whether_another_try_could_succeed(
    endpoint: Endpoint, wire: bytes, status: int, retryable: bool
) -> None:
    watcher = stream_relay(endpoint)
    assert watcher.feed(wire) == wire
    assert watcher.fault is not None
    assert (watcher.fault.status, watcher.fault.retryable) == (status, retryable)
    assert watcher.fault.message == watcher.error
    assert not watcher.content


@pytest.mark.parametrize(
    ("endpoint", "wire", "status", "retryable"), [row for row in REPORTED if row[0] is not PLAIN]
)
def test_a_decoder_tells_the_same(endpoint: Endpoint, wire: bytes, status: int, retryable: bool) -> None:
    assert endpoint.dialect is not None
    home = {DialectName.ANTHROPIC: "anthropic", DialectName.GEMINI: "gemini"}.get(endpoint.dialect, "openai")
    found = DIALECTS[endpoint.dialect].stream_decoder(PROVIDERS[home]).feed(wire)
    last = found[-1]
    assert isinstance(last, Failed)
    assert (last.error.status, last.error.retryable) == (status, retryable)


BODIES = [
    (DialectName.OPENAI_CHAT, 429, {"error": {"message": "slow", "code": "rate_limit_exceeded"}}, True),
    (DialectName.OPENAI_CHAT, 429, {"error": {"message": "pay", "code": "insufficient_quota"}}, False),
    (DialectName.OPENAI_CHAT, 429, {"error": {"message": "pay", "type": "insufficient_quota"}}, False),
    (DialectName.OPENAI_CHAT, 408, {}, True),
    (DialectName.OPENAI_CHAT, 404, {}, False),
    (DialectName.OPENAI_CHAT, 500, {}, True),
    (DialectName.ANTHROPIC, 529, {"type": "error", "error": {"type": "overloaded_error"}}, True),
    (DialectName.ANTHROPIC, 429, {"type": "error", "error": {"type": "rate_limit_error"}}, True),
    (DialectName.ANTHROPIC, 400, {"type": "error", "error": {"type": "invalid_request_error"}}, False),
    (DialectName.GEMINI, 429, {"error": {"status": "RESOURCE_EXHAUSTED"}}, True),
    (DialectName.GEMINI, 400, {"error": {"status": "INVALID_ARGUMENT"}}, False),
]


@pytest.mark.parametrize(("dialect", "status", "body", "retryable"), BODIES)
def test_so_does_an_error_answer(dialect: DialectName, status: int, body: object, retryable: bool) -> None:
    error = DIALECTS[dialect].parse_error(status, json.dumps(body).encode(), "", None)
    assert error.retryable is retryable


@pytest.mark.parametrize(
    ("error", "retryable"),
    [
        (UpstreamUnreachable("x"), True),
        (UpstreamTimeout("x"), True),
        (UpstreamProtocolError("x"), True),
        (UpstreamRejected("x", status=409), False),
        (Overloaded("x"), True),
        (BadRequest("x"), False),
        (LimitReached("x", reason="day", retry_after_s=1), False),
    ],
)
def test_the_gateway_s_own_failures(error: GatewayError, retryable: bool) -> None:
    assert error.retryable is retryable


def test_a_failure_does_not_quote_the_credential() -> None:
    watcher = stream_relay(MESSAGES, credential="sk-secret")
    watcher.feed(event({"type": "error", "error": {"type": "api_error", "message": "key sk-secret"}}))
    assert watcher.fault is not None
    assert watcher.fault.message == "key ***"
