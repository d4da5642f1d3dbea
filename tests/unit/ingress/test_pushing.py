"""A chunk that goes on as it came: to whom it may, and to whom not."""

from __future__ import annotations

import pytest

from ai_gateway.ingress.caller import HttpCaller
from tests.unit.ingress.test_connection import Line

DATA, CHUNK = b"more", b"4\r\nmore\r\n"


def caller_on(line: Line, *, method: str = "GET", http_1_1: bool = True) -> HttpCaller:
    return HttpCaller(
        line.protocol,
        method=method,
        path="/",
        query=b"",
        headers=[],
        length=0,
        http_1_1=http_1_1,
        expects=False,
        keep_alive=True,
    )


PUSHED = [
    ("GET", True, False, CHUNK),
    ("GET", False, False, DATA),
    ("HEAD", True, False, b""),
    ("GET", True, True, b""),
]


@pytest.mark.parametrize(("method", "http_1_1", "gone", "written"), PUSHED)
async def test_a_chunk_keeps_its_framing_where_the_answer_has_one(
    method: str, http_1_1: bool, gone: bool, written: bytes
) -> None:
    line = Line()
    caller = caller_on(line, method=method, http_1_1=http_1_1)
    assert not caller.push_chunk(DATA, CHUNK)  # the answer has not begun
    await caller.start(200, [])
    assert not caller.push_chunk(DATA, CHUNK)  # its head is not out
    await caller.write(b"first")
    line.wire.written = b""
    if gone:
        caller.hang_up()
    assert caller.push_chunk(DATA, CHUNK)
    assert line.wire.written == written


async def test_a_chunk_of_an_answer_of_known_length_has_no_framing() -> None:
    line = Line()
    caller = caller_on(line)
    await caller.start(200, [], length=9)
    await caller.write(b"first")
    line.wire.written = b""
    assert caller.push_chunk(DATA, CHUNK)
    assert line.wire.written == DATA


async def test_a_chunk_waits_for_a_caller_that_does_not_keep_up() -> None:
    line = Line()
    caller = caller_on(line)
    await caller.start(200, [])
    await caller.write(b"first")
    line.wire.written = b""
    line.protocol.pause_writing()
    assert not caller.push_chunk(DATA, CHUNK)
    assert line.wire.written == b""
    line.protocol.resume_writing()
    assert caller.push_chunk(DATA, CHUNK)
    assert line.wire.written == CHUNK
