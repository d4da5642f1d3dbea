"""What all connections of callers of a process have in common, and look at for each request."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["PROCESS"]


class _ProcessWide:
    __slots__ = ("_headers", "_lines", "draining", "now_s")

    def __init__(self) -> None:
        self.draining = False
        """The process stops: every answer closes its connection."""
        self.now_s = 0.0
        """Set by each round of the server's watch: as exact as timeouts need it."""
        self._headers: object = None
        self._lines = b""

    def lines(self, headers: Sequence[tuple[bytes, bytes]]) -> bytes:
        """A server's own headers as lines; uvicorn makes a new list of them each second."""
        if self._headers is not headers:
            self._headers = headers
            self._lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        return self._lines


PROCESS = _ProcessWide()
