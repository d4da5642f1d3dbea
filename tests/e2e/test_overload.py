"""Too much at once, callers behind proxies, and what has no price."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.conformance import asking, heard
from tests.conformance.asking import CALLERS, Asked
from tests.conformance.providers import PROVIDERS, ProviderKind, send
from tests.conformance.wire import TEXT, Said
from tests.harness.burst import Answer, Burst, ask, at_once, request
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen
from tests.harness.waiting import wait_until

AT_ONCE = 8
PRICES = {"known-*": {"input": 1.0, "cache_read": 0.5, "output": 2.0}}


class Provider(ScriptedUpstream):
    """Model `held` answers when it is released."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self._released = asyncio.Event()

    def release(self) -> None:
        self.call(self._released.set)

    async def _answer(self, seen: Seen, reply: Reply) -> None:
        kind = PROVIDERS[seen.target.split("/")[1]]
        if b'"held"' in seen.body:
            await self._released.wait()
        await send(reply, kind.speak(kind.model, Said((TEXT,)), kind.streams(seen)))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Provider]:
    with Provider() as server:
        yield server


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One that serves few at once, blocks what has no price, and stands behind a proxy."""
    config = {
        "server": {"max_concurrency": AT_ONCE, "trusted_proxies": ["127.0.0.1/32", "10.0.0.0/8"]},
        "prices": {"unknown": "block", "overrides": PRICES},
    }
    with GatewayProcess(tmp_path_factory.mktemp("narrow"), config=config) as process:
        yield process


def options(upstream: Provider, kind: ProviderKind, **more: Any) -> dict[str, Any]:
    base = f"{upstream.url}/{kind.name}{kind.root}"
    return {"backend": kind.backend, "base_url": base, "backend_api_key": "sk-upstream-planted", **more}


def asked(client: ClientInfo, caller: str, model: str, *, stream: bool = False, **headers: str) -> bytes:
    path, body = asking.request(caller, Asked(), model, stream)
    return request(client, path, body, **headers)


def health(gateway: GatewayProcess) -> tuple[int, Any]:
    nobody = ClientInfo("", "", "none")
    answer = ask(gateway.port, request(nobody, "/health", method="GET"))
    return answer.status, answer.json


async def test_too_many_are_told_so_and_it_passes(narrow: GatewayProcess, upstream: Provider) -> None:
    (client,) = await asyncio.to_thread(narrow.create_clients, [options(upstream, PROVIDERS["chat"])])
    async with Burst(narrow.port, AT_ONCE) as burst:
        held = asyncio.create_task(burst.send([asked(client, "chat", "held")] * AT_ONCE))
        await asyncio.to_thread(wait_until, lambda: len(upstream.seen) == AT_ONCE, what="all being held")
        more = [asked(client, caller, "m", stream=stream) for caller in CALLERS for stream in (False, True)]
        for number, answer in enumerate(await at_once(narrow.port, more)):
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            assert "try again later" in heard.error_of(CALLERS[number // 2], answer.body)
        refusal = (await at_once(narrow.port, more[:1]))[0]
        assert (refusal.json["error"]["type"], refusal.json["error"]["code"]) == ("api_error", "overloaded")
        await asyncio.to_thread(wait_until, lambda: health(narrow)[0] == 503, what="health saying so")
        status, body = await asyncio.to_thread(health, narrow)
        assert (status, body["status"], body["ready"], body["live"]) == (503, "overloaded", False, True)
        assert len(upstream.seen) == AT_ONCE
        upstream.release()
        assert {answer.status for answer in await held} == {200}
    await asyncio.to_thread(wait_until, lambda: health(narrow)[0] == 200, what="health again")
    assert (await asyncio.to_thread(health, narrow))[1]["status"] == "ok"
    answers = await at_once(narrow.port, [asked(client, "chat", "m")] * AT_ONCE)
    assert {answer.status for answer in answers} == {200}
    rows = await asyncio.to_thread(narrow.requests_of, client, minimum=3 * AT_ONCE + 1)
    assert sum(row["admitted"] for row in rows) == 2 * AT_ONCE


FORWARDED: list[tuple[str, str]] = [
    ("203.0.113.7", "203.0.113.7"),
    ("203.0.113.7, 10.1.2.3", "203.0.113.7"),
    ("203.0.113.7, 198.51.100.9", "198.51.100.9"),  # what a stranger wrote before a proxy did
    ("203.0.113.7:4711", "203.0.113.7"),
    ("nonsense", "127.0.0.1"),
    ("203.0.113.7, nonsense", "127.0.0.1"),
]


def test_a_trusted_proxy_is_believed(narrow: GatewayProcess, upstream: Provider) -> None:
    (client,) = narrow.create_clients([options(upstream, PROVIDERS["chat"], allowed_ips=("203.0.113.0/24",))])
    for forwarded, address in FORWARDED:
        answer = ask(narrow.port, asked(client, "chat", "m", x_forwarded_for=forwarded))
        allowed = address.startswith("203.")
        assert answer.status == (200 if allowed else 403), forwarded
        if not allowed:
            assert answer.json["error"]["code"] == "ip_not_allowed"
        row = narrow.request_row(answer.headers["x-request-id"])
        assert row["caller_address"] == address
    assert not any("x-forwarded-for" in seen.headers for seen in upstream.seen)


def test_nobody_else_is(gateway: GatewayProcess, upstream: Provider) -> None:
    (client,) = gateway.create_clients(
        [options(upstream, PROVIDERS["chat"], allowed_ips=("203.0.113.0/24",))]
    )
    answer = ask(gateway.port, asked(client, "chat", "m", x_forwarded_for="203.0.113.7"))
    assert (answer.status, answer.json["error"]["code"]) == (403, "ip_not_allowed")
    assert gateway.request_row(answer.headers["x-request-id"])["caller_address"] == "127.0.0.1"


@pytest.mark.parametrize("caller", CALLERS)
def test_a_budget_needs_a_price_where_the_admin_says_so(
    narrow: GatewayProcess, upstream: Provider, caller: str
) -> None:
    free, budgeted = narrow.create_clients(
        [options(upstream, PROVIDERS["chat"]), options(upstream, PROVIDERS["chat"], budget_usd_day=5.0)]
    )
    before = len(upstream.seen)
    refused = ask(narrow.port, asked(budgeted, caller, "nobody-knows"))
    assert refused.status == 403
    assert "no price is known for model 'nobody-knows'" in heard.error_of(caller, refused.body)
    assert len(upstream.seen) == before
    assert ask(narrow.port, asked(budgeted, caller, "known-one")).status == 200
    assert ask(narrow.port, asked(free, caller, "nobody-knows")).status == 200


def usage_of(gateway: GatewayProcess, client: ClientInfo, model: str) -> dict[str, Any]:
    sql = "SELECT * FROM usage_daily WHERE client_id = ? AND model = ?"
    return wait_until(lambda: gateway.query(sql, client.id, model), what=f"the usage of {model}")[0]


def test_what_has_no_price_is_unpriced_and_never_free(gateway: GatewayProcess, upstream: Provider) -> None:
    (client,) = gateway.create_clients([options(upstream, PROVIDERS["chat"], budget_usd_day=5.0)])
    answers = [
        ask(gateway.port, asked(client, "chat", "nobody-knows", stream=stream)) for stream in (False, True)
    ]
    for answer in answers:
        assert answer.status == 200
        assert "x-gateway-cost" not in answer.headers
        assert gateway.request_row(answer.headers["x-request-id"])["cost_usd"] is None
    used = usage_of(gateway, client, "nobody-knows")
    assert (used["requests"], used["unpriced_requests"], used["cost_usd"]) == (2, 2, None)
    listed = json.loads(gateway.command("usage", "--client", client.name, "--json"))
    assert [row["cost_usd"] for row in listed if row["model"] == "nobody-knows"] == [None]


PRICED = {
    "chat": "gpt-4o-mini",
    "responses": "gpt-5-codex",
    "anthropic": "claude-sonnet-4-6",
    "gemini": "gemini-2.5-flash",
}


@pytest.mark.parametrize("kind", PROVIDERS.values(), ids=lambda kind: kind.name)
def test_a_stream_costs_what_a_whole_answer_does(
    gateway: GatewayProcess, upstream: Provider, kind: ProviderKind
) -> None:
    """Whoever asks; cached tokens are charged once, as what they are."""
    model = PRICED[kind.name]
    (client,) = gateway.create_clients([options(upstream, kind)])
    costs = set()
    for caller in CALLERS:
        for stream in (False, True):
            answer = ask(gateway.port, asked(client, caller, model, stream=stream))
            assert answer.status == 200
            row = gateway.request_row(answer.headers["x-request-id"])
            costs.add(round(row["cost_usd"], 12))
            assert not row["usage_estimated"]
            assert told(answer) == (None if stream else pytest.approx(row["cost_usd"]))
    assert len(costs) == 1
    assert costs.pop() > 0


def told(answer: Answer) -> float | None:
    cost = answer.headers.get("x-gateway-cost")
    return None if cost is None else float(cost)
