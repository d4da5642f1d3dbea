"""What callers are told of their limits, in every dialect; and that no route goes around them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.conformance import asking, heard
from tests.conformance.asking import CALLERS, Asked
from tests.conformance.providers import PROVIDERS, ProviderKind, send
from tests.conformance.wire import INPUT, OUTPUT, Json, Said
from tests.harness.burst import Answer, ask, at_once, request
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen

HUGE = 10**9
"""Tokens: more than any limit here."""
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
MESSAGES = [{"role": "user", "content": "hi"}]
PRICED = {
    "chat": "gpt-4o-mini",
    "responses": "gpt-5-codex",
    "anthropic": "claude-sonnet-4-6",
    "gemini": "gemini-2.5-flash",
}


def kind_of(seen: Seen) -> ProviderKind:
    """By the path's first part: each provider has its own."""
    return PROVIDERS[seen.target.split("/")[1]]


async def provider(seen: Seen, reply: Reply) -> None:
    """Any conversation costs a fortune where it says so; what is no conversation is just acknowledged."""
    kind = kind_of(seen)
    if not seen.body.startswith(b"{") or not any(word in seen.target for word in SPEAKS):
        await reply.json({"ok": True})
        return
    said = kind.speak(kind.model, Said(("ok",)), kind.streams(seen))
    if b"a fortune" in seen.body:
        assert not isinstance(said, list)
        said = fortune(kind, said)
    await send(reply, said)


SPEAKS = ("chat/completions", "/responses", "/messages", "enerateContent")


def fortune(kind: ProviderKind, said: Json) -> Json:
    names = {
        "chat": ("usage", "prompt_tokens", "completion_tokens"),
        "responses": ("usage", "input_tokens", "output_tokens"),
        "anthropic": ("usage", "input_tokens", "output_tokens"),
        "gemini": ("usageMetadata", "promptTokenCount", "candidatesTokenCount"),
    }
    member, given, made = names[kind.name]
    return {**said, member: {**said[member], given: HUGE, made: HUGE, "total_tokens": 2 * HUGE}}


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(provider) as server:
        yield server


def options(kind: ProviderKind, upstream: ScriptedUpstream, **more: Any) -> dict[str, Any]:
    base = f"{upstream.url}/{kind.name}{kind.root}"
    return {"backend": kind.backend, "base_url": base, "backend_api_key": "sk-upstream-planted", **more}


def asked(client: ClientInfo, caller: str, model: str, *, stream: bool = False, text: str = "hi") -> bytes:
    path, body = asking.request(caller, Asked(turns=(("user", text),)), model, stream)
    return request(client, path, body)


Route = tuple[str, str, Any]


def routes(model: str) -> list[Route]:
    """Method, path and body of all that spends, whatever the provider."""
    return [
        ("POST", "/v1/chat/completions", {"model": model, "messages": MESSAGES}),
        ("POST", "/v1/chat/completions", {"model": model, "messages": MESSAGES, "stream": True}),
        ("POST", "/chat/completions", {"model": model, "messages": MESSAGES}),
        ("POST", "/openai/v1/chat/completions", {"model": model, "messages": MESSAGES}),
        ("POST", "/v1/responses", {"model": model, "input": "hi"}),
        ("POST", "/v1/messages", {"model": model, "max_tokens": 5, "messages": MESSAGES}),
        ("POST", f"/v1beta/models/{model}:generateContent", CONTENTS),
        ("POST", f"/v1beta/models/{model}:streamGenerateContent?alt=sse", CONTENTS),
        ("POST", f"/v1beta/models/{model}:streamGenerateContent", CONTENTS),
        ("POST", f"/v1/models/{model}:generateContent", CONTENTS),
    ]


OPENAI: list[Route] = [
    ("POST", "/v1/completions", {"model": "m", "prompt": "hi"}),
    ("POST", "/v1/images/generations", {"model": "m", "prompt": "hi"}),
    ("POST", "/v1/audio/speech", {"model": "m", "input": "hi"}),
    ("POST", "/v1/audio/transcriptions", b"--b\r\n\r\n--b--\r\n"),
    ("POST", "/v1/moderations", {"input": "hi"}),
    ("POST", "/v1/files", b"--b\r\n\r\n--b--\r\n"),
    ("POST", "/v1/batches", {"input_file_id": "file-1"}),
    ("POST", "/v1/rerank", {"model": "m", "query": "hi"}),
]
PASSED: dict[str, list[Route]] = {
    "chat": OPENAI,
    "responses": OPENAI,
    "anthropic": [("POST", "/v1/messages/batches", {"requests": []})],
    "gemini": [("POST", "/v1beta/models/m:predict", {"instances": []})],
}
COUNTED: dict[str, list[Route]] = {
    "chat": [("POST", "/v1/embeddings", {"model": "m", "input": "hi"}), ("GET", "/v1/files", None)],
    "responses": [],
    "anthropic": [("GET", "/v1/messages/batches", None)],
    "gemini": [
        ("POST", "/v1beta/models/m:embedContent", {"content": {"parts": [{"text": "hi"}]}}),
        ("POST", "/v1beta/models/m:batchEmbedContents", {"requests": []}),
        ("GET", "/v1beta/files", None),
    ],
}
"""What generates no text: requests are counted all the same."""
COUNTING: list[Route] = [
    ("POST", "/v1/messages/count_tokens", {"model": "m", "messages": MESSAGES}),
    ("POST", "/v1beta/models/m:countTokens", CONTENTS),
]


