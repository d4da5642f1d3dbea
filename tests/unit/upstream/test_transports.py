"""Both transports keep the same contract, against real sockets that behave well or badly."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from ai_gateway.errors import UpstreamError, UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable
from ai_gateway.upstream.http1 import Http1Transport
from ai_gateway.upstream.transport import Transport, UpstreamRequest, UpstreamResponse
from tests.unit.upstream.conftest import Serve, call, read_request


async def body_of(response: UpstreamResponse) -> bytes:
    body = b""
    while chunk := await response.chunk():
        body += chunk
    return body


async def passed(response: UpstreamResponse) -> bytes:
    parts: list[bytes] = []

    def take(part: bytes) -> bool:
        parts.append(part)
        return True

    assert not await response.pass_on(take)
    return b"".join(parts)


async def passed_haltingly(response: UpstreamResponse) -> bytes:
    """Somebody wants one part at a time."""
    parts: list[bytes] = []

    def take(part: bytes) -> bool:
        parts.append(part)
        return False

    while await response.pass_on(take):
        pass
    return b"".join(parts)


async def fetch(transport: Transport, request: UpstreamRequest) -> bytes:
    response = await transport.send(request)
    try:
        return await body_of(response)
    finally:
        response.close()


ANSWERS: list[tuple[str, bytes, int, bytes]] = [
    ("content-length", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, b"hello"),
    ("empty", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    ("zero", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, b""),
    (
        "chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        200,
        b"hello",
    ),
    (
        "chunked with extension and trailer",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: v\r\n\r\n",
        200,
        b"hello",
    ),
    ("interim", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, b"ok"),
    (
        "early hints",
        b"HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
        201,
        b"ok",
    ),
    ("error", b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}", 429, b"{}"),
]


@pytest.mark.parametrize(("_name", "wire", "status", "body"), ANSWERS, ids=[a[0] for a in ANSWERS])
@pytest.mark.parametrize("size", [1, 3, 4096])
@pytest.mark.parametrize("reader", [body_of, passed, passed_haltingly])
async def test_answers(
    transport: Transport,
    serve: Serve,
    _name: str,
    wire: bytes,
    status: int,
    body: bytes,
    size: int,
    reader: Callable[[UpstreamResponse], Awaitable[bytes]],
) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await read_request(reader)
            for start in range(0, len(wire), size):
                writer.write(wire[start : start + size])
                await writer.drain()
                await asyncio.sleep(0)

    async with serve(handler) as url:
        for _ in range(2):
            response = await transport.send(call(url + "/x"))
            assert response.status == status
            assert await reader(response) == body
            response.close()


async def test_what_a_part_brings_about_comes_out(transport: Transport, serve: Serve) -> None:
    """Of the connection's own callback, too."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0)
        writer.write(b"some")
        await reader.read()

    def take(_: bytes) -> bool:
        raise KeyError("odd")

    async with serve(handler) as url:
        response = await transport.send(call(url + "/"))
        with pytest.raises(KeyError, match="odd"):
            await response.pass_on(take)
        response.close()


