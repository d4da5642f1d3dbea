"""Heads that come again: answered as if each had been parsed, whatever else comes on the connection."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_gateway.ingress.known_head import KnownHead
from tests.unit.ingress.test_connection import GET, Line

KEY = b"gm_secret0123456789"
HEADS = (
    b"POST /b HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + KEY + b"\r\nContent-Length: %d\r\n\r\n",
    b"POST /c?d=e HTTP/1.1\r\nhost: x\r\ncontent-length:%d\r\nx-last: 1\r\n\r\n",
    b"PUT /b HTTP/1.1\r\nContent-Length:   %d\r\nHost: x\r\n\r\n",
)
SAID = (b"POST /b ", b"POST /c ", b"PUT /b ")
FIRST = HEADS[0] % 3 + b"abc"


def answered(*messages: bytes) -> list[tuple[int, bytes]]:
    """What comes back where each message is one read, all on one connection."""

    async def run() -> list[tuple[int, bytes]]:
        line = Line()
        await line.say(*messages)
        for _ in range(8):  # those that came in one read take turns
            await line.settle()
        found = line.answers()
        await line.hang_up()
        return found

    return asyncio.run(run())


@st.composite
def asked(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A request and its answer: mostly one of few heads, with a body of any length."""
    which = draw(st.integers(0, 5))
    if which == 5:
        return GET, b"GET /a "
    body = draw(st.one_of(st.binary(max_size=30), st.sampled_from([GET, FIRST])))
    if which > 2:
        chunks = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
        head = b"POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        return head + chunks + b"0\r\n\r\n", b"POST /b " + body
    return HEADS[which] % len(body) + body, SAID[which] + body


@settings(deadline=None)
@given(st.lists(asked(), min_size=2, max_size=7), st.lists(st.integers(1, 200), max_size=20))
def test_however_requests_are_cut_each_gets_its_own_answer(
    requests: list[tuple[bytes, bytes]], sizes: list[int]
) -> None:
    wire, parts = b"".join(each for each, _ in requests), []
    for size in sizes:
        parts.append(wire[:size])
        wire = wire[size:]
    assert answered(*parts, wire) == [(200, said) for _, said in requests]


@settings(deadline=None)
@given(st.lists(asked(), min_size=2, max_size=7))
def test_requests_of_one_read_each(requests: list[tuple[bytes, bytes]]) -> None:
    assert answered(*(each for each, _ in requests)) == [(200, said) for _, said in requests]


@pytest.mark.parametrize(
    "length",
    [
        b"03",
        b"+3",
        b"-3",
        b"3 ",
        b" 3",
        b"3,3",
        b"0x3",
        b"",
        b"3_0",
        b"\xc2\xb3",
        b"9" * 30,
        b"3\r\nContent-Length: 3",
    ],
)
@pytest.mark.parametrize("head", HEADS)
def test_a_length_is_read_as_the_parser_reads_it(head: bytes, length: bytes) -> None:
    strange = head.replace(b"%d", length) + b"abc"
    known = answered(head % 3 + b"abc", head % 1 + b"x", strange)
    assert known[2:] == answered(strange)


@pytest.mark.parametrize(
    "other",
    [
        FIRST.replace(KEY, KEY[:-1] + b"8"),
        FIRST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"),
        FIRST.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
        FIRST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"),
        FIRST.replace(b"Host: x", b"Host: x\r\nHost: y"),
        FIRST.replace(b"1.1", b"1.0"),
        FIRST.replace(b"\r\n", b"\n"),
        b"\r\n" + FIRST,
        b"\x00" + FIRST,
    ],
)
def test_another_head_is_parsed(other: bytes) -> None:
    assert answered(FIRST, FIRST, other)[2:] == answered(other)
    assert answered(other, FIRST)[:1] == answered(other)[:1]


def test_a_body_that_does_not_end_is_waited_for() -> None:
    assert answered(FIRST, HEADS[0] % 5 + b"ab") == [(200, b"POST /b abc")]
    assert answered(FIRST, HEADS[0] % 5, b"ab", b"cd", b"e" + FIRST)[1:] == [
        (200, b"POST /b abcde"),
        (200, b"POST /b abc"),
    ]


PLAIN = [(b"host", b"x"), (b"content-length", b"3")]


@pytest.mark.parametrize(
    ("data", "headers"),
    [
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n", PLAIN),
        (b"\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", PLAIN),
        (b"POST / HTTP/1.1\r\nHost: x\r\n y\r\nContent-Length: 3\r\n\r\n", PLAIN),
        (b"POST / HTTP/1.1\nHost: x\r\nContent-Length: 3\r\n\r\n", PLAIN),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3 \r\n\r\n", PLAIN),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 03\r\n\r\n", PLAIN),
        (
            b"POST / HTTP/1.1\r\nHost: " + b"x" * 9000 + b"\r\nContent-Length: 3\r\n\r\n",
            [(b"host", b"x" * 9000), (b"content-length", b"3")],
        ),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
            [(b"content-length", b"3"), (b"content-length", b"3")],
        ),
        (b"POST / HTTP/1.1\r\nHost: x\r\n\r\n", [(b"host", b"x")]),
    ],
)
def test_heads_that_are_not_kept(data: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    assert KnownHead.of(data, headers, method="POST", path="/", query=b"") is None


def test_it_knows_its_own_and_does_not_show_the_key() -> None:
    headers = [(b"host", b"x"), (b"authorization", b"Bearer " + KEY), (b"content-length", b"3")]
    known = KnownHead.of(FIRST, headers, method="POST", path="/b", query=b"")
    assert known is not None
    assert KEY.decode() not in repr(known)
    assert known.find(HEADS[0] % 12345 + b"x") == (12345, len(HEADS[0] % 12345))
    assert known.find(HEADS[0] % 10**12) is None
    assert known.body_of(HEADS[0] % 12345 + b"x") is None
    whole = HEADS[0] % 10 + b"0123456789"
    assert known.body_of(whole + b"x") is None
    assert known.find(whole) == (10, len(whole) - 10)
    assert known.body_of(whole) == b"0123456789"
    assert known.body_of(FIRST) is None  # a length of two digits is expected
    assert known.body_of(b"") is None
    assert known.headers(7) == [*headers[:2], (b"content-length", b"7")]
    assert headers[2] == (b"content-length", b"3")
