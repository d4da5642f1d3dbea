"""A client's settings hold on every endpoint of every dialect, relayed and translated."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from tests.conformance import told as telling
from tests.conformance.providers import PROVIDERS, ProviderKind, send
from tests.conformance.wire import Said
from tests.harness.gateway import HOST, ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen

MODEL = "allowed-model"
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
MESSAGES = [{"role": "user", "content": "hi"}]


def endpoints(model: str) -> dict[str, dict[str, Any]]:
    """By path: a good body."""
    return {
        "/v1/chat/completions": {"model": model, "messages": MESSAGES},
        "/v1/completions": {"model": model, "prompt": "hi"},
        "/v1/responses": {"model": model, "input": "hi"},
        "/v1/embeddings": {"model": model, "input": "hi"},
        "/v1/images/generations": {"model": model, "prompt": "hi"},
        "/v1/messages": {"model": model, "max_tokens": 5, "messages": MESSAGES},
        "/v1/messages/count_tokens": {"model": model, "messages": MESSAGES},
        f"/v1beta/models/{model}:generateContent": CONTENTS,
        f"/v1beta/models/{model}:streamGenerateContent": CONTENTS,
        f"/v1/models/{model}:generateContent": CONTENTS,
        f"/v1beta/models/{model}:countTokens": CONTENTS,
        f"/v1beta/models/{model}:embedContent": {"content": {"parts": [{"text": "hi"}]}},
        f"/v1beta/models/{model}:predict": {"instances": []},
    }


def post(gateway: GatewayProcess, client: ClientInfo, path: str, body: object) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(HOST, gateway.port, timeout=30)
    headers = {"authorization": f"Bearer {client.api_key}", "content-type": "application/json"}
    try:
        connection.request("POST", path, json.dumps(body).encode(), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def client_of(
    gateway: GatewayProcess, kind: ProviderKind, upstream: ScriptedUpstream, **options: Any
) -> ClientInfo:
    return gateway.create_client(
        backend=kind.backend,
        base_url=upstream.base_url.removesuffix("/v1") + kind.root,
        backend_api_key="upstream-secret",
        **options,
    )


@pytest.mark.parametrize("kind", PROVIDERS.values(), ids=lambda kind: kind.name)
def test_the_whitelist_holds_everywhere(gateway: GatewayProcess, kind: ProviderKind) -> None:
    async def never(seen: Seen, reply: Reply) -> None:
        await reply.json({"error": {"message": "reached the provider"}}, status=500)

    with ScriptedUpstream(never) as upstream:
        client = client_of(gateway, kind, upstream, model_whitelist=["good-*"], default_model="good-one")
        for path, body in endpoints("forbidden-model").items():
            status, answer = post(gateway, client, path, body)
            error = answer["error"]
            # A provider of another API has no such endpoint at all.
            assert (
                status == 403
                or (status == 404 and "no such endpoint" in error["message"])
                or (status == 404 and "no embeddings" in error["message"])
            ), (path, answer)
            if status == 403 and path.startswith("/v1beta"):
                assert error["status"] == "PERMISSION_DENIED"
            elif status == 403 and "messages" in path:
                assert error["type"] == "permission_error"
    assert upstream.seen == []


@pytest.mark.parametrize("kind", PROVIDERS.values(), ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/responses", "/v1/messages", f"/v1beta/models/{MODEL}:generateContent"],
)
def test_system_prompt_cap_and_alias_hold_everywhere(
    gateway: GatewayProcess, kind: ProviderKind, path: str
) -> None:
    async def answer(seen: Seen, reply: Reply) -> None:
        await send(reply, kind.speak(kind.model, Said(("ok",)), kind.streams(seen)))

    with ScriptedUpstream(answer) as upstream:
        client = client_of(
            gateway,
            kind,
            upstream,
            system_prompt="The gateway speaks.",
            max_output_tokens=50,
            model_aliases={MODEL: kind.model},
        )
        body = dict(endpoints(MODEL)[path])
        cap: dict[str, Any] = {"max_completion_tokens": 900} if "chat" in path else {}
        cap = {"max_output_tokens": 900} if "responses" in path else cap
        cap = {"max_tokens": 900} if "messages" in path else cap
        cap = {"generationConfig": {"maxOutputTokens": 900}} if "generateContent" in path else cap
        status, found = post(gateway, client, path, {**body, **cap})
    assert status == 200, found
    (seen,) = upstream.seen
    told = telling.read(kind.name, seen.json)
    assert told.system == ["The gateway speaks."]
    assert told.max_tokens == 50
    named = seen.json.get("model") or seen.target
    assert kind.model in named
