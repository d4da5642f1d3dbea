"""The security headers on every kind of answer, once each, whatever the upstream says."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import DONE, Reply, ScriptedUpstream, Seen, chunk_event, completion

EXPECTED = {
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
FOREIGN = {
    "x-frame-options": "ALLOWALL",
    "x-content-type-options": "sniff",
    "referrer-policy": "unsafe-url",
    "permissions-policy": "camera=*",
    "strict-transport-security": "max-age=0",
    "content-security-policy": "script-src 'unsafe-inline'",
    "access-control-allow-origin": "*",
    "set-cookie": "upstream=1",
    "server": "upstream/1.0",
    "x-powered-by": "upstream",
    "clear-site-data": '"*"',
    "service-worker-allowed": "/",
    "x-accel-redirect": "/internal",
    "x-sendfile": "/etc/passwd",
    "refresh": "0; url=https://evil.example/",
    "link": "<https://evil.example/>; rel=preload",
    "www-authenticate": "Basic realm=upstream",
    "connection": "x-upstream",
    "x-upstream": "1",
}
NOT_PASSED = {name for name in FOREIGN if name not in EXPECTED}


async def _script(seen: Seen, reply: Reply) -> None:
    if seen.body and seen.json.get("model") == "bad":
        await reply.json({"error": {"message": "no"}}, status=400, headers=FOREIGN)
    elif seen.body and seen.json.get("model") == "down":
        await reply.json({"error": {"message": "no"}}, status=500, headers=FOREIGN)
    elif seen.body and seen.json.get("stream"):
        await reply.start_stream()
        await reply.piece(chunk_event("Hi"))
        if seen.json["model"] == "breaks":
            reply.reset()
            return
        await reply.piece(chunk_event(finish="stop") + DONE)
        await reply.end_stream()
    elif seen.target.endswith("/page"):
        await reply.whole(b"<script>alert(1)</script>", content_type="text/html", headers=FOREIGN)
    else:
        await reply.json(completion("Hi"), headers=FOREIGN)


@pytest.fixture(scope="module")
def client(gateway: GatewayProcess) -> Iterator[ClientInfo]:
    with ScriptedUpstream(_script) as upstream:
        yield gateway.create_client(
            backend="openai-compatible", base_url=upstream.base_url, models=["m"], default_model="m"
        )


def chat(model: str = "m", **members: object) -> bytes:
    body = {"model": model, "messages": [{"role": "user", "content": "x"}], **members}
    return json.dumps(body).encode()


KINDS: list[tuple[str, str, bytes, int]] = [
    ("answer", "POST /v1/chat/completions", chat(), 200),
    ("stream", "POST /v1/chat/completions", chat(stream=True), 200),
    ("stream that breaks", "POST /v1/chat/completions", chat("breaks", stream=True), 200),
    ("translated", "POST /v1/messages", chat(max_tokens=9), 200),
    ("translated stream", "POST /v1/messages", chat(max_tokens=9, stream=True), 200),
    ("gemini", "POST /v1beta/models/m:generateContent", b'{"contents": [{"parts": [{"text": "x"}]}]}', 200),
    ("passthrough", "GET /v1/files", b"", 200),
    ("a page of the upstream's", "GET /v1/page", b"", 200),
    ("models", "GET /v1/models", b"", 200),
    ("upstream's 400", "POST /v1/chat/completions", chat("bad"), 400),
    ("upstream's 500", "POST /v1/chat/completions", chat("down"), 502),
    ("malformed", "POST /v1/chat/completions", b"{", 400),
    ("too long", "POST /v1/chat/completions", b" " * 11_000_000, 413),
    ("unknown path", "GET /nowhere", b"", 404),
    ("wrong method", "GET /v1/chat/completions", b"", 405),
    ("live", "GET /health/live", b"", 200),
    ("ready", "GET /health/ready", b"", 200),
    ("health", "GET /health", b"", 200),
    ("home", "GET /", b"", 307),
    ("admin", "GET /admin", b"", 200),
    ("head", "HEAD /admin", b"", 200),
    ("admin API", "GET /admin/api/v1/status", b"", 401),
    ("admin API's change", "POST /admin/api/v1/clients", b"{}", 401),
    ("admin API's document", "GET /admin/api/openapi.json", b"", 200),
    ("admin API's unknown path", "GET /admin/api/v1/nowhere", b"", 401),
    ("admin's unknown file", "GET /admin/assets/nothing.js", b"", 404),
    ("metrics, which are off", "GET /metrics", b"", 404),
]
BROKEN = [
    ("parser", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n", 400),
    ("head", b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    (
        "no key",
        b"POST /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        401,
    ),
]


def head_of(gateway: GatewayProcess, data: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    found = b""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as sock:
        try:
            sock.sendall(data)
            while part := sock.recv(65536):
                found += part
        except ConnectionError:
            pass  # answered before all of it was sent
    head, _, body = found.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [line.partition(": ")[::2] for line in lines]
    return int(first.split(" ")[1]), [(name.lower(), value) for name, value in pairs], body


def check(headers: list[tuple[str, str]]) -> None:
    for name, value in EXPECTED.items():
        assert [found for given, found in headers if given == name] == [value]
    assert not NOT_PASSED & {name for name, value in headers if value == FOREIGN.get(name)}
    assert "strict-transport-security" not in dict(headers)  # not under HTTPS


@pytest.mark.parametrize(("line", "body", "status"), [kind[1:] for kind in KINDS], ids=[k[0] for k in KINDS])
def test_on_every_kind_of_answer(
    gateway: GatewayProcess, client: ClientInfo, line: str, body: bytes, status: int
) -> None:
    head = f"{line} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.api_key}\r\nConnection: close\r\n"
    found, headers, _ = head_of(gateway, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    assert found == status
    check(headers)


@pytest.mark.parametrize(("data", "status"), [kind[1:] for kind in BROKEN], ids=[k[0] for k in BROKEN])
def test_on_answers_before_there_is_a_request(gateway: GatewayProcess, data: bytes, status: int) -> None:
    found, headers, _ = head_of(gateway, data)
    assert found == status
    check(headers)


def test_a_page_of_the_upstreams_runs_nothing_on_this_origin(
    gateway: GatewayProcess, client: ClientInfo
) -> None:
    """A browser can be led there, with a key in the query."""
    line = f"GET /v1/page?key={client.api_key} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    status, headers, _ = head_of(gateway, line.encode())
    assert (status, dict(headers)["content-type"]) == (200, "text/html")
    assert dict(headers)["content-security-policy"].startswith("sandbox; default-src 'none'")


def test_the_page_runs_no_inline_script(gateway: GatewayProcess) -> None:
    _, headers, body = head_of(gateway, b"GET /admin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    policy = dict(headers)["content-security-policy"]
    parts = dict(part.split(" ", 1) for part in policy.split("; "))
    assert "unsafe" not in parts.get("script-src", parts["default-src"])
    assert parts["frame-ancestors"] == "'none'"
    assert not re.search(rb"<script(?![^>]*\ssrc=)|\son[a-z]+=|javascript:", body)
