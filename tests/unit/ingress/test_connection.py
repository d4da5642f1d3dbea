"""A caller's connection on a wire that only remembers: what comes, how it is cut, and what goes back."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.server import ServerState

from ai_gateway.ingress.caller import HttpCaller, Receive, Scope, Send
from ai_gateway.ingress.connection import MAX_WAITING, GatewayProtocol

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"


class Wire(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended = self.closed = self.paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.ended, "written after the end"
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0


class App:
    """Answers with what was asked; `/slow` once `go` is set, after a first chunk for `/stream`."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.cancelled: list[str] = []

    async def answer(self, caller: HttpCaller) -> None:
        caller.max_body = 1024 * 1024
        try:
            body = await caller.read_body()
            if caller.path == "/stream":
                await caller.start(200, [])
                await caller.write(b"first")
            if caller.path in ("/slow", "/stream"):
                await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.append(caller.path)
            raise
        said = b"%b %b %b" % (caller.method.encode(), caller.path.encode(), body)
        if caller.started:
            await caller.end(said)
        else:
            await caller.reply(200, [], said)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None: ...


class Line:
    """One connection."""

    def __init__(self, app: App | None = None) -> None:
        self.app = app or App()
        config = uvicorn.Config(self.app, http=GatewayProtocol, ws="none", lifespan="off", log_config=None)
        config.loaded_app = self.app
        self.state = ServerState()
        self.wire = Wire()
        self.protocol = GatewayProtocol(config=config, server_state=self.state, app_state={})
        self.protocol.connection_made(self.wire)

    async def say(self, *parts: bytes) -> None:
        for part in parts:
            self.protocol.data_received(part)
            await self.settle()

    async def settle(self) -> None:
        for _ in range(4):
            await asyncio.sleep(0)

    async def hang_up(self) -> None:
        self.protocol.connection_lost(None)
        await asyncio.gather(*self.state.tasks)

    def answers(self) -> list[tuple[int, bytes]]:
        """Status and body of each answer."""
        found, left = [], self.wire.written
        while left:
            head, _, left = left.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 "), head[:100]
            length = re.search(rb"content-length: (\d+)", head)
            if length is None:
                body, _, left = left.partition(b"\r\n0\r\n\r\n")
            else:
                body, left = left[: int(length[1])], left[int(length[1]) :]
            found.append((int(head[9:12]), body))
        return found


def on_a_line(test: Callable[[Line], Awaitable[None]]) -> Callable[[], None]:
    async def run() -> None:
        line = Line()
        await test(line)
        await line.hang_up()

    def outer() -> None:
        asyncio.run(run())

    outer.__name__, outer.__doc__ = test.__name__, test.__doc__
    return outer


UPGRADES = [
    (b"POST /b HTTP/1.1\r\nHost: x\r\n" + H2C + b"Content-Length: %d\r\n\r\n" % len(GET) + GET, GET),
    (
        b"POST /b HTTP/1.1\r\nHost: x\r\n" + H2C + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"abc",
    ),
    (b"POST /b HTTP/1.0\r\n" + H2C + b"Content-Length: 3\r\n\r\nabc", b"abc"),
]


@pytest.mark.parametrize(("wire", "body"), UPGRADES)
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_a_body_behind_an_upgrade_that_is_not_made(wire: bytes, body: bytes, size: int) -> None:
    async def run() -> None:
        line = Line()
        await line.say(*(wire[at : at + size] for at in range(0, len(wire), size)))
        assert line.answers() == [(200, b"POST /b " + body)]
        await line.hang_up()

    asyncio.run(run())


@on_a_line
async def test_requests_behind_an_upgrade_that_is_not_made(line: Line) -> None:
    ask = b"GET /u HTTP/1.1\r\nHost: x\r\n" + H2C + b"\r\n"
    await line.say(ask + GET + ask)
    assert line.answers() == [(200, b"GET /u "), (200, b"GET /a "), (200, b"GET /u ")]


@on_a_line
async def test_garbage_behind_a_request_that_is_being_answered(line: Line) -> None:
    await line.say(GET.replace(b"/a", b"/slow") + b"\x00garbage")
    line.app.go.set()
    await line.settle()
    assert line.answers()[0] == (200, b"GET /slow ")
    assert [status for status, _ in line.answers()] == [200, 400]
    assert line.wire.ended


