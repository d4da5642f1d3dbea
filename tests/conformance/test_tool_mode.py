"""Gateway tool mode: every dialect on every wire format, one answer over several rounds."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Iterator

import msgspec
import pytest

from ai_gateway.core.chat import Audio, Data, Image, Text
from ai_gateway.core.record import attempts_of
from ai_gateway.core.server_tools import ToolOutcome, runs_of
from ai_gateway.policy.limits import Limits
from tests.conformance import asking, heard
from tests.conformance.asking import CALLERS, Asked
from tests.conformance.conversation import PICTURE
from tests.conformance.providers import PROVIDERS, send
from tests.conformance.scripted import Model, only_time
from tests.conformance.wire import CALLS, OUTPUT, SECOND, SIGNATURE, TEXT, THOUGHT, Json, Said
from tests.harness.conversing import Told, Tools, data_path, policy, says
from tests.harness.upstream import Reply, Seen

WEATHER, TIME = CALLS
TURN = {"role": "user", "content": "hi"}
ASKS = Said(calls=(WEATHER,), thought=THOUGHT, finish="tool_calls")
STOPPED = {"chat": "stop", "responses": "completed", "anthropic": "end_turn", "gemini": "STOP"}
CALLED = {"chat": "tool_calls", "responses": "completed", "anthropic": "tool_use", "gemini": "STOP"}


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with Model() as upstream:
        yield upstream


def events_of(caller: str, answer: Told, stream: bool) -> heard.Heard:
    assert answer.status == 200, answer.body
    return heard.read(caller, answer.body, stream)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("caller", CALLERS)
async def test_the_caller_sees_one_answer(model: Model, caller: str, provider: str, stream: bool) -> None:
    kind = PROVIDERS[provider]
    client = model.plays(kind, ASKS, SECOND)
    tools = Tools(get_weather=says("sunny, 21 degrees"))
    async with data_path(tools) as path:
        target, body = asking.request(caller, Asked(system="Be brief.", reasoning=True), kind.model, stream)
        answer = await path.ask(client, target, body)

    said = events_of(caller, answer, stream)
    assert said.text == TEXT
    assert said.calls == []
    assert said.finish == STOPPED[caller]
    assert said.usage == (200, 80, 2 * OUTPUT)

    assert [(name, json.loads(arguments)) for name, arguments in tools.ran] == [WEATHER]
    first, second = model.told(0), model.told(1)
    assert "get_weather" in first.tools
    assert "Be brief." in "".join(first.system)
    assert second.calls == [WEATHER]
    assert second.results == [("get_weather", "sunny, 21 degrees")]
    if kind.keeps_signatures:
        assert second.signatures == [SIGNATURE]

    row = answer.record
    assert (row.status, row.error, row.attempts) == (200, None, 2)
    assert (row.input_tokens, row.cached_tokens, row.output_tokens) == (200, 80, 2 * OUTPUT)
    [run] = runs_of(row.tool_log)
    assert (run.name, run.source, run.round, run.error) == ("get_weather", "test", 1, None)
    assert [attempt.round for attempt in attempts_of(row)] == [1, 2]


def answered(caller: str, body: Json, answer: Told, stream: bool, result: str) -> Json:
    """The caller's next request: what it heard, and the result of its own tool."""
    [(name, arguments)] = heard.read(caller, answer.body, stream).calls
    found = re.search(r'"(?:call_id|id)": ?"((?:call|toolu|gw)[A-Za-z0-9_-]*)"', answer.body.decode())
    assert found is not None, answer.body
    identifier, words = found[1], json.dumps(arguments)
    if caller == "chat":
        call = {"id": identifier, "type": "function", "function": {"name": name, "arguments": words}}
        more = [
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": identifier, "content": result},
        ]
    elif caller == "responses":
        more = [
            {"type": "function_call", "call_id": identifier, "name": name, "arguments": words},
            {"type": "function_call_output", "call_id": identifier, "output": result},
        ]
    else:
        block = {"type": "tool_use", "id": identifier, "name": name, "input": arguments}
        done = {"type": "tool_result", "tool_use_id": identifier, "content": result}
        more = [{"role": "assistant", "content": [block]}, {"role": "user", "content": [done]}]
    turns = "input" if caller == "responses" else "messages"
    return {**body, turns: [*body[turns], *more]}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("caller", ["chat", "responses", "anthropic"])
