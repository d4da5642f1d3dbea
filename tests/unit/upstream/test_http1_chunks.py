"""A body that comes chunk by chunk: whoever takes it apart, it says what the parser says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ai_gateway.errors import UpstreamError, UpstreamProtocolError, UpstreamTimeout
from ai_gateway.upstream.http1_connection import PLAIN_BYTES, Connection
from ai_gateway.upstream.read_buffer import ReadBuffer
from ai_gateway.upstream.size_lines import SIZE_LINES, size_line
from tests.unit.upstream.conftest import call

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Wire(asyncio.Transport):
    """Forgets what is written to it."""

    def write(self, data: bytes | bytearray | memoryview) -> None: ...

    def abort(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Reading:
    """What the parser alone says of the same reads."""

    def __init__(self, reads: list[bytes]) -> None:
        self.body = b""
        self.complete = self.broken = False
        parser = httptools.HttpResponseParser(self)
        for read in reads:
            try:
                parser.feed_data(read)
            except httptools.HttpParserError:
                self.broken = not self.complete  # whatever comes behind its end
            if self.broken or self.complete:
                break

    def on_message_begin(self) -> None:
        if self.complete:
            raise ValueError("a second answer")

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.complete = True


class Clock:
    """A loop whose time stands still until it is set."""

    def __init__(self) -> None:
        self.now = 0.0
        self.due: list[tuple[float, Callable[[], None]]] = []
        self.create_future = asyncio.get_running_loop().create_future

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> asyncio.TimerHandle:
        self.due.append((when, callback))
        return asyncio.TimerHandle(when, callback, (), asyncio.get_running_loop())

    def ring(self) -> None:
        """What is due last."""
        self.now, callback = self.due.pop()
        callback()


async def exchange(connection: Connection) -> None:
    """Up to an answer's head."""
    await connection.exchange((), call("http://x/", timeout_s=5))
    if connection.in_head:
        raise connection.failure()


async def exchanging(clock: Clock | None = None) -> tuple[Connection, Callable[[bytes], None]]:
    """A connection that has got an answer's head, and how more gets there."""
    buffer = ReadBuffer(64 * 1024)
    connection = Connection(cast(Any, clock) or asyncio.get_running_loop(), buffer)
    connection.connection_made(Wire())

    def come(data: bytes) -> None:
        buffer.view[: len(data)] = data
        connection.buffer_updated(len(data))

    task = asyncio.create_task(exchange(connection))
    await asyncio.sleep(0)
    come(HEAD)
    await task
    return connection, come


async def chunk_by_chunk(reads: list[bytes]) -> tuple[bytes, bool, bool]:
    """The body, whether it ended, and whether it broke: of who is called with each chunk."""
    connection, come = await exchanging()
    parts: list[bytes] = []

    def take(data: bytes) -> bool:
        parts.append(data)
        return True

    def take_chunk(data: bytes, chunk: bytes) -> bool:
        assert chunk == b"%x\r\n%b\r\n" % (len(data), data)
        if len(data) % 3 == 0:
            return False  # it comes to `take` then
        parts.append(data)
        return True

    passing = asyncio.create_task(connection.pass_on(take, take_chunk))
    await asyncio.sleep(0)
    for read in reads:
        come(read)
    connection.connection_lost(None)
    try:
        ended = not await passing
    except UpstreamProtocolError as error:
        return b"".join(parts), False, "not valid HTTP" in error.message
    return b"".join(parts), ended, False


async def part_by_part(reads: list[bytes]) -> tuple[bytes, bool, bool]:
    """The same, of who asks for it when all is there."""
    connection, come = await exchanging()
    for read in reads:
        come(read)
    connection.connection_lost(None)
    body = b""
    try:
        while part := await connection.chunk():
            body += part
    except UpstreamError as error:
        return body, False, "not valid HTTP" in error.message
    return body, True, False


def framed(data: bytes, size: bytes = b"") -> bytes:
    return (size or b"%x" % len(data)) + b"\r\n" + data + b"\r\n"


