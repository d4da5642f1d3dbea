"""Size lines of chunks, as nearly every server writes them: lower case, no leading zeros, no extensions.

Such a line follows from how many bytes the whole chunk has, so that no line need be searched and read.

Source: RFC 9112, section 7.1.
"""

from __future__ import annotations

__all__ = ["LINE_BREAK", "SIZE_LINES", "size_line"]

LINE_BREAK = b"\r\n"


SIZE_LINES: dict[int, tuple[bytes, int]] = {}
"""What `size_line` has been asked for."""


def size_line(total: int) -> tuple[bytes, int]:
    """The size line of a chunk that has `total` bytes altogether, with its line break, and the bytes of its
    data; -1 where no chunk has so many."""
    found = b"", -1
    for digits in range(1, len(b"%x" % total) + 1):
        size = total - digits - 2 * len(LINE_BREAK)
        line = b"%x\r\n" % max(size, 0)
        if size > 0 and len(line) == digits + len(LINE_BREAK):
            found = line, size
    SIZE_LINES[total] = found
    return found
