"""Gateway tool mode: bounds, what is told and what is written down, and ends at any moment."""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import time
from collections.abc import Coroutine, Generator, Iterator
from typing import Any

import msgspec
import pytest

from ai_gateway import conversing
from ai_gateway.core.chat import Text
from ai_gateway.core.record import attempts_of
from ai_gateway.core.server_tools import ToolOutcome, runs_of
from ai_gateway.dialects import tool_round
from ai_gateway.policy.limits import Limits
from tests.conformance import asking, heard
from tests.conformance.asking import CALLERS, Asked
from tests.conformance.providers import PROVIDERS, send
from tests.conformance.scripted import Model
from tests.conformance.wire import CALLS, OUTPUT, SECOND, TEXT, THOUGHT, Said
from tests.harness.conversing import DataPath, Tools, data_path, says
from tests.harness.upstream import Reply, Seen

WEATHER, TIME = CALLS
LOOKS = Said(pieces=("Let me look. ",), calls=(WEATHER,), thought=THOUGHT, finish="tool_calls")
STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with Model() as upstream:
        yield upstream


def nothing_held(path: DataPath, client: str = "cl_a") -> None:
    account = path.limiter.account(client, time.time())
    today = account.today
    assert (today.held_input, today.held_output, today.held_usd) == (0, 0, 0.0)
    assert account.in_flight == 0


@STREAMS
async def test_so_many_calls_of_one_answer_are_run_and_the_model_is_told(
    model: Model, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversing, "MAX_RUNS", 1)
    kind = PROVIDERS["chat"]
    client = model.plays(kind, dataclasses.replace(LOOKS, calls=CALLS), SECOND)
    tools = Tools(get_weather=says("sunny"), get_time=says("noon"))
    async with data_path(tools) as path:
        target, body = asking.request("chat", Asked(), kind.model, stream)
        answer = await path.ask(client, target, body)
    assert heard.read("chat", answer.body, stream).text.endswith(TEXT)
    assert [name for name, _ in tools.ran] == ["get_weather"]
    (_, first), (_, second) = model.told(1).results
    assert first == "sunny"
    assert "was not run" in second
    assert [run.error for run in runs_of(answer.record.tool_log)] == [None, "too_many_calls"]


@STREAMS
@pytest.mark.parametrize(
    ("name", "value", "message"),
    [("MAX_CALLS", 1, "more than 1 tools at once"), ("MAX_CHARS", 20, "longer than 20 characters")],
)
async def test_an_answer_that_is_more_than_can_be_kept_is_a_failure(
    model: Model, stream: bool, name: str, value: int, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool_round, name, value)
    kind = PROVIDERS["chat"]
    said = Said(pieces=("x",), calls=(("get_weather", {"city": "Paris" * 9}), TIME), finish="tool_calls")
    client = model.plays(kind, *[said] * 3)
    client = msgspec.structs.replace(client, limits=Limits(output_tokens=100_000))
    tools = Tools(get_weather=says("sunny"), get_time=says("noon"))
    async with data_path(tools) as path:
        target, body = asking.request("chat", Asked(), kind.model, stream)
        answer = await path.ask(client, target, body)
        nothing_held(path)
    assert message in answer.body.decode()
    assert answer.record.status == 502
    assert tools.ran == []


@pytest.mark.parametrize("caller", CALLERS)
async def test_a_stream_has_one_id(model: Model, caller: str) -> None:
    kind = PROVIDERS[caller]
    client = model.plays(kind)
    lines = [LOOKS, SECOND]
    names = {"chat": b"chatcmpl-1", "responses": b"resp_1", "anthropic": b"msg_01", "gemini": b"l9cEarvc"}

    async def numbered(seen: Seen, reply: Reply) -> None:
        said = kind.speak(kind.model, lines.pop(0), True)
        assert isinstance(said, list)
        name = names[caller]
        await send(reply, [b"".join(said).replace(name, b"%b_of_round_%d" % (name, len(model.seen)))])

    model.script = numbered
    try:
        async with data_path(Tools(get_weather=says("sunny"))) as path:
            target, body = asking.request(caller, Asked(), kind.model, True)
            answer = await path.ask(client, target, body)
    finally:
        model.script = model._answer
    assert heard.read(caller, answer.body, True).text.endswith(TEXT)
    assert b"_of_round_2" not in answer.body


@STREAMS
@pytest.mark.parametrize("caller", CALLERS)
async def test_what_is_told_of_usage_is_what_is_written_down(model: Model, caller: str, stream: bool) -> None:
    kind = PROVIDERS["anthropic"]
    client = model.plays(kind, LOOKS, LOOKS, SECOND)
    client = msgspec.structs.replace(client, limits=Limits(output_tokens=100_000, usd_day=10.0))
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        target, body = asking.request(caller, Asked(), kind.model, stream)
        answer = await path.ask(client, target, body)
        account = path.limiter.account(client.id, time.time())
        assert account.today.output_tokens == 3 * OUTPUT
        nothing_held(path)
    row = answer.record
    told = heard.read(caller, answer.body, stream).usage
    assert told == (row.input_tokens, row.cached_tokens, row.output_tokens)
    assert told == (300, 120, 3 * OUTPUT)
    attempts = attempts_of(row)
    assert sum(attempt.output_tokens for attempt in attempts) == row.output_tokens
    assert all(attempt.usage_raw for attempt in attempts)
    assert row.cost_usd is not None
    assert row.cost_usd == pytest.approx(sum(attempt.cost_usd or 0.0 for attempt in attempts))
    if not stream:
        assert float(answer.headers["x-gateway-cost"]) == pytest.approx(row.cost_usd)


