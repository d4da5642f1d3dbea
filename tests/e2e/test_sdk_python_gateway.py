"""What the gateway adds around the `openai` Python SDK's calls: accounting, refusals, Azure's paths."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from tests.e2e.conftest import client_for
from tests.harness import models
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.llama import LlamaServer
from tests.harness.openai_sdk import QUESTION, WEATHER, Target, request_id, sdk, text_of, through

STREAMS: Final = 20
OUTPUT_TOKENS: Final = len(models.TEXT_PIECES) + 1  # and the end of the turn


class TestAccounting:
    """What the request log says of the SDK's calls."""

    def test_chat(self, gateway: GatewayProcess, text_client: ClientInfo) -> None:
        with sdk(through(gateway, text_client)) as client:
            answer = client.chat.completions.create(model="some-name", messages=QUESTION)
        assert answer.usage is not None
        row = gateway.request_row(request_id(answer))
        assert row["client_id"] == text_client.id
        assert row["client_name"] == text_client.name
        assert row["endpoint"] == "POST /v1/chat/completions"
        assert row["provider"] == "openai-compatible"
        assert row["model_asked"] == "some-name"
        assert row["model_served"] == "some-name"
        assert row["status"] == 200
        assert not row["streaming"]
        assert row["input_tokens"] == answer.usage.prompt_tokens
        assert row["output_tokens"] == answer.usage.completion_tokens
        assert not row["usage_estimated"]
        assert row["key_tail"] == text_client.api_key[-4:]

    @pytest.mark.parametrize("asked", [True, False], ids=["usage-asked", "usage-not-asked"])
    def test_stream(self, gateway: GatewayProcess, text_client: ClientInfo, asked: bool) -> None:
        options: Any = {"include_usage": True} if asked else openai.omit
        with (
            sdk(through(gateway, text_client)) as client,
            client.chat.completions.create(
                model="some-name", messages=QUESTION, stream=True, stream_options=options
            ) as stream,
        ):
            assert text_of(list(stream)) == models.TEXT
            row = gateway.request_row(stream.response.headers["x-request-id"])
        assert row["status"] == 200
        assert row["streaming"]
        assert row["input_tokens"] > 0
        assert row["output_tokens"] == OUTPUT_TOKENS
        assert not row["usage_estimated"]

    def test_tools(self, gateway: GatewayProcess, tool_client: ClientInfo) -> None:
        with sdk(through(gateway, tool_client)) as client:
            answer = client.chat.completions.create(model="m", messages=QUESTION, tools=[WEATHER])
        row = gateway.request_row(request_id(answer))
        assert row["tools_used"]
        assert row["output_tokens"] == len(models.TOOL_PIECES) + 1

    def test_responses_and_embeddings(self, gateway: GatewayProcess, text_client: ClientInfo) -> None:
        with sdk(through(gateway, text_client), strict=False) as client:
            answer = client.responses.create(model="m", input="What does the fox do?")
            vectors = client.embeddings.create(model="m", input="one", encoding_format="float")
        row = gateway.request_row(request_id(answer))
        assert row["endpoint"] == "POST /v1/responses"
        assert row["output_tokens"] == OUTPUT_TOKENS
        row = gateway.request_row(request_id(vectors))
        assert row["endpoint"] == "POST /v1/embeddings"
        assert row["input_tokens"] == vectors.usage.prompt_tokens


