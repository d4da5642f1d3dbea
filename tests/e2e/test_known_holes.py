"""What has opened other gateways, tried on this one."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator

import pytest

from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen, completion

SECRET = "sk-upstream-planted-7733"
CHAT = b'{"model": "m", "messages": [{"role": "user", "content": "Hello"}]}'


async def _script(_: Seen, reply: Reply) -> None:
    await reply.json(completion("Hi"))


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(_script) as server:
        yield server


@pytest.fixture(scope="module")
def client(gateway: GatewayProcess, upstream: ScriptedUpstream) -> ClientInfo:
    return gateway.create_client(
        backend="openai-compatible", base_url=upstream.base_url, backend_api_key=SECRET
    )


def exchange(
    gateway: GatewayProcess,
    line: str,
    *headers: bytes,
    body: bytes = b"",
    host: bytes = b"gateway.example",
    trailer: bytes | None = None,
) -> tuple[int, bytes, bytes]:
    """Status, head and body of one request, written as it stands here."""
    head = [line.encode("latin-1") + b" HTTP/1.1", b"Host: " + host, b"Connection: close", *headers]
    if trailer is None:
        head.append(b"Content-Length: %d" % len(body))
        rest = body
    else:
        head.append(b"Transfer-Encoding: chunked")
        rest = b"%x\r\n%s\r\n0\r\n%s\r\n" % (len(body), body, trailer)
    found = b""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as sock:
        sock.sendall(b"\r\n".join(head) + b"\r\n\r\n" + rest)
        while part := sock.recv(65536):
            found += part
    top, _, answer = found.partition(b"\r\n\r\n")
    return int(top.split(b" ", 2)[1]), top, answer


def bearer(client: ClientInfo) -> bytes:
    return b"Authorization: Bearer " + client.api_key.encode()


INJECTIONS = [
    "' OR '1'='1",
    "x' UNION SELECT key_hash FROM client_keys --",
    "'; DROP TABLE clients; --",
    "%",
    "*",
]


@pytest.mark.parametrize("key", INJECTIONS)
def test_sql_in_a_key_is_an_unknown_key(gateway: GatewayProcess, client: ClientInfo, key: str) -> None:
    for header in (b"Authorization: Bearer ", b"x-api-key: ", b"x-goog-api-key: ", b"api-key: "):
        status, _, body = exchange(gateway, "POST /v1/chat/completions", header + key.encode(), body=CHAT)
        assert (status, json.loads(body)["error"]["code"]) in ((401, "invalid_api_key"), (401, 401))
    assert gateway.query("SELECT count(*) AS n FROM clients")[0]["n"] >= 1
    assert exchange(gateway, "POST /v1/chat/completions", bearer(client), body=CHAT)[0] == 200


@pytest.mark.parametrize("host", [b"127.0.0.1:8090", b"localhost", b"admin.internal", b"evil.example"])
def test_the_host_header_opens_nothing(gateway: GatewayProcess, client: ClientInfo, host: bytes) -> None:
    status, head, body = exchange(gateway, "POST /v1/chat/completions", body=CHAT, host=host)
    assert status == 401
    assert host not in head + body
    status, head, body = exchange(gateway, "GET /", host=host)
    assert b"location: /admin\r\n" in head + b"\r\n"


@pytest.mark.parametrize(
    "target",
    [
        "http://evil.example/v1/chat/completions",
        "http://169.254.169.254/latest/meta-data/",
        "//evil.example/v1/chat/completions",
    ],
)
def test_a_target_with_a_host_of_its_own_is_not_proxied(
    gateway: GatewayProcess, client: ClientInfo, upstream: ScriptedUpstream, target: str
) -> None:
    before = len(upstream.seen)
    status, _, _ = exchange(gateway, f"POST {target}", bearer(client), body=CHAT)
    told = [seen.headers["host"] for seen in upstream.seen[before:]]
    assert status in (200, 400, 404, 405)
    assert set(told) <= {upstream.url.removeprefix("http://")}


@pytest.mark.parametrize("line", ["CONNECT evil.example:443", "OPTIONS *", "TRACE /v1/models", "GET *"])
def test_methods_that_proxies_know(gateway: GatewayProcess, client: ClientInfo, line: str) -> None:
    status, head, body = exchange(gateway, line, bearer(client))
    assert status in (400, 404, 405)
    assert b"x-frame-options: DENY" in head
    assert client.api_key.encode() not in body


FORWARDED = [
    b"X-Forwarded-For: 10.1.2.3",
    b"X-Real-IP: 10.1.2.3",
    b"Forwarded: for=10.1.2.3",
    b"X_Forwarded_For: 10.1.2.3",
    b"True-Client-IP: 10.1.2.3",
    b"CF-Connecting-IP: 10.1.2.3",
    b"X-Forwarded-Host: admin.internal\r\nX-Original-URL: /admin\r\nX-Rewrite-URL: /admin",
]


@pytest.mark.parametrize("header", FORWARDED)
def test_forwarded_headers_are_nobodys_word(
    gateway: GatewayProcess, upstream: ScriptedUpstream, header: bytes
) -> None:
    client = gateway.create_client(
        backend="openai-compatible", base_url=upstream.base_url, allowed_ips=["10.1.2.3"]
    )
    status, _, body = exchange(gateway, "POST /v1/chat/completions", bearer(client), header, body=CHAT)
    assert (status, json.loads(body)["error"]["code"]) == (403, "ip_not_allowed")
    status, _, _ = exchange(gateway, "GET /v1/models", b"Connection: authorization", header)
    assert status == 401


def test_what_the_upstream_hears_of_the_caller(
    gateway: GatewayProcess, client: ClientInfo, upstream: ScriptedUpstream
) -> None:
    exchange(
        gateway,
        "POST /v1/chat/completions?key=AIza-callers&model=x",
        bearer(client),
        *FORWARDED[:3],
        b"Cookie: session=1",
        b"Proxy-Authorization: Basic x",
        b"X-Hop: 1",
        b"Connection: close, x-hop",
        body=CHAT,
    )
    seen = upstream.seen[-1]
    assert seen.headers["authorization"] == f"Bearer {SECRET}"
    assert "AIza-callers" not in seen.target
    gone = {"x-forwarded-for", "x-real-ip", "forwarded", "cookie", "proxy-authorization", "x-hop"}
    assert not gone & set(seen.headers)
    assert client.api_key not in str(seen)


TRAILERS = [
    b"X-Forwarded-For: 1.2.3.4\r\n",
    b"Authorization: Bearer other\r\n",
    b"X-Injected: 1\r\n",
    b"Content-Length: 0\r\n",
    b"Transfer-Encoding: identity\r\n",
    b"Host: evil.example\r\n",
]


@pytest.mark.parametrize("trailer", TRAILERS)
def test_a_trailer_is_no_header(
    gateway: GatewayProcess, client: ClientInfo, upstream: ScriptedUpstream, trailer: bytes
) -> None:
    name, _, value = trailer.decode().strip().partition(": ")
    before = len(upstream.seen)
    status, _, _ = exchange(gateway, "POST /v1/chat/completions", bearer(client), body=CHAT, trailer=trailer)
    assert status in (200, 400)
    for seen in upstream.seen[before:]:
        assert seen.headers.get(name.lower()) != value
        assert seen.body == CHAT


@pytest.mark.parametrize(
    "path",
    [
        "/v1/files/../../admin",
        "/v1/files/%2e%2e/%2e%2e/secret",
        "/v1/files/..%2f..%2fsecret",
        "/v1/files/%252e%252e/secret",
        "/v1/files/%25252e%25252e/secret",
        "/v1/files/%" + "25" * 20_000 + "2e",
        "/v1/files/.",
        "/v1/files/..;/secret",
        "/v1/files/..\\secret",
        "/v1/files/%5c..%5csecret",
        "/v1/files//evil.example/x",
        "/v1/files/%00",
        "/v1/files/a%0d%0aX-Injected:%201",
        "/v1/files/a%250d%250aX-Injected:%201",
        "/v1/./files/x",
        "/v1beta/models/../../x:generateContent",
        "/openai/deployments/../../x/chat/completions",
        "/openai/deployments/%2e%2e/chat/completions",
    ],
)
def test_paths_stay_inside_the_api(
    gateway: GatewayProcess, client: ClientInfo, upstream: ScriptedUpstream, path: str
) -> None:
    before = len(upstream.seen)
    status, _, _ = exchange(gateway, f"GET {path}", bearer(client))
    assert status in (400, 404)
    assert len(upstream.seen) == before


HEADER_TEXTS = [
    "m\r\nX-Injected: 1",
    "m\nX-Injected: 1",
    "m\r\n\r\n<script>",
    "m\u2028X-Injected: 1",
    "m\x00",
    "é" * 300,
]


@pytest.mark.parametrize("model", HEADER_TEXTS)
def test_a_models_name_writes_no_header(gateway: GatewayProcess, client: ClientInfo, model: str) -> None:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Hello"}]}).encode()
    status, head, _ = exchange(gateway, "POST /v1/chat/completions", bearer(client), body=body)
    assert status in (200, 400)
    assert b"\nx-injected" not in head.lower()
    assert head.isascii()


@pytest.mark.parametrize("model", ["m\nX", 'm\r\n{"level": "info"}', "m\x1b[2Jx", "m\u2028x"])
def test_a_models_name_writes_no_log_line(gateway: GatewayProcess, client: ClientInfo, model: str) -> None:
    body = json.dumps({"model": f"forged-{model}", "messages": [{"role": "user", "content": "x"}]}).encode()
    _, head, _ = exchange(gateway, "POST /v1/chat/completions", bearer(client), body=body)
    request_id = head.partition(b"x-request-id: ")[2].partition(b"\r\n")[0].decode()
    gateway.request_row(request_id)
    lines = [line for line in gateway.stdout().split("\n") if request_id in line]
    assert len(lines) == 1
    assert json.loads(lines[0])["model_asked"] == f"forged-{model}"
    assert not any(ord(character) < 32 for character in lines[0])


def test_a_websocket_is_nowhere_opened_without_being_asked_for(
    gateway: GatewayProcess, client: ClientInfo
) -> None:
    upgrade = (b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Version: 13")
    for path in ("/", "/v1/realtime", "/v1/chat/completions", "/health"):
        status, _, _ = exchange(
            gateway, f"GET {path}", *upgrade, b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", bearer(client)
        )
        assert status != 101