def rejected(path: str, answer: Answer) -> None:
    """A 429 as the caller's dialect has it."""
    assert answer.status == 429, (path, answer)
    error = answer.json["error"]
    if path.startswith("/v1/messages"):
        assert (answer.json["type"], error["type"]) == ("error", "rate_limit_error")
        assert answer.json["request_id"] == answer.headers["x-request-id"]
    elif "/models/" in path or path.startswith("/v1beta"):
        assert (error["code"], error["status"]) == (429, "RESOURCE_EXHAUSTED")
    else:
        assert (error["type"], error["code"]) == ("rate_limit_error", "insufficient_quota")
    assert "reached" in error["message"]
    assert 1 <= int(answer.headers["retry-after"]) <= 31 * 86_400
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-gateway-attempts"] == "0"


LIMITS: dict[str, float] = {
    "quota_requests_day": 1,
    "quota_input_tokens_day": 100_000,
    "quota_output_tokens_day": 100_000,
    "budget_usd_day": 1.0,
    "budget_usd_month": 1.0,
}


@pytest.mark.parametrize("kind", PROVIDERS.values(), ids=lambda kind: kind.name)
async def test_every_route_is_governed(
    gateway: GatewayProcess, upstream: ScriptedUpstream, kind: ProviderKind
) -> None:
    model = PRICED[kind.name]
    clients = await asyncio.to_thread(
        gateway.create_clients, [options(kind, upstream, **{name: limit}) for name, limit in LIMITS.items()]
    )
    spend = [asked(client, kind.name, model, text="a fortune") for client in clients]
    assert [answer.status for answer in await at_once(gateway.port, spend)] == [200] * len(clients)
    before = len(upstream.seen)
    for limit, client in zip(LIMITS, clients, strict=True):
        governed = routes(model) + PASSED[kind.name]
        if limit != "quota_output_tokens_day":
            governed += COUNTED[kind.name]
        if limit == "quota_requests_day":
            governed += COUNTING
        answers = await at_once(
            gateway.port, [request(client, path, body, method=method) for method, path, body in governed]
        )
        for (_, path, _), answer in zip(governed, answers, strict=True):
            rejected(path, answer)
        rows = await asyncio.to_thread(gateway.requests_of, client, minimum=len(governed) + 1)
        assert sum(row["admitted"] for row in rows) == 1
        assert all(row["status"] == 429 and not row["attempts"] for row in rows[1:])
        (used,) = gateway.query(
            "SELECT sum(admitted_requests) AS n, sum(output_tokens) AS o, sum(unpriced_requests) AS u"
            " FROM usage_daily WHERE client_id = ?",
            client.id,
        )
        assert (used["n"], used["u"]) == (1, 0)
        assert used["o"] == rows[0]["output_tokens"] >= HUGE
    assert len(upstream.seen) == before


DURATION = re.compile(r"(?:\d+h)?(?:\d+m)?\d+s|\d+ms")


def told(answer: Answer, name: str) -> tuple[int, int]:
    """Limit and what remains of it, from the headers; all three must be there."""
    assert DURATION.fullmatch(answer.headers[f"x-ratelimit-reset-{name}"]), answer.headers
    return int(answer.headers[f"x-ratelimit-limit-{name}"]), int(
        answer.headers[f"x-ratelimit-remaining-{name}"]
    )


def told_anthropic(answer: Answer, name: str) -> tuple[int, int]:
    reset = datetime.fromisoformat(answer.headers[f"anthropic-ratelimit-{name}-reset"])
    assert datetime.now(UTC) - timedelta(seconds=60) < reset < datetime.now(UTC) + timedelta(days=1)
    return int(answer.headers[f"anthropic-ratelimit-{name}-limit"]), int(
        answer.headers[f"anthropic-ratelimit-{name}-remaining"]
    )


@pytest.mark.parametrize("kind", PROVIDERS.values(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("caller", CALLERS)
def test_every_answer_tells_what_is_left(
    gateway: GatewayProcess, upstream: ScriptedUpstream, kind: ProviderKind, caller: str
) -> None:
    """Requests and tokens apart; what was refused takes nothing of either."""
    limits = {"rate_limit_minute": 2, "rate_limit_hour": 50, "quota_output_tokens_day": 50_000}
    (client,) = gateway.create_clients(
        [options(kind, upstream, model_whitelist=[kind.model], quota_input_tokens_day=90_000, **limits)]
    )
    good, path = asked(client, caller, kind.model), asking.request(caller, Asked(), kind.model, False)[0]
    for data, status, requests, answered in (
        (good, 200, 1, 1),
        (request(client, path, b"{"), 400, 1, 1),
        (asked(client, caller, "forbidden"), 403, 1, 1),
        (asked(client, caller, kind.model, stream=True), 200, 0, None),
        (good, 429, 0, 2),
    ):
        answer = ask(gateway.port, data)
        assert answer.status == status, answer
        assert told(answer, "requests") == (2, requests)
        limit, tokens = told(answer, "tokens")
        assert limit == 50_000
        if answered is None:
            assert tokens < limit - OUTPUT  # its own is reserved while it streams
        else:
            assert tokens == limit - answered * OUTPUT
        assert ("retry-after" in answer.headers) == (status == 429)
        anthropic = any(name.startswith("anthropic-ratelimit") for name in answer.headers)
        assert anthropic == (caller == "anthropic")
        if anthropic:
            assert told_anthropic(answer, "requests") == (2, requests)
            assert told_anthropic(answer, "tokens") == (limit, tokens)
            assert told_anthropic(answer, "output-tokens") == (limit, tokens)
            if answered is not None:
                assert told_anthropic(answer, "input-tokens") == (90_000, 90_000 - answered * INPUT)
    assert heard.error_of(caller, answer.body) == "rate limit reached: 2 requests a minute"
    assert 0 < int(answer.headers["retry-after"]) <= 60
    assert "x-should-retry" not in answer.headers