class TestRefusals:
    """Errors as the SDK's own exceptions."""

    def test_wrong_gateway_key(self, gateway: GatewayProcess) -> None:
        target = Target(gateway.base_url, "gm_0000000000000000000000000000", "m")
        with sdk(target) as client, pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model="m", messages=QUESTION)
        assert caught.value.code == "invalid_api_key"
        assert caught.value.type == "authentication_error"
        assert caught.value.request_id

    def test_wrong_upstream_key_keeps_the_upstream_message(
        self, gateway: GatewayProcess, locked_llama: LlamaServer
    ) -> None:
        wrong = "wrong-upstream-key-5f2c"
        info = gateway.create_client(
            backend="openai-compatible", base_url=locked_llama.base_url, backend_api_key=wrong
        )
        with sdk(through(gateway, info)) as client, pytest.raises(openai.AuthenticationError) as caught:
            client.chat.completions.create(model="m", messages=QUESTION)
        assert "Invalid API Key" in caught.value.message
        assert wrong not in caught.value.response.text
        assert caught.value.request_id
        row = gateway.request_row(caught.value.request_id)
        assert row["status"] == 401
        assert row["output_tokens"] == 0

    def test_right_upstream_key(self, gateway: GatewayProcess, locked_llama: LlamaServer) -> None:
        info = client_for(gateway, locked_llama)
        with sdk(through(gateway, info)) as client:
            answer = client.chat.completions.create(model=locked_llama.alias, messages=QUESTION)
            listed = [model.id for model in client.models.list()]
        assert answer.choices[0].message.content == models.TEXT
        assert listed == [locked_llama.alias]

    def test_model_retrieve(self, gateway: GatewayProcess, text_client: ClientInfo) -> None:
        with sdk(through(gateway, text_client)) as client:
            assert client.models.retrieve("scripted-text").id == "scripted-text"
            with pytest.raises(openai.NotFoundError):
                client.models.retrieve("no-such-model")

    def test_model_outside_the_whitelist(self, gateway: GatewayProcess, text_llama: LlamaServer) -> None:
        info = client_for(gateway, text_llama, model_whitelist="scripted-*,other")
        with sdk(through(gateway, info)) as client:
            allowed = client.chat.completions.create(model="scripted-text", messages=QUESTION)
            assert allowed.choices[0].message.content == models.TEXT
            with pytest.raises(openai.PermissionDeniedError) as caught:
                client.chat.completions.create(model="forbidden", messages=QUESTION)
        assert caught.value.code == "model_not_allowed"
        assert caught.value.type == "permission_error"

    def test_bad_request(self, gateway: GatewayProcess, text_client: ClientInfo) -> None:
        with sdk(through(gateway, text_client)) as client, pytest.raises(openai.BadRequestError) as caught:
            client.chat.completions.create(model="m", messages="hello")
        assert caught.value.type == "invalid_request_error"
        assert caught.value.param == "messages"


class TestAzureClass:
    """`AzureOpenAI` asks for `/openai/deployments/MODEL/…` and sends its key as `api-key`."""

    @pytest.fixture
    def azure(self, gateway: GatewayProcess, text_client: ClientInfo) -> Iterator[openai.AzureOpenAI]:
        with openai.AzureOpenAI(
            azure_endpoint=gateway.url,
            api_version="2024-10-21",
            api_key=text_client.api_key,
            max_retries=0,
            _strict_response_validation=True,
        ) as client:
            yield client

    def test_chat(self, azure: openai.AzureOpenAI, gateway: GatewayProcess) -> None:
        answer = azure.chat.completions.create(model="my-deployment", messages=QUESTION)
        assert answer.choices[0].message.content == models.TEXT
        row = gateway.request_row(request_id(answer))
        assert row["model_asked"] == "my-deployment"
        assert row["output_tokens"] == OUTPUT_TOKENS

    def test_stream(self, azure: openai.AzureOpenAI) -> None:
        with azure.chat.completions.create(model="my-deployment", messages=QUESTION, stream=True) as stream:
            chunks = list(stream)
        assert text_of(chunks) == models.TEXT
        assert all(chunk.choices for chunk in chunks)

    def test_embeddings(self, azure: openai.AzureOpenAI) -> None:
        answer = azure.embeddings.create(model="my-deployment", input="one", encoding_format="float")
        assert len(answer.data[0].embedding) == models.DIMENSIONS


async def test_parallel_streams(gateway: GatewayProcess, text_llama: LlamaServer) -> None:
    info = client_for(gateway, text_llama)
    async with openai.AsyncOpenAI(
        base_url=gateway.base_url, api_key=info.api_key, max_retries=0, _strict_response_validation=True
    ) as client:

        async def one(number: int) -> tuple[str, str]:
            asked: ChatCompletionMessageParam = {"role": "user", "content": f"Question {number}"}
            async with await client.chat.completions.create(
                model=f"model-{number}", messages=[asked], stream=True
            ) as stream:
                text = text_of([chunk async for chunk in stream])
                return stream.response.headers["x-request-id"], text

        answers = await asyncio.gather(*(one(number) for number in range(STREAMS)))
    assert [text for _, text in answers] == [models.TEXT] * STREAMS
    rows = gateway.requests_of(info, minimum=STREAMS)
    assert sorted(row["id"] for row in rows) == sorted(found for found, _ in answers)
    assert {row["model_asked"] for row in rows} == {f"model-{number}" for number in range(STREAMS)}
    assert {row["output_tokens"] for row in rows} == {OUTPUT_TOKENS}
