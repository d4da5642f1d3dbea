"""A request head that has been read and checked, and is known again where it comes once more.

Callers that keep their connection send the same head with each request, but for the length of the body. What
was read of it holds for every head of the same bytes, so that those need not be parsed: a length is the only
thing that may differ, in digits that can be read in one way.

Source: RFC 9112 (HTTP/1.1), sections 2.2 and 6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ai_gateway.call import Said

if TYPE_CHECKING:
    from ai_gateway.ingress.caller import Answerer

__all__ = ["KnownHead"]

MAX_KEPT_BYTES = 8 * 1024
"""Of a head: each connection keeps one."""
MAX_DIGITS = 12
_ZERO = ord("0")
_END = b"\r\n\r\n"
_LENGTH = b"\r\ncontent-length:"


class KnownHead:
    """The bytes around the length, and what they mean. It holds the caller's key: never to be shown."""

    __slots__ = (
        "_after",
        "_around",
        "_at",
        "_before",
        "_digits",
        "_headers",
        "answerer",
        "method",
        "path",
        "query",
        "said",
    )

    def __init__(
        self,
        before: bytes,
        after: bytes,
        *,
        method: str,
        path: str,
        query: bytes,
        headers: list[tuple[bytes, bytes]],
        at: int,
    ) -> None:
        """`at` is the place of the length among the `headers`."""
        self._before = before
        self._after = after
        self._around = len(before) + len(after)
        self._digits = 1
        """In how many the length stood that was found last."""
        self._headers = headers
        self._at = at
        self.method = method
        self.path = path
        self.query = query
        self.said: Said | None = None
        """What whoever answers has made of it."""
        self.answerer: Answerer | None = None
        """Who that is, where `said` is all that it needs."""

    @classmethod
    def of(
        cls, data: bytes, headers: list[tuple[bytes, bytes]], *, method: str, path: str, query: bytes
    ) -> KnownHead | None:
        """Of a head that was read from the beginning of `data` and has passed all checks, with a body of a
        length that it tells. None where it is not plain enough: nothing that a reader might skip."""
        end = data.find(_END) + len(_END)
        names = [name for name, _ in headers]
        if end < len(_END) or end > MAX_KEPT_BYTES or names.count(b"content-length") != 1:
            return None
        if b"transfer-encoding" in names:
            return None
        head = data[:end]
        at = head.lower().find(_LENGTH) + len(_LENGTH)
        line_end = head.find(b"\r", at)
        digits = head[at:line_end].strip(b" ")
        start = line_end - len(digits)
        plain = at >= len(_LENGTH) and head.endswith(digits, at, line_end) and _is_length(digits)
        # One line for the request, one for each header: no folded and no empty ones.
        if not plain or head.count(b"\r\n") != len(headers) + 2 or head.count(b"\n") != len(headers) + 2:
            return None
        return cls(
            head[:start],
            head[line_end:],
            method=method,
            path=path,
            query=query,
            headers=headers,
            at=names.index(b"content-length"),
        )

    def body_of(self, data: bytes) -> bytes | None:
        """The body, where `data` is a whole request with this head and nothing else. None of any other, and
        where the length has more or fewer digits than the one before: `find` has the say then."""
        length = len(data) - self._around - self._digits
        if length < 0:
            return None
        head = b"".join((self._before, str(length).encode(), self._after))
        body = data.removeprefix(head)
        return body if len(body) == length else None

    def find(self, data: bytes) -> tuple[int, int] | None:
        """Where `data` begins with this head: the length of its body, and where that begins, in bytes."""
        before, after = self._before, self._after
        if not data.startswith(before):
            return None
        # Slices, since searches from an offset take their arguments in a slow way.
        start = len(before)
        digits = data[start : start + MAX_DIGITS].partition(b"\r")[0]
        end = start + len(digits)
        body = end + len(after)
        if data[end:body] != after:
            return None
        if not digits.isdigit() or (digits[0] == _ZERO and end - start > 1):
            return None
        self._digits = len(digits)
        return int(digits), body

    def headers(self, length: int) -> list[tuple[bytes, bytes]]:
        """The headers of such a request."""
        headers = self._headers.copy()
        headers[self._at] = (b"content-length", str(length).encode())
        return headers


def _is_length(digits: bytes) -> bool:
    """Digits that nobody reads as octal or as anything else."""
    return digits.isdigit() and len(digits) <= MAX_DIGITS and (digits[:1] != b"0" or digits == b"0")
