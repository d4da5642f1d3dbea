"""Callers that send the same head again on a connection that they keep: whatever an upstream does, they get
the answer and the row that others get, and the next request works."""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from http.client import parse_headers

import pytest

from tests.e2e.test_faults import BROKEN_STREAMS, FAILURES, REFUSALS, UPSTREAM_KEY, by_model
from tests.harness.gateway import HOST, ClientInfo, GatewayProcess
from tests.harness.upstream import ScriptedUpstream, completion
from tests.harness.waiting import wait_until

BODY_BYTES = 200
"""Of every request: the length is a part of the head."""


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(by_model) as server:
        yield server


@pytest.fixture(scope="module")
def client(gateway: GatewayProcess, upstream: ScriptedUpstream) -> ClientInfo:
    return gateway.create_client(
        backend="openai", base_url=upstream.base_url, backend_api_key=UPSTREAM_KEY, timeout_seconds=1
    )


class KeptConnection:
    """Each request is one write, so that it comes whole; the first two make the head known."""

    def __init__(self, gateway: GatewayProcess, client: ClientInfo) -> None:
        self.gateway = gateway
        self.client = client
        asked = "SELECT id FROM requests WHERE client_id = ? AND attempts > 0"
        self._before = len(gateway.query(asked, client.id))
        self.socket = socket.create_connection((HOST, gateway.port), timeout=30)
        self._answers = self.socket.makefile("rb")
        self.asked = 0
        for _ in range(2):
            self.works()

    def say(self, *models: str, stream: bool = False) -> None:
        self.asked += len(models)
        self.socket.sendall(b"".join(self._request(model, stream) for model in models))

    def answer(self) -> tuple[int, bytes, str]:
        """Status, body and the request's id."""
        status = int(self._answers.readline().split()[1])
        headers = parse_headers(self._answers)
        if "content-length" in headers:
            body = self._answers.read(int(headers["content-length"]))
        else:
            body = b"".join(iter(self._chunk, b""))
        return status, body, headers["x-request-id"]

    def _chunk(self) -> bytes:
        data = self._answers.read(int(self._answers.readline(), 16))
        self._answers.readline()
        return data

    def works(self) -> None:
        self.say("whole")
        status, body, _ = self.answer()
        assert (status, json.loads(body)) == (200, completion("hello"))

    def _request(self, model: str, stream: bool) -> bytes:
        asked = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        body = json.dumps(asked).encode().ljust(BODY_BYTES)
        head = (
            "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
            f"Authorization: Bearer {self.client.api_key}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def hang_up(self) -> None:
        self._answers.close()
        self.socket.close()

    def rows(self) -> list[dict[str, object]]:
        """Of what was asked here."""
        return self.gateway.requests_of(self.client, minimum=self._before + self.asked)[self._before :]


@pytest.fixture
def line(gateway: GatewayProcess, client: ClientInfo) -> Iterator[KeptConnection]:
    """Afterwards there is one row for each request."""
    made = KeptConnection(gateway, client)
    yield made
    made.hang_up()
    assert len(made.rows()) == made.asked


@pytest.mark.parametrize(("model", "status", "kind", "code"), FAILURES, ids=[f[0] for f in FAILURES])
def test_an_upstream_that_fails(line: KeptConnection, model: str, status: int, kind: str, code: str) -> None:
    line.say(model)
    told, body, number = line.answer()
    error = json.loads(body)["error"]
    row = line.gateway.request_row(number)
    assert (told, error["type"], error["code"]) == (status, kind, code)
    assert (row["status"], row["error"]) == (status, code)
    line.works()


@pytest.mark.parametrize(("model", "status", "message"), REFUSALS)
def test_an_upstream_that_refuses(line: KeptConnection, model: str, status: int, message: str) -> None:
    line.say(model)
    told, body, number = line.answer()
    assert (told, json.loads(body)["error"]["message"]) == (status, message)
    assert line.gateway.request_row(number)["status"] == status
    line.works()


@pytest.mark.parametrize(("model", "code"), BROKEN_STREAMS)
def test_a_stream_that_breaks(line: KeptConnection, model: str, code: str) -> None:
    line.say(model, stream=True)
    status, body, number = line.answer()
    assert status == 200
    assert code.encode() in body
    assert line.gateway.request_row(number)["error"] == code
    line.works()


def test_requests_behind_one_that_fails(line: KeptConnection) -> None:
    line.say("whole", "500", "whole", "404", "whole")
    assert [line.answer()[0] for _ in range(5)] == [200, 502, 200, 404, 200]
    line.works()


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("model", ["stall", "stall-in-mid-stream"])
def test_a_caller_that_hangs_up(
    line: KeptConnection, upstream: ScriptedUpstream, model: str, reset: bool
) -> None:
    calls = len(upstream.seen)
    line.say(model, stream=True)
    wait_until(lambda: len(upstream.seen) > calls, what="the upstream call")
    if reset:
        line.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    line.hang_up()
    (row,) = [row for row in line.rows() if row["model_asked"] == model]
    assert (row["status"], row["error"]) == (499, "client_closed")
