"""Server-sent events are cut at the same places however the bytes arrive."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.sse import MAX_EVENT_BYTES, SseFramer, events
from ai_gateway.errors import UpstreamProtocolError

STREAMS: list[tuple[bytes, list[bytes]]] = [
    (b"data: a\n\n", [b"a"]),
    (b"data:a\n\ndata: b\n\n", [b"a", b"b"]),
    (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"]),
    (b"data: a\r\rdata: b\r\r", [b"a", b"b"]),
    (b": comment\n\ndata: a\n\n", [b"", b"a"]),
    (b"event: x\nid: 7\ndata: a\n\n", [b"a"]),
    (b"data: a\ndata: b\n\n", [b"a\nb"]),
    (b"data\n\n", [b""]),
    (b"data:  two spaces\n\n", [b" two spaces"]),
    (b'data: {"x":"\xc3\xa9"}\n\n', [b'{"x":"\xc3\xa9"}']),
    (b"data: a\n\n\ndata: b\n\n", [b"a", b"b"]),
]


def cut(chunks: list[bytes]) -> list[tuple[bytes, bytes]]:
    """Each event's own bytes and its data."""
    framer, found = SseFramer(), []
    for chunk in chunks:
        block = framer.feed(chunk)
        start = 0
        for end, data in events(block):
            found.append((block[start:end], data))
            start = end
        assert start == len(block)
    return found


@pytest.mark.parametrize(("wire", "data"), STREAMS)
def test_data_whole_and_byte_by_byte(wire: bytes, data: list[bytes]) -> None:
    assert [found for _, found in cut([wire])] == data
    assert [
        found for _, found in cut([wire[i : i + 1] for i in range(len(wire))]) if found or b"" in data
    ] == data


@pytest.mark.parametrize(("wire", "_data"), STREAMS)
def test_the_bytes_are_kept(wire: bytes, _data: list[bytes]) -> None:
    assert b"".join(raw for raw, _ in cut([wire])) == wire


@given(
    lines=st.lists(st.binary(max_size=20).filter(lambda b: b"\n" not in b and b"\r" not in b), min_size=1),
    cuts=st.lists(st.integers(min_value=0, max_value=400)),
)
def test_any_cut_gives_the_same_events(lines: list[bytes], cuts: list[int]) -> None:
    wire = b"".join(b"data: " + line + b"\n\n" for line in lines)
    places = sorted({0, len(wire), *(cut for cut in cuts if cut < len(wire))})
    chunks = [wire[a:b] for a, b in pairwise(places)]
    assert cut(chunks) == cut([wire])
    assert [data for _, data in cut(chunks)] == lines


def test_half_an_event_stays_inside() -> None:
    framer = SseFramer()
    assert framer.feed(b"data: a\n") == b""
    assert framer.rest() == b"data: a\n"
    assert framer.finish() == b"data: a\n\n"
    assert framer.finish() == b""


def test_an_endless_line_is_refused() -> None:
    framer = SseFramer()
    half = b"x" * (MAX_EVENT_BYTES // 2)
    assert framer.feed(half) == framer.feed(half) == b""
    with pytest.raises(UpstreamProtocolError, match="longer than"):
        framer.feed(b"x")