async def test_bodies_are_those_of_the_whole_answer_and_of_the_last_round(model: Model) -> None:
    kind = PROVIDERS["anthropic"]
    client = model.plays(kind, LOOKS, SECOND)
    settings = client.settings.model_copy(update={"log_bodies": True})
    client = msgspec.structs.replace(client, settings=settings, log_bodies=True)
    for stream in (False, True):
        model.lines = [LOOKS, SECOND]
        async with data_path(Tools(get_weather=says("sunny"))) as path:
            target, body = asking.request("chat", Asked(), kind.model, stream)
            answer = await path.ask(client, target, body)
        assert answer.record.response == answer.body.decode()
        assert json.loads(answer.record.caller_request or "") == body
        assert answer.record.upstream_request == model.seen[-1].body.decode()


async def test_a_stream_that_breaks_inside_a_hidden_call_is_asked_for_again(model: Model) -> None:
    """Nothing of it has reached the caller."""
    kind = PROVIDERS["chat"]
    client = model.plays(kind)
    lines = [Said(calls=(WEATHER,), finish="tool_calls"), SECOND]

    async def break_once(seen: Seen, reply: Reply) -> None:
        if len(model.seen) > 1:
            await send(reply, kind.speak(kind.model, lines.pop(0), True))
            return
        said = kind.speak(kind.model, lines[0], True)
        assert isinstance(said, list)
        await reply.start_stream()
        whole = b"".join(said)
        await reply.piece(whole[: whole.index(b"city") + 4])
        reply.reset()

    model.script = break_once
    try:
        async with data_path(Tools(get_weather=says("sunny"))) as path:
            target, body = asking.request("anthropic", Asked(), kind.model, True)
            answer = await path.ask(client, target, body)
    finally:
        model.script = model._answer
    assert heard.read("anthropic", answer.body, True).text == TEXT
    assert answer.record.attempts == 3
    assert [attempt.round for attempt in attempts_of(answer.record)] == [1, 1, 2]


async def test_a_stream_that_breaks_after_content_ends_in_an_error(model: Model) -> None:
    kind = PROVIDERS["chat"]
    client = model.plays(kind)
    client = msgspec.structs.replace(client, limits=Limits(output_tokens=100_000))

    async def break_down(seen: Seen, reply: Reply) -> None:
        said = kind.speak(kind.model, LOOKS, True)
        assert isinstance(said, list)
        await reply.start_stream()
        whole = b"".join(said)
        await reply.piece(whole[: whole.index(b"city") + 4])
        reply.reset()

    model.script = break_down
    tools = Tools(get_weather=says("sunny"))
    try:
        async with data_path(tools) as path:
            target, body = asking.request("anthropic", Asked(), kind.model, True)
            answer = await path.ask(client, target, body)
            nothing_held(path)
    finally:
        model.script = model._answer
    assert heard.read("anthropic", answer.body, True).error
    assert answer.record.status == 502
    assert tools.ran == []


class _Cut:
    """Waits for a request, and cancels it where it waits for the n-th time itself."""

    def __init__(self, request: Coroutine[Any, Any, object], step: int) -> None:
        self._request = request
        self._left = step

    @property
    def cut(self) -> bool:
        return self._left <= 0

    def __await__(self) -> Generator[Any, Any, None]:
        waits = self._request.__await__()
        while True:
            try:
                waited = waits.send(None)
            except StopIteration:
                return
            self._left -= 1
            if self._left == 0:
                task = asyncio.current_task()
                assert task is not None
                task.cancel()
            try:
                yield waited
            except asyncio.CancelledError as error:
                waited = waits.throw(error)
                yield waited

    async def end(self) -> None:
        await self


async def _slow(arguments: str) -> ToolOutcome:
    for _ in range(3):
        await asyncio.sleep(0)
    return ToolOutcome(parts=(Text("sunny"),))


@STREAMS
async def test_a_hang_up_at_any_moment_leaves_a_row_and_nothing_else(model: Model, stream: bool) -> None:
    kind = PROVIDERS["anthropic"]
    client = model.plays(kind)
    client = msgspec.structs.replace(client, limits=Limits(output_tokens=100_000, concurrency=1))
    target, body = asking.request("chat", Asked(), kind.model, stream)
    others = asyncio.all_tasks()
    for step in itertools.count(1):
        model.lines = [LOOKS, SECOND]
        async with data_path(Tools(get_weather=_slow)) as path:
            before = asyncio.all_tasks()
            cut = _Cut(path.ask(client, target, body), step)
            task = asyncio.create_task(cut.end())
            await asyncio.wait({task})
            assert asyncio.all_tasks() <= before
            nothing_held(path)
            if not cut.cut:
                break
            row = path.last
            assert task.cancelled()
            assert (row.status, row.error) in ((499, "client_closed"), (200, None))
    assert asyncio.all_tasks() <= others
    assert path.last.status == 200
    assert step > 3, "it waits at least for two rounds, and for tools between them"
