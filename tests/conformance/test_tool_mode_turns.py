"""Gateway tool mode: turns in which the model calls tools of both, and what callers send after them."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance import asking, heard
from tests.conformance.asking import CALLERS, Asked
from tests.conformance.providers import PROVIDERS
from tests.conformance.scripted import Model, only_time
from tests.conformance.wire import CALLS, SECOND, SIGNATURE, TEXT, THOUGHT, Json, Said
from tests.harness.conversing import Told, Tools, data_path, says

WEATHER, TIME = CALLS
LOOKS = Said(pieces=("Let me look. ",), calls=(WEATHER,), thought=THOUGHT, finish="tool_calls")
BOTH = Said(pieces=("And ", "now: "), calls=(WEATHER, TIME), thought=THOUGHT, finish="tool_calls")
STREAMS = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with Model() as upstream:
        yield upstream


def gone_on(caller: str, body: Json, answer: Told, stream: bool, *, ids: bool = True) -> Json:
    """The caller's next request: all that it heard, as it came, and the results of its own tools."""
    if caller == "gemini":
        return _gemini(body, answer, stream, ids)
    if caller == "responses":
        return _responses(body, answer, stream)
    said = heard.read(caller, answer.body, stream)
    identifier = re.search(r'"id": ?"((?:call|toolu)[A-Za-z0-9_-]*)"', answer.body.decode())
    assert identifier is not None
    [(name, arguments)] = said.calls
    if caller == "chat":
        function = {"name": name, "arguments": json.dumps(arguments)}
        call = {"id": identifier[1], "type": "function", "function": function}
        more: list[Json] = [
            {"role": "assistant", "content": said.text, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": identifier[1], "content": "12:00"},
        ]
    else:
        done = {"type": "tool_result", "tool_use_id": identifier[1], "content": "12:00"}
        more = [
            {"role": "assistant", "content": _blocks(answer, stream)},
            {"role": "user", "content": [done]},
        ]
    return {**body, "messages": [*body["messages"], *more]}


def _events(answer: Told) -> list[Json]:
    return [json.loads(line[6:]) for line in answer.body.decode().splitlines() if line.startswith("data: {")]


def _blocks(answer: Told, stream: bool) -> list[Json]:
    """Anthropic's, put together as its SDK does."""
    if not stream:
        return list(json.loads(answer.body)["content"])
    blocks: list[Any] = []
    for event in _events(answer):
        if event["type"] == "content_block_start":
            blocks.append(event["content_block"])
        elif event["type"] == "content_block_delta":
            for name, value in event["delta"].items():
                if name == "partial_json":
                    blocks[-1]["json"] = blocks[-1].get("json", "") + value
                elif name != "type":
                    blocks[-1][name] = blocks[-1].get(name, "") + value
    for block in blocks:
        if "json" in block:
            block["input"] = json.loads(block.pop("json"))
    return blocks


def _responses(body: Json, answer: Told, stream: bool) -> Json:
    """An item for each thought, message and call."""
    output = (_events(answer)[-1]["response"] if stream else json.loads(answer.body))["output"]
    results = [
        {"type": "function_call_output", "call_id": item["call_id"], "output": "12:00"}
        for item in output
        if item["type"] == "function_call"
    ]
    return {**body, "input": [*body["input"], *output, *results]}


def _gemini(body: Json, answer: Told, stream: bool, ids: bool) -> Json:
    """A content for each chunk, as Google's SDK keeps them; not all callers send the calls' ids back."""
    chunks = _events(answer) if stream else [json.loads(answer.body)]
    contents = [chunk["candidates"][0]["content"] for chunk in chunks]
    results = []
    for content in contents:
        for part in content["parts"]:
            if "functionCall" in part:
                if not ids:
                    del part["functionCall"]["id"]
                call = {**part["functionCall"], "response": {"result": "12:00"}}
                del call["args"]
                results.append({"functionResponse": call})
    return {**body, "contents": [*body["contents"], *contents, {"role": "user", "parts": results}]}


@STREAMS
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("caller", [*CALLERS, "gemini without ids"])
async def test_a_turn_of_both_goes_on_as_if_the_caller_knew_all(
    model: Model, caller: str, provider: str, stream: bool
) -> None:
    """Words and thoughts before the calls, a round of the gateway's alone before that."""
    caller, _, without = caller.partition(" without ")
    kind = PROVIDERS[provider]
    client = model.plays(kind, LOOKS, BOTH, SECOND)
    target, body = asking.request(caller, Asked(tools=True, reasoning=True), kind.model, stream)
    body = only_time(body)
    tools = Tools(get_weather=says("sunny, 21 degrees"))
    async with data_path(tools) as path:
        answer = await path.ask(client, target, body)
        said = heard.read(caller, answer.body, stream)
        assert said.calls == [TIME]
        between = "\n\n" if caller == "chat" else ""
        assert said.text == f"Let me look. {between}And now: "
        final = await path.ask(client, target, gone_on(caller, body, answer, stream, ids=not without))
    assert heard.read(caller, final.body, stream).text == TEXT
    last = model.told(2)
    assert last.calls == [WEATHER, WEATHER, TIME]
    weather = ("get_weather", "sunny, 21 degrees")
    assert last.results == [weather, weather, ("get_time", "12:00")]
    assert "".join(last.assistant) == "Let me look. And now: "
    if kind.keeps_signatures:
        assert last.signatures == [SIGNATURE, SIGNATURE]


@STREAMS
@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("caller", CALLERS)
async def test_a_turn_that_another_process_has_kept_costs_no_request(
    model: Model, caller: str, provider: str, stream: bool
) -> None:
    kind = PROVIDERS[provider]
    looks, both = (dataclasses.replace(said, pieces=()) for said in (LOOKS, BOTH))
    client = model.plays(kind, looks, both, SECOND)
    target, body = asking.request(caller, Asked(tools=True, reasoning=True), kind.model, stream)
    body = only_time(body)
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        answer = await path.ask(client, target, body)
    async with data_path(Tools(get_weather=says("sunny"))) as path:  # another process
        final = await path.ask(client, target, gone_on(caller, body, answer, stream))
    assert heard.read(caller, final.body, stream).text == TEXT
    last = model.told(2)
    assert last.calls == [TIME]
    assert last.results == [("get_time", "12:00")]
    _check_thoughts(provider, model.seen[2].json)


def _check_thoughts(provider: str, body: Json) -> None:
    """What the provider would refuse: unsigned thoughts, and calls without the signature they need."""
    if provider == "anthropic":
        blocks = [block for message in body["messages"] for block in message["content"]]
        assert all(block["signature"] == SIGNATURE for block in blocks if block["type"] == "thinking")
        [turn] = [message for message in body["messages"] if message["role"] == "assistant"]
        budgeted = body.get("thinking", {}).get("type") == "enabled"
        assert not budgeted or turn["content"][0]["type"] == "thinking"
    elif provider == "gemini":
        calls = [part for content in body["contents"] for part in content["parts"] if "functionCall" in part]
        assert all(part.get("thoughtSignature") for part in calls)
    elif provider == "responses":
        thoughts = [item for item in body["input"] if item.get("type") == "reasoning"]
        assert all(item["encrypted_content"] == SIGNATURE for item in thoughts)
