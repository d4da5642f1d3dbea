"""Size lines of chunks, as nearly every server writes them: lower case, no leading zeros, no extensions.

Such a line follows from how many bytes the whole chunk has, so that no line need be searched and read.

Source: RFC 9112, section 7.1.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

__all__ = ["LINE_BREAK", "SIZE_LINES", "size_line"]

LINE_BREAK = b"\r\n"


Copy = Callable[[memoryview], tuple[bytes]]
SIZE_LINES: dict[int, tuple[bytes, int, Copy]] = {}
"""What `size_line` has been asked for."""


def size_line(total: int) -> tuple[bytes, int, Copy]:
    """The size line of a chunk that has `total` bytes altogether, with its line break, and the bytes of its
    data; -1 where no chunk has so many. Then what copies so many bytes, faster than a slice does."""
    copy: Copy = Struct(f"{total}s").unpack_from
    found = b"", -1, copy
    for digits in range(1, len(b"%x" % total) + 1):
        size = total - digits - 2 * len(LINE_BREAK)
        line = b"%x\r\n" % max(size, 0)
        if size > 0 and len(line) == digits + len(LINE_BREAK):
            found = line, size, copy
    SIZE_LINES[total] = found
    return found
