"""A stream whose events come one at a time, each in a chunk of its own, as from a provider that thinks."""

from __future__ import annotations

import asyncio
import http.client
import json
from collections.abc import Iterator

import pytest

from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen

WORDS = [f"word {number} \N{CIRCLED DIGIT ONE}\n" for number in range(12)]


def event(content: str | None, finish: str | None = None) -> bytes:
    """As tight as providers write it."""
    delta = {} if content is None else {"content": content}
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": choices}
    return b"data: " + json.dumps(body, separators=(",", ":")).encode() + b"\n\n"


SAID = [*map(event, WORDS), event(None, "stop"), b"data: [DONE]\n\n"]


class Thinker(ScriptedUpstream):
    """Says nothing more until it is told that the last event has been read."""

    def __init__(self) -> None:
        super().__init__(self._speak)
        self._read = asyncio.Semaphore(0)

    def go_on(self) -> None:
        self.call(self._read.release)

    async def _speak(self, seen: Seen, reply: Reply) -> None:
        self._read = asyncio.Semaphore(0)
        await reply.start_stream()
        for each in SAID:
            await reply.piece(each)
            if each is not SAID[-1]:
                await self._read.acquire()
        await reply.end_stream()


@pytest.fixture
def upstream() -> Iterator[Thinker]:
    with Thinker() as server:
        yield server


def listen(gateway: GatewayProcess, client: ClientInfo, upstream: Thinker) -> list[bytes]:
    """The events as they come; each is read before the next one is said."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
    connection.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {client.api_key}"})
    answer, events, lines = connection.getresponse(), [], b""
    assert answer.status == 200
    while line := answer.readline():
        lines += line
        if line == b"\n":
            events.append(lines)
            lines = b""
            upstream.go_on()
    connection.close()
    assert not lines
    return events


def test_each_event_passes_when_it_comes_and_is_counted(gateway: GatewayProcess, upstream: Thinker) -> None:
    client = gateway.create_client(backend="openai-compatible", base_url=upstream.base_url, log_bodies=True)
    assert listen(gateway, client, upstream) == SAID
    [row] = gateway.requests_of(client)
    size = sum(len(json.dumps(word)) - 2 for word in WORDS)
    assert (row["status"], row["usage_estimated"], row["output_tokens"]) == (200, 1, -(-size // 4))
    [bodies] = gateway.query("SELECT * FROM request_bodies WHERE request_id = ?", row["id"])
    assert bodies["response"].encode() == b"".join(SAID)


def test_it_ends_at_its_quota_all_the_same(gateway: GatewayProcess, upstream: Thinker) -> None:
    quota = 20
    client = gateway.create_client(
        backend="openai-compatible", base_url=upstream.base_url, quota_output_tokens_day=quota
    )
    *passed, cut, done = listen(gateway, client, upstream)
    size = len(json.dumps(WORDS[0])) - 2
    assert passed == SAID[: quota * 4 // size]
    assert json.loads(cut.removeprefix(b"data: "))["choices"][0]["finish_reason"] == "length"
    assert done == SAID[-1]
    [row] = gateway.requests_of(client)
    assert row["output_tokens"] <= quota