DATA = st.one_of(
    st.binary(min_size=1, max_size=20),
    st.text("\r\n0123af;", min_size=1, max_size=40).map(str.encode),
    st.integers(1, 700).map(lambda size: b"x" * size),
    st.sampled_from([255, 256, PLAIN_BYTES - 7, PLAIN_BYTES - 6, 5000]).map(lambda size: b"y" * size),
)
CHUNK = st.one_of(
    DATA.map(framed),
    DATA.map(framed),
    st.builds(lambda data: framed(data, b"%X" % len(data)), DATA),
    st.builds(lambda data: framed(data, b"0%x" % len(data)), DATA),
    st.builds(lambda data: framed(data, b"%x;a=b" % len(data)), DATA),
    st.builds(lambda data, size: framed(data, b"%x" % size), DATA, st.integers(0, 50)),
    st.sampled_from([b"\r\n", b"\n", b"1", b"1\r", b"0\r\n", b"g\r\n\r\n", b"-1\r\nx\r\n", b"0x1\r\nx\r\n"]),
)
END = st.sampled_from(
    [b"", b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nT: v\r\n\r\n", b"0\r\n\r\nHTTP/1.1 200 OK\r\n"]
)


def cut(wire: bytes, at: list[int]) -> list[bytes]:
    ends = sorted({point % len(wire) for point in at} - {0}) if wire else []
    return [wire[start:end] for start, end in zip([0, *ends], [*ends, len(wire)], strict=True) if start < end]


@pytest.mark.parametrize("reader", [chunk_by_chunk, part_by_part])
@settings(deadline=None)  # each example has an event loop of its own
@given(
    chunks=st.lists(CHUNK, max_size=8),
    end=END,
    whole=st.booleans(),
    at=st.lists(st.integers(0, 2000), max_size=6),
)
@example([framed(b"a" * 9), framed(b"b" * 10)], b"0\r\n\r\n", True, [])
@example([framed(b"ab"), b"5\r\n", b"ab\r\n1", b"\r\n"], b"", True, [])
@example([framed(b"ab") + b"1", framed(b"cd"), b"e" * 14 + b"\r\n"], b"0\r\n\r\n", True, [])
@example([framed(b"ab"), b"2\r\ncdef"], b"", True, [])
@example([framed(b"ab"), b"0\r\n\r\n", framed(b"cd")], b"", True, [])
@example([framed(b"ab"), b"1\r\n", b"3\r\nabc\r\n"], b"", True, [])
@example([framed(b"ab"), b"6\r\n1\r\nx\r\n\r\n", framed(b"c")], b"0\r\n\r\n", True, [])
@example([framed(b"ab"), b"a\r\n", framed(b"abcde"), b"\r\n"], b"0\r\n\r\n", True, [])
def test_it_is_read_as_the_parser_reads_it(
    reader: Callable[[list[bytes]], Coroutine[Any, Any, tuple[bytes, bool, bool]]],
    chunks: list[bytes],
    end: bytes,
    whole: bool,
    at: list[int],
) -> None:
    """Cut anywhere, or with each chunk in a read of its own."""
    pieces = [*chunks, end] if whole else cut(b"".join(chunks) + end, at)
    reads = [piece for piece in pieces if piece]
    expected = Reading([HEAD, *reads])
    body, ended, broken = asyncio.run(reader(reads))
    assert (body, ended, broken) == (expected.body, expected.complete, expected.broken)


def test_every_size_line() -> None:
    lines = {}
    for size in range(1, PLAIN_BYTES):
        chunk = framed(b"x" * size)
        lines[len(chunk)] = b"%x\r\n" % size, size
    for total in range(PLAIN_BYTES):
        *found, copy = size_line(total)
        assert tuple(found) == lines.get(total, (b"", -1)) == SIZE_LINES[total][:2]
        assert copy(memoryview(bytes(total + 1))) == (bytes(total),)


async def test_what_a_chunk_brings_about_comes_out() -> None:
    connection, come = await exchanging()

    def take(_: bytes) -> bool:
        return True

    def take_chunk(_: bytes, chunk: bytes) -> bool:
        raise KeyError("odd")

    passing = asyncio.create_task(connection.pass_on(take, take_chunk))
    await asyncio.sleep(0)
    come(framed(b"first"))
    come(framed(b"second"))
    with pytest.raises(KeyError, match="odd"):
        await passing
    connection.close()


async def test_each_chunk_puts_the_timeout_off() -> None:
    clock = Clock()
    connection, come = await exchanging(clock)
    passing = asyncio.create_task(connection.pass_on(lambda _: True, lambda *_: True))
    await asyncio.sleep(0)
    come(framed(b"first"))
    clock.now = 4
    come(framed(b"second"))
    clock.ring()
    await asyncio.sleep(0)
    assert (clock.now, passing.done()) == (5, False)
    clock.ring()
    with pytest.raises(UpstreamTimeout):
        await passing
    assert clock.now == 9
    connection.close()


async def test_a_chunk_that_nobody_waits_for_is_kept() -> None:
    connection, come = await exchanging()
    for word in (b"one ", b"two ", b"three"):
        come(framed(word))
    assert await connection.chunk() == b"one two three"
    connection.close()
