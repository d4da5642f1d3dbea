"""What was used stays used: across restarts, orderly or not, and when an admin changes the number."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.harness.burst import Answer, Burst, ask, request
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.waiting import wait_until

New = Callable[..., GatewayProcess]
ECHO: dict[str, Any] = {"backend": "echo", "default_model": "echo"}
BODY = {"messages": [{"role": "user", "content": "one two three four five"}], "max_tokens": 4}
EACH = 4
"""Output tokens of an answer."""
LANES = 8
"""Connections of each client."""
REQUESTS = 200
QUOTAS: dict[str, float] = {
    "quota_requests_day": REQUESTS,
    "quota_output_tokens_day": REQUESTS * EACH,
    "budget_usd_day": float(REQUESTS * EACH),
    "rate_limit_hour": REQUESTS,
}
PRICE = {"echo": {"input": 0.0, "output": 1e6}}
"""A dollar a token."""


def asked(client: ClientInfo, **members: Any) -> bytes:
    return request(client, "/v1/chat/completions", {**BODY, **members})


class Callers:
    """Ask as fast as they can, until they are told that nothing is left, or the gateway is gone."""

    def __init__(self, gateway: GatewayProcess, clients: list[ClientInfo]) -> None:
        self._gateway = gateway
        self._clients = clients
        self.served = dict.fromkeys((client.id for client in clients), 0)
        self.spent: set[str] = set()
        self._awaited = 0.0
        self._there = asyncio.Event()

    async def until(self, answers: float, then: Callable[[], object]) -> None:
        """Run `then` once there are so many answers, with requests in flight."""
        self._awaited, self._there = answers, asyncio.Event()
        lanes = asyncio.gather(*(self._lane(client) for client in self._clients for _ in range(LANES)))
        await self._there.wait()
        await asyncio.to_thread(then)
        await lanes

    async def _lane(self, client: ClientInfo) -> None:
        async with Burst(self._gateway.port, 1) as burst:
            for streams in (number % 2 == 0 for number in range(10 * REQUESTS)):
                (answer,) = await burst.send([asked(client, stream=streams)])
                if answer.status == 200 and answer.complete:
                    self.served[client.id] += 1
                    if sum(self.served.values()) >= self._awaited:
                        self._there.set()
                elif not self._goes_on(client, answer):
                    return

    def _goes_on(self, client: ClientInfo, answer: Answer) -> bool:
        if answer.status == 429 and answer.headers["retry-after"] != "1":
            self.spent.add(client.id)
            return False
        return answer.status == 429  # reserved for those in flight: perhaps they leave something


def all_written(gateway: GatewayProcess, client: ClientInfo) -> bool:
    sql = "SELECT sum(admitted) AS n, sum(output_tokens) AS tokens FROM requests WHERE client_id = ?"
    return gateway.query(sql, client.id) == [{"n": REQUESTS, "tokens": REQUESTS * EACH}]


@pytest.mark.timeout(180)
def test_quotas_survive_every_way_to_stop(new_gateway: New) -> None:
    gateway = new_gateway(config={"prices": {"overrides": PRICE}})
    clients = gateway.create_clients([{**ECHO, name: limit} for name, limit in QUOTAS.items()])
    callers = Callers(gateway, clients)
    whole = REQUESTS * len(clients)
    asyncio.run(callers.until(whole / 4, gateway.stop))
    gateway.start()
    before = dict(callers.served)
    asyncio.run(callers.until(whole / 2, gateway.kill))
    gateway.start()
    asyncio.run(callers.until(0, lambda: None))
    assert callers.spent == {client.id for client in clients}
    assert all(0 < count < REQUESTS for count in before.values())
    for client in clients:
        # Those that the kill cut off were used all the same, where their row was written.
        assert REQUESTS - LANES <= callers.served[client.id] <= REQUESTS
        wait_until(partial(all_written, gateway, client), what="the rows of all that were admitted")


def put_rows(gateway: GatewayProcess, client: ClientInfo, ages_s: list[float], **members: Any) -> None:
    """Admitted requests of some time ago, as an earlier run left them."""
    row = {
        "client_id": client.id,
        "endpoint": "POST /v1/chat/completions",
        "dialect": "openai",
        "admitted": 1,
        "status": 200,
        "attempts": 1,
        **dict.fromkeys(("streaming", "tools_used", "usage_estimated", "input_tokens", "output_tokens"), 0),
        **dict.fromkeys(("cached_tokens", "cache_write_tokens", "reasoning_tokens"), 0),
        **dict.fromkeys(("latency_ms", "overhead_ms"), 1.0),
        **members,
    }
    names = ["id", "started_at", *row]
    sql = f"INSERT INTO requests ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})"
    connection = sqlite3.connect(gateway.database_path)
    with connection:
        now = time.time()
        for number, age_s in enumerate(ages_s):
            started_at = round((now - age_s) * 1000)
            connection.execute(sql, [f"req_{client.id}_{number}", started_at, *row.values()])
        seen = round((now - min(ages_s)) * 1000)
        connection.execute("UPDATE clients SET last_seen = ? WHERE id = ?", (seen, client.id))
    connection.close()


def far_zone() -> ZoneInfo:
    """One that has another date than UTC just now."""
    return ZoneInfo("Pacific/Kiritimati" if datetime.now(UTC).hour >= 10 else "Pacific/Pago_Pago")


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway of `far_zone` that was never started."""
    config = {"limits": {"timezone": far_zone().key}}
    with GatewayProcess(tmp_path_factory.mktemp("far"), config=config, start=False) as process:
        yield process


