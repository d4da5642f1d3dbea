"""The dashboard's WebSocket on a real gateway."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.harness.admin import AdminClient, admin_of
from tests.harness.gateway import ClientInfo, GatewayProcess

TIMEOUT_S = 10.0


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminClient]:
    with GatewayProcess(tmp_path_factory.mktemp("socket"), config={}) as process:
        yield admin_of(process)


@pytest.fixture(scope="module")
def client(admin: AdminClient) -> ClientInfo:
    return admin.gateway.create_client(
        backend="echo", default_model="echo", name="live <b>", rate_limit_minute=0, rate_limit_hour=0
    )


def watch(admin: AdminClient, **headers: str) -> ClientConnection:
    url = f"ws://127.0.0.1:{admin.gateway.port}/admin/ws"
    return connect(url, additional_headers={"cookie": admin.cookie, **headers}, proxy=None, compression=None)


def heard(connection: ClientConnection) -> Any:
    return json.loads(connection.recv(TIMEOUT_S))


def chat(gateway: GatewayProcess, key: str, times: int = 1) -> None:
    for _ in range(times):
        request = urllib.request.Request(
            f"{gateway.base_url}/chat/completions",
            data=json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode(),
            headers={"authorization": f"Bearer {key}", "content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            response.read()


def closed(connection: ClientConnection) -> int | None:
    """The code with which the gateway closes it, after what it says before."""
    try:
        while True:
            connection.recv(TIMEOUT_S)
    except ConnectionClosed as error:
        return error.rcvd.code if error.rcvd else None


def test_a_snapshot_then_what_changes(admin: AdminClient, client: ClientInfo) -> None:
    with watch(admin) as connection:
        first = heard(connection)
        assert first["type"] == "snapshot"
        assert len(first["data"]["series"]["points"]) == 60
        before = first["data"]["today"]["requests"]
        chat(admin.gateway, client.api_key, 3)
        names: list[str] = []
        today = before
        while today < before + 3:
            message = heard(connection)
            data = message["data"]
            today = data["today"]["requests"]
            names += [each["client_name"] for each in data["recent"]]
            assert data["in_flight"] == 0
        assert "live <b>" in names
        assert data["active_clients"] >= 1
        assert [row["name"] for row in data["top_clients"]] == ["live <b>"]
        assert data["top_models"][0]["model"] == "echo"
    assert admin.get("/overview")["today"]["requests"] == today


def test_many_requests_are_few_messages(admin: AdminClient, client: ClientInfo) -> None:
    with watch(admin) as connection:
        goal = heard(connection)["data"]["today"]["requests"] + 60
        chat(admin.gateway, client.api_key, 60)
        messages: list[Any] = []
        while not messages or messages[-1]["data"]["today"]["requests"] < goal:
            messages.append(heard(connection))
        assert all(len(message["data"]["recent"]) <= 20 for message in messages)
        assert len(messages) < 60


def test_another_site_is_refused(admin: AdminClient) -> None:
    with watch(admin, origin="http://evil.example") as connection:
        assert closed(connection) == 4403
    with watch(admin, origin=admin.gateway.url) as connection:
        assert heard(connection)["type"] == "snapshot"


def test_nobody_without_a_session(admin: AdminClient) -> None:
    for cookie in ("", "gw_session=a.b"):
        stranger = AdminClient(admin.gateway, cookie=cookie)
        with watch(stranger) as connection:
            assert closed(connection) == 4401


def test_a_session_that_ends_closes_its_socket(admin: AdminClient) -> None:
    made = admin.post("/users", {"username": "leaving", "password": "0123456789", "role": "viewer"})
    answer = AdminClient(admin.gateway).call(
        "POST", "/session", {"username": "leaving", "password": "0123456789"}
    )
    viewer = AdminClient(admin.gateway, cookie=answer.headers["set-cookie"].partition(";")[0])
    with watch(viewer) as connection:
        assert heard(connection)["type"] == "snapshot"
        admin.delete(f"/users/{made['id']}")
        assert closed(connection) == 4401


def test_only_this_path_speaks_websocket(admin: AdminClient) -> None:
    for path, status in (("/admin/wss", 404), ("/v1/realtime", 401), ("/health/live", 200)):
        url = f"ws://127.0.0.1:{admin.gateway.port}{path}"
        with pytest.raises(InvalidStatus) as caught, connect(url, proxy=None):
            pass
        assert caught.value.response.status_code in (status, 200)


def test_a_stop_closes_sockets(tmp_path_factory: pytest.TempPathFactory) -> None:
    with GatewayProcess(tmp_path_factory.mktemp("stop"), config={}) as gateway:
        admin = admin_of(gateway)
        with watch(admin) as connection:
            heard(connection)
            gateway.stop()
            assert closed(connection) in (1012, None)
