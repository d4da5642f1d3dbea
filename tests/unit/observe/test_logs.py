"""The log: one line a request, and nobody who is not us can write one."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.record import RequestRecord
from ai_gateway.dialects.forms import model_in_form
from ai_gateway.errors import BadRequest
from ai_gateway.observe.logs import RequestLog, configure

FORGED = "x\n2026-01-01T00:00:00.000Z info 200 forged\r\x1b[2J\x85\u2028\x9b31m"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def row(**fields: Any) -> RequestRecord:
    values: dict[str, Any] = {
        "id": "req_1",
        "started_at": 1_767_225_600_000,
        "client_name": "app",
        "endpoint": "POST /v1/chat/completions",
        "dialect": "openai",
        "provider": "openai",
        "model_served": "gpt-4o",
        "status": 200,
        "input_tokens": 3,
        "output_tokens": 4,
        "latency_ms": 12.4,
        "key_tail": "abcd",
        "caller_request": "a body",
        "upstream_request": "a body",
        "response": "a body",
        "error_message": "what the provider said",
    }
    return RequestRecord(**{**values, **fields})


def written(*rows: RequestRecord, as_json: bool, level: str = "info") -> list[str]:
    stream = io.StringIO()
    configure(level=level, format="json", stream=io.StringIO())
    RequestLog(as_json=as_json, stream=stream).write(rows)
    text = stream.getvalue()
    assert not text or text.endswith("\n")
    return text.splitlines()


def test_a_request_is_one_line_of_text() -> None:
    [line] = written(row(), as_json=False)
    assert line == (
        "2026-01-01T00:00:00.000Z info 200 POST /v1/chat/completions app gpt-4o 3+4 tokens 12 ms req_1"
    )


def test_a_request_is_one_object_of_json_without_bodies() -> None:
    [line] = written(row(trace="00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"), as_json=True)
    found = json.loads(line)
    assert found["event"] == "request"
    assert (found["status"], found["client_name"], found["key_tail"]) == (200, "app", "abcd")
    assert found["trace_id"] == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert "body" not in line
    assert "provider said" not in line
    assert "trace_id" not in json.loads(written(row(), as_json=True)[0])


LEVELS = [
    ({"status": 200}, "info"),
    ({"status": 429, "error": "rate_limit_exceeded"}, "info"),
    ({"status": 502, "error": "upstream_error"}, "warning"),
    ({"status": 500, "error": "internal_error"}, "error"),
]


@pytest.mark.parametrize(("fields", "level"), LEVELS)
def test_a_request_has_a_level_and_is_left_out_below_it(fields: dict[str, Any], level: str) -> None:
    order = ["info", "warning", "error"]
    for least in order:
        lines = written(row(**fields), as_json=True, level=least)
        assert bool(lines) == (order.index(level) >= order.index(least))
        assert all(json.loads(line)["level"] == level for line in lines)


@pytest.mark.parametrize("as_json", [True, False])
@given(text=st.one_of(st.just(FORGED), st.text()))
def test_no_name_forges_a_line_or_steers_a_terminal(as_json: bool, text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    named = {"client_name": text, "endpoint": f"GET /{text}", "model_served": text, "error": text}
    [line] = written(row(**named), as_json=as_json)
    assert line.isprintable()
    if as_json:
        assert json.loads(line)["client_name"] == text


@pytest.mark.parametrize("as_json", [True, False])
def test_no_message_and_no_exception_forges_a_line(as_json: bool) -> None:
    stream = io.StringIO()
    configure(level="info", format="json" if as_json else "text", stream=stream)
    try:
        raise ValueError(FORGED)
    except ValueError:
        logging.getLogger("ai_gateway").exception("it failed: %s", FORGED)
    lines = stream.getvalue().split("\n")[:-1]
    assert all(line.isprintable() for line in lines)
    if as_json:
        [line] = lines
        assert json.loads(line)["level"] == "error"
        assert "ValueError" in json.loads(line)["exception"]
    else:
        assert all(line.startswith("    ") for line in lines[1:])
        assert "ValueError" in stream.getvalue()


@pytest.mark.parametrize("body", [b"no boundary", b"--b\r\nno colon\r\n\r\n"])
def test_a_damaged_form_adds_nothing_to_the_log(body: bytes) -> None:
    stream = io.StringIO()
    configure(level="debug", format="json", stream=stream)
    with pytest.raises(BadRequest):
        model_in_form(b"multipart/form-data; boundary=b", body)
    assert stream.getvalue() == ""


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    closed = io.StringIO()
    closed.close()
    RequestLog(as_json=True, stream=closed).write([row()])