@on_a_line
async def test_garbage_behind_a_waiting_request_does_not_get_into_a_stream(line: Line) -> None:
    await line.say(GET.replace(b"/a", b"/stream"))
    await line.say(GET + b"\x00garbage")
    assert b"400" not in line.wire.written
    line.app.go.set()
    await line.settle()
    assert [status for status, _ in line.answers()] == [200, 200, 400]


@on_a_line
async def test_a_waiting_request_whose_body_breaks_is_not_served(line: Line) -> None:
    await line.say(GET.replace(b"/a", b"/slow"))
    await line.say(b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
    line.app.go.set()
    await line.settle()
    assert [status for status, _ in line.answers()] == [200, 400]


@on_a_line
async def test_a_request_whose_body_breaks_is_not_served(line: Line) -> None:
    await line.say(b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", b"zz\r\n")
    assert [status for status, _ in line.answers()] == [400]
    assert line.app.cancelled == ["/b"]


@on_a_line
async def test_nothing_is_served_behind_a_request_that_closes(line: Line) -> None:
    await line.say(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + GET)
    assert line.answers() == [(200, b"GET /a ")]
    assert line.wire.closed


@on_a_line
async def test_a_hang_up_is_seen_while_requests_wait(line: Line) -> None:
    await line.say(GET.replace(b"/a", b"/slow"), GET)
    few = line.wire.paused
    await line.say(GET * MAX_WAITING)
    assert (few, line.wire.paused) == (False, True)
    await line.hang_up()
    assert line.app.cancelled == ["/slow"]


@pytest.mark.parametrize(("version", "told"), [(b"1.1", True), (b"1.0", False)])
def test_who_waits_for_word_is_told(version: bytes, told: bool) -> None:
    async def run() -> None:
        line = Line()
        head = b"POST /b HTTP/%b\r\nHost: x\r\nContent-Length: 1\r\nExpect: 100-continue\r\n\r\n" % version
        await line.say(head)
        assert line.wire.written.startswith(b"HTTP/1.1 100 Continue\r\n\r\n") == told
        await line.hang_up()

    asyncio.run(run())


@on_a_line
async def test_the_end_of_a_long_body_does_not_count_as_head(line: Line) -> None:
    body = b"x" * 100_000
    ask = b"POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    await line.say(ask + GET[:20], GET[20:])
    assert [status for status, _ in line.answers()] == [200, 200]


@on_a_line
async def test_a_body_of_many_small_chunks(line: Line) -> None:
    await line.say(b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    await line.say(b"2\r\nab\r\n" * 5000)
    active = line.protocol.active
    assert active is not None
    assert len(active.parts) < 100
    await line.say(b"0\r\n\r\n")
    assert line.answers() == [(200, b"POST /b " + b"ab" * 5000)]


BODY = st.binary(max_size=40)


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A request, and what its answer says."""
    method, path, body = draw(st.sampled_from([b"GET", b"POST", b"PUT"])), draw(st.integers(0, 9)), draw(BODY)
    extra = draw(st.sampled_from([b"", H2C, b"Upgrade: websocket\r\nConnection: upgrade\r\n", b"X: y\r\n"]))
    head = b"%b /%d HTTP/1.1\r\nHost: x\r\n%b" % (method, path, extra)
    said = b"%b /%d %b" % (method, path, body)
    if draw(st.booleans()):
        return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body), said
    cuts = sorted(draw(st.lists(st.integers(0, len(body)), max_size=3)))
    parts = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True) if a < b]
    chunks = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts)
    return head + b"Transfer-Encoding: chunked\r\n\r\n%b0\r\nTrailer: t\r\n\r\n" % chunks, said


@settings(deadline=None)
@given(st.lists(requests(), min_size=1, max_size=5), st.lists(st.integers(1, 60), max_size=30))
def test_however_requests_are_cut_each_gets_its_own_answer(
    asked: list[tuple[bytes, bytes]], sizes: list[int]
) -> None:
    async def run() -> None:
        line, wire = Line(), b"".join(each for each, _ in asked)
        for size in sizes:
            await line.say(wire[:size])
            wire = wire[size:]
        await line.say(wire)
        await line.settle()
        assert line.answers() == [(200, said) for _, said in asked]
        await line.hang_up()

    asyncio.run(run())
