"""Forward proxies from the environment carry what they should, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from ai_gateway.providers import Upstream
from ai_gateway.upstream.aiohttp_transport import AiohttpTransport
from ai_gateway.upstream.echo import EchoTransport
from ai_gateway.upstream.http1 import Http1Transport
from ai_gateway.upstream.pool import TransportPool
from ai_gateway.upstream.proxies import Proxies
from tests.unit.upstream.conftest import Serve, call, read_request

NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch


def test_no_proxy_no_question(environment: pytest.MonkeyPatch) -> None:
    assert Proxies.from_environment() is None


@pytest.mark.parametrize(
    ("settings", "url", "proxy"),
    [
        ({"HTTP_PROXY": "http://p:1"}, "http://box/v1", "http://p:1"),
        ({"HTTP_PROXY": "http://p:1"}, "https://box/v1", None),
        ({"HTTPS_PROXY": "p:2"}, "https://box/v1", "http://p:2"),
        ({"ALL_PROXY": "http://p:3"}, "https://box/v1", "http://p:3"),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "box"}, "http://box:8000/v1", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": ".corp"}, "http://llm.corp/v1", None),
        ({"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}, "http://box/v1", None),
    ],
)
def test_which_proxy(
    environment: pytest.MonkeyPatch, settings: dict[str, str], url: str, proxy: str | None
) -> None:
    for name, value in settings.items():
        environment.setenv(name.lower(), value)
    proxies = Proxies.from_environment()
    assert proxies is not None
    assert proxies.of(url) == proxy


async def test_the_pool_chooses(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("https_proxy", "http://p:1")
    pool = TransportPool(Proxies.from_environment())
    assert isinstance(pool.of(Upstream.of("openai")), AiohttpTransport)
    assert isinstance(pool.of(Upstream.of("ollama")), Http1Transport)
    assert isinstance(pool.of(Upstream.of("echo")), EchoTransport)
    await pool.close()


async def test_a_request_goes_through_the_proxy(environment: pytest.MonkeyPatch, serve: Serve) -> None:
    heads: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, _ = await read_request(reader)
        heads.append(head)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()

    async with serve(proxy) as url:
        environment.setenv("http_proxy", url)
        transport = AiohttpTransport(Proxies.from_environment())
        response = await transport.send(call("http://model.example/v1/x"))
        assert await response.chunk() == b"ok"
        await response.drain()
        await transport.close()
    assert heads[0].startswith(b"POST http://model.example/v1/x HTTP/1.1\r\n")
    assert b"\r\nhost: model.example\r\n" in heads[0].lower()
