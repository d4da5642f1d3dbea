"""Gateway tool mode: the stream helpers of the real SDKs put an answer in rounds together as any other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from tests.conformance import asking
from tests.conformance.asking import Asked
from tests.conformance.providers import PROVIDERS
from tests.conformance.scripted import Model, only_time
from tests.conformance.wire import CALLS, OUTPUT, SECOND, TEXT, THOUGHT, Said
from tests.harness.conversing import Told, Tools, data_path, says
from tests.harness.upstream import Reply, ScriptedUpstream, Seen

WEATHER, TIME = CALLS
LOOKS = Said(pieces=("Let me ", "look. "), calls=(WEATHER,), thought=THOUGHT, finish="tool_calls")
BOTH = Said(calls=(WEATHER, TIME), thought=THOUGHT, finish="tool_calls")

Heard = tuple[str, list[tuple[str, Any]], int]
"""Text, calls and output tokens."""


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with Model() as upstream:
        yield upstream


@contextmanager
def playing(answer: Told) -> Iterator[str]:
    """A server that gives this answer of the gateway's."""

    async def play(seen: Seen, reply: Reply) -> None:
        await reply.whole(answer.body, content_type=answer.headers["content-type"])

    with ScriptedUpstream(play) as server:
        yield server.url


def chat(url: str) -> Heard:
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client,
        client.chat.completions.stream(
            model="m",
            messages=[{"role": "user", "content": "hi"}],
            stream_options={"include_usage": True},
        ) as stream,
    ):
        final = stream.get_final_completion()
    message = final.choices[0].message
    calls = [(call.function.name, call.function.arguments) for call in message.tool_calls or ()]
    assert final.usage is not None
    return message.content or "", calls, final.usage.completion_tokens


def responses(url: str) -> Heard:
    with (
        openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0) as client,
        client.responses.stream(model="m", input="hi") as stream,
    ):
        final = stream.get_final_response()
    calls = [(item.name, item.arguments) for item in final.output if item.type == "function_call"]
    assert final.usage is not None
    return final.output_text, calls, final.usage.output_tokens


def messages(url: str) -> Heard:
    with (
        anthropic.Anthropic(base_url=url, api_key="k", max_retries=0) as client,
        client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
        ) as stream,
    ):
        final = stream.get_final_message()
    text = "".join(block.text for block in final.content if block.type == "text")
    calls = [(block.name, block.input) for block in final.content if block.type == "tool_use"]
    return text, calls, final.usage.output_tokens


def gemini(url: str) -> Heard:
    text, tokens = "", 0
    calls: list[tuple[str, Any]] = []
    with genai.Client(api_key="k", http_options=types.HttpOptions(base_url=url)) as client:
        for chunk in client.models.generate_content_stream(model="m", contents="hi"):
            assert chunk.candidates is not None
            content = chunk.candidates[0].content
            for part in (content.parts if content is not None else None) or ():
                if part.function_call is not None:
                    calls.append((str(part.function_call.name), part.function_call.args))
                elif part.text and not part.thought:
                    text += part.text
            if chunk.usage_metadata is not None:
                usage = chunk.usage_metadata
                tokens = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return text, calls, tokens


SDKS: dict[str, Callable[[str], Any]] = {
    "chat": chat,
    "responses": responses,
    "anthropic": messages,
    "gemini": gemini,
}


@pytest.mark.parametrize("last", [SECOND, BOTH], ids=["answer", "both"])
@pytest.mark.parametrize("caller", SDKS)
async def test_stream_helpers_take_an_answer_in_rounds(model: Model, caller: str, last: Said) -> None:
    kind = PROVIDERS["anthropic"]
    client = model.plays(kind, LOOKS, LOOKS, last)
    target, body = asking.request(caller, Asked(tools=True, reasoning=True), kind.model, True)
    async with data_path(Tools(get_weather=says("sunny"))) as path:
        answer = await path.ask(client, target, only_time(body))
    with playing(answer) as url:
        text, calls, tokens = await asyncio.to_thread(SDKS[caller], url)
    between = "\n\n" if caller == "chat" else ""
    words = ["Let me look. ", "Let me look. ", *([TEXT] if last is SECOND else [])]
    assert text == between.join(words)
    assert [name for name, _ in calls] == ([] if last is SECOND else ["get_time"])
    assert tokens == 3 * OUTPUT
