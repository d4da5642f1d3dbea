"""The buffer that all connections to upstreams read into, one after the other."""

from __future__ import annotations

__all__ = ["READ_BYTES", "ReadBuffer"]

READ_BYTES = 16 * 1024
"""What one read takes at most, however fast the upstream."""
_HINTS = (-1, 65_536)
"""What asyncio's loop and uvloop say to want."""


class ReadBuffer(dict[int, memoryview]):
    """Hands out the same memory whatever it is asked for. Its `__getitem__` is a protocol's `get_buffer`:
    what comes before each read takes no line of Python."""

    def __init__(self, size: int = READ_BYTES) -> None:
        self.view = memoryview(bytearray(size))
        super().__init__(dict.fromkeys(_HINTS, self.view))

    def __missing__(self, hint: int) -> memoryview:
        return self.view
