"""Planted secrets, a busy hour in little, and a search through everything that it left.

Every gateway of every other test is searched too, when it ends: see `tests.harness.planted`.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen, chunk_event, completion

UPSTREAM = "sk-upstream-planted-5150"
EXTRA = "sk-extra-planted-5151"
SESSION = "session-planted-5152-session-planted-5152"
METRICS = "metrics-planted-5153"
PASSPHRASE = "passphrase-planted-5154"
STRANGER = "gm_stranger-planted-5155"


async def _script(seen: Seen, reply: Reply) -> None:
    """Tells the credential that it was shown wherever it can."""
    told = seen.headers.get("authorization") or seen.headers.get("x-api-key") or seen.target
    credential = told.removeprefix("Bearer ")
    headers = {"x-echo": told, "x-request-id": credential, "openai-organization": credential}
    model = seen.json.get("model", "") if seen.body else ""
    failure = {"error": {"message": f"bad key {told}", "type": "x", "code": credential, "param": credential}}
    if model == "reset":
        reply.reset()
    elif model == "stream-fails":
        await reply.start_stream()
        await reply.piece(chunk_event("Hi"))
        await reply.piece(b"data: " + json.dumps(failure).encode() + b"\n\n")
        await reply.end_stream()
    elif model == "no-json":
        await reply.whole(f"<html>{told}".encode(), headers=headers)
    elif model[:1] == "e" and model[1:].isdigit():
        await reply.json(failure, status=int(model[1:]), headers=headers)
    else:
        await reply.json(completion("Hi"), headers=headers)


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(_script) as server:
        yield server


MODELS = ("ok", "reset", "no-json", "stream-fails", "e400", "e401", "e403", "e404", "e422", "e429", "e500")


def requests(client: ClientInfo) -> Iterator[bytes]:
    """Every dialect and way to show a key, well and badly used."""
    for model in MODELS:
        chat = {"model": model, "messages": [{"role": "user", "content": "x"}], "max_tokens": 9}
        for stream in (False, True):
            body = json.dumps({**chat, "stream": stream}).encode()
            yield wire("POST /v1/chat/completions", body, f"Authorization: Bearer {client.api_key}")
            yield wire("POST /v1/messages", body, f"x-api-key: {client.api_key}")
        yield wire(
            f"POST /v1beta/models/{model}:generateContent?key={client.api_key}",
            b'{"contents": [{"parts": [{"text": "x"}]}]}',
        )
    for key in (STRANGER, f"{client.api_key}x"):
        for line in ("POST /v1/chat/completions", f"GET /v1/models?key={key}", f"GET /nowhere?key={key}"):
            yield wire(line, b"{}", f"api-key: {key}")
    yield wire(f"GET /{client.api_key}", b"")
    yield wire(f"GET /v1/files/x?key={client.api_key}&key={STRANGER}", b"")
    yield wire("POST /v1/chat/completions", b"{" + client.api_key.encode(), f"api-key: {client.api_key}")
    yield b"GET /v1/models?key=" + client.api_key.encode() + b" HTTP/1.1\r\nno colon\r\n\r\n"


def wire(line: str, body: bytes, *headers: str) -> bytes:
    lines = [f"{line} HTTP/1.1", "Host: x", "Connection: close", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def send(gateway: GatewayProcess, data: bytes) -> bytes:
    found = b""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=60) as sock:
        sock.sendall(data)
        while part := sock.recv(65536):
            found += part
    return found


def written(folder: Path) -> dict[str, bytes]:
    """What the gateway wrote, without the config file."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "config.yaml")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_no_secret_in_logs_files_or_answers(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    config = {
        "admin": {"session_secret": SESSION},
        "prometheus": {"password": METRICS},
        "logging": {"level": "debug"},
        "upstream": {"max_retries": 0},
    }
    answers = b""
    with GatewayProcess(tmp_path, config=config, env={"AI_GATEWAY_SECRET_KEY": PASSPHRASE}) as gateway:
        clients = [
            gateway.create_client(
                backend="openai-compatible",
                base_url=base_url,
                backend_api_key=UPSTREAM,
                default_model="ok",
                log_bodies=True,
                extra_backends=json.dumps(
                    [{"name": "b", "backend": "groq", "base_url": base_url, "backend_api_key": EXTRA}]
                ),
                fallback_models=["b/e500"],
            )
            for base_url in (upstream.base_url, "http://127.0.0.1:9/v1")
        ]
        for client in clients:
            answers += b"".join(send(gateway, data) for data in requests(client))
        answers += b"".join(
            gateway.cli(*command, check=False).stdout.encode()
            for command in (("clients", "list", "--json"), ("clients", "show", clients[0].name), ("usage",))
        )
        answers += send(gateway, wire("GET /health", b"")) + send(gateway, wire("GET /admin", b""))
        alive = written(tmp_path)
    dead = written(tmp_path)

    credentials = (UPSTREAM, EXTRA, SESSION, METRICS, PASSPHRASE)
    keys = [client.api_key for client in clients]
    assert any(name.startswith("data/gateway.db") for name in alive)
    for name, data in {"the answers": answers, **alive, **dead}.items():
        found = [secret for secret in (*credentials, *keys, STRANGER) if secret.encode() in data]
        if name == "the answers":  # a path that is not there is told back to who asked for it
            found = [secret for secret in found if secret not in keys or data.count(secret.encode()) > 1]
        assert found == [], name
    assert {seen.headers.get("authorization") for seen in upstream.seen} == {
        f"Bearer {UPSTREAM}",
        f"Bearer {EXTRA}",
    }
    assert not any(key in str(seen) for seen in upstream.seen for key in (*keys, STRANGER, PASSPHRASE))


def test_a_secret_in_a_log_is_found_when_its_gateway_ends(tmp_path: Path) -> None:
    name = "client-planted-5156"
    with GatewayProcess(tmp_path, config={}) as gateway:
        client = gateway.create_client(backend="echo", default_model="echo", name=name)
        gateway.secrets.plant("a planted name", name, homes=("data/*",))
        send(gateway, wire("POST /v1/chat/completions", b"{", f"Authorization: Bearer {client.api_key}"))
        with pytest.raises(AssertionError, match=r"gateway\.stdout holds a planted name") as caught:
            gateway.stop()
    assert str(tmp_path) in str(caught.value)
    assert name not in str(caught.value)
