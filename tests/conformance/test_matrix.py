"""The conformance matrix: callers, providers, scenarios, each whole and streamed, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.conformance import heard
from tests.conformance.asking import CALLERS, Asked
from tests.conformance.bench import Bench
from tests.conformance.providers import ProviderKind, send
from tests.conformance.scenarios import ERROR, SCENARIOS, Cell, check, impossible
from tests.conformance.wire import PIECES, Json, Said
from tests.harness.upstream import Reply, Seen

MODES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
BY_CALLER = pytest.mark.parametrize("caller", CALLERS)
REFUSED = "You are going too fast: slow down"


@MODES
@BY_CALLER
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_cell(
    bench: Bench, scenario: str, caller: str, stream: bool, record_property: Callable[[str, object], None]
) -> None:
    record_property("cell", [scenario, caller, bench.kind.name, stream])
    cell = Cell(scenario, caller, bench.kind.name, stream)
    row = SCENARIOS[scenario]
    bench.says(row.said)

    status, body = bench.ask(caller, row.asked, stream=stream)

    if impossible(scenario, caller, bench.kind.name) and caller != "responses":
        assert status == 400
        assert "stop" in heard.error_of(caller, body)
        return
    if impossible(scenario, caller, bench.kind.name):
        return  # the caller had no way to ask
    assert status == 200, body
    check(cell, bench.told(), heard.read(caller, body, stream))


def error_body(kind: ProviderKind, message: str) -> Json:
    """As each provider writes it."""
    match kind.name:
        case "anthropic":
            error = {"type": "rate_limit_error", "message": message}
            return {"type": "error", "error": error, "request_id": "req_1"}
        case "gemini":
            return {"error": {"code": 429, "message": message, "status": "RESOURCE_EXHAUSTED"}}
        case _:
            return {
                "error": {
                    "message": message,
                    "type": "requests",
                    "param": None,
                    "code": "rate_limit_exceeded",
                }
            }


LONG_WAIT = {"retry-after": "60"}
"""Longer than the gateway waits for before it passes the refusal on."""


@BY_CALLER
def test_an_error_keeps_status_and_message(
    bench: Bench, caller: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("cell", [ERROR, caller, bench.kind.name, False])

    async def refuse(seen: Seen, reply: Reply) -> None:
        await reply.json(error_body(bench.kind, REFUSED), status=429, headers=LONG_WAIT)

    bench.upstream.script = refuse

    status, body = bench.ask(caller, Asked(), stream=False)

    assert status == 429
    assert heard.error_of(caller, body) == REFUSED


@BY_CALLER
def test_an_error_in_a_stream_is_the_callers_error_event(
    bench: Bench, caller: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("cell", [ERROR, caller, bench.kind.name, True])
    pieces = bench.kind.speak(bench.kind.model, Said(PIECES), True)
    assert isinstance(pieces, list)
    events = b"".join(pieces).split(b"\n\n")
    failure = json.dumps(error_body(bench.kind, REFUSED)).encode()
    name = b"event: error\n" if bench.kind.name == "anthropic" else b""
    if bench.kind.name == "responses":
        failed = {"type": "error", "code": "server_error", "message": REFUSED, "param": None}
        failure, name = json.dumps({**failed, "sequence_number": len(events) - 5}).encode(), b"event: error\n"
    cut = 2 if bench.kind.name == "gemini" else -5
    stream = b"\n\n".join(events[:cut]) + b"\n\n" + name + b"data: " + failure + b"\n\n"

    async def fail(seen: Seen, reply: Reply) -> None:
        await send(reply, [stream])

    bench.upstream.script = fail

    status, body = bench.ask(caller, Asked(), stream=True)

    assert status == 200
    answer = heard.read(caller, body, True)
    assert REFUSED in answer.error
