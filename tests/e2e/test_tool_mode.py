"""Gateway tool mode as users have it: each dialect's SDK, streaming, a real MCP server, a scripted model."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import anthropic
import openai
import pytest
from google import genai
from google.genai import types

from tests.conformance import told
from tests.conformance.providers import PROVIDERS, ProviderKind, send
from tests.conformance.wire import Said
from tests.harness.gateway import HOST, ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen
from tests.harness.waiting import wait_until

TOOL: Final = "time__convert_time"
ARGUMENTS: Final = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
ASKS: Final = Said(pieces=("Let me see. ",), calls=((TOOL, ARGUMENTS),), finish="tool_calls")
ANSWERS: Final = Said(pieces=("It is nine ", "in the evening."))
PROMPT: Final = "What time is noon UTC in Tokyo?"


class Model(ScriptedUpstream):
    """Calls the tool until it sees what it brings."""

    def __init__(self) -> None:
        super().__init__(self._answer)

    async def _answer(self, seen: Seen, reply: Reply) -> None:
        kind = self.kind_of(seen)
        said = ANSWERS if b"21:00" in seen.body else ASKS
        await send(reply, kind.speak(kind.model, said, kind.streams(seen)))

    @staticmethod
    def kind_of(seen: Seen) -> ProviderKind:
        if "/v1beta/" in seen.target:
            return PROVIDERS["gemini"]
        ends = {"messages": "anthropic", "responses": "responses", "completions": "chat"}
        return PROVIDERS[ends[seen.target.rpartition("/")[2]]]


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with Model() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    server = {"command": sys.executable, "args": ["-m", "mcp_server_time", "--local-timezone", "UTC"]}
    config = {
        "tools": {"mcp_servers": {"time": server}},
        "prometheus": {"enabled": True, "password": "pw-of-the-metrics"},
    }
    with GatewayProcess(tmp_path_factory.mktemp("tools"), config=config) as running:
        wait_until(
            lambda: "MCP server time" in running.stderr() + running.stdout(), 60, what="the MCP server"
        )
        yield running


@pytest.fixture(scope="module")
def clients(gateway: GatewayProcess, model: Model) -> dict[str, ClientInfo]:
    """One for each wire format, in gateway mode."""
    return {
        name: gateway.create_client(
            name=name,
            backend=kind.backend,
            base_url=f"{model.url}{kind.root}",
            backend_api_key="sk-upstream-of-tools",
            default_model=kind.model,
            tool_mode="gateway",
            server_tools=["time__*"],
        )
        for name, kind in PROVIDERS.items()
    }


def by_openai(port: int, key: str, model: str) -> str:
    client = openai.OpenAI(base_url=f"http://{HOST}:{port}/v1", api_key=key, max_retries=0)
    with client.chat.completions.stream(
        model=model, messages=[{"role": "user", "content": PROMPT}], stream_options={"include_usage": True}
    ) as stream:
        final = stream.until_done().get_final_completion()
    assert final.usage is not None
    assert final.usage.prompt_tokens == 200
    assert final.choices[0].finish_reason == "stop"
    assert not final.choices[0].message.tool_calls
    return final.choices[0].message.content or ""


def by_responses(port: int, key: str, model: str) -> str:
    client = openai.OpenAI(base_url=f"http://{HOST}:{port}/v1", api_key=key, max_retries=0)
    with client.responses.stream(model=model, input=PROMPT) as stream:
        final = stream.until_done().get_final_response()
    assert final.usage is not None
    assert final.usage.input_tokens == 200
    assert final.status == "completed"
    assert {item.type for item in final.output} == {"message"}
    return str(final.output_text)


def by_anthropic(port: int, key: str, model: str) -> str:
    client = anthropic.Anthropic(base_url=f"http://{HOST}:{port}", api_key=key, max_retries=0)
    with client.messages.stream(
        model=model, max_tokens=2048, messages=[{"role": "user", "content": PROMPT}]
    ) as stream:
        final = stream.get_final_message()
    usage = final.usage
    assert usage.input_tokens + (usage.cache_read_input_tokens or 0) == 200
    assert final.stop_reason == "end_turn"
    return "".join(block.text for block in final.content if block.type == "text")


def by_gemini(port: int, key: str, model: str) -> str:
    client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=f"http://{HOST}:{port}"))
    chunks = list(client.models.generate_content_stream(model=model, contents=PROMPT))
    usage = chunks[-1].usage_metadata
    assert usage is not None
    assert usage.prompt_token_count == 200
    assert not any(chunk.function_calls for chunk in chunks)
    return "".join(chunk.text or "" for chunk in chunks)


SDKS: Final[dict[str, Callable[[int, str, str], str]]] = {
    "openai": by_openai,
    "openai-responses": by_responses,
    "anthropic": by_anthropic,
    "google-genai": by_gemini,
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("sdk", SDKS)
def test_a_real_tool_in_a_streamed_conversation(
    gateway: GatewayProcess, clients: dict[str, ClientInfo], model: Model, sdk: str, provider: str
) -> None:
    model.seen.clear()
    client, kind = clients[provider], PROVIDERS[provider]
    before = gateway.query("SELECT id FROM requests WHERE client_id = ? AND attempts > 0", client.id)
    text = SDKS[sdk](gateway.port, client.api_key, kind.model)
    assert "".join(text.split()) == "Letmesee.Itisnineintheevening."

    first, second = (told.read(provider, seen.json) for seen in model.seen)
    assert sorted(first.tools) == ["time__convert_time", "time__get_current_time"]
    assert second.calls == [(TOOL, ARGUMENTS)]
    [(name, result)] = second.results
    assert name == TOOL
    assert "21:00" in result

    row = gateway.requests_of(client, minimum=len(before) + 1)[-1]
    [run] = json.loads(row["tool_log"])
    assert (run["name"], run["source"], run.get("error")) == (TOOL, "time", None)
    assert run["duration_ms"] > 0
    assert (row["attempts"], row["input_tokens"], row["tools_used"]) == (2, 200, 1)


def test_a_hang_up_ends_a_tool_that_runs(tmp_path: Path) -> None:
    """The caller goes while the tool waits for a server: that connection ends, and the row says so."""

    async def never(seen: Seen, reply: Reply) -> None:
        await reply.hung_up()

    with ScriptedUpstream(never) as page, ScriptedUpstream(never) as provider:
        call = Said(calls=(("http_get", {"url": f"{page.url}/slow"}),), finish="tool_calls")

        async def asks(seen: Seen, reply: Reply) -> None:
            await send(reply, PROVIDERS["chat"].speak("some-model", call, True))

        provider.script = asks
        config = {"network": {"allowed_hosts": ["127.0.0.1"]}}
        with GatewayProcess(tmp_path, config=config) as gateway:
            client = gateway.create_client(
                name="app",
                backend="openai-compatible",
                base_url=provider.base_url,
                default_model="some-model",
                tool_mode="gateway",
            )
            connection = gateway.connect()
            body = {"messages": [{"role": "user", "content": "hi"}], "stream": True}
            headers = {"authorization": f"Bearer {client.api_key}", "content-type": "application/json"}
            connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
            wait_until(lambda: page.seen, what="the tool's request")
            connection.close()
            wait_until(lambda: not page.open_connections, what="the end of the tool's connection")
            [row] = gateway.requests_of(client)
    assert (row["status"], row["error"]) == (499, "client_closed")
    [run] = json.loads(row["tool_log"])
    assert (run["name"], run["error"]) == ("http_get", "cancelled")
    assert row["output_tokens"] > 0
