"""Answers whose heads come again: read as if each had been parsed, and passed on as any other."""

from __future__ import annotations

import asyncio
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ai_gateway.errors import UpstreamError
from ai_gateway.providers import Upstream
from ai_gateway.upstream.headers import for_caller
from ai_gateway.upstream.http1_connection import Connection
from ai_gateway.upstream.known_answer import KnownAnswer
from ai_gateway.upstream.read_buffer import ReadBuffer
from tests.unit.upstream.test_http1_chunks import Wire, cut, exchange

Pairs = list[tuple[bytes, bytes]]
Read = tuple[int, Pairs, bytes, str]
DATES = (b"Wed, 25 Nov 2026 18:19:59 GMT", b"Wed, 25 Nov 2026 18:20:00 GMT")
SECRET = "sk-secret-0123456789"
BUFFER = ReadBuffer(64 * 1024)


def wire(body: bytes, *lines: bytes, status: bytes = b"200 OK", date: bytes = DATES[0]) -> bytes:
    head = [b"HTTP/1.1 " + status, b"Date: " + date, b"Content-Type: application/json"]
    return b"\r\n".join([*head, *lines, b"Content-Length: %d" % len(body), b"", body])


class Kept(Wire):
    """Nothing waits to be written."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = False

    def abort(self) -> None:
        self.closing = True

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0


async def fetch(connection: Connection) -> Read:
    """Status, headers and body of an answer, and how it ended."""
    body, end = b"", "well"
    try:
        await exchange(connection)
        body = connection.arrived() or b""
        while part := await connection.chunk():
            body += part
    except UpstreamError as error:
        end = error.message[:40]
    return connection.status, connection.headers, body, end


async def read(connection: Connection, reads: list[bytes]) -> Read:
    """Where the upstream hangs up after all of it, should more be waited for."""
    fetching = asyncio.create_task(fetch(connection))
    await asyncio.sleep(0)
    for data in reads:
        BUFFER.view[: len(data)] = data
        connection.buffer_updated(len(data))
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    if not fetching.done():
        connection.connection_lost(None)
    return await fetching


def conversation(answers: list[list[bytes]]) -> list[tuple[Read, bool]]:
    """Each answer, and whether the connection served on, until it did not."""

    async def run() -> list[tuple[Read, bool]]:
        connection = Connection(asyncio.get_running_loop(), BUFFER)
        connection.connection_made(Kept())
        found = []
        for reads in answers:
            said = await read(connection, reads)
            found.append((said, connection.release()))
            if not found[-1][1]:
                break
        connection.connection_lost(None)
        return found

    return asyncio.run(run())


def parsed(answers: list[list[bytes]]) -> list[tuple[Read, bool]]:
    with patch.object(KnownAnswer, "of", return_value=None):
        return conversation(answers)


VALUES = st.sampled_from(
    [
        b"1",
        b"1",
        b"22",
        b" 3",
        b"4 ",
        b"\t5",
        b"6\t",
        b"",
        b"a b",
        b"\xff",
        b"a\x00b",
        b"a\rb",
        b"a\nb",
        b"a\r\n b",
    ]
)
LIVES = [b"Keep-Alive: timeout=5, max=9", b"Keep-Alive: timeout=5, max=8", b"Connection: keep-alive"]
LINES = st.sampled_from(
    [
        b"Connection: close",
        b"Connection: keep-alive",
        b"Transfer-Encoding: chunked",
        b"Content-Length: 5",
        b"Content-Length: 05",
        b"Upgrade: h2c",
        b"X-Custom : odd",
        b"x-custom:1",
        b": nameless",
        b"no colon",
        b" folded",
        b"",
    ]
)
STATUS = st.sampled_from(
    [b"200 OK", b"200 OK", b"200 Fine", b"404 Not Found", b"204 No Content", b"100 Continue"]
)


@st.composite
def answer(draw: st.DrawFn) -> list[bytes]:
    """Mostly one kind of head, with other values; now and then something odd in it. As it is read."""
    body = draw(st.one_of(st.just(b"{}"), st.binary(max_size=30)))
    date = draw(st.sampled_from(DATES))
    odd = draw(st.integers(0, 9))
    if odd < 6:
        lines = b"X-Custom: " + draw(st.sampled_from([b"1", b"22"])), draw(st.sampled_from(LIVES))
        whole = wire(body, *lines, date=date)
    elif odd < 8:
        whole = wire(body, b"X-Custom: " + draw(VALUES), date=date, status=draw(STATUS))
    elif odd == 8:
        whole = wire(body, b"X-Custom: 1", draw(LINES), date=date)
    else:
        whole = wire(body, b"X-Custom: 1", date=date) + draw(st.sampled_from([b"x", wire(b"{}"), b"\r\n"]))
    if draw(st.booleans()):
        return [whole]
    return cut(whole, draw(st.lists(st.integers(0, 400), max_size=3)))


@settings(deadline=None)  # each example has event loops of its own
@given(st.lists(answer(), min_size=2, max_size=8))
@example([[wire(b"{}")], [wire(b"{}", date=DATES[1])], [wire(b"[1]")], [wire(b"[22]", date=DATES[0])]])
@example([[wire(b"{}")], [wire(b"[1, 2]")], [wire(b"[3]")[:-1], b"]"], [wire(b"{}") + b"x"]])
@example([[wire(b"{}")], [wire(b"{}")[:-1], b"}x"]])
@example([[wire(b"{}")], [wire(b"{}")[:-1]]])
def test_they_are_read_as_the_parser_reads_them(answers: list[list[bytes]]) -> None:
    assert conversation(answers) == parsed(answers)


def upstream(credential: str) -> Upstream:
    return Upstream.of("openai-compatible", base_url="http://x", credential=credential)


def headers_of(data: bytes) -> Pairs:
    lines = [line.partition(b": ") for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]]
    return [(name.lower(), value) for name, _, value in lines]


NAMED = st.lists(
    st.sampled_from([b"X-Custom", b"X-Request-Id", b"X-Other", b"Server", b"x-upstream-request-id", b"Vary"]),
    min_size=1,
    max_size=4,
)


@settings(deadline=None)
@given(NAMED, st.data())
def test_they_are_passed_on_as_any_other(names: list[bytes], data: st.DataObject) -> None:
    """To callers of two clients, whose credentials some of them quote."""
    values = st.sampled_from([b"1", b"2", b"a " + SECRET.encode()])
    clients = upstream(SECRET), upstream("")
    known: KnownAnswer | None = None
    for _ in range(data.draw(st.integers(2, 6))):
        lines = [b"%b: %b" % (name, data.draw(values)) for name in names]
        whole = wire(b"{}", *lines, date=data.draw(st.sampled_from(DATES)))
        found = None if known is None else known.find(whole)
        if known is None or found is None:
            known = KnownAnswer.of(whole, headers_of(whole), 200, known)
            continue
        assert found == (headers_of(whole), len(whole) - 2, 2)
        client = data.draw(st.sampled_from(clients))
        assert known.passed(found[0], client) == for_caller(headers_of(whole), client)


def known_after(*answers: bytes) -> KnownAnswer | None:
    known = None
    for whole in answers:
        known = KnownAnswer.of(whole, headers_of(whole), 200, known)
    return known


def test_what_has_varied_may_vary_again() -> None:
    known = known_after(wire(b"{}"), wire(b"{}", date=DATES[1]), wire(b"[1]"))
    assert known is not None
    whole = wire(b"[123]", date=b"Thu, 26 Nov 2026 00:00:00 GMT")
    assert known.find(whole) == (headers_of(whole), len(whole) - 5, 5)
    assert known.find(whole[: whole.index(b"[123]") - 1]) is None  # its head has not come whole


@pytest.mark.parametrize(
    "other",
    [
        wire(b"{}", status=b"201 Created"),
        wire(b"{}", b"X-More: 1"),
        wire(b"{}").replace(b"Date", b"date"),
        wire(b"{}").replace(b"json", b"xml"),
        wire(b"{}", date=b""),
        wire(b"{}", date=b" 1"),
        wire(b"{}", date=b"1\t"),
        wire(b"{}", date=b"\xc3\xa9"),
        wire(b"{}", date=b"1\r\n 2"),
        wire(b"{}", date=b"1\n2"),
        wire(b"{}").replace(b"Length: 2", b"Length: +2"),
        wire(b"{}").replace(b"Length: 2", b"Length: " + b"9" * 20),
    ],
)
def test_another_head_is_not_known(other: bytes) -> None:
    known = known_after(wire(b"{}"), wire(b"[1]", date=DATES[1]))
    assert known is not None
    assert known.find(wire(b"{}")) is not None
    assert known.find(other) is None


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"Transfer-Encoding: chunked", 200),
        (b"Content-Length: 2", 200),
        (b"Upgrade: h2c", 200),
        (b"X-Long: " + b"x" * 9000, 200),
        (b"X-Empty: ", 200),
        (b"X-Odd: \xff", 200),
        (b"X-Plain: 1", 204),
        (b"X-Plain: 1", 103),
    ],
)
def test_heads_that_are_not_kept(line: bytes, status: int) -> None:
    whole = wire(b"{}", line)
    assert KnownAnswer.of(whole, headers_of(whole), status, None) is None
