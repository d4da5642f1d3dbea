"""Bad requests on the wire: each gets a clear answer, and none disturbs the next."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness.gateway import ClientInfo, GatewayProcess

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "Hello"}]}
MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def client(gateway: GatewayProcess) -> ClientInfo:
    return gateway.create_client(backend="echo", default_model="echo")


def send(
    gateway: GatewayProcess,
    method: str = "POST",
    path: str = "/v1/chat/completions",
    body: Any = None,
    **headers: str,
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    data = body if body is None or isinstance(body, bytes) or hasattr(body, "__next__") else json.dumps(body)
    connection.request(method, path, data, {name.replace("_", "-"): value for name, value in headers.items()})
    response = connection.getresponse()
    found = response.status, {k.lower(): v for k, v in response.getheaders()}, response.read()
    connection.close()
    return found


def raw(gateway: GatewayProcess, data: bytes) -> bytes:
    """Everything that comes back until the gateway closes."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock:
        try:
            sock.sendall(data)
            found = b""
            while part := sock.recv(65536):
                found += part
        except ConnectionError:
            return found
        return found


@pytest.mark.parametrize(
    "how",
    [
        lambda key: {"authorization": f"Bearer {key}"},
        lambda key: {"authorization": f"bearer  {key}"},
        lambda key: {"x-api-key": key},
        lambda key: {"x-goog-api-key": key},
        lambda key: {"api-key": key},
    ],
)
def test_five_ways_to_show_a_key(
    gateway: GatewayProcess, client: ClientInfo, how: Callable[[str], dict[str, str]]
) -> None:
    status, _, body = send(gateway, body=CHAT, **how(client.api_key))
    assert status == 200
    assert json.loads(body)["choices"][0]["message"]["content"] == "Echo: Hello"


def test_the_key_in_the_query_is_not_passed_on_or_logged(gateway: GatewayProcess, client: ClientInfo) -> None:
    status, headers, _ = send(gateway, path=f"/v1/chat/completions?key={client.api_key}", body=CHAT)
    assert status == 200
    assert client.api_key not in str(gateway.request_row(headers["x-request-id"]))


SECURITY = ("x-frame-options", "x-content-type-options", "referrer-policy", "permissions-policy")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "unknown_path"),
        ("POST", "/v2/chat/completions", 404, "unknown_path"),
        ("POST", "/v3/messages", 404, "unknown_path"),
        ("GET", "/v1/../admin", 404, "unknown_path"),
        ("GET", "/v1/%2e%2e/x", 404, "unknown_path"),
        ("GET", "/v1/chat/completions", 405, "method_not_allowed"),
        ("DELETE", "/v1/responses", 405, "method_not_allowed"),
        ("POST", "/v1/models", 405, "method_not_allowed"),
        ("TRACE", "/v1/files", 405, "method_not_allowed"),
        ("GET", "/v1/models/nothing", 404, "model_not_found"),
    ],
)
def test_wrong_paths_and_methods(
    gateway: GatewayProcess, client: ClientInfo, method: str, path: str, status: int, code: str
) -> None:
    found, headers, body = send(gateway, method, path, authorization=f"Bearer {client.api_key}")
    assert found == status
    error = json.loads(body)["error"]
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    assert all(name in headers for name in (*SECURITY, "x-request-id"))


BODY = b'{"model": "echo", "messages": [{"role": "user", "content": "h\\u00e9llo"}], "stream": false}'


def test_every_truncation_is_a_400(gateway: GatewayProcess, client: ClientInfo) -> None:
    for end in range(len(BODY)):
        status, _, body = send(gateway, body=BODY[:end], authorization=f"Bearer {client.api_key}")
        assert status == 400, BODY[:end]
        assert json.loads(body)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": "hi"}, "messages"),
        ({"messages": None}, "messages"),
        ({"model": 7}, "model"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": 3}, "stream_options"),
    ],
)
def test_wrong_types_name_their_field(
    gateway: GatewayProcess, client: ClientInfo, change: dict[str, object], param: str
) -> None:
    status, headers, body = send(gateway, body={**CHAT, **change}, authorization=f"Bearer {client.api_key}")
    assert (status, json.loads(body)["error"]["param"]) == (400, param)
    assert gateway.request_row(headers["x-request-id"])["status"] == 400


