"""Nothing lost, nothing twice: under load, across SIGKILL and SIGTERM, with the database locked."""

from __future__ import annotations

import http.client
import json
import signal
import sqlite3
import threading
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.waiting import wait_until

CALLERS = 64
New = Callable[..., GatewayProcess]


class Load:
    """Callers that ask as fast as they can, and note each request whose last byte they got."""

    def __init__(self, gateway: GatewayProcess, client: ClientInfo, text: str = "one two three") -> None:
        self.answered: list[str] = []
        self.broken: list[str] = []
        self.statuses: set[int] = set()
        self._gateway = gateway
        self._key = client.api_key
        self._text = text
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(i,), daemon=True) for i in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def reached(self, count: int) -> Load:
        wait_until(lambda: len(self.answered) >= count, 60, what=f"{count} answers")
        return self

    def finish(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()

    def _call(self, number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._gateway.port, timeout=30)
        try:
            self._ask(connection, number)
        finally:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, number: int) -> None:
        body = json.dumps(
            {
                "model": "echo",
                "stream": number % 2 == 0,
                "messages": [{"role": "user", "content": self._text}],
            }
        )
        while not self._stop.is_set():
            request_id = ""
            try:
                connection.request(
                    "POST", "/v1/chat/completions", body, {"authorization": f"Bearer {self._key}"}
                )
                response = connection.getresponse()
                request_id = response.headers["x-request-id"]
                answer = response.read()
            except (OSError, http.client.HTTPException):
                if request_id:
                    self.broken.append(request_id)
                return
            self.statuses.add(response.status)
            if response.status != 200:
                return
            assert b"[DONE]" in answer or b'"usage"' in answer
            self.answered.append(request_id)


def logged(gateway: GatewayProcess) -> list[str]:
    return [row["id"] for row in gateway.query("SELECT id FROM requests WHERE status = 200")]


def totals(gateway: GatewayProcess) -> dict[str, Any]:
    sums = "sum(requests) AS requests, sum(input_tokens) AS input, sum(output_tokens) AS output"
    return gateway.query(f"SELECT {sums} FROM usage_daily")[0]


def settled(gateway: GatewayProcess, answered: list[str]) -> None:
    wait_until(lambda: set(answered) <= set(logged(gateway)), 30, what="every answered request being logged")
    rows = gateway.query(
        "SELECT count(*) AS n, sum(input_tokens) AS i, sum(output_tokens) AS o FROM requests"
    )[0]
    assert len(logged(gateway)) == len(set(logged(gateway)))
    assert totals(gateway) == {"requests": rows["n"], "input": rows["i"], "output": rows["o"]}


@pytest.mark.timeout(180)
def test_sigkill_under_load(new_gateway: New) -> None:
    gateway = new_gateway(config={})
    client = gateway.create_client(backend="echo", default_model="echo")
    answered: list[str] = []
    for _ in range(2):
        load = Load(gateway, client).reached(400)
        gateway.kill()
        load.finish()
        answered += load.answered
        gateway.start()
    assert len(answered) == len(set(answered)) >= 800
    settled(gateway, answered)


@pytest.mark.timeout(180)
def test_sigterm_under_load_drops_nothing(new_gateway: New) -> None:
    gateway = new_gateway(config={})
    client = gateway.create_client(backend="echo", default_model="echo")
    load = Load(gateway, client).reached(400)
    gateway.stop()
    load.finish()
    assert load.broken == []
    assert load.statuses <= {200, 503}
    settled(gateway, load.answered)
    assert gateway.query("SELECT count(*) AS n FROM requests WHERE status NOT IN (200, 400, 401, 503)") == [
        {"n": 0}
    ]


def test_sigterm_waits_for_the_request_in_flight(new_gateway: New) -> None:
    gateway = new_gateway(config={})
    client = gateway.create_client(backend="echo", default_model="echo")
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    body = json.dumps({"messages": [{"role": "user", "content": "last words"}]}).encode()
    connection.putrequest("POST", "/v1/chat/completions")
    connection.putheader("authorization", f"Bearer {client.api_key}")
    connection.putheader("content-length", str(len(body)))
    connection.endheaders(body[:10])
    wait_until(lambda: gateway.get_status("/health/live") == 200)
    gateway.signal(signal.SIGTERM)
    wait_until(lambda: gateway.get_status("/health/live") is None, what="the listener being closed")
    connection.send(body[10:])
    response = connection.getresponse()
    assert (response.status, response.headers["connection"]) == (200, "close")
    assert b"last words" in response.read()
    gateway.stop()
    assert response.headers["x-request-id"] in logged(gateway)


def test_a_locked_database_delays_no_request(new_gateway: New) -> None:
    gateway = new_gateway(config={})
    client = gateway.create_client(backend="echo", default_model="echo")
    locker = sqlite3.connect(gateway.database_path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    try:
        load = Load(gateway, client).reached(300)
        load.finish()
        assert load.statuses == {200}
        assert not set(load.answered) & set(logged(gateway))
    finally:
        locker.execute("ROLLBACK")
        locker.close()
    settled(gateway, load.answered)


def test_a_full_spool_says_so_and_recovers(new_gateway: New) -> None:
    gateway = new_gateway(config={"accounting": {"spool_max_bytes": 1048576}})
    client = gateway.create_client(backend="echo", default_model="echo", log_bodies=True)
    locker = sqlite3.connect(gateway.database_path, isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    try:
        load = Load(gateway, client, "x" * 20_000)
        wait_until(lambda: 503 in load.statuses, 60, what="the spool being full")
        load.finish()
    finally:
        locker.execute("ROLLBACK")
        locker.close()
    settled(gateway, load.answered)
    again = Load(gateway, client).reached(50)
    again.finish()
    assert again.statuses == {200}
