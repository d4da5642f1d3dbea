"""A limit is a number that holds: of any number of simultaneous requests, as many get in as it says."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.burst import Answer, Burst, at_once, request
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import DONE, Reply, ScriptedUpstream, Seen, chunk_event, completion
from tests.harness.waiting import wait_until

CALLERS = 200
LIMIT = 60
MESSAGES = [{"role": "user", "content": "hi"}]
CHAT = "/v1/chat/completions"
WORD = "word"
"""Four bytes: a token as the gateway estimates it."""
PRICED = "gpt-4o-mini"
INPUT_USD, OUTPUT_USD = 0.15e-6, 0.6e-6


class Provider(ScriptedUpstream):
    """Counts who asked, by credential. What a model does is in its name: `held` waits for `release`;
    `endless` streams on whatever it was told; others say as many words as `max_tokens` allows, or one."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.hits: Counter[str] = Counter()
        self.tokens: Counter[str] = Counter()
        """Output that was reported."""
        self._released = asyncio.Event()

    def release(self) -> None:
        self.call(self._released.set)

    async def _answer(self, seen: Seen, reply: Reply) -> None:
        key = seen.headers["authorization"].removeprefix("Bearer ")
        self.hits[key] += 1
        body = seen.json
        if body["model"] == "held":
            await self._released.wait()
        if body["model"] == "endless":
            await self._endless(reply)
            return
        words = body.get("max_tokens") or 1
        self.tokens[key] += words
        if not body.get("stream"):
            await reply.json(completion(WORD * words, prompt_tokens=1, completion_tokens=words))
            return
        await reply.start_stream()
        for _ in range(words):
            await reply.piece(chunk_event(WORD))
        usage = {"prompt_tokens": 1, "completion_tokens": words, "total_tokens": words + 1}
        await reply.piece(chunk_event(finish="stop") + chunk_event(choices=[], usage=usage) + DONE)
        await reply.end_stream()

    async def _endless(self, reply: Reply) -> None:
        await reply.start_stream()
        while not reply.writer.is_closing():
            await reply.piece(chunk_event(WORD))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with Provider() as server:
        yield server


_keys = (f"credential-{number}" for number in itertools.count())


def clients_of(
    gateway: GatewayProcess, upstream: Provider, count: int, **limits: Any
) -> list[tuple[ClientInfo, str]]:
    """Clients, and the credential by which the provider knows each."""
    keys = [next(_keys) for _ in range(count)]
    options = [
        {"backend": "openai", "base_url": upstream.base_url, "backend_api_key": key, **limits} for key in keys
    ]
    return list(zip(gateway.create_clients(options), keys, strict=True))


def chat(client: ClientInfo, *, stream: bool = False, model: str = "m", **members: Any) -> bytes:
    return request(client, CHAT, {"model": model, "messages": MESSAGES, "stream": stream, **members})


def mixed(client: ClientInfo, count: int = CALLERS, **members: Any) -> list[bytes]:
    """Every other one streams."""
    return [chat(client, stream=number % 2 == 0, **members) for number in range(count)]


