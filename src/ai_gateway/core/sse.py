"""Server-sent events, cut out of a byte stream.

Source: HTML Living Standard, "Server-sent events", 9.2.5 and 9.2.6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ai_gateway.errors import UpstreamProtocolError

__all__ = ["MAX_EVENT_BYTES", "SseFramer", "events"]

MAX_EVENT_BYTES = 8 * 1024 * 1024

_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LINE = re.compile(rb"\r\n|\n|\r")
_LONGEST_BOUNDARY = 4


class SseFramer:
    """Bytes in, whole events out; what is not yet whole stays inside, up to `MAX_EVENT_BYTES`."""

    __slots__ = ("pending",)

    def __init__(self) -> None:
        self.pending = bytearray()
        """What has come of an event that is not whole yet."""

    def feed(self, chunk: bytes) -> bytes:
        """The events that are whole now, as they came, for `events` to take apart; empty: more is needed.

        Raises:
            UpstreamProtocolError: an event is longer than `MAX_EVENT_BYTES`.
        """
        pending = self.pending
        if not pending:
            if chunk[-2:] == b"\n\n":  # what nearly every provider sends: whole events in a chunk
                return chunk
            end = _last_boundary(chunk)
            pending += chunk[end:]
            return chunk[:end]
        overlap = min(len(pending), _LONGEST_BOUNDARY - 1)
        end = _last_boundary(pending[-overlap:] + chunk) - overlap
        if end <= 0:
            pending += chunk
            if len(pending) > MAX_EVENT_BYTES:
                raise UpstreamProtocolError(f"the upstream sent an event longer than {MAX_EVENT_BYTES} bytes")
            return b""
        block = bytes(pending) + chunk[:end]
        self.pending = bytearray(chunk[end:])
        return block

    def rest(self) -> bytes:
        """What is left without its blank line: half an event, or a last one whose sender stopped short."""
        return bytes(self.pending)

    def finish(self) -> bytes:
        """The last event, where the stream ended right after its line and only the blank line is missing."""
        raw = bytes(self.pending)
        self.pending.clear()
        return raw.rstrip(b"\r\n") + b"\n\n" if raw.strip() else b""


def events(block: bytes, start: int = 0) -> Iterator[tuple[int, bytes]]:
    """Each event of a block of whole ones, from `start` on: where it ends, and its `data` (empty for a
    comment)."""
    if b"\r" in block:
        for match in _BOUNDARY.finditer(block, start):
            yield match.end(), _data_of(block[start : match.end()])
            start = match.end()
        return
    while (end := block.find(b"\n\n", start) + 2) >= 2:
        if block.startswith(b"data: ", start) and block.find(b"\n", start) == end - 2:
            yield end, block[start + 6 : end - 2]
        else:
            yield end, _data_of(block[start:end])
        start = end


def _last_boundary(data: bytes | bytearray) -> int:
    """Where the last blank line ends; 0 where there is none."""
    if b"\r" not in data:
        return data.rfind(b"\n\n") + 2 if b"\n\n" in data else 0
    end = 0
    for match in _BOUNDARY.finditer(data):
        end = match.end()
    return end


def _data_of(raw: bytes) -> bytes:
    """The `data` field: its lines joined by newlines."""
    lines = [line[6:] if line[5:6] == b" " else line[5:] for line in _LINE.split(raw) if line[:5] == b"data:"]
    return lines[0] if len(lines) == 1 else b"\n".join(lines)
