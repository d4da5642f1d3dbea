"""Gateway tool mode: what of the gateway's tools is offered, to whom, and whose call is whose."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.conformance import asking, heard
from tests.conformance.asking import Asked
from tests.conformance.providers import PROVIDERS, send
from tests.conformance.scripted import Model, only_time
from tests.conformance.wire import CALLS, SECOND, TEXT, Json, Said
from tests.harness.conversing import Tools, data_path, policy, says
from tests.harness.upstream import Reply, Seen

WEATHER, TIME = CALLS
ASKS = Said(calls=(WEATHER,), finish="tool_calls")
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with Model() as upstream:
        yield upstream


async def test_the_gateways_schemas_are_not_strict_to_the_responses_api(model: Model) -> None:
    """It takes a function without a word for a strict one, and few schemas of others are."""
    client = model.plays(PROVIDERS["responses"], SECOND)
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        target, body = asking.request("responses", Asked(tools=True), "gpt-5-codex", True)
        await path.ask(client, target, only_time(body))
    assert {tool["name"]: tool["strict"] for tool in model.seen[0].json["tools"]} == {
        "get_time": False,
        "get_weather": False,
    }


@pytest.mark.parametrize(
    ("served", "more", "offered"),
    [
        ("gemini-2.5-flash", {}, True),
        ("gemini-2.5-flash", {"tools": [{"googleSearch": {}}]}, False),
        ("gemini-2.5-flash", {"cachedContent": "cachedContents/a"}, False),
        ("gemini-2.5-flash", {"generationConfig": {"responseMimeType": "application/json"}}, False),
        ("gemini-3-pro-preview", {"generationConfig": {"responseMimeType": "application/json"}}, True),
        ("gemini-2.5-flash-image", {}, False),
        ("gemini-2.5-flash", {"generationConfig": {"responseModalities": ["IMAGE"]}}, False),
    ],
)
async def test_gemini_is_offered_tools_only_where_it_takes_them(
    model: Model, served: str, more: Json, offered: bool
) -> None:
    client = model.plays(PROVIDERS["gemini"], SECOND)
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}], **more}
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        answer = await path.ask(client, f"/v1beta/models/{served}:generateContent", body)
    assert answer.status == 200, answer.body
    assert (b"get_weather" in model.seen[0].body) is offered
    if not offered:
        assert model.seen[0].json == body, "the request is relayed as it is"


async def test_a_chat_caller_without_tools_gets_them_where_his_model_takes_them(model: Model) -> None:
    """Models that refuse functions together with reasoning in Chat Completions are asked elsewhere."""
    kind = PROVIDERS["responses"]
    client = model.plays(kind, ASKS, SECOND)
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        target, body = asking.request("chat", Asked(reasoning=True), "gpt-5.4", True)
        answer = await path.ask(client, target, body)
    assert heard.read("chat", answer.body, True).text == TEXT
    assert [seen.target for seen in model.seen] == ["/v1/responses"] * 2


async def test_a_tool_that_the_provider_defines_and_the_caller_runs_is_the_callers(model: Model) -> None:
    kind = PROVIDERS["anthropic"]
    client = model.plays(kind, Said(calls=(("bash", {"command": "ls"}),), finish="tool_calls"))
    tools = Tools(get_weather=says("sunny"), bash=says("the gateway's own"))
    async with data_path(tools) as path:
        target, body = asking.request("anthropic", Asked(), kind.model, True)
        body["tools"] = [{"type": "bash_20250124", "name": "bash"}]
        answer = await path.ask(client, target, body)
    assert heard.read("anthropic", answer.body, True).calls == [("bash", {"command": "ls"})]
    assert tools.ran == []
    assert [tool["name"] for tool in model.seen[0].json["tools"]] == ["bash", "get_weather"]


async def test_what_a_caller_requires_is_a_call_of_its_own(model: Model) -> None:
    kind = PROVIDERS["chat"]
    client = model.plays(kind, ASKS, ASKS, Said(calls=(TIME,), finish="tool_calls"))
    async with data_path(Tools(get_weather=says("sunny")), max_rounds=2) as path:
        target, body = asking.request("chat", Asked(tools=True), kind.model, True)
        answer = await path.ask(client, target, {**only_time(body), "tool_choice": "required"})
    assert heard.read("chat", answer.body, True).calls == [TIME]
    assert [model.told(index).tool_choice for index in range(3)] == ["required"] * 3
    assert sorted(model.told(1).tools) == ["get_time", "get_weather"]
    assert sorted(model.told(2).tools) == ["get_time"], "the last round is the caller's"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_a_call_of_another_kind_that_the_caller_must_answer_goes_out(
    model: Model, stream: bool
) -> None:
    """OpenAI's own kinds of calls are no functions: the model waits for their outputs all the same."""
    kind = PROVIDERS["responses"]
    client = model.plays(kind)
    shell = {"type": "local_shell_call", "id": "lsh_1", "call_id": "call_sh", "action": {"type": "exec"}}

    async def both(seen: Seen, reply: Reply) -> None:
        said = kind.speak(kind.model, ASKS, False)
        assert isinstance(said, dict)
        said["output"].append(shell)
        if not stream:
            await reply.whole(json.dumps(said).encode())
            return
        events: list[Json] = [{"type": "response.created", "response": {**said, "output": []}}]
        for index, item in enumerate(said["output"]):
            events.append({"type": "response.output_item.added", "output_index": index, "item": item})
            events.append({"type": "response.output_item.done", "output_index": index, "item": item})
        events.append({"type": "response.completed", "response": said})
        await send(reply, [b"data: " + json.dumps(event).encode() + b"\n\n" for event in events])

    model.script = both
    try:
        async with data_path(Tools(get_weather=says("sunny"))) as path:
            target, body = asking.request("responses", Asked(), kind.model, stream)
            body["tools"] = [{"type": "local_shell"}]
            answer = await path.ask(client, target, body)
    finally:
        model.script = model._answer
    assert answer.status == 200, answer.body
    assert len(model.seen) == 1
    assert b"lsh_1" in answer.body
    assert b"get_weather" not in answer.body


