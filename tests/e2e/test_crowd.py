"""Requests that the gateway finds at once, and answers: each gets its own, and limits stay exact.

The gateway is stopped while they are sent, so that all of them have come when it goes on.
"""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.e2e.test_faults import UPSTREAM_KEY, hang_up, not_json, refusal, short_body, stream
from tests.e2e.test_kept_connections import KeptConnection
from tests.harness.gateway import GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen, completion
from tests.harness.waiting import wait_until

CALLERS = 20
ADMITTED = 7
WARM_UP = 2
"""Requests of a connection before it is used."""

ANSWERS = {
    "busy": (429, refusal(429, {"error": {"message": "too many", "type": "rate_limit_error"}})),
    "gone": (502, hang_up),
    "broken": (502, not_json),
    "short": (502, short_body),
}


class Gate:
    """Answers wait at it while it is closed, but for those that make a head known."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.open.set()
        self.waiting = 0
        self.answered = 0

    async def script(self, seen: Seen, reply: Reply) -> None:
        model = seen.json["model"]
        self.waiting += 1
        await self.open.wait()
        if model in ANSWERS:
            await ANSWERS[model][1](seen, reply)
        elif seen.json.get("stream"):
            await stream(seen, reply)
        else:
            await reply.json(completion("hello" if model == "whole" else model))
        self.answered += 1


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def upstream(gate: Gate) -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(gate.script) as server:
        yield server


@contextmanager
def stopped(gateway: GatewayProcess) -> Iterator[None]:
    gateway.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        gateway.signal(signal.SIGCONT)


@contextmanager
def kept(
    gateway: GatewayProcess, upstream: ScriptedUpstream, quota: int = 0
) -> Iterator[list[KeptConnection]]:
    client = gateway.create_client(
        backend="openai",
        base_url=upstream.base_url,
        backend_api_key=UPSTREAM_KEY,
        quota_requests_day=quota,
    )
    lines = [KeptConnection(gateway, client) for _ in range(CALLERS)]
    try:
        yield lines
    finally:
        for line in lines:
            line.hang_up()


def test_a_limit_is_exact(gateway: GatewayProcess, upstream: ScriptedUpstream) -> None:
    before = CALLERS * WARM_UP
    with kept(gateway, upstream, quota=before + ADMITTED) as lines:
        with stopped(gateway):
            for line in lines:
                line.say("whole")
        found = Counter(line.answer()[0] for line in lines)
        assert found == {200: ADMITTED, 429: CALLERS - ADMITTED}
        rows = gateway.requests_of(lines[0].client, minimum=before + CALLERS)
        assert Counter(row["status"] for row in rows) == {200: before + ADMITTED, 429: CALLERS - ADMITTED}


def test_each_gets_its_own_answer(gateway: GatewayProcess, upstream: ScriptedUpstream, gate: Gate) -> None:
    with kept(gateway, upstream) as lines:
        models = [*ANSWERS, *(f"model-{number}" for number in range(CALLERS - len(ANSWERS)))]
        wait_until(lambda: gate.answered == CALLERS * WARM_UP)  # it counts after it has answered
        known, told = gate.waiting, gate.answered
        upstream.call(gate.open.clear)
        with stopped(gateway):
            for line, model in zip(lines, models, strict=True):
                line.say(model)
        wait_until(lambda: gate.waiting == known + CALLERS)
        with stopped(gateway):
            upstream.call(gate.open.set)
            wait_until(lambda: gate.answered == told + CALLERS)
            lines[-1].hang_up()  # its answer and its end come at once
        for line, model in zip(lines[:-1], models, strict=False):
            status, body, request_id = line.answer()
            row = gateway.request_row(request_id)
            assert row["model_asked"] == model
            assert (status, row["status"]) == (ANSWERS[model][0],) * 2 if model in ANSWERS else (200, 200)
            if model not in ANSWERS:
                assert json.loads(body) == completion(model)
            line.works()
        rows = gateway.requests_of(lines[0].client, minimum=CALLERS * (WARM_UP + 2) - 1)
        assert Counter(row["model_asked"] for row in rows) == Counter(models) + Counter(
            whole=CALLERS * WARM_UP + CALLERS - 1
        )


def test_streams_begin_at_once(gateway: GatewayProcess, upstream: ScriptedUpstream) -> None:
    with kept(gateway, upstream) as lines:
        with stopped(gateway):
            for number, line in enumerate(lines):
                line.say(f"model-{number}", stream=True)
        for line in lines:
            status, body, request_id = line.answer()
            assert status == 200
            assert body.endswith(b"data: [DONE]\n\n")
            assert gateway.request_row(request_id)["output_tokens"] == 3
            line.works()
