"""Every recorded answer, served by an upstream as it was recorded, reaches callers of all four dialects.

The callers' answers are read with the gateway's own decoders, whose agreement with the SDKs is proved by
`test_conversation` and the dialects' own tests.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from ai_gateway.core.chat import DialectName
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.errors import UpstreamError
from ai_gateway.providers import PROVIDERS
from tests.conformance import asking, heard
from tests.conformance.asking import Asked
from tests.harness.cassettes import Cassette, cassette_params
from tests.harness.gateway import HOST, ClientInfo, GatewayProcess
from tests.harness.recorded import (
    Outcome,
    decode,
    dialect_of,
    is_answer,
    is_refusal,
    is_stream,
    outcome_of,
)
from tests.harness.upstream import Reply, ScriptedUpstream, Seen

CALLERS: Final = {
    "chat": DialectName.OPENAI_CHAT,
    "responses": DialectName.OPENAI_RESPONSES,
    "anthropic": DialectName.ANTHROPIC,
    "gemini": DialectName.GEMINI,
}
HOMES: Final = {
    DialectName.OPENAI_CHAT: ("openai-compatible", "some-model", "/v1"),
    DialectName.OPENAI_RESPONSES: ("openai", "gpt-5-codex", "/v1"),
    DialectName.ANTHROPIC: ("anthropic", "claude-sonnet-4-6", "/v1"),
    DialectName.GEMINI: ("gemini", "gemini-3-pro-preview", "/v1beta"),
}


@dataclass
class Stage:
    """An upstream that serves what is put on it, and a client for each dialect that it may speak."""

    gateway: GatewayProcess
    upstream: ScriptedUpstream
    clients: dict[DialectName, ClientInfo]
    cassette: Cassette | None = None

    async def answer(self, seen: Seen, reply: Reply) -> None:
        cassette = self.cassette
        assert cassette is not None
        kind = cassette.response_headers.get("content-type", "application/json")
        body = cassette.response_bytes()
        if is_stream(cassette):
            kind = "text/event-stream"
        await reply.whole(body, status=cassette.status, content_type=kind.partition(";")[0])

    def ask(self, caller: str, home: DialectName, *, stream: bool) -> tuple[int, bytes]:
        client, model = self.clients[home], HOMES[home][1]
        path, body = asking.request(caller, Asked(), model, stream)
        connection = http.client.HTTPConnection(HOST, self.gateway.port, timeout=30)
        headers = {"authorization": f"Bearer {client.api_key}", "content-type": "application/json"}
        try:
            connection.request("POST", path, json.dumps(body).encode(), headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def stage(gateway: GatewayProcess) -> Iterator[Stage]:
    async def later(seen: Seen, reply: Reply) -> None:
        await found.answer(seen, reply)

    with ScriptedUpstream(later) as upstream:
        base = upstream.base_url.removesuffix("/v1")
        clients = {
            dialect: gateway.create_client(
                backend=backend,
                base_url=base + root,
                backend_api_key="sk-upstream-planted",
                max_output_tokens=0,
            )
            for dialect, (backend, _, root) in HOMES.items()
        }
        found = Stage(gateway, upstream, clients)
        yield found


def recorded(cassette: Cassette, home: DialectName) -> Outcome | None:
    """What the recording says; None where it is of a failure."""
    provider = PROVIDERS[HOMES[home][0]]
    try:
        return outcome_of(decode(home, provider, cassette.response_bytes(), stream=is_stream(cassette)))
    except UpstreamError:
        return None


@pytest.mark.parametrize("cassette", cassette_params(lambda one: is_answer(one) or is_stream(one)))
def test_a_recorded_answer_reaches_every_caller(stage: Stage, cassette: Cassette) -> None:
    home = dialect_of(cassette)
    assert home is not None
    stage.cassette = cassette
    stream = is_stream(cassette)
    said = recorded(cassette, home)
    for caller, dialect in CALLERS.items():
        status, body = stage.ask(caller, home, stream=stream)
        if said is None:
            check_failure(caller, dialect, status, body)
            continue
        assert status == 200, (caller, body[:500])
        heard = outcome_of(decode(dialect, PROVIDERS[HOMES[dialect][0]], body, stream=stream))
        assert (heard.text, heard.calls, heard.ends) == (said.text, said.calls, said.ends), caller
        if said.tokens is not None:
            assert heard.tokens == said.tokens, caller


def check_failure(caller: str, dialect: DialectName, status: int, body: bytes) -> None:
    """An error in the caller's dialect: as the answer, or as the last event of a stream."""
    if status != 200:
        assert heard.error_of(caller, body)
        return
    with pytest.raises(UpstreamError):
        outcome_of(decode(dialect, PROVIDERS[HOMES[dialect][0]], body, stream=True))


@pytest.mark.parametrize("cassette", cassette_params(is_refusal))
def test_a_recorded_refusal_reaches_every_caller(stage: Stage, cassette: Cassette) -> None:
    home = dialect_of(cassette)
    assert home is not None
    stage.cassette = cassette
    error = DIALECTS[home].parse_error(cassette.status, cassette.response_bytes(), "", None)
    for caller, dialect in CALLERS.items():
        status, body = stage.ask(caller, home, stream=False)
        assert status == error.status, caller
        if dialect is not home:
            assert error.message in heard.error_of(caller, body)
        else:
            assert error.message.encode()[:40] in body.replace(b'\\"', b'"') or error.message[:40] in str(
                json.loads(body)
            )