def chunks(total: int) -> Any:
    return iter([b"x" * 65536] * (total // 65536 + 1))


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large(gateway: GatewayProcess, client: ClientInfo, chunked: bool) -> None:
    body = chunks(11 * MEGABYTE) if chunked else b"x" * (11 * MEGABYTE)
    status, _, answer = send(gateway, body=body, authorization=f"Bearer {client.api_key}")
    assert (status, json.loads(answer)["error"]["code"]) == (413, "request_too_large")


def test_a_chunked_body_without_length(gateway: GatewayProcess, client: ClientInfo) -> None:
    parts = iter([json.dumps(CHAT).encode()[i : i + 5] for i in range(0, len(json.dumps(CHAT)), 5)])
    status, _, _ = send(gateway, body=parts, authorization=f"Bearer {client.api_key}")
    assert status == 200


HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
SHAPES: list[tuple[str, bytes]] = [
    ("length and chunked", HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET"),
    ("two lengths", HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde"),
    ("lengths in a list", HEAD + b"Content-Length: 4, 5\r\n\r\nabcde"),
    ("negative length", HEAD + b"Content-Length: -1\r\n\r\n"),
    ("signed length", HEAD + b"Content-Length: +4\r\n\r\nabcd"),
    ("unknown coding", HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("chunked is not last", HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    ("space before the colon", HEAD + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    ("a folded line", HEAD + b"X: a\r\n b\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    ("bad chunk size", HEAD + b"Transfer-Encoding: chunked\r\n\r\n0x4\r\nabcd\r\n0\r\n\r\n"),
    ("a line feed alone", b"GET /v1/models HTTP/1.1\nHost: x\n\n"),
    ("a NUL in a header", HEAD + b"X: a\x00b\r\n\r\n"),
    ("no host", b"GET /v1/models HTTP/1.1\r\n\r\n"),
    ("two hosts", b"GET /v1/models HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("no http", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    ("no version", b"GET /v1/models\r\n\r\n"),
    ("http/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
]


@pytest.mark.parametrize(("_name", "wire"), SHAPES, ids=[shape[0] for shape in SHAPES])
def test_shapes_that_smuggle(gateway: GatewayProcess, _name: str, wire: bytes) -> None:
    answer = raw(gateway, wire)
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:200]
    assert answer.count(b"HTTP/1.1 ") == 1
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"connection: close" in head
    assert json.loads(body)["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    "bomb",
    [
        b"X-Big: " + b"a" * 200_000 + b"\r\n",
        b"X-Endless: " + b"a" * 2_000_000,
        b"".join(b"X-%d: a\r\n" % i for i in range(500)),
        b"".join(b"X-%d: %s\r\n" % (i, b"b" * 1000) for i in range(150)),
    ],
)
def test_header_bombs(gateway: GatewayProcess, bomb: bytes) -> None:
    answer = raw(gateway, HEAD + bomb + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 431 "), answer[:100]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["code"] == "request_headers_too_large"


def test_a_long_url(gateway: GatewayProcess) -> None:
    answer = raw(gateway, b"GET /v1/" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 431 ")


def test_pipelined_requests_are_answered_in_order(gateway: GatewayProcess) -> None:
    one = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = raw(gateway, one * 3 + last)
    assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"200", b"404"]


def test_health_and_pages(gateway: GatewayProcess) -> None:
    for path in ("/health/live", "/health/ready", "/health"):
        status, headers, body = send(gateway, "GET", path)
        assert status == 200
        assert json.loads(body)["status"] == "ok"
        assert all(name in headers for name in SECURITY)
    status, headers, _ = send(gateway, "GET", "/")
    assert (status, headers["location"]) == (307, "/admin")
    status, headers, body = send(gateway, "GET", "/admin")
    assert status == 200
    assert b"<script>" not in body
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert "unsafe-inline" not in policy.get("script-src", policy["default-src"])
