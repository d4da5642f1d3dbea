"""HTTPS as clients see it: versions, the redirect, HSTS, renewal under open connections."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.certificates import write_certificate
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import DONE, Reply, ScriptedUpstream, Seen, chunk_event
from tests.harness.waiting import free_port, wait_until

HOST = "127.0.0.1"
HSTS = "max-age=31536000"


@pytest.fixture(scope="module")
def redirect_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, redirect_port: int) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("tls")
    write_certificate(folder)
    https = {
        "enabled": True,
        "cert_file": "cert.pem",
        "key_file": "key.pem",
        "redirect_port": redirect_port,
    }
    with GatewayProcess(folder, config={"server": {"https": https}}) as process:
        yield process


@pytest.fixture(scope="module")
def client(gateway: GatewayProcess) -> ClientInfo:
    return gateway.create_client(backend="echo", default_model="echo")


def s_client(gateway: GatewayProcess, *options: str) -> str:
    """What OpenSSL's own client says of a handshake."""
    done = subprocess.run(
        ["openssl", "s_client", "-connect", f"{HOST}:{gateway.port}", *options],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return done.stdout + done.stderr


def test_old_versions_are_refused(gateway: GatewayProcess) -> None:
    # Level 0 lets the client itself offer what it would not by default.
    for version in ("-tls1", "-tls1_1"):
        assert "Cipher is (NONE)" in s_client(gateway, version, "-cipher", "DEFAULT@SECLEVEL=0")
    assert "TLSv1.2" in s_client(gateway, "-tls1_2")
    assert "TLSv1.3" in s_client(gateway, "-tls1_3")


def test_curl_trusts_it_and_goes_through_the_redirect(
    gateway: GatewayProcess, client: ClientInfo, redirect_port: int
) -> None:
    done = subprocess.run(
        [
            *("curl", "--silent", "--show-error", "--location-trusted", "--noproxy", "*"),
            *("--cacert", str(gateway.directory / "cert.pem"), "--header", "content-type: application/json"),
            *("--header", f"authorization: Bearer {client.api_key}", "--data"),
            json.dumps({"model": "echo", "messages": [{"role": "user", "content": "Hello"}]}),
            f"http://{HOST}:{redirect_port}/v1/chat/completions",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["choices"][0]["message"]["content"] == "Echo: Hello"


REDIRECTS = [
    ("gateway.example", "gateway.example"),
    ("gateway.example:8080", "gateway.example"),
    ("[::1]:80", "[::1]"),
]


def plain(port: int, target: str, *hosts: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection(HOST, port, timeout=20)
    connection.putrequest("GET", target, skip_host=True)
    for host in hosts:
        connection.putheader("Host", host)
    connection.endheaders()
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}


@pytest.mark.parametrize(("host", "expected"), REDIRECTS)
def test_the_redirect_keeps_host_path_and_query(
    gateway: GatewayProcess, redirect_port: int, host: str, expected: str
) -> None:
    status, headers = plain(redirect_port, "/v1/models?a=%2F&b", host)
    assert status == 308
    assert headers["location"] == f"https://{expected}:{gateway.port}/v1/models?a=%2F&b"
    assert "strict-transport-security" not in headers
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("hosts", [("evil.example/x",), ("a@evil.example",), ("",), ("a", "b"), ()])
def test_the_redirect_goes_to_no_strange_host(redirect_port: int, hosts: tuple[str, ...]) -> None:
    status, headers = plain(redirect_port, "/", *hosts)
    assert status == 400
    assert "location" not in headers


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /admin HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /admin/api/v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /v1/models HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 70_000 + b"\r\n\r\n",
    ],
)
def test_hsts_stands_on_every_answer(gateway: GatewayProcess, request_bytes: bytes) -> None:
    context = ssl.create_default_context(cafile=str(gateway.directory / "cert.pem"))
    with (
        socket.create_connection((HOST, gateway.port), timeout=20) as sock,
        context.wrap_socket(sock, server_hostname="localhost") as tls,
    ):
        tls.sendall(request_bytes)
        head = http.client.HTTPResponse(tls)
        head.begin()
    assert head.getheader("strict-transport-security") == HSTS


def fingerprint(gateway: GatewayProcess) -> str:
    pem = ssl.get_server_certificate((HOST, gateway.port), timeout=20)
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def fingerprint_of(path: Path) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text())).hexdigest()


def checks(gateway: GatewayProcess) -> dict[str, str]:
    connection = gateway.connect()
    connection.request("GET", "/health")
    body = json.loads(connection.getresponse().read())
    connection.close()
    return {"status": body["status"], **body["checks"]}


def test_a_renewed_certificate_is_taken_up_and_no_connection_dropped(gateway: GatewayProcess) -> None:
    go_on = asyncio.Event()

    async def slow(_: Seen, reply: Reply) -> None:
        await reply.start_stream()
        await reply.piece(chunk_event("first"))
        await go_on.wait()
        await reply.piece(chunk_event("last") + chunk_event(finish="stop") + DONE)
        await reply.end_stream()

    with ScriptedUpstream(slow) as upstream:
        client = gateway.create_client(backend="openai-compatible", base_url=upstream.base_url)
        connection = gateway.connect(timeout_s=30)
        connection.request(
            "POST",
            "/v1/chat/completions",
            json.dumps({"model": "m", "stream": True, "messages": [{"role": "user", "content": "x"}]}),
            {"authorization": f"Bearer {client.api_key}"},
        )
        answer = connection.getresponse()
        assert b"first" in answer.readline()
        before = fingerprint(gateway)

        (gateway.directory / "cert.pem").write_text("half a certific")  # the renewal goes wrong at first
        wait_until(lambda: checks(gateway)["status"] == "degraded", 30, what="the broken files being told")
        assert fingerprint(gateway) == before
        assert "cert.pem: holds no certificate in PEM form" in gateway.stdout()
        assert "cert.pem" not in json.dumps(checks(gateway))

        write_certificate(gateway.directory, "renewed")
        renewed = fingerprint_of(gateway.directory / "cert.pem")
        wait_until(lambda: fingerprint(gateway) == renewed, 30, what="the renewed certificate")
        wait_until(lambda: checks(gateway)["certificate"] == "ok", 30, what="the end of the fault")

        upstream.call(go_on.set)
        assert answer.read().endswith(DONE)
        connection.close()


def test_an_expired_certificate_is_served_and_told(tmp_path: Path) -> None:
    write_certificate(tmp_path, days=-1)
    https = {"enabled": True, "cert_file": "cert.pem", "key_file": "key.pem"}
    with GatewayProcess(tmp_path, config={"server": {"https": https}}) as gateway:
        wait_until(lambda: "the certificate has expired on" in gateway.stdout(), what="the warning")
        assert checks(gateway)["status"] == "degraded"
