"""What today's agents send, as it was seen on the wire: Claude Code, Codex, Gemini CLI."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.conformance import wire
from tests.conformance.heard import read as heard_by
from tests.conformance.providers import PROVIDERS, ProviderKind, send
from tests.conformance.wire import Said
from tests.harness.gateway import HOST, ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen

KINDS = pytest.mark.parametrize("kind", PROVIDERS.values(), ids=lambda kind: kind.name)
BETAS = (
    "claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,"
    "prompt-caching-scope-2026-01-05,effort-2025-11-24"
)


@contextmanager
def model(
    gateway: GatewayProcess, kind: ProviderKind, said: Said
) -> Iterator[tuple[ClientInfo, ScriptedUpstream]]:
    async def answer(seen: Seen, reply: Reply) -> None:
        await send(reply, kind.speak(kind.model, said, kind.streams(seen)))

    with ScriptedUpstream(answer) as upstream:
        client = gateway.create_client(
            backend=kind.backend,
            base_url=upstream.base_url.removesuffix("/v1") + kind.root,
            backend_api_key="upstream-secret",
            default_model=kind.model,
            max_output_tokens=0,
        )
        yield client, upstream


def post(
    gateway: GatewayProcess, path: str, body: object, headers: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection(HOST, gateway.port, timeout=30)
    try:
        connection.request(
            "POST", path, json.dumps(body).encode(), {"content-type": "application/json", **headers}
        )
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def claude_code(name: str) -> dict[str, Any]:
    """80 KB, 24 tools, a system message inside the list, thinking, caching, context management."""
    mark = {"cache_control": {"type": "ephemeral"}}
    tools = [
        {
            "name": f"Tool{number}",
            "description": "What it does. " * 200,
            "input_schema": {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "properties": {
                    "path": {"type": "string", "minLength": 1},
                    "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
                },
                "required": ["path"],
                "additionalProperties": False,
            },
        }
        for number in range(24)
    ]
    return {
        "model": name,
        "max_tokens": 32000,
        "stream": True,
        "system": [
            {"type": "text", "text": "You are Claude Code.", **mark},
            {"type": "text", "text": "Be careful.", **mark},
        ],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "<system-reminder>x</system-reminder>"}]},
            {"role": "system", "content": "The date is today."},
            {"role": "user", "content": [{"type": "text", "text": "Read a file.", **mark}]},
        ],
        "tools": tools,
        "thinking": {"type": "adaptive"},
        "output_config": {"effort": "medium"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "metadata": {"user_id": "user_abc_account__session_def"},
    }


@KINDS
def test_claude_code(gateway: GatewayProcess, kind: ProviderKind) -> None:
    said = Said(
        ("I will", " read it."), calls=(("Tool3", {"path": "/a"}),), thought="Hm. ", finish="tool_calls"
    )
    body = claude_code(kind.model)
    assert len(json.dumps(body)) > 70_000
    with model(gateway, kind, said) as (client, upstream):
        status, headers, answer = post(
            gateway,
            "/v1/messages?beta=true",
            body,
            {
                "authorization": f"Bearer {client.api_key}",
                "anthropic-version": "2026-10-21",
                "anthropic-beta": BETAS,
            },
        )
    assert status == 200, answer
    heard = heard_by("anthropic", answer, True)
    assert heard.text == "I will read it."
    assert heard.calls == [("Tool3", {"path": "/a"})]
    assert heard.thoughts == "Hm. "
    assert heard.finish == "tool_use"
    assert b'"citations":null' not in answer
    (seen,) = upstream.seen
    if kind.name == "anthropic":
        assert seen.json == body
        assert seen.headers["anthropic-beta"] == BETAS
        assert seen.target == "/v1/messages?beta=true"
        return
    assert "anthropic-beta" not in seen.headers
    assert b"The date is today." in seen.body
    assert "context_management" in headers["x-gateway-dropped"]


CODEX: dict[str, Any] = {
    "model": "gpt-5-codex",
    "stream": True,
    "store": False,
    "input": [
        {
            "type": "message",
            "role": "developer",
            "content": [{"type": "input_text", "text": "You are Codex."}],
        },
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "List files."}]},
    ],
    "tools": [
        {
            "type": "function",
            "name": "shell",
            "description": "Runs a command",
            "strict": False,
            "parameters": {
                "type": "object",
                "properties": {"command": {"type": "array", "items": {"type": "string"}}},
                "required": ["command"],
            },
        },
        {
            "type": "namespace",
            "name": "files",
            "description": "Files",
            "tools": [
                {
                    "type": "function",
                    "name": "list",
                    "description": "Lists a folder",
                    "strict": False,
                    "parameters": {"type": "object", "properties": {"path": {"type": "string"}}},
                }
            ],
        },
        {"type": "web_search", "external_web_access": False},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0198-key",
    "client_metadata": {"x": "y"},
}


@pytest.mark.parametrize("name", ["chat", "anthropic", "gemini"])
def test_codex(gateway: GatewayProcess, name: str) -> None:
    """Its tools in a namespace go out as functions, and come back under their own names."""
    kind = PROVIDERS[name]
    said = Said(calls=(("files__list", {"path": "."}), ("shell", {"command": ["ls"]})), finish="tool_calls")
    with model(gateway, kind, said) as (client, upstream):
        headers = {"authorization": f"Bearer {client.api_key}"}
        status, told, answer = post(gateway, "/v1/responses", {**CODEX, "model": kind.model}, headers)
        assert status == 200, answer
        events = [json.loads(line[6:]) for line in answer.decode().split("\n") if line.startswith("data: ")]
        output = events[-1]["response"]["output"]
        calls = [item for item in output if item["type"] == "function_call"]
        assert [(call.get("namespace"), call["name"]) for call in calls] == [
            ("files", "list"),
            (None, "shell"),
        ]
        assert set(told["x-gateway-dropped"].split(", ")) >= {"tools.web_search", "client_metadata"}

        results = [
            {"type": "function_call_output", "call_id": call["call_id"], "output": "a.txt"} for call in calls
        ]
        again = {**CODEX, "model": kind.model, "input": [*CODEX["input"], *output, *results]}
        status, _, answer = post(gateway, "/v1/responses", again, headers)
    assert status == 200, answer
    second = upstream.seen[-1].body.decode()
    assert second.count("files__list") >= 2  # offered, and called
    assert second.count("a.txt") == 2


def test_codex_over_a_provider_that_keeps_nothing(gateway: GatewayProcess) -> None:
    with model(gateway, PROVIDERS["anthropic"], Said(("x",))) as (client, upstream):
        status, _, answer = post(
            gateway,
            "/v1/responses",
            {"model": "m", "input": "hi", "previous_response_id": "resp_1"},
            {"authorization": f"Bearer {client.api_key}"},
        )
    assert status == 400
    assert json.loads(answer)["error"]["param"] == "previous_response_id"
    assert upstream.seen == []


GEMINI_CLI = {
    "contents": [{"role": "user", "parts": [{"text": "List files."}]}],
    "systemInstruction": {"role": "user", "parts": [{"text": "You are a CLI."}]},
    "tools": [
        {
            "functionDeclarations": [
                {
                    "name": "list_directory",
                    "description": "Lists",
                    "parametersJsonSchema": {
                        "type": "object",
                        "properties": {"path": {"type": "string"}},
                        "required": ["path"],
                    },
                },
                {
                    "name": "read",
                    "description": "Reads",
                    "parameters": {
                        "type": "OBJECT",
                        "properties": {"path": {"type": "STRING", "nullable": True}},
                    },
                },
            ]
        }
    ],
    "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}},
    "generationConfig": {
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 8192},
    },
}


@KINDS
@pytest.mark.parametrize("root", ["/v1beta", "/v1", ""])
def test_gemini_cli(gateway: GatewayProcess, kind: ProviderKind, root: str) -> None:
    said = Said(calls=(("list_directory", {"path": "."}),), thought="Hm. ", finish="tool_calls")
    with model(gateway, kind, said) as (client, upstream):
        status, _, answer = post(
            gateway,
            f"{root}/models/{kind.model}:streamGenerateContent?alt=sse",
            GEMINI_CLI,
            {"x-goog-api-key": client.api_key},
        )
    assert status == 200, answer
    heard = heard_by("gemini", answer, True)
    assert heard.calls == [("list_directory", {"path": "."})]
    assert heard.thoughts == "Hm. "
    assert b"You are a CLI." in upstream.seen[0].body


@KINDS
def test_a_gemini_stream_without_sse_is_one_array(gateway: GatewayProcess, kind: ProviderKind) -> None:
    with model(gateway, kind, Said(wire.PIECES)) as (client, _):
        status, headers, answer = post(
            gateway,
            f"/v1beta/models/{kind.model}:streamGenerateContent",
            {"contents": [{"parts": [{"text": "hi"}]}]},
            {"x-goog-api-key": client.api_key},
        )
    assert status == 200
    assert headers["content-type"].startswith("application/json")
    chunks = json.loads(answer)
    texts = [
        part.get("text", "")
        for chunk in chunks
        for candidate in chunk["candidates"]
        for part in candidate["content"]["parts"]
    ]
    assert "".join(texts) == wire.TEXT
