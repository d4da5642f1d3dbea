"""SDKs of the other families, unmodified, on a model server of OpenAI's dialect: real llama.cpp."""

from __future__ import annotations

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types

from tests.e2e.conftest import client_for
from tests.harness import models
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.llama import LlamaServer

OUTPUT_TOKENS = len(models.TEXT_PIECES) + 1
SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city", "days"],
}
MODES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])


def claude(gateway: GatewayProcess, client: ClientInfo) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        base_url=gateway.url, auth_token=client.api_key, max_retries=0, _strict_response_validation=True
    )


def whole_input(answer: anthropic.types.Message) -> int:
    """With what llama.cpp had in its cache."""
    return int(answer.usage.input_tokens) + (answer.usage.cache_read_input_tokens or 0)


@MODES
def test_anthropic(gateway: GatewayProcess, text_client: ClientInfo, stream: bool) -> None:
    question: list[anthropic.types.MessageParam] = [{"role": "user", "content": "What does the fox do?"}]
    with claude(gateway, text_client) as sdk:
        if stream:
            with sdk.messages.stream(model="m", max_tokens=100, messages=question) as events:
                answer: anthropic.types.Message = events.get_final_message()
        else:
            answer = sdk.messages.create(model="m", max_tokens=100, messages=question)
    (block,) = answer.content
    assert block.type == "text"
    assert block.text == models.TEXT
    assert answer.stop_reason == "end_turn"
    assert answer.usage.output_tokens == OUTPUT_TOKENS
    assert answer.usage.input_tokens > 0


@MODES
def test_anthropic_tools(gateway: GatewayProcess, tool_client: ClientInfo, stream: bool) -> None:
    tools: list[anthropic.types.ToolParam] = [{"name": models.TOOL_NAME, "input_schema": SCHEMA}]
    with claude(gateway, tool_client) as sdk:
        messages: list[anthropic.types.MessageParam] = [{"role": "user", "content": "Weather?"}]
        if stream:
            with sdk.messages.stream(model="m", max_tokens=100, messages=messages, tools=tools) as events:
                answer: anthropic.types.Message = events.get_final_message()
        else:
            answer = sdk.messages.create(model="m", max_tokens=100, messages=messages, tools=tools)
        (call,) = [block for block in answer.content if block.type == "tool_use"]
        assert (call.name, call.input) == (models.TOOL_NAME, models.TOOL_ARGUMENTS)
        assert answer.stop_reason == "tool_use"
        messages += [
            {"role": "assistant", "content": answer.content},
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny, 21 degrees"}],
            },
        ]
        longer = sdk.messages.create(model="m", max_tokens=100, messages=messages, tools=tools)
    # The scripted model says the same again; that the result reached it shows in the longer prompt.
    assert whole_input(longer) > whole_input(answer)


@MODES
def test_google(gateway: GatewayProcess, text_client: ClientInfo, stream: bool) -> None:
    with (
        httpx2.Client(trust_env=False) as http,
        genai.Client(
            api_key=text_client.api_key,
            http_options=types.HttpOptions(base_url=gateway.url, httpx_client=http),
        ) as sdk,
    ):
        if stream:
            chunks = list(sdk.models.generate_content_stream(model="m", contents="What does the fox do?"))
        else:
            chunks = [sdk.models.generate_content(model="m", contents="What does the fox do?")]
    assert "".join(chunk.text or "" for chunk in chunks) == models.TEXT
    usage = chunks[-1].usage_metadata
    assert usage is not None
    assert usage.candidates_token_count == OUTPUT_TOKENS


@MODES
def test_responses(gateway: GatewayProcess, text_client: ClientInfo, stream: bool) -> None:
    """The provider is known for Chat Completions only: strict validation holds all the same."""
    with openai.OpenAI(
        base_url=gateway.base_url,
        api_key=text_client.api_key,
        max_retries=0,
        _strict_response_validation=True,
    ) as sdk:
        if stream:
            with sdk.responses.stream(model="m", input="What does the fox do?") as events:
                for _ in events:
                    pass
                answer: openai.types.responses.Response = events.get_final_response()
        else:
            answer = sdk.responses.create(model="m", input="What does the fox do?")
    assert answer.output_text == models.TEXT
    assert answer.usage is not None
    assert answer.usage.output_tokens == OUTPUT_TOKENS


def test_it_is_accounted(gateway: GatewayProcess, text_llama: LlamaServer) -> None:
    client = client_for(gateway, text_llama)
    with claude(gateway, client) as sdk:
        raw = sdk.messages.with_raw_response.create(
            model="asked", max_tokens=100, messages=[{"role": "user", "content": "What does the fox do?"}]
        )
    row = gateway.request_row(raw.headers["x-request-id"])
    assert row["endpoint"] == "POST /v1/messages"
    assert row["dialect"] == "anthropic"
    assert row["provider"] == "openai-compatible"
    assert row["output_tokens"] == OUTPUT_TOKENS
    assert not row["usage_estimated"]


def test_a_caller_that_hangs_up_ends_a_translated_stream(
    gateway: GatewayProcess, random_llama: LlamaServer
) -> None:
    client = client_for(gateway, random_llama)
    with (
        claude(gateway, client) as sdk,
        sdk.messages.create(
            model="m", max_tokens=7000, messages=[{"role": "user", "content": "go on"}], stream=True
        ) as events,
    ):
        for number, _ in enumerate(events):
            if number == 5:
                break
        request_id = events.response.headers["x-request-id"]
        events.close()
    row = gateway.request_row(request_id)
    assert row["status"] == 499
    assert row["usage_estimated"]
    assert 0 < row["output_tokens"] < 7000
