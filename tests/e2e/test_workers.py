"""A gateway of several processes is one gateway: limits, books, metrics, dashboard; and processes may die."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

from tests.e2e.test_durability import Load, settled
from tests.harness.admin import AdminClient, admin_of, reset_password
from tests.harness.burst import Burst, request
from tests.harness.certificates import write_certificate
from tests.harness.gateway import HOST, ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen, completion
from tests.harness.waiting import wait_until

WORKERS = 3
PASSWORD = "scrape me"
CHAT = "/v1/chat/completions"
BODY = {"model": "echo", "messages": [{"role": "user", "content": "one two three"}]}
CONFIG: dict[str, Any] = {
    "server": {"workers": WORKERS},
    "prometheus": {"enabled": True, "password": PASSWORD},
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("workers"), config=CONFIG) as process:
        yield process


@pytest.fixture(scope="module")
def admin(gateway: GatewayProcess) -> AdminClient:
    return admin_of(gateway)


def children(gateway: GatewayProcess) -> list[int]:
    """The control process, then the workers."""
    found = Path(f"/proc/{gateway.pid}/task/{gateway.pid}/children").read_text()
    return sorted(map(int, found.split()))


def statuses(gateway: GatewayProcess, client: ClientInfo, times: int, **headers: str) -> list[int]:
    """Of so many requests at the same moment, spread over all workers by their connections."""

    async def send() -> list[int]:
        async with Burst(gateway.port, times) as burst:
            answers = await burst.send([request(client, CHAT, BODY, **headers)] * times)
            return [answer.status for answer in answers]

    return asyncio.run(send())


def metric(gateway: GatewayProcess, name: str, **labels: str) -> float:
    connection = gateway.connect(30)
    pair = base64.b64encode(f"prometheus:{PASSWORD}".encode()).decode()
    connection.request("GET", "/metrics", headers={"authorization": f"Basic {pair}"})
    response = connection.getresponse()
    assert response.status == 200
    text = response.read().decode()
    connection.close()
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def echo_client(gateway: GatewayProcess, **options: Any) -> ClientInfo:
    """A new client that every worker knows."""
    return clients_of(gateway, {"backend": "echo", "default_model": "echo", **options})[0]


def clients_of(gateway: GatewayProcess, *options: dict[str, Any]) -> list[ClientInfo]:
    made = gateway.create_clients(options)

    async def probe() -> bool:
        async with Burst(gateway.port, 24) as burst:
            answers = await burst.send([request(made[-1], CHAT, b"{")] * 24)
            return {answer.status for answer in answers} == {400}

    wait_until(lambda: asyncio.run(probe()), what="every worker knowing the client")
    return made


def test_exactly_as_many_as_the_limits_let_get_in(gateway: GatewayProcess) -> None:
    limits = {"rate_limit_minute": 40, "rate_limit_hour": 41, "rate_limit_day": 42, "quota_requests_day": 43}
    echo = {"backend": "echo", "default_model": "echo"}
    made = clients_of(gateway, *({**echo, name: most} for name, most in limits.items()))
    for client, most in zip(made, limits.values(), strict=True):
        found = statuses(gateway, client, 90)
        assert (found.count(200), found.count(429)) == (most, 90 - most)


def held_open(gateway: GatewayProcess, client: ClientInfo, times: int) -> list[socket.socket]:
    """Requests that wait for the upstream, all on connections of their own."""
    opened = []
    for _ in range(times):
        each = socket.create_connection((HOST, gateway.port), timeout=30)
        each.sendall(request(client, CHAT, BODY))
        opened.append(each)
    return opened


def first_line(opened: socket.socket) -> bytes:
    data = opened.recv(65536)
    return data.partition(b"\r\n")[0]


def test_concurrency_over_all_workers_and_the_share_of_one_that_is_killed(gateway: GatewayProcess) -> None:
    let_go = asyncio.Event()

    async def stalls(seen: Seen, reply: Reply) -> None:
        await let_go.wait()
        await reply.json(completion("done"))

    with ScriptedUpstream(stalls) as upstream:
        client = echo_client(
            gateway,
            backend="openai",
            base_url=upstream.base_url,
            backend_api_key="sk-upstream-any",
            default_model="gpt-4o",
            max_concurrency=12,
        )
        opened = held_open(gateway, client, 12)
        try:
            wait_until(lambda: len(upstream.seen) == 12, what="twelve requests being upstream")
            assert statuses(gateway, client, 20) == [429] * 20
            in_flight = metric(gateway, "ai_gateway_requests_in_progress")
            assert in_flight == 12
            _, victim, *_ = children(gateway)
            os.kill(victim, signal.SIGKILL)
            lost = wait_until(lambda: 12 - metric(gateway, "ai_gateway_requests_in_progress"))
            wait_until(lambda: len(children(gateway)) == WORKERS + 1 and victim not in children(gateway))
            more = held_open(gateway, client, int(lost))
            opened += more
            wait_until(lambda: len(upstream.seen) == 12 + lost, what="as many again being let in")
            assert statuses(gateway, client, 9) == [429] * 9
        finally:
            upstream.call(let_go.set)
        answered = [first_line(each) for each in opened]
        assert answered.count(b"HTTP/1.1 200 OK") == 12
        for each in opened:
            each.close()


def test_metrics_are_those_of_all_processes(gateway: GatewayProcess) -> None:
    client = echo_client(gateway, rate_limit_minute=30)
    wait_until(lambda: metric(gateway, "ai_gateway_requests_in_progress") == 0)
    found = statuses(gateway, client, 50)
    rejected = {"client": client.name, "reason": "minute"}
    assert found.count(429) > 0
    wait_until(  # the control process sees a new client later than the workers may
        lambda: metric(gateway, "ai_gateway_limit_rejections_total", **rejected) == found.count(429),
        what="the metrics telling what was refused",
    )
    by_status = "SELECT status, count(*) AS n FROM requests WHERE client_id = ? GROUP BY status"

    def told() -> bool:
        rows = {row["status"]: row["n"] for row in gateway.query(by_status, client.id)}
        counted = metric(gateway, "ai_gateway_requests_total", client=client.name)
        # The probes by which the client was waited for are rows, too.
        return rows.get(200, 0) + rows.get(429, 0) == len(found) and bool(sum(rows.values()) == counted)

    wait_until(told, what="the metrics telling what the database has")
    tokens = gateway.query("SELECT sum(output_tokens) AS n FROM requests WHERE client_id = ?", client.id)
    assert metric(gateway, "ai_gateway_output_tokens_total", client=client.name) == tokens[0]["n"] > 0
    used = metric(gateway, "ai_gateway_limit_used_ratio", client=client.name, limit="requests_minute")
    assert used == 1.0
    assert metric(gateway, "process_cpu_seconds_total") > 0


def test_a_change_of_a_client_reaches_every_worker(gateway: GatewayProcess, admin: AdminClient) -> None:
    client = echo_client(gateway)
    revision = admin.call("GET", f"/clients/{client.id}").headers["etag"]
    admin.patch(f"/clients/{client.id}", {"is_active": False}, {"if-match": revision})
    wait_until(lambda: set(statuses(gateway, client, 30)) == {403}, 2, what="all workers seeing the change")


def test_the_dashboard_whichever_worker_has_the_connection(
    gateway: GatewayProcess, admin: AdminClient
) -> None:
    for _ in range(12):
        assert admin.get("/session")["user"]["username"] == "admin"
    connection = http.client.HTTPConnection(HOST, gateway.port, timeout=30)
    for path, status in (("/admin/", 200), ("/admin/api/v1/session", 401), ("/admin/", 200)):
        connection.request("GET", path)
        response = connection.getresponse()
        response.read()
        assert (response.status, response.will_close) == (status, False)
    connection.request("GET", "/health/live")
    response = connection.getresponse()
    response.read()
    assert response.will_close, "what is the workers' goes back to them"
    connection.close()


def test_a_sign_in_is_noted_with_its_callers_address(gateway: GatewayProcess, admin: AdminClient) -> None:
    entries = admin.get("/audit")["items"]
    assert {entry["address"] for entry in entries if entry["action"].startswith("session")} == {HOST}


def test_the_live_view_tells_of_every_workers_requests(gateway: GatewayProcess, admin: AdminClient) -> None:
    client = echo_client(gateway)
    url = f"ws://{HOST}:{gateway.port}/admin/ws"
    told: set[str] = set()
    # Of very many rows at once, only the newest are told.
    wait_until(lambda: metric(gateway, "ai_gateway_spool_depth") == 0, what="all earlier rows being stored")
    with connect(url, additional_headers={"cookie": admin.cookie}, proxy=None, compression=None) as watched:
        json.loads(watched.recv(10))
        assert statuses(gateway, client, 12) == [200] * 12
        rows = {row["id"] for row in gateway.requests_of(client, minimum=12)}
        while not rows <= told:
            told.update(row["id"] for row in json.loads(watched.recv(10))["data"]["recent"])


def test_a_request_for_the_dashboard_behind_another_one(gateway: GatewayProcess) -> None:
    client = echo_client(gateway)
    with socket.create_connection((HOST, gateway.port), timeout=30) as caller:
        caller.sendall(request(client, CHAT, BODY) + b"GET /admin/ HTTP/1.1\r\nhost: x\r\n\r\n")
        data = b""
        while b"HTTP/1.1 503" not in data and (more := caller.recv(65536)):
            data += more
    assert data.startswith(b"HTTP/1.1 200 OK")
    assert b"on a connection of its own" in data or b"HTTP/1.1 503" in data


@pytest.mark.parametrize("size", [1, 3, 17])
def test_a_head_in_pieces_is_handed_over_whole(gateway: GatewayProcess, size: int) -> None:
    sent = b"GET /admin/?x=1 HTTP/1.1\r\nhost: 127.0.0.1\r\nx-long: " + b"y" * 40 + b"\r\n\r\n"
    with socket.create_connection((HOST, gateway.port), timeout=30) as caller:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(sent), size):
            caller.sendall(sent[start : start + size])
        assert first_line(caller) == b"HTTP/1.1 200 OK"


@pytest.mark.timeout(120)
def test_a_worker_that_is_killed_under_load_costs_its_own_connections_only(gateway: GatewayProcess) -> None:
    client = echo_client(gateway)
    load = Load(gateway, client).reached(150)
    control, victim, *_ = children(gateway)
    os.kill(victim, signal.SIGKILL)
    os.kill(control, signal.SIGKILL)
    load.reached(len(load.answered) + 150)
    wait_until(lambda: len(children(gateway)) == WORKERS + 1, what="both being started again")
    load.finish()
    assert load.statuses == {200}
    wait_until(lambda: gateway.get_status("/metrics") == 401)
    ids = "SELECT id FROM requests WHERE client_id = ? AND status = 200"
    wait_until(lambda: set(load.answered) <= {row["id"] for row in gateway.query(ids, client.id)}, 30)
    stored = [row["id"] for row in gateway.query(ids, client.id)]
    assert len(stored) == len(set(stored))
    daily = gateway.query("SELECT sum(requests) AS n FROM usage_daily WHERE client_id = ?", client.id)
    rows = gateway.query("SELECT count(*) AS n FROM requests WHERE client_id = ?", client.id)
    assert daily == rows


@pytest.mark.timeout(120)
def test_sigterm_under_load_drops_nothing_and_the_next_start_goes_on_counting(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, config=CONFIG)
    client = echo_client(gateway, quota_requests_day=100_000)
    load = Load(gateway, client).reached(200)
    gateway.stop()
    load.finish()
    assert load.broken == []
    assert load.statuses <= {200, 503}
    settled(gateway, load.answered)
    assert [path.name for path in (tmp_path / "data" / "spool").iterdir()] == ["adopt.lock"]
    used = gateway.query("SELECT count(*) AS n FROM requests WHERE admitted AND client_id = ?", client.id)[0][
        "n"
    ]
    with gateway:
        gateway.start()
        ratio = metric(gateway, "ai_gateway_limit_used_ratio", client=client.name, limit="quota_requests_day")
        assert ratio == pytest.approx(used / 100_000)


def test_the_death_of_the_first_process_ends_all(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, config=CONFIG)
    pids = children(gateway)
    gateway.kill()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), 20, what="all having ended")
    with gateway:
        gateway.start()


def test_the_control_process_dies_while_the_database_is_away(tmp_path: Path) -> None:
    database = tmp_path / "data" / "gateway.db"
    with GatewayProcess(tmp_path, config=CONFIG) as gateway:
        client = echo_client(gateway)
        wait_until(lambda: metric(gateway, "ai_gateway_spool_depth") == 0)
        away = database.rename(database.with_name("away.db"))
        os.kill(children(gateway)[0], signal.SIGKILL)
        wait_until(lambda: "waits for the database" in gateway.stdout(), what="the next one being there")
        assert statuses(gateway, client, 9) == [200] * 9
        away.rename(database)
        wait_until(lambda: gateway.get_status("/metrics") == 401)
        assert len(gateway.requests_of(client, minimum=9)) >= 9


def test_a_port_that_is_taken(tmp_path: Path, gateway: GatewayProcess) -> None:
    other = GatewayProcess(tmp_path, config=CONFIG, port=gateway.port, start=False)
    other.launch()
    assert other.process.wait() == 1
    assert "cannot listen" in other.stderr()


def test_tls(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    https = {"enabled": True, "cert_file": str(certificate), "key_file": str(key)}
    config = {**CONFIG, "server": {"workers": WORKERS, "https": https}}
    with GatewayProcess(tmp_path / "gateway", config=config) as gateway:
        for _ in range(6):
            connection = gateway.connect(30)
            for _ in range(2):
                connection.request("GET", "/admin/")
                response = connection.getresponse()
                assert b"<html" in response.read()
                assert response.headers["strict-transport-security"]
            connection.close()
        password = reset_password(gateway)
        connection = gateway.connect(30)
        origin = f"https://{HOST}:{gateway.port}"
        body = json.dumps({"username": "admin", "password": password})
        headers = {"content-type": "application/json", "origin": origin}
        connection.request("POST", "/admin/api/v1/session", body, headers)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        cookie = response.headers["set-cookie"]
        response.read()
        connection.close()
        assert "secure" in cookie.lower()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        told = {"cookie": cookie.partition(";")[0], "origin": origin}
        url = f"wss://{HOST}:{gateway.port}/admin/ws"
        with connect(url, ssl=context, additional_headers=told, proxy=None) as watched:
            assert json.loads(watched.recv(10))["type"] == "snapshot"
