"""Errors as Chat Completions spells them, out and in."""

from __future__ import annotations

import json

import pytest

from ai_gateway.dialects.openai_chat.errors import parse_error, render_error, reported_error
from ai_gateway.errors import BadRequest, GatewayError, Overloaded, UpstreamError, UpstreamRejected

OUT: list[tuple[GatewayError, dict[str, str | None]]] = [
    (
        BadRequest("no", param="messages[0].role"),
        {"message": "no", "type": "invalid_request_error", "param": "messages[0].role", "code": None},
    ),
    (Overloaded("later"), {"message": "later", "type": "api_error", "param": None, "code": "overloaded"}),
]


@pytest.mark.parametrize(("error", "expected"), OUT)
def test_a_caller_reads_openai_s_form(error: GatewayError, expected: dict[str, str | None]) -> None:
    assert json.loads(render_error(error, "req_1")) == {"error": expected}


def test_a_refusal_keeps_status_and_message_but_no_credential() -> None:
    body = b'{"error": {"message": "bad key sk-secret", "type": "authentication_error", "code": "x"}}'
    error = parse_error(401, body, "sk-secret", 3)
    assert isinstance(error, UpstreamRejected)
    assert (error.status, error.kind, error.code, error.retry_after_s) == (
        401,
        "authentication_error",
        "x",
        3,
    )
    assert error.message == "bad key ***"
    assert error.verbatim is None


def test_a_server_s_failure_is_a_502() -> None:
    error = parse_error(529, b"overloaded", "", None)
    assert not isinstance(error, UpstreamRejected)
    assert (error.status, error.message) == (502, "overloaded")


REPORTED: list[tuple[bytes, type[UpstreamError], int, str]] = [
    (b'{"code": 429, "message": "slow"}', UpstreamRejected, 429, "slow"),
    (b'{"code": "rate_limit", "message": "slow"}', UpstreamRejected, 429, "slow"),
    (
        b'{"object": "error", "message": "m", "code": "1500", "raw_status_code": 400}',
        UpstreamRejected,
        400,
        "m",
    ),
    (b'{"code": 503, "message": "down"}', UpstreamError, 502, "down"),
    (b'"text"', UpstreamError, 502, "text"),
    (b'{"error": {"code": 404, "message": "gone"}}', UpstreamRejected, 404, "gone"),
    (b"{}", UpstreamError, 502, "the upstream reported a failure"),
    (b"true", UpstreamError, 502, "the upstream reported a failure"),
]


@pytest.mark.parametrize(("raw", "kind", "status", "message"), REPORTED)
def test_failures_inside_an_answer(raw: bytes, kind: type[UpstreamError], status: int, message: str) -> None:
    error = reported_error(raw)
    assert type(error) is kind
    assert (error.status, error.message) == (status, message)