async def test_calls_of_both_in_one_answer(model: Model, caller: str, provider: str, stream: bool) -> None:
    kind = PROVIDERS[provider]
    client = model.plays(kind, Said(calls=(WEATHER, TIME), thought=THOUGHT, finish="tool_calls"), SECOND)
    target, body = asking.request(caller, Asked(tools=True), kind.model, stream)
    body = only_time(body)
    tools = Tools(get_weather=says("sunny, 21 degrees"))
    async with data_path(tools) as path:
        answer = await path.ask(client, target, body)
        said = events_of(caller, answer, stream)
        assert said.calls == [TIME]
        assert said.finish == CALLED[caller]
        assert [name for name, _ in tools.ran] == ["get_weather"]
        final = await path.ask(client, target, answered(caller, body, answer, stream, "12:00"))
    assert events_of(caller, final, stream).text == TEXT
    last = model.told(1)
    assert last.calls == [WEATHER, TIME]
    assert sorted(last.results) == [("get_time", "12:00"), ("get_weather", "sunny, 21 degrees")]
    if kind.keeps_signatures:
        assert last.signatures == [SIGNATURE]


async def test_a_turn_that_is_not_kept_any_more_costs_no_request(model: Model) -> None:
    kind = PROVIDERS["anthropic"]
    client = model.plays(kind, Said(calls=(WEATHER, TIME), finish="tool_calls"), SECOND)
    target, body = asking.request("chat", Asked(tools=True), kind.model, False)
    body = only_time(body)
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        answer = await path.ask(client, target, body)
    async with data_path(Tools(get_weather=says("sunny"))) as path:  # another process
        final = await path.ask(client, target, answered("chat", body, answer, False, "12:00"))
    assert events_of("chat", final, False).text == TEXT
    assert model.told(1).calls == [TIME]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("caller", CALLERS)
async def test_words_between_rounds_come_through(model: Model, caller: str, stream: bool) -> None:
    kind = PROVIDERS["anthropic"]
    looking = Said(pieces=("Let me ", "look."), calls=(WEATHER,), finish="tool_calls")
    client = model.plays(kind, looking, SECOND)
    ran_after: list[bytes] = []
    pieces: list[bytes] = []

    async def look(arguments: str) -> ToolOutcome:
        ran_after.extend(pieces)
        return ToolOutcome(parts=(Text("sunny"),))

    async with data_path(Tools(get_weather=look)) as path:
        target, body = asking.request(caller, Asked(), kind.model, stream)
        answer = await path.ask(client, target, body, pieces.append)
    between = "\n\n" if caller == "chat" else ""
    assert events_of(caller, answer, stream).text == f"Let me look.{between}{TEXT}"
    if stream:
        assert b"look." in b"".join(ran_after), "the words are with the caller before the tool runs"


async def test_an_answer_that_must_be_json_holds_no_words_of_other_rounds(model: Model) -> None:
    kind = PROVIDERS["chat"]
    looking = Said(pieces=("Let me look.",), calls=(WEATHER,), finish="tool_calls")
    client = model.plays(kind, looking, Said(pieces=('{"a":', "1}")))
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        target, body = asking.request("chat", Asked(schema=schema), kind.model, True)
        answer = await path.ask(client, target, body)
    assert json.loads(events_of("chat", answer, True).text) == {"a": 1}