async def test_a_body_that_ends_with_its_connection(transport: Transport, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end")

    async with serve(handler) as url:
        assert await fetch(transport, call(url + "/")) == b"to the end"


async def test_the_request_arrives_as_given(transport: Transport, serve: Serve) -> None:
    seen: list[tuple[bytes, bytes]] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()

    body = b"x" * 300_000
    async with serve(handler) as url:
        await fetch(transport, call(url + "/v1/a%20b?c=d%2Fe", body))
    head, got = seen[0]
    assert head.startswith(b"POST /v1/a%20b?c=d%2Fe HTTP/1.1\r\n")
    assert b"x-custom: yes" in head.lower()
    assert head.lower().count(b"\r\nhost: 127.0.0.1:") == 1
    assert got == body


async def test_connections_are_kept(transport: Transport, serve: Serve) -> None:
    connections = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with serve(handler) as url:
        for _ in range(5):
            response = await transport.send(call(url + "/"))
            await body_of(response)
            response.close()
    assert connections == 1


async def test_a_kept_connection_that_died_is_replaced(transport: Transport, serve: Serve) -> None:
    served = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        await read_request(reader)
        served += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        await writer.drain()
        if served == 1:
            await reader.read(1)  # the next request has begun: hang up on it unanswered

    async with serve(handler) as url:
        for _ in range(2):
            response = await transport.send(call(url + "/"))
            assert await body_of(response) == b"ok"
            response.close()
    assert served == 2


async def test_a_request_that_makes_the_upstream_hang_up_is_sent_twice_at_most(
    transport: Transport, serve: Serve
) -> None:
    asked: list[bytes] = []
    together = asyncio.Barrier(3)

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not (await read_request(reader))[0].startswith(b"POST /bad"):
            asked.append(b"good")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            await together.wait()  # so that each has a connection of its own
        asked.append(b"bad")

    async with serve(handler) as url:
        opened = await asyncio.gather(*(transport.send(call(url + "/")) for _ in range(3)))
        for response in opened:
            await body_of(response)
            response.close()
        with pytest.raises(UpstreamError):
            await transport.send(call(url + "/bad"))
    assert asked.count(b"bad") <= 2


@pytest.mark.parametrize("read", [body_of, passed])
async def test_what_comes_behind_an_answer_is_nobody_elses(
    serve: Serve, read: Callable[[UpstreamResponse], Awaitable[bytes]]
) -> None:
    transport, connections, head_read = Http1Transport(), 0, asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        await head_read.wait()
        writer.write(b"okHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsmug")
        await reader.read(1)

    async with serve(handler) as url:
        for _ in range(2):
            response = await transport.send(call(url + "/"))
            head_read.set()
            assert (response.status, await read(response)) == (200, b"ok")
            response.close()
    await transport.close()
    assert connections == 2


async def test_drain_keeps_the_connection_for_the_next(transport: Transport, serve: Serve) -> None:
    connections, draining = 0, asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlast\r\n")
            await draining.wait()
            draining.clear()
            writer.write(b"0\r\n\r\n")

    async with serve(handler) as url:
        for _ in range(3):
            response = await transport.send(call(url + "/"))
            assert await response.chunk() == b"last"
            asyncio.get_running_loop().call_soon(draining.set)
            await response.drain()
    assert connections == 1


async def test_closing_early_hangs_up_at_once(transport: Transport, serve: Serve) -> None:
    gone = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n")
        await reader.read()
        gone.set()

    async with serve(handler) as url:
        response = await transport.send(call(url + "/"))
        assert await response.chunk() == b"he"
        response.close()
        async with asyncio.timeout(5):
            await gone.wait()


async def test_cancelling_hangs_up_at_once(transport: Transport, serve: Serve) -> None:
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await reader.read()
        gone.set()

    async with serve(handler) as url:
        task = asyncio.create_task(transport.send(call(url + "/")))
        async with asyncio.timeout(5):
            await arrived.wait()
            task.cancel()
            await gone.wait()
        assert (await asyncio.gather(task, return_exceptions=True))[0].__class__ is asyncio.CancelledError


BROKEN: list[tuple[str, bytes, type[UpstreamError]]] = [
    ("garbage", b"\x00\x01\x02 what is this\r\n\r\n", UpstreamProtocolError),
    ("not http", b"SSH-2.0-OpenSSH_9.2\r\n", UpstreamProtocolError),
    (
        "two lengths",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        UpstreamProtocolError,
    ),
    ("bad length", b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", UpstreamProtocolError),
    ("bad chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello", UpstreamProtocolError),
    ("short body", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", UpstreamProtocolError),
    ("cut chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", UpstreamProtocolError),
    (
        "no last chunk",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        UpstreamProtocolError,
    ),
    ("cut head", b"HTTP/1.1 200 OK\r\nContent-Le", UpstreamError),
    ("nothing", b"", UpstreamUnreachable),
    ("endless head", b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000, UpstreamProtocolError),
]


@pytest.mark.parametrize(("_name", "wire", "error"), BROKEN, ids=[b[0] for b in BROKEN])
async def test_broken_answers(
    transport: Transport, serve: Serve, _name: str, wire: bytes, error: type[UpstreamError]
) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(wire)
        await writer.drain()

    async with serve(handler) as url:
        with pytest.raises(error) as caught:
            await fetch(transport, call(url + "/"))
        assert caught.value.status == 502


async def test_a_reset_is_told(transport: Transport, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello")
        await writer.drain()
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        writer.transport.abort()

    async with serve(handler) as url:
        with pytest.raises(UpstreamError):
            await fetch(transport, call(url + "/"))


@pytest.mark.parametrize("wire", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_a_stall_is_a_timeout(transport: Transport, serve: Serve, wire: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(wire)
        await reader.read()

    async with serve(handler) as url:
        with pytest.raises(UpstreamTimeout) as caught:
            await fetch(transport, call(url + "/", timeout_s=0.05))
        assert caught.value.status == 504


async def test_nobody_listens(transport: Transport) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/secret-path?key=hidden"
        with pytest.raises(UpstreamUnreachable) as caught:
            await transport.send(call(url))
    assert "hidden" not in caught.value.message


async def test_no_such_host(transport: Transport) -> None:
    with pytest.raises(UpstreamUnreachable):
        await transport.send(call("http://no-such-host.invalid/"))


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX: y", "/a\nb"])
async def test_no_address_can_carry_a_second_line(path: str, serve: Serve) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raise AssertionError("nothing may be sent")

    transport = Http1Transport()
    async with serve(handler) as url:
        with pytest.raises(UpstreamUnreachable):
            await transport.send(call(url + path))
    await transport.close()


PIECES = 400
"""Of 64 KiB: far more than all buffers on the way."""


async def test_a_slow_reader_slows_the_upstream(transport: Transport, serve: Serve) -> None:
    piece = b"x" * 65536
    written = 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal written
        await read_request(reader)
        total = PIECES * len(piece)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
        for _ in range(PIECES):
            writer.write(piece)
            await writer.drain()
            written += len(piece)

    async with serve(handler) as url:
        response = await transport.send(call(url + "/"))
        await response.chunk()
        before = -1
        while before != written:  # until the sender is stuck
            before = written
            for _ in range(20):
                await asyncio.sleep(0.005)  # that a sender is stuck has no event of its own
        assert written < PIECES // 2 * len(piece)
        while await response.chunk():
            pass
        assert written == PIECES * len(piece)
        response.close()
