"""Files that callers name by address, fetched for providers that do not take addresses."""

from __future__ import annotations

import base64
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.test_utils import TestServer

from ai_gateway.core.chat import (
    ChatRequest,
    Data,
    DialectName,
    Document,
    Image,
    Message,
    Part,
    PlainText,
    Role,
    Text,
    ToolResult,
    Url,
)
from ai_gateway.errors import BadRequest
from ai_gateway.upstream.fetcher import Fetcher
from ai_gateway.upstream.guard import Guard
from ai_gateway.upstream.media import MediaFetcher, inline_urls

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16
HOST = "127.0.0.1"


@pytest.fixture
async def server() -> AsyncIterator[TestServer]:
    async def png(_: web.Request) -> web.Response:
        return web.Response(body=PNG, content_type="image/png")

    async def vague(_: web.Request) -> web.Response:
        return web.Response(body=PNG, content_type="application/octet-stream")

    async def text(_: web.Request) -> web.Response:
        return web.Response(text="déjà vu", content_type="text/plain")

    async def away(request: web.Request) -> web.Response:
        raise web.HTTPFound(request.query["to"])

    async def loop(_: web.Request) -> web.Response:
        raise web.HTTPFound("/loop")

    async def long(_: web.Request) -> web.StreamResponse:
        return web.Response(headers={"content-type": "image/png"}, body=b"\x00" * (20 * 1024 * 1024 + 1))

    app = web.Application()
    for path, handler in {
        "/a.png": png,
        "/vague": vague,
        "/note.txt": text,
        "/away": away,
        "/loop": loop,
        "/long": long,
    }.items():
        app.router.add_get(path, handler)
    server = TestServer(app, host=HOST)
    await server.start_server()
    yield server
    await server.close()


@pytest.fixture
async def fetcher() -> AsyncIterator[MediaFetcher]:
    fetcher = MediaFetcher(Guard({HOST}))
    yield fetcher
    await fetcher.close()


@pytest.mark.parametrize("path", ["/a.png", "/vague", "/away?to=/a.png"])
async def test_a_file_comes_with_its_type(server: TestServer, fetcher: MediaFetcher, path: str) -> None:
    data = await fetcher.fetch(str(server.make_url(path)), None)

    assert data == Data("image/png", base64.b64encode(PNG).decode())


async def test_the_callers_word_counts_where_the_server_is_vague(
    server: TestServer, fetcher: MediaFetcher
) -> None:
    data = await fetcher.fetch(str(server.make_url("/vague")), "image/webp")

    assert data.media_type == "image/webp"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/nowhere", "status 404"),
        ("/loop", "redirects more than"),
        ("/long", "longer than 20 MiB"),
        ("/away?to=http://169.254.169.254/latest", "not public"),
        ("/away?to=file:///etc/passwd", "only http and https"),
        ("/away?to=http://user:word@example.com/", "password"),
    ],
)
async def test_what_cannot_be_had_is_the_callers_error(
    server: TestServer, fetcher: MediaFetcher, path: str, reason: str
) -> None:
    with pytest.raises(BadRequest, match=reason):
        await fetcher.fetch(str(server.make_url(path)), None)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/a.png",
        "http://localhost:{port}/a.png",
        "http://[::ffff:127.0.0.1]:{port}/a.png",
        "http://2130706433:{port}/a.png",
        "http://0x7f.1:{port}/a.png",
        "http://example.com\\@127.0.0.1:{port}/a.png",
        "http://[::1/",
        "not a url",
    ],
)
async def test_a_private_address_is_refused_however_it_is_written(server: TestServer, url: str) -> None:
    fetcher = MediaFetcher(Guard())
    try:
        with pytest.raises(BadRequest, match="cannot be fetched"):
            await fetcher.fetch(url.format(port=server.port), None)
    finally:
        await fetcher.close()


