"""Spans of a request in which the gateway ran tools."""

from __future__ import annotations

import msgspec
import pytest

from ai_gateway.core.record import Attempt, RequestRecord
from ai_gateway.core.server_tools import RunError, ToolRun
from ai_gateway.core.trace import continue_trace

pytest.importorskip("opentelemetry.sdk")

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, StatusCode

from ai_gateway.observe.spans import Spans

ID = "req_0123456789abcdef0123456789abcdef"
SPANS = Spans(Resource.get_empty(), InstrumentationScope("test"), lambda *_: None)


def spans(runs: list[ToolRun], attempts: list[Attempt]) -> list[ReadableSpan]:
    record = RequestRecord(
        id=ID,
        started_at=1_000,
        endpoint="POST /v1/chat/completions",
        dialect="openai",
        status=200,
        latency_ms=900.0,
        attempts=len(attempts),
        attempt_log=msgspec.json.encode(attempts).decode(),
        tool_log=msgspec.json.encode(runs).decode(),
        trace=continue_trace(ID, None, 1.0).note(),
    )
    return list(SPANS.of(record))


ATTEMPTS = [
    Attempt(provider="openai", model="gpt-4o", started_ms=1.0, latency_ms=100.0),
    Attempt(provider="openai", model="gpt-4o", round=2, started_ms=400.0, latency_ms=100.0),
]
RUNS = [
    ToolRun(name="get_time", started_ms=101.0, duration_ms=2.5),
    ToolRun(name="docs__search", source="docs", started_ms=101.5, duration_ms=250.0, error=RunError.FAILED),
    ToolRun(name="made up", started_ms=102.0, duration_ms=0.1, error=RunError.UNKNOWN),
]


def test_each_run_is_a_span_below_the_request() -> None:
    request, first, second, time, search, unknown = spans(RUNS, ATTEMPTS)
    assert [span.name for span in (time, search, unknown)] == [
        "execute_tool get_time",
        "execute_tool docs__search",
        "execute_tool",
    ]
    for span in (time, search, unknown):
        assert span.kind is SpanKind.INTERNAL
        assert (span.parent and span.parent.span_id) == request.context.span_id
        assert span.context.trace_id == request.context.trace_id
    assert len({span.context.span_id for span in spans(RUNS, ATTEMPTS)}) == 6
    assert [span.attributes["ai_gateway.round"] for span in (first, second)] == [1, 2]  # type: ignore[index]
    assert dict(time.attributes or {}) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "get_time",
        "gen_ai.tool.type": "function",
        "ai_gateway.round": 1,
    }
    assert dict(search.attributes or {}) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "docs__search",
        "gen_ai.tool.type": "extension",
        "ai_gateway.tool.server": "docs",
        "ai_gateway.round": 1,
        "error.type": "failed",
    }
    assert [span.status.status_code for span in (time, search)] == [StatusCode.UNSET, StatusCode.ERROR]


def test_a_run_has_its_own_start_and_duration() -> None:
    search = spans(RUNS, ATTEMPTS)[4]
    assert (search.start_time, search.end_time) == (1_101_500_000, 1_351_500_000)


def test_a_request_without_tools_has_no_rounds() -> None:
    found = spans([], ATTEMPTS)
    assert len(found) == 3
    record = RequestRecord(
        id=ID,
        started_at=1_000,
        endpoint="POST /v1/chat/completions",
        dialect="openai",
        provider="openai",
        status=200,
        attempts=1,
        trace=continue_trace(ID, None, 1.0).note(),
    )
    assert all("ai_gateway.round" not in (span.attributes or {}) for span in SPANS.of(record))