def text_of(answer: Answer) -> str:
    """Of a stream."""
    events = [event.removeprefix(b"data: ") for event in answer.body.split(b"\n\n") if event]
    chunks = [json.loads(event) for event in events if event != b"[DONE]"]
    return "".join(choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"])


def code(answer: Answer) -> str:
    found: str = answer.json["error"]["code"]
    return found


ROUNDS = [
    ("rate_limit_minute", 100),
    ("rate_limit_hour", 5),
    ("rate_limit_day", 5),
    ("quota_requests_day", 5),
]


@pytest.mark.parametrize(("limit", "rounds"), ROUNDS, ids=[name for name, _ in ROUNDS])
async def test_exactly_as_many_get_in(
    gateway: GatewayProcess, upstream: Provider, limit: str, rounds: int
) -> None:
    async with Burst(gateway.port, CALLERS) as burst:
        clients = await asyncio.to_thread(clients_of, gateway, upstream, rounds, **{limit: LIMIT})
        for client, key in clients:
            answers = await burst.send(mixed(client))
            assert Counter(answer.status for answer in answers) == {200: LIMIT, 429: CALLERS - LIMIT}
            assert upstream.hits[key] == LIMIT
    ids = [client.id for client, _ in clients]
    marks = ", ".join("?" * rounds)
    sql = f"SELECT * FROM usage_daily WHERE client_id IN ({marks}) AND admitted_requests > 0"

    def written() -> bool:
        return sum(int(row["admitted_requests"]) for row in gateway.query(sql, *ids)) == rounds * LIMIT

    await asyncio.to_thread(wait_until, written, what="the rows of all rounds")
    assert {row["admitted_requests"] for row in gateway.query(sql, *ids)} == {LIMIT}


async def test_only_so_many_at_a_time(gateway: GatewayProcess, upstream: Provider) -> None:
    ((client, key),) = await asyncio.to_thread(clients_of, gateway, upstream, 1, max_concurrency=10)
    sql = "SELECT count(*) AS n FROM requests WHERE client_id = ? AND status = 429"
    asked = asyncio.create_task(at_once(gateway.port, mixed(client, model="held")))

    def refused() -> bool:
        return gateway.query(sql, client.id) == [{"n": CALLERS - 10}]

    await asyncio.to_thread(wait_until, refused, what="all others being refused")
    assert upstream.hits[key] == 10
    upstream.release()
    answers = await asked
    assert Counter(answer.status for answer in answers) == {200: 10, 429: CALLERS - 10}
    refusal = next(answer for answer in answers if answer.status == 429)
    assert (code(refusal), refusal.headers["retry-after"]) == ("rate_limit_exceeded", "1")
    assert "x-should-retry" not in refusal.headers
    again = await at_once(gateway.port, mixed(client, 10))
    assert [answer.status for answer in again] == [200] * 10


async def test_parallel_streams_keep_to_the_token_quota(gateway: GatewayProcess, upstream: Provider) -> None:
    ((client, key),) = await asyncio.to_thread(clients_of, gateway, upstream, 1, quota_output_tokens_day=1000)
    answers: list[Answer] = []
    for _ in range(3):
        answers += await at_once(gateway.port, [chat(client, stream=True, max_tokens=30)] * 50)
    served = [answer for answer in answers if answer.status == 200]
    assert upstream.tokens[key] == sum(len(text_of(answer)) // len(WORD) for answer in served) == 1000
    (last,) = await at_once(gateway.port, [chat(client)])
    assert (last.status, code(last)) == (429, "insufficient_quota")
    assert last.headers["x-should-retry"] == "false"
    assert last.headers["x-ratelimit-remaining-tokens"] == "0"


async def test_streams_that_heed_no_limit_keep_to_the_token_quota(
    gateway: GatewayProcess, upstream: Provider
) -> None:
    clients = await asyncio.to_thread(clients_of, gateway, upstream, 3, quota_output_tokens_day=1000)
    for (client, key), members in zip(clients, ({}, {"max_tokens": 10}, {"max_tokens": 300}), strict=True):
        asked = [chat(client, stream=True, model="endless", **members)] * 50
        answers = await at_once(gateway.port, asked)
        served = [answer for answer in answers if answer.status == 200]
        assert len(served) == upstream.hits[key]
        assert sum(len(text_of(answer)) // len(WORD) for answer in served) == 1000
        rows = await asyncio.to_thread(gateway.requests_of, client, minimum=50)
        assert sum(row["output_tokens"] for row in rows) == 1000
        (after,) = await at_once(gateway.port, [chat(client)])
        assert (after.status, code(after)) == (429, "insufficient_quota")


@pytest.mark.parametrize("budget", ["budget_usd_day", "budget_usd_month"])
async def test_parallel_requests_keep_to_the_budget(
    gateway: GatewayProcess, upstream: Provider, budget: str
) -> None:
    usd = 50.5 * 100 * OUTPUT_USD  # for fifty answers of a hundred tokens, and their input
    ((client, key),) = await asyncio.to_thread(clients_of, gateway, upstream, 1, **{budget: usd})
    asked = mixed(client, model=PRICED, max_tokens=100)
    statuses = Counter[int]()
    for _ in range(3):
        answers = await at_once(gateway.port, asked)
        statuses.update(answer.status for answer in answers)
    while (await at_once(gateway.port, asked[:1]))[0].status == 200:
        pass  # what the last ones left of what was reserved for them
    spent = upstream.hits[key] * INPUT_USD + upstream.tokens[key] * OUTPUT_USD
    assert spent <= usd
    assert spent > usd - 100 * OUTPUT_USD, "the budget was not used up"
    assert set(statuses) == {200, 429}
    (refusal,) = await at_once(gateway.port, [chat(client, model=PRICED, max_tokens=100)])
    assert refusal.status == 429
    assert (code(refusal), refusal.headers["x-should-retry"]) == ("insufficient_quota", "false")
    sql = "SELECT sum(cost_usd) AS usd FROM usage_daily WHERE client_id = ?"

    def written() -> bool:
        return bool(gateway.query(sql, client.id)[0]["usd"] == pytest.approx(spent))

    await asyncio.to_thread(wait_until, written, what="the cost being written")
