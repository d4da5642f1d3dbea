"""Callers that begin and do not go on: each is ended, in its own way, and none costs the others anything."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen, chunk_event
from tests.harness.waiting import wait_until

TIMEOUTS = {"read_timeout_seconds": 1, "write_timeout_seconds": 1, "keep_alive_seconds": 1}
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("slow"), config={"server": TIMEOUTS}) as process:
        yield process


@pytest.fixture(scope="module")
def client(gateway: GatewayProcess) -> ClientInfo:
    return gateway.create_client(backend="echo", default_model="echo")


def until_closed(sock: socket.socket, drip: bytes = b"") -> bytes:
    """What comes back until the gateway hangs up, while `drip` is sent again and again."""
    sock.settimeout(0.2)
    found = b""
    for _ in range(150):
        try:
            part = sock.recv(65536)
        except TimeoutError:
            try:
                sock.sendall(drip)
            except ConnectionError:
                return found
        except ConnectionError:
            return found
        else:
            if not part:
                return found
            found += part
    raise AssertionError(f"the gateway still waits; it said {found[:200]!r}")


@pytest.mark.parametrize(
    ("start", "drip", "status"),
    [
        (b"", b"", None),
        (b"POST /v1/chat", b"", 408),
        (HEAD, b"X-A: b\r\n", 408),
        (HEAD, b"X", 408),
        (b"\r\n", b"\r\n", 408),
        (HEAD + b"Authorization: Bearer %s\r\nContent-Length: 1000\r\n\r\n", b" ", 408),
        (HEAD + b"Authorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", 408),
        (HEAD + b"Authorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\n1", b"0", 408),
        # This one has its answer before its body, which nobody waits for.
        (HEAD + b"Content-Length: 1000\r\n\r\n", b" ", 401),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", b"", 200),
        (b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n", 200),
    ],
)
def test_a_request_that_does_not_come(
    gateway: GatewayProcess, client: ClientInfo, start: bytes, drip: bytes, status: int | None
) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock:
        sock.sendall(start.replace(b"%s", client.api_key.encode()))
        answer = until_closed(sock, drip)
    if status is None:
        assert answer == b""
        return
    assert answer.startswith(b"HTTP/1.1 %d " % status), answer
    assert answer.count(b"HTTP/1.1 ") <= 2
    if status == 408:
        head, _, body = answer.partition(b"\r\n\r\n")
        assert b"connection: close" in head
        assert b"x-frame-options: DENY" in head
        assert json.loads(body)["error"]["code"] == "request_timeout"


def test_a_body_that_drips_is_a_row_of_its_own(gateway: GatewayProcess) -> None:
    client = gateway.create_client(backend="echo", default_model="echo")
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock:
        sock.sendall(HEAD + b"Authorization: Bearer %s\r\n" % client.api_key.encode())
        sock.sendall(b"Content-Length: 1000\r\n\r\n")
        until_closed(sock, b" ")
    [row] = gateway.requests_of(client)
    assert (row["status"], row["attempts"]) == (499, 0)


def test_a_caller_that_takes_nothing_lets_its_upstream_go(gateway: GatewayProcess) -> None:
    gone: list[bool] = []

    async def endless(_: Seen, reply: Reply) -> None:
        await reply.start_stream()
        try:
            while True:
                await reply.piece(chunk_event("x" * 10_000))
        finally:
            gone.append(True)

    with ScriptedUpstream(endless) as upstream:
        client = gateway.create_client(backend="openai-compatible", base_url=upstream.base_url)
        body = json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]})
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.sendall(HEAD + b"Authorization: Bearer %s\r\n" % client.api_key.encode())
            sock.sendall(b"Content-Length: %d\r\n\r\n%s" % (len(body), body.encode()))
            wait_until(lambda: gone, 60, what="the upstream being let go")
        [row] = gateway.requests_of(client)
        assert row["status"] == 499


@pytest.mark.parametrize(
    "framing",
    [
        b"1;" + b"a" * 200_000 + b"\r\n \r\n",
        b"1\r\n \r\n" + b"0" * 200_000,
        b"".join(b"1;%s\r\n \r\n" % (b"a" * 1000) for _ in range(200)),
        b"0\r\nX: " + b"a" * 200_000,
        b"0\r\n" + b"".join(b"X-%d: a\r\n" % i for i in range(40_000)),
    ],
)
def test_a_body_that_is_nothing_but_framing(
    gateway: GatewayProcess, client: ClientInfo, framing: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock:
        sock.sendall(HEAD + b"Authorization: Bearer %s\r\n" % client.api_key.encode())
        try:
            sock.sendall(b"Transfer-Encoding: chunked\r\n\r\n" + framing)
        except ConnectionError:
            return
        answer = until_closed(sock)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 "), answer
