"""How long one connection may take over what it has begun, and how much it may send around a body."""

from __future__ import annotations

__all__ = ["Patience"]

MIN_BODY_RATE = 500
"""Bytes a second that a body must come with, on the average, past its grace."""
FREE_FRAMING_BYTES = 64 * 1024
FRAMING_A_BYTE = 16
"""Of chunk sizes, extensions and trailers for each byte of the body; a chunk of one byte takes five."""


class Patience:
    """The clock is passed in, in seconds; its steps may be coarse."""

    __slots__ = ("_body", "_framing", "_moving_since", "_unsent", "since")

    def __init__(self, now_s: float) -> None:
        self.since: float | None = now_s
        """Since when the caller owes something: the rest of a head, or of a body. None: it is at rest."""
        self._body = 0
        self._framing = 0
        self._unsent = -1
        self._moving_since = now_s

    def begin(self, now_s: float) -> None:
        """A head, or a body, begins."""
        self.since = now_s
        self._body = self._framing = 0

    def rest(self) -> None:
        """The message is complete: it is the gateway's turn."""
        self.since = None

    def body(self, size: int) -> None:
        self._body += size
        self._framing -= size

    def received(self, size: int) -> bool:
        """False where too much has come around too little body."""
        self._framing += size
        return self._framing <= FREE_FRAMING_BYTES + FRAMING_A_BYTE * self._body

    def overdue(self, now_s: float, *, read_timeout_s: float, paused: bool) -> bool:
        """`paused`: the gateway itself does not read, which is not the caller's fault."""
        if self.since is None:
            return False
        if paused:
            self.since = max(self.since, now_s - self._body / MIN_BODY_RATE)
            return False
        return now_s - self.since > read_timeout_s + self._body / MIN_BODY_RATE

    def stuck(self, now_s: float, unsent: int, *, write_timeout_s: float) -> bool:
        """Whether none of `unsent` bytes has left for so long. 0: nothing is to be sent."""
        if not unsent or unsent != self._unsent:
            self._unsent, self._moving_since = unsent, now_s
            return False
        return now_s - self._moving_since > write_timeout_s
