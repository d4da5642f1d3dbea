"""Streams of server-sent events whose every event is one JSON object: what their decoders share."""

from __future__ import annotations

import msgspec

from ai_gateway.core.events import Event
from ai_gateway.core.sse import SseFramer, events
from ai_gateway.errors import UpstreamProtocolError

__all__ = ["BROKEN", "EventDecoder", "absent"]

BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes that are not what they should be."""


_NOTHING = (b"", b"null")


def absent(raw: msgspec.Raw) -> bool:
    """A member that was not there, or said null."""
    return bytes(raw) in _NOTHING


class EventDecoder:
    """Frames the bytes; `_take` reads one event and sets `done` at the last word."""

    __slots__ = ("_framer", "done")

    def __init__(self) -> None:
        self._framer = SseFramer()
        self.done = False

    def feed(self, chunk: bytes) -> list[Event]:
        """Raises: UpstreamProtocolError where an event is broken."""
        out: list[Event] = []
        block = self._framer.feed(chunk)
        if block:
            self._take_block(block, out)
        return out

    def finish(self) -> list[Event]:
        """Raises: UpstreamProtocolError where the last word was never said."""
        out: list[Event] = []
        self._take_block(self._framer.finish(), out)
        if not self.done:
            self._close(out)
        if not self.done:
            raise UpstreamProtocolError("the upstream's stream stopped before its end")
        return out

    def _take(self, data: bytes, out: list[Event]) -> None:
        """One event's data. msgspec's errors may pass: they are told as the provider's fault."""
        raise AssertionError("a decoder reads its own events")

    def _close(self, out: list[Event]) -> None:
        """The body has ended without a last word: where that is an end, set `done`."""

    def _take_block(self, block: bytes, out: list[Event]) -> None:
        for _, data in events(block):
            if self.done:
                return
            if not data or data == b"[DONE]":
                continue
            try:
                self._take(data, out)
            except BROKEN as error:
                raise UpstreamProtocolError(f"the upstream sent an event that is broken: {error}") from error