async def test_several_calls_run_side_by_side(model: Model) -> None:
    kind = PROVIDERS["chat"]
    client = model.plays(kind, Said(calls=(WEATHER, TIME), finish="tool_calls"), SECOND)
    meeting = asyncio.Barrier(2)

    async def meet(arguments: str) -> ToolOutcome:
        await meeting.wait()  # one after the other would wait for ever
        return ToolOutcome(parts=(Text("met"),))

    async with data_path(Tools(get_weather=meet, get_time=meet)) as path:
        target, body = asking.request("chat", Asked(), kind.model, False)
        answer = await path.ask(client, target, body)
    assert events_of("chat", answer, False).text == TEXT
    assert len(runs_of(answer.record.tool_log)) == 2
    assert model.told(1).results == [("get_weather", "met"), ("get_time", "met")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_model_that_calls_for_ever_is_stopped(model: Model, stream: bool) -> None:
    kind = PROVIDERS["anthropic"]
    client = model.plays(kind, *[ASKS] * 4)
    async with data_path(Tools(get_weather=says("sunny")), max_rounds=3) as path:
        target, body = asking.request("chat", Asked(), kind.model, stream)
        answer = await path.ask(client, target, body)
    assert len(model.seen) == 4
    assert model.told(2).tool_choice in (None, "auto")
    assert model.told(3).tool_choice == "none"
    assert "after 3 rounds" in answer.body.decode()
    assert answer.status == (200 if stream else 502)  # its thoughts had already gone out
    assert (answer.record.status, answer.record.error) == (502, "tool_loop")
    assert answer.record.output_tokens == 4 * OUTPUT
    assert len(runs_of(answer.record.tool_log)) == 3


async def test_a_tool_that_the_client_does_not_have_is_told_to_the_model(model: Model) -> None:
    kind = PROVIDERS["gemini"]
    client = model.plays(kind, Said(calls=(("get_lost", {}),), finish="tool_calls"), SECOND)
    client = policy(**{**client.settings.model_dump(), "server_tools": ("get_weather",)})
    tools = Tools(get_weather=says("sunny"), get_lost=says("for other clients only"))
    async with data_path(tools) as path:
        target, body = asking.request("chat", Asked(), kind.model, True)
        answer = await path.ask(client, target, body)
    assert events_of("chat", answer, True).text == TEXT
    assert tools.ran == []
    [(name, result)] = model.told(1).results
    assert (name, json.loads(result)) == (
        "get_lost",
        {"error": "There is no tool named 'get_lost'. There are: get_weather."},
    )
    assert [run.error for run in runs_of(answer.record.tool_log)] == ["unknown_tool"]


async def test_a_name_that_the_caller_uses_is_the_callers(model: Model) -> None:
    kind = PROVIDERS["chat"]
    client = model.plays(kind, Said(calls=(TIME,), finish="tool_calls"))
    tools = Tools(get_time=says("the gateway's"), get_weather=says("sunny"))
    async with data_path(tools) as path:
        target, body = asking.request("anthropic", Asked(tools=True), kind.model, True)
        answer = await path.ask(client, target, only_time(body))
    assert events_of("anthropic", answer, True).calls == [TIME]
    assert tools.ran == []
    assert sorted(model.told(0).tools) == ["get_time", "get_weather"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_what_was_required_is_required_once(model: Model, stream: bool) -> None:
    kind = PROVIDERS["chat"]
    client = model.plays(kind, ASKS, SECOND)
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        target, body = asking.request("chat", Asked(), kind.model, stream)
        await path.ask(client, target, {**body, "tool_choice": "required"})
    assert [model.told(index).tool_choice for index in (0, 1)] == ["required", "auto"]


async def test_a_hang_up_cancels_running_tools(model: Model) -> None:
    kind = PROVIDERS["chat"]
    client = model.plays(kind, ASKS)
    running, cancelled = asyncio.Event(), asyncio.Event()

    async def hang(arguments: str) -> ToolOutcome:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    async with data_path(Tools(get_weather=hang)) as path:
        target, body = asking.request("chat", Asked(), kind.model, True)
        task = asyncio.create_task(path.ask(client, target, body))
        await running.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert cancelled.is_set()
        row = path.last
    assert (row.status, row.error) == (499, "client_closed")
    assert [run.error for run in runs_of(row.tool_log)] == ["cancelled"]
    assert row.output_tokens == OUTPUT


@pytest.mark.parametrize(("stream", "spoke"), [(False, True), (True, False), (True, True)])
async def test_a_provider_that_fails_in_a_later_round(model: Model, stream: bool, spoke: bool) -> None:
    kind = PROVIDERS["anthropic"]
    words = ("One moment.",) if spoke else ()
    client = model.plays(kind, Said(pieces=words, calls=(WEATHER,), finish="tool_calls"))

    async def break_down(arguments: str) -> ToolOutcome:
        async def refuse(seen: Seen, reply: Reply) -> None:
            error = {"type": "error", "error": {"type": "invalid_request_error", "message": "no more of it"}}
            await reply.json(error, status=400)

        model.script = refuse
        return ToolOutcome(parts=(Text("sunny"),))

    async with data_path(Tools(get_weather=break_down)) as path:
        target, body = asking.request("chat", Asked(), kind.model, stream)
        try:
            answer = await path.ask(client, target, body)
        finally:
            model.script = model._answer
    assert b"no more of it" in answer.body
    assert answer.status == (200 if stream and spoke else 400)
    assert answer.record.status == 400
    assert (answer.record.attempts, answer.record.output_tokens) == (2, OUTPUT)


async def test_a_quota_that_is_used_up_between_rounds_ends_the_answer(model: Model) -> None:
    kind = PROVIDERS["chat"]
    looking = Said(pieces=("Let me look.",), calls=(WEATHER,), finish="tool_calls")
    client = model.plays(kind, looking, SECOND)
    client = msgspec.structs.replace(client, limits=Limits(input_tokens=150))
    async with data_path(Tools(get_weather=says("x" * 2000))) as path:
        target, body = asking.request("chat", Asked(), kind.model, True)
        answer = await path.ask(client, target, body)
        account = path.limiter.account(client.id, time.time())
        assert (account.today.held_input, account.today.held_output, account.in_flight) == (0, 0, 0)
        assert account.today.input_tokens == 100
    said = events_of("chat", answer, True)
    assert (said.text, said.finish) == ("Let me look.", "length")
    assert len(model.seen) == 1


async def test_every_round_counts_for_the_limits(model: Model) -> None:
    kind = PROVIDERS["chat"]
    client = model.plays(kind, ASKS, SECOND)
    client = msgspec.structs.replace(client, limits=Limits(minute=5, output_tokens=100_000))
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        target, body = asking.request("chat", Asked(), kind.model, True)
        answer = await path.ask(client, target, body)
        account = path.limiter.account(client.id, time.time())
        assert (account.today.input_tokens, account.today.output_tokens) == (200, 2 * OUTPUT)
        assert (account.today.held_output, account.today.requests) == (0, 1)
    assert answer.headers["x-ratelimit-remaining-requests"] == "4"


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_media_that_a_tool_brings_reach_the_model_or_are_told(model: Model, provider: str) -> None:
    kind = PROVIDERS[provider]
    client = model.plays(kind, ASKS, SECOND)
    png = Image(Data("image/png", PICTURE))
    sound = Audio(Data("audio/wav", "UklGRg=="))

    async def draw(arguments: str) -> ToolOutcome:
        return ToolOutcome(parts=(Text("Here:"), png, sound))

    async with data_path(Tools(get_weather=draw)) as path:
        target, body = asking.request("chat", Asked(), kind.model, True)
        answer = await path.ask(client, target, body)
    assert events_of("chat", answer, True).text == TEXT
    sent = model.seen[1].body.decode()
    assert PICTURE in sent or "does not take here" in sent
    assert "UklGRg==" in sent or "does not take here" in sent


async def test_several_answers_cannot_be_asked_for(model: Model) -> None:
    client = model.plays(PROVIDERS["chat"])
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        answer = await path.ask(client, "/v1/chat/completions", {"model": "m", "messages": [TURN], "n": 2})
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["param"] == "n"


async def test_without_a_tool_to_offer_the_request_is_relayed_as_it_is(model: Model) -> None:
    kind = PROVIDERS["chat"]
    client = model.plays(kind, SECOND)
    body = {"model": kind.model, "messages": [{"role": "user", "content": "hi", "odd": 1}], "strange": [1]}
    async with data_path(Tools()) as path:
        await path.ask(client, "/v1/chat/completions", body)
    assert model.seen[0].json == body


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_provider_that_answers_in_the_other_form(model: Model, provider: str, stream: bool) -> None:
    kind = PROVIDERS[provider]
    client = model.plays(kind)
    lines = [Said(pieces=("Look. ",), calls=(WEATHER,), finish="tool_calls"), SECOND]

    async def other(seen: Seen, reply: Reply) -> None:
        await send(reply, kind.speak(kind.model, lines.pop(0), not kind.streams(seen)))

    model.script = other
    try:
        async with data_path(Tools(get_weather=says("sunny"))) as path:
            target, body = asking.request("anthropic", Asked(), kind.model, stream)
            answer = await path.ask(client, target, body)
    finally:
        model.script = model._answer
    said = events_of("anthropic", answer, stream)
    assert said.text == f"Look. {TEXT}"
    assert said.usage == (200, 80, 2 * OUTPUT)


async def test_gemini_streams_as_an_array(model: Model) -> None:
    kind = PROVIDERS["gemini"]
    client = model.plays(kind, ASKS, SECOND)
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        target, body = asking.request("gemini", Asked(), kind.model, True)
        answer = await path.ask(client, target.replace("?alt=sse", ""), body)
    chunks = json.loads(answer.body)
    parts = [part for chunk in chunks for part in chunk["candidates"][0]["content"]["parts"]]
    assert "".join(part.get("text", "") for part in parts if not part.get("thought")) == TEXT
    assert not any("functionCall" in part for part in parts)


async def test_the_first_round_falls_back_like_any_request(model: Model) -> None:
    kind = PROVIDERS["anthropic"]
    client = model.plays(kind)
    lines = [ASKS, SECOND]

    async def busy_once(seen: Seen, reply: Reply) -> None:
        if seen.json["model"] != "claude-haiku-4-5":
            await reply.json(
                {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}, status=529
            )
            return
        await send(reply, kind.speak("claude-haiku-4-5", lines.pop(0), True))

    settings = client.settings.model_copy(update={"fallback_models": ("claude-haiku-4-5",)})
    model.script = busy_once
    try:
        async with data_path(Tools(get_weather=says("sunny"))) as path:
            target, body = asking.request("chat", Asked(), kind.model, True)
            answer = await path.ask(policy(**settings.model_dump()), target, body)
    finally:
        model.script = model._answer
    assert events_of("chat", answer, True).text == TEXT
    assert answer.headers["x-gateway-model"] == "claude-haiku-4-5"
    assert {seen.json["model"] for seen in model.seen[-2:]} == {"claude-haiku-4-5"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("both", [False, True], ids=["ours", "both"])
async def test_a_response_is_gone_on_with_by_its_id(model: Model, stream: bool, both: bool) -> None:
    """The provider keeps the rounds as responses of their own: the last one is what follows."""
    kind = PROVIDERS["responses"]
    client = model.plays(kind)
    calls = (WEATHER, TIME) if both else (WEATHER,)
    lines = [Said(calls=calls, finish="tool_calls"), SECOND, SECOND]

    async def numbered(seen: Seen, reply: Reply) -> None:
        number = b"resp_%d" % len(model.seen)
        said = kind.speak(kind.model, lines.pop(0), kind.streams(seen))
        if isinstance(said, list):
            await send(reply, [b"".join(said).replace(b"resp_1", number)])
        else:
            await reply.whole(json.dumps(said).encode().replace(b"resp_1", number))

    model.script = numbered
    try:
        async with data_path(Tools(get_weather=says("sunny"))) as path:
            target, body = asking.request("responses", Asked(tools=True), kind.model, stream)
            body = only_time(body)
            answer = await path.ask(client, target, body)
            found = re.search(r'"id": ?"(resp_[0-9])"', answer.body.decode())
            assert found is not None
            result = {"type": "function_call_output", "call_id": "call_two", "output": "12:00"}
            more = [result] if both else [{"role": "user", "content": "And now?"}]
            await path.ask(client, target, {**body, "previous_response_id": found[1], "input": more})
    finally:
        model.script = model._answer
    last = model.seen[-1].json
    assert last["previous_response_id"] == ("resp_1" if both else "resp_2")
    outputs = {item["call_id"]: item["output"] for item in last["input"] if "output" in item}
    assert outputs == ({"call_one": "sunny", "call_two": "12:00"} if both else {})


@pytest.mark.parametrize(
    ("field", "value"), [("conversation", "conv_1"), ("conversation", {"id": "conv_1"}), ("background", True)]
)
async def test_what_cannot_be_answered_in_rounds_is_refused(model: Model, field: str, value: object) -> None:
    client = model.plays(PROVIDERS["responses"])
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        answer = await path.ask(client, "/v1/responses", {"model": "m", "input": "hi", field: value})
    assert answer.status == 400
    assert json.loads(answer.body)["error"]["param"] == field