class Rebinding(AbstractResolver):
    """A name server that says something else each time."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        answer = self.answers.pop(0)
        flags = socket.AI_NUMERICHOST
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=0, flags=flags)
            for address in answer
        ]

    async def close(self) -> None: ...


async def resolving(*answers: list[str]) -> tuple[Fetcher, Rebinding]:
    """A fetcher that may reach the test's server, and its name server."""
    fetcher = Fetcher(Guard({HOST}))
    names = Rebinding(*answers)
    await fetcher.resolver.close()
    fetcher.resolver.inner = names
    return fetcher, names


async def test_the_address_that_was_checked_is_the_one_that_is_connected_to(server: TestServer) -> None:
    fetcher, names = await resolving([HOST], ["10.0.0.1"])
    try:
        data = await fetcher.fetch(f"http://files.example:{server.port}/a.png", None)
        assert data.media_type == "image/png"
        assert names.answers == [["10.0.0.1"]]  # asked once: no second answer to fall for
    finally:
        await fetcher.close()


@pytest.mark.parametrize(
    ("answers", "path"),
    [
        ([["10.0.0.1"]], "/a.png"),
        ([[HOST, "10.0.0.1"]], "/a.png"),
        ([["8.8.8.8", "169.254.169.254"]], "/a.png"),
        ([[HOST], ["127.0.0.2"]], "/away?to=http://again.example:{port}/a.png"),
        ([[HOST]], "/away?to=http://127.0.0.2:{port}/a.png"),
        ([[HOST]], "/away?to=//127.0.0.2:{port}/a.png"),
        ([[HOST]], "/away?to=http://[::ffff:127.0.0.2]:{port}/a.png"),
    ],
)
async def test_a_name_that_turns_private_is_refused(
    server: TestServer, answers: list[list[str]], path: str
) -> None:
    fetcher, names = await resolving(*answers)
    try:
        with pytest.raises(BadRequest, match="not public"):
            await fetcher.fetch(f"http://files.example:{server.port}{path.format(port=server.port)}", None)
        assert names.answers == []
    finally:
        await fetcher.close()


def asking(*parts: Part) -> ChatRequest:
    return ChatRequest(
        dialect=DialectName.OPENAI_CHAT,
        model="m",
        messages=(Message(role=Role.USER, parts=(Text("look"),)), Message(role=Role.USER, parts=parts)),
    )


def shelf(**files: Data) -> tuple[Callable[[str, str | None], Awaitable[Data]], list[str]]:
    asked: list[str] = []

    async def fetch(url: str, media_type: str | None) -> Data:
        asked.append(url)
        if url not in files:
            raise BadRequest(f"no {url}")
        return files[url]

    return fetch, asked


async def test_files_are_put_in_wherever_they_stand_and_fetched_once() -> None:
    picture = Data("image/png", "AAAA")
    fetch, asked = shelf(a=picture, b=Data("text/plain", base64.b64encode("héllo".encode()).decode()))
    request = asking(
        Image(Url("a"), detail="low"),
        ToolResult("call_1", (Text("seen"), Image(Url("a")))),
        Document(Url("b"), name="note"),
    )

    result = await inline_urls(request, frozenset(), fetch)

    assert sorted(asked) == ["a", "b"]
    assert result.messages[1].parts == (
        Image(picture, detail="low"),
        ToolResult("call_1", (Text("seen"), Image(picture))),
        Document(PlainText("héllo"), name="note"),
    )


async def test_what_the_provider_takes_by_address_stays() -> None:
    fetch, asked = shelf()
    request = asking(Image(Url("a")))

    assert await inline_urls(request, frozenset({"image"}), fetch) is request
    assert asked == []


async def test_a_file_that_cannot_be_had_names_its_message() -> None:
    fetch, _ = shelf()

    with pytest.raises(BadRequest) as caught:
        await inline_urls(asking(Image(Url("gone"))), frozenset(), fetch)
    assert caught.value.param == "messages[1]"