def test_windows_survive_a_restart_and_retry_after_is_true(far: GatewayProcess) -> None:
    gateway = far
    ages = [(56.0, 57.0), (50.0, 51.0), (35.0, 36.0)]
    minutes = gateway.create_clients([{**ECHO, "rate_limit_minute": 1} for _ in ages])
    hourly, daily, free = gateway.create_clients(
        [
            {**ECHO, "rate_limit_hour": 3, "rate_limit_minute": 50},
            {**ECHO, "rate_limit_day": 3, "rate_limit_minute": 50},
            {**ECHO, "rate_limit_hour": 3},
        ]
    )
    put_rows(gateway, hourly, [3000.0, 300.0, 90.0])
    put_rows(gateway, daily, [80_000.0, 4000.0, 3700.0])
    put_rows(gateway, free, [3601.0, 4000.0, 90.0, 80.0])
    for client, each in zip(minutes, ages, strict=True):
        put_rows(gateway, client, [*each])
    gateway.start()

    # A minute has long passed since the last of them: hour and day go on counting.
    for client, low, high in ((hourly, 500, 600), (daily, 6300, 6400)):
        answer = ask(gateway.port, asked(client))
        assert answer.status == 429
        assert low < int(answer.headers["retry-after"]) <= high
    assert [ask(gateway.port, asked(free)).status for _ in range(2)] == [200, 429]

    # Where the start took long, the first of these windows are open already.
    for client in minutes:
        refused = ask(gateway.port, asked(client))
        if refused.status == 429:
            break
    due = time.monotonic() + int(refused.headers["retry-after"])
    wait_until(lambda: time.monotonic() >= due, 30, what="retry-after")
    assert ask(gateway.port, asked(client)).status == 200
    assert ask(gateway.port, asked(client)).status == 429


def test_a_changed_limit_holds_for_the_next_request(gateway: GatewayProcess) -> None:
    (client,) = gateway.create_clients([{**ECHO, "rate_limit_minute": 2}])

    def statuses(count: int) -> list[int]:
        return [ask(gateway.port, asked(client)).status for _ in range(count)]

    def limit_is(limit: str | None) -> bool:
        answer = ask(gateway.port, request(client, "/v1/models", method="GET"))
        return answer.headers.get("x-ratelimit-limit-requests") == limit

    assert statuses(3) == [200, 200, 429]
    for limit, expected in (("5", [200] * 3 + [429]), ("0", [200] * 3)):
        gateway.command("clients", "update", client.name, "--rate-limit-minute", limit)
        shown = None if limit == "0" else limit
        wait_until(partial(limit_is, shown), 10.0, what=f"the limit of {limit} being seen")
        assert statuses(len(expected)) == expected


def test_days_are_those_of_the_time_zone(far: GatewayProcess) -> None:
    zone = far_zone()
    if not far.running:
        far.start()
    (client,) = far.create_clients([{**ECHO, "quota_requests_day": 1}])
    days = {datetime.now(zone).date().isoformat()}
    assert ask(far.port, asked(client)).status == 200
    refused = ask(far.port, asked(client))
    now = datetime.now(zone)
    days.add(now.date().isoformat())
    assert {row["day"] for row in far.requests_of(client, minimum=2)} <= days
    assert {row["day"] for row in far.query("SELECT day FROM usage_daily")} <= days
    assert datetime.now(UTC).date().isoformat() not in days
    listed = json.loads(far.command("usage", "--days", "1", "--client", client.name, "--json"))
    assert listed[-1]["day"] in {*days, datetime.now(zone).date().isoformat()}
    if len(days) == 1:  # midnight did not come in between
        left = 86_400 - (now - now.replace(hour=0, minute=0, second=0)).total_seconds()
        assert 0 <= int(refused.headers["retry-after"]) - left < 60
        far.restart()
        assert ask(far.port, asked(client)).status == 429