async def test_an_mcp_tool_without_arguments_is_taken_by_gemini(model: Model) -> None:
    """It refuses an object without properties, whoever asks."""
    client = model.plays(PROVIDERS["gemini"], SECOND)
    tools = Tools(schema={"type": "object", "properties": {}}, list_things=says("none"))
    async with data_path(tools) as path:
        target, body = asking.request("gemini", Asked(), "gemini-2.5-flash", False)
        await path.ask(client, target, body)
    [row] = model.seen[0].json["tools"][0]["functionDeclarations"]
    assert row == {"name": "list_things", "description": "The tool list_things"}


@pytest.mark.parametrize(
    ("caller", "cap", "asked", "told"),
    [
        (
            "anthropic",
            3000,
            {"max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 4096}},
            {"max_tokens": 3000, "thinking": {"type": "enabled", "budget_tokens": 2999}},
        ),
        (
            "anthropic",
            500,
            {"max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 4096}},
            {"max_tokens": 500, "thinking": None},
        ),
        (
            "anthropic",
            9000,
            {"max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 10_000}},
            {"max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 10_000}},
        ),
        ("responses", 5, {"max_output_tokens": 8000}, {"max_output_tokens": 16}),
    ],
)
async def test_a_limit_that_is_lowered_is_one_that_the_provider_takes(
    model: Model, caller: str, cap: int, asked: Json, told: Json
) -> None:
    kind = PROVIDERS[caller]
    client = model.plays(kind, SECOND)
    settings = client.settings.model_copy(update={"max_output_tokens": cap})
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        target, body = asking.request(caller, Asked(), kind.model, False)
        await path.ask(policy(**settings.model_dump()), target, {**body, **asked})
    assert {name: model.seen[0].json.get(name) for name in told} == told


@pytest.mark.parametrize(("provider", "passes"), [("anthropic", True), ("chat", False)])
async def test_the_callers_headers_reach_a_provider_of_its_dialect(
    model: Model, provider: str, passes: bool
) -> None:
    """Anthropic's `anthropic-beta` decides which tools and members of the body there are."""
    kind = PROVIDERS[provider]
    client = model.plays(kind, ASKS, SECOND)
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        target, body = asking.request("anthropic", Asked(), kind.model, True)
        headers = [(b"anthropic-beta", b"context-1m-2025-08-07"), (b"x-api-key", b"the-gateways")]
        await path.ask(client, target, body, headers=headers)
    assert len(model.seen) == 2
    for seen in model.seen:
        assert seen.headers.get("anthropic-beta") == ("context-1m-2025-08-07" if passes else None)
        assert "the-gateways" not in str(seen.headers)
