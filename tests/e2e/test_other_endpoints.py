"""What is no conversation, through the SDKs: embeddings, token counts, legacy completions, model lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from google import genai
from google.genai import types

from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen

VECTORS = [[0.25, -1.5, 3.0], [1.0, 0.0, 2.0]]


@contextmanager
def client_of(
    gateway: GatewayProcess, backend: str, answers: dict[str, Any], **options: Any
) -> Iterator[tuple[ClientInfo, ScriptedUpstream]]:
    """A client whose provider answers each path (its end) as told."""

    async def answer(seen: Seen, reply: Reply) -> None:
        path = seen.target.partition("?")[0]
        for end, body in answers.items():
            if path.endswith(end):
                await reply.json(body)
                return
        await reply.json({"error": {"message": f"no {path}", "code": 404}}, status=404)

    with ScriptedUpstream(answer) as upstream:
        root = "/v1beta" if backend == "gemini" else "/v1"
        client = gateway.create_client(
            backend=backend,
            base_url=upstream.base_url.removesuffix("/v1") + root,
            backend_api_key="upstream-secret",
            default_model=options.pop("default_model", "some-model"),
            **options,
        )
        yield client, upstream


def openai_sdk(gateway: GatewayProcess, client: ClientInfo, *, strict: bool = True) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=gateway.base_url,
        api_key=client.api_key,
        max_retries=0,
        _strict_response_validation=strict,
    )


def anthropic_sdk(gateway: GatewayProcess, client: ClientInfo) -> anthropic.Anthropic:
    return anthropic.Anthropic(
        base_url=gateway.url, api_key=client.api_key, max_retries=0, _strict_response_validation=True
    )


@contextmanager
def google_sdk(gateway: GatewayProcess, client: ClientInfo) -> Iterator[genai.Client]:
    with (
        httpx2.Client(trust_env=False) as http,
        genai.Client(
            api_key=client.api_key,
            http_options=types.HttpOptions(base_url=gateway.url, httpx_client=http),
        ) as sdk,
    ):
        yield sdk


class TestEmbeddings:
    def test_openai_sdk_on_gemini(self, gateway: GatewayProcess) -> None:
        """The SDK asks for Base64 by default, and decodes it, but only after its strict validation."""
        body = {"embeddings": [{"values": vector} for vector in VECTORS]}
        with (
            client_of(gateway, "gemini", {":batchEmbedContents": body}) as (client, upstream),
            openai_sdk(gateway, client, strict=False) as sdk,
        ):
            answer = sdk.embeddings.create(model="gemini-embedding-2", input=["one", "two"], dimensions=3)
        assert [row.embedding for row in answer.data] == VECTORS
        assert [row.index for row in answer.data] == [0, 1]
        assert answer.usage.prompt_tokens > 0
        (seen,) = upstream.seen
        assert seen.target == "/v1beta/models/gemini-embedding-2:batchEmbedContents"
        assert seen.json["requests"][1] == {
            "model": "models/gemini-embedding-2",
            "content": {"parts": [{"text": "two"}]},
            "outputDimensionality": 3,
        }

    def test_openai_sdk_asks_for_numbers(self, gateway: GatewayProcess) -> None:
        body = {"embeddings": [{"values": VECTORS[0]}]}
        with (
            client_of(gateway, "gemini", {":batchEmbedContents": body}) as (client, _),
            openai_sdk(gateway, client) as sdk,
        ):
            answer = sdk.embeddings.create(model="e", input="one", encoding_format="float")
        assert answer.data[0].embedding == VECTORS[0]

    def test_google_sdk_on_openai(self, gateway: GatewayProcess) -> None:
        rows = [
            {"object": "embedding", "index": index, "embedding": VECTORS[index]}
            for index in reversed(range(2))
        ]
        body = {
            "object": "list",
            "data": rows,
            "model": "e",
            "usage": {"prompt_tokens": 7, "total_tokens": 7},
        }
        with (
            client_of(gateway, "openai-compatible", {"/embeddings": body}) as (client, upstream),
            google_sdk(gateway, client) as sdk,
        ):
            answer = sdk.models.embed_content(
                model="e",
                contents=["one", "two"],
                config=types.EmbedContentConfig(output_dimensionality=3),
            )
        assert [row.values for row in answer.embeddings or ()] == VECTORS
        (seen,) = upstream.seen
        assert seen.json == {
            "model": "e",
            "input": ["one", "two"],
            "encoding_format": "float",
            "dimensions": 3,
        }
        row = gateway.requests_of(client)[0]
        assert row["input_tokens"] == 7
        assert not row["usage_estimated"]

    def test_token_ids_mean_nothing_elsewhere(self, gateway: GatewayProcess) -> None:
        with (
            client_of(gateway, "gemini", {}) as (client, _),
            openai_sdk(gateway, client) as sdk,
            pytest.raises(openai.BadRequestError) as caught,
        ):
            sdk.embeddings.create(model="e", input=[[1, 2, 3]])
        assert caught.value.param == "input[0]"

    def test_a_provider_without_embeddings_says_so(self, gateway: GatewayProcess) -> None:
        with (
            client_of(gateway, "anthropic", {}) as (client, _),
            openai_sdk(gateway, client) as sdk,
            pytest.raises(openai.NotFoundError, match="no embeddings"),
        ):
            sdk.embeddings.create(model="e", input="one")


COUNTS = [
    ("anthropic", "/messages/count_tokens", {"input_tokens": 41}),
    ("gemini", ":countTokens", {"totalTokens": 41}),
    ("openai", "/responses/input_tokens", {"object": "response.input_tokens", "input_tokens": 41}),
]


class TestCounts:
    @pytest.mark.parametrize(("backend", "path", "body"), COUNTS, ids=[row[0] for row in COUNTS])
    def test_anthropic_sdk(
        self, gateway: GatewayProcess, backend: str, path: str, body: dict[str, Any]
    ) -> None:
        with (
            client_of(gateway, backend, {path: body}) as (client, upstream),
            anthropic_sdk(gateway, client) as sdk,
        ):
            found = sdk.messages.count_tokens(
                model="m", system="S", messages=[{"role": "user", "content": "How many?"}]
            )
        assert found.input_tokens == 41
        assert "How many?" in upstream.seen[0].body.decode()
        assert "max_tokens" not in upstream.seen[0].json

    @pytest.mark.parametrize(("backend", "path", "body"), COUNTS, ids=[row[0] for row in COUNTS])
    def test_google_sdk(self, gateway: GatewayProcess, backend: str, path: str, body: dict[str, Any]) -> None:
        with (
            client_of(gateway, backend, {path: body}) as (client, upstream),
            google_sdk(gateway, client) as sdk,
        ):
            found = sdk.models.count_tokens(model="m", contents="How many?")
        assert found.total_tokens == 41
        assert "How many?" in upstream.seen[0].body.decode()

    def test_an_estimate_says_that_it_is_one(self, gateway: GatewayProcess) -> None:
        with (
            client_of(gateway, "openai-compatible", {}) as (client, upstream),
            anthropic_sdk(gateway, client) as sdk,
        ):
            raw = sdk.messages.with_raw_response.count_tokens(
                model="m", messages=[{"role": "user", "content": "word " * 100}]
            )
        assert raw.headers["x-gateway-estimated"] == "true"
        assert 100 <= raw.parse().input_tokens <= 150
        assert upstream.seen == []

    def test_counting_costs_no_output(self, gateway: GatewayProcess) -> None:
        with (
            client_of(gateway, "gemini", {":countTokens": {"totalTokens": 5}}) as (client, _),
            anthropic_sdk(gateway, client) as sdk,
        ):
            sdk.messages.count_tokens(model="m", messages=[{"role": "user", "content": "x"}])
        row = gateway.requests_of(client)[0]
        assert row["status"] == 200
        assert not row["output_tokens"]


CLAUDE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-6",
    "content": [{"type": "text", "text": "and they lived"}],
    "stop_reason": "max_tokens",
    "stop_sequence": None,
    "usage": {"input_tokens": 9, "output_tokens": 3},
}


class TestCompletions:
    def test_on_anthropic(self, gateway: GatewayProcess) -> None:
        with (
            client_of(gateway, "anthropic", {"/messages": CLAUDE}) as (client, upstream),
            openai_sdk(gateway, client) as sdk,
        ):
            answer = sdk.completions.create(model="claude-sonnet-4-6", prompt="Once", max_tokens=3)
        (choice,) = answer.choices
        assert (choice.text, choice.finish_reason) == ("and they lived", "length")
        assert answer.usage is not None
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (9, 3)
        told = upstream.seen[0].json
        assert told["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Once"}]}]
        assert told["max_tokens"] == 3

    @pytest.mark.parametrize(
        ("members", "param"),
        [
            ({"suffix": "end"}, "suffix"),
            ({"echo": True}, "echo"),
            ({"best_of": 3}, "best_of"),
            ({"prompt": ["a", "b"]}, "prompt"),
            ({"prompt": [1, 2]}, "prompt"),
        ],
    )
    def test_what_continues_bare_text_is_refused(
        self, gateway: GatewayProcess, members: dict[str, Any], param: str
    ) -> None:
        with (
            client_of(gateway, "anthropic", {"/messages": CLAUDE}) as (client, _),
            openai_sdk(gateway, client) as sdk,
            pytest.raises(openai.BadRequestError) as caught,
        ):
            sdk.completions.create(**{"model": "m", "prompt": "Once", **members})
        assert caught.value.param == param


class TestModels:
    def test_every_family_reads_the_list(self, gateway: GatewayProcess) -> None:
        listed = {
            "object": "list",
            "data": [{"id": "org/a", "object": "model"}, {"id": "b", "object": "model"}],
        }
        with client_of(gateway, "openai-compatible", {"/models": listed}) as (client, _):
            with openai_sdk(gateway, client) as sdk:
                assert [model.id for model in sdk.models.list()] == ["org/a", "b"]
            with anthropic_sdk(gateway, client) as claude:
                assert [model.id for model in claude.models.list()] == ["org/a", "b"]
                assert claude.models.retrieve("b").display_name == "b"
            with google_sdk(gateway, client) as google:
                assert [model.name for model in google.models.list()] == ["models/org/a", "models/b"]
                assert google.models.get(model="b").name == "models/b"

    @pytest.mark.parametrize("backend", ["anthropic", "gemini"])
    def test_the_native_providers_are_listed(self, gateway: GatewayProcess, backend: str) -> None:
        bodies = {
            "anthropic": {"data": [{"type": "model", "id": "claude-x"}], "has_more": False},
            "gemini": {"models": [{"name": "models/claude-x"}]},
        }
        with (
            client_of(gateway, backend, {"/models": bodies[backend]}) as (client, upstream),
            openai_sdk(gateway, client) as sdk,
        ):
            assert [model.id for model in sdk.models.list()] == ["claude-x"]
        name = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}[backend]
        assert upstream.seen[0].headers[name] == "upstream-secret"
        assert ("anthropic-version" in upstream.seen[0].headers) == (backend == "anthropic")


class TestDropped:
    def test_a_members_name_cannot_write_headers(self, gateway: GatewayProcess) -> None:
        """What was dropped is named in a header, by names that come from the caller."""
        names = {"a\r\nset-cookie: x=y": 1, "ünknown": 2, "long" * 3000: 3}
        with (
            client_of(gateway, "anthropic", {"/messages": CLAUDE}) as (client, _),
            openai_sdk(gateway, client) as sdk,
        ):
            raw = sdk.chat.completions.with_raw_response.create(
                model="m", messages=[{"role": "user", "content": "x"}], extra_body=names
            )
        assert "set-cookie" not in raw.headers
        dropped = raw.headers["x-gateway-dropped"]
        assert dropped.startswith("a??set-cookie: x=y, ?nknown, longlong")
        assert len(dropped) <= 4000


class TestFiles:
    def test_a_private_address_is_not_fetched(self, gateway: GatewayProcess) -> None:
        """Gemini takes no addresses: the gateway would have to fetch this one, and must not."""
        with client_of(gateway, "gemini", {}) as (client, upstream), anthropic_sdk(gateway, client) as sdk:
            source = {"type": "url", "url": f"{gateway.url}/health"}
            asked: Any = [{"role": "user", "content": [{"type": "image", "source": source}]}]
            with pytest.raises(anthropic.BadRequestError, match="not public"):
                sdk.messages.create(model="m", max_tokens=5, messages=asked)
        assert upstream.seen == []

    def test_an_address_passes_where_the_provider_takes_it(self, gateway: GatewayProcess) -> None:
        with (
            client_of(gateway, "anthropic", {"/messages": CLAUDE}) as (client, upstream),
            openai_sdk(gateway, client) as sdk,
        ):
            picture: Any = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
            sdk.chat.completions.create(model="m", messages=[{"role": "user", "content": [picture]}])
        (block,) = upstream.seen[0].json["messages"][0]["content"]
        assert block == {"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}
