"""Server-sent events, cut out of a byte stream.

Source: HTML Living Standard, "Server-sent events", 9.2.5 and 9.2.6.
"""

from __future__ import annotations

import re

from ai_gateway.errors import UpstreamProtocolError

__all__ = ["MAX_EVENT_BYTES", "SseEvent", "SseFramer"]

MAX_EVENT_BYTES = 8 * 1024 * 1024

_BOUNDARY = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LINE = re.compile(rb"\r\n|\n|\r")
_LONGEST_BOUNDARY = 4

SseEvent = tuple[bytes, bytes]
"""The event's own bytes with its blank line, and its data (empty for a comment)."""


class SseFramer:
    """Bytes in, whole events out; what is not yet whole stays inside, up to `MAX_EVENT_BYTES`."""

    __slots__ = ("_pending",)

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that `chunk` completes; an empty list means that more bytes are needed.

        Raises:
            UpstreamProtocolError: an event is longer than `MAX_EVENT_BYTES`.
        """
        if not self._pending:
            # What nearly every provider sends: one event, one line, one chunk.
            if chunk[:6] == b"data: " and chunk[-2:] == b"\n\n" and chunk.find(b"\n") == len(chunk) - 2:
                data = chunk[6:-2]
                if b"\r" not in data:
                    return [(chunk, data)]
            scan_from = 0
        else:
            scan_from = max(0, len(self._pending) - _LONGEST_BOUNDARY + 1)
        self._pending += chunk
        return self._cut(scan_from)

    def rest(self) -> bytes:
        """What is left without its blank line: half an event, or a last one whose sender stopped short."""
        return bytes(self._pending)

    def finish(self) -> list[SseEvent]:
        """The last event, where the stream ended right after its line and only the blank line is missing."""
        raw = bytes(self._pending)
        self._pending.clear()
        if not raw.strip():
            return []
        return [(raw.rstrip(b"\r\n") + b"\n\n", _data_of(raw))]

    def _cut(self, scan_from: int) -> list[SseEvent]:
        events: list[SseEvent] = []
        start = 0
        for match in _BOUNDARY.finditer(self._pending, scan_from):
            raw = bytes(self._pending[start : match.end()])
            events.append((raw, _data_of(raw)))
            start = match.end()
        if start:
            del self._pending[:start]
        if len(self._pending) > MAX_EVENT_BYTES:
            raise UpstreamProtocolError(f"the upstream sent an event longer than {MAX_EVENT_BYTES} bytes")
        return events


def _data_of(raw: bytes) -> bytes:
    """The `data` field: its lines joined by newlines."""
    lines = [line[6:] if line[5:6] == b" " else line[5:] for line in _LINE.split(raw) if line[:5] == b"data:"]
    return lines[0] if len(lines) == 1 else b"\n".join(lines)
