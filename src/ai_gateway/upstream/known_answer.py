"""The head of an answer that has been read, and is known again where the next one has the same lines.

A provider answers on one connection with the same header lines in the same order; some of them have another
value each time. What the parser has said of such a head holds for every one whose other lines are the same
bytes and whose new values are plain, so that those need not be parsed.

Source: RFC 9112 (HTTP/1.1), sections 4, 5 and 6.
"""

from __future__ import annotations

from ai_gateway.providers import Upstream
from ai_gateway.upstream.headers import REQUEST_IDS, HeaderPairs, for_caller, is_json, value_of

__all__ = ["KnownAnswer"]

MAX_KEPT_BYTES = 8 * 1024
"""Of a head: each connection keeps one."""
MAX_DIGITS = 12
_END = b"\r\n\r\n"
_BREAK = b"\r\n"
_PLAIN = bytes(range(0x20, 0x7F))
_CONTENT_LENGTH = b"content-length"
_REQUEST_ID = b"x-request-id"
_STEADY = frozenset(
    {
        b"connection",
        b"content-type",
        b"proxy-connection",
        b"trailer",
        b"upgrade",
    }
)
"""What says how the connection goes on, and what the body is: never another value."""
_BODILESS = frozenset({204, 304})


class KnownAnswer:
    """The lines of a head, and what they mean."""

    __slots__ = (
        "_breaks",
        "_found",
        "_last",
        "_length_at",
        "_lines",
        "_passed",
        "_passed_of",
        "_slots",
        "_upstream",
        "_varying",
        "is_json",
        "status",
        "tells_id",
    )

    def __init__(self, lines: list[bytes], pairs: HeaderPairs, status: int, varying: frozenset[int]) -> None:
        """`pairs` are what the parser has said of `lines`, but for the first of these, the status line;
        `varying` are the places of those that need not come again as they were."""
        self._lines = lines
        self._breaks = _BREAK * (len(lines) - 1)
        self._varying = [(at, lines[at + 1][: -len(pairs[at][1])], pairs[at][0]) for at in varying]
        self._length_at = next(at for at, pair in enumerate(pairs) if pair[0] == _CONTENT_LENGTH)
        self._last = _BREAK.join(lines) + _END
        """The head that came last, and what was found there."""
        self._found = (pairs, len(self._last), int(pairs[self._length_at][1]))
        self.status = status
        self.is_json = is_json(value_of(pairs, b"content-type"))
        self.tells_id = any(name in REQUEST_IDS for name, _ in pairs)
        """Of the request, as the provider knows it."""
        self._upstream: Upstream | None = None
        """Whose credential none of `_passed` quotes."""
        self._passed_of: HeaderPairs | None = None
        self._passed: HeaderPairs = []
        self._slots: list[tuple[int, int]] | None = None

    @classmethod
    def of(
        cls, data: bytes, pairs: HeaderPairs, status: int, before: KnownAnswer | None
    ) -> KnownAnswer | None:
        """Of an answer that was read from the beginning of `data`, on a connection that goes on after it.
        `before`: what was known of the one before. None where it is not plain enough.
        """
        end = data.find(_END)
        names = [name for name, _ in pairs]
        if not 0 <= end <= MAX_KEPT_BYTES or status < 200 or status in _BODILESS:
            return None
        if names.count(_CONTENT_LENGTH) != 1 or b"transfer-encoding" in names or b"upgrade" in names:
            return None
        head = data[:end]
        lines = head.split(_BREAK)
        if head.translate(None, _PLAIN) != _BREAK * len(pairs) or not lines[0].startswith(b"HTTP/1.1 "):
            return None
        if not _is_length(pairs[names.index(_CONTENT_LENGTH)][1]):
            return None
        for line, (name, value) in zip(lines[1:], pairs, strict=True):
            if not line.lower().startswith(name + b":") or not value or not line.endswith(value):
                return None
            if line[len(name) + 1 : -len(value)].strip(b" "):
                return None
        return cls(lines, pairs, status, frozenset() if before is None else before._varying_in(lines, names))

    def _varying_in(self, lines: list[bytes], names: list[bytes]) -> frozenset[int]:
        """The places that have varied, this head among the others; none where it is another kind of head."""
        if lines[0] != self._lines[0] or names != [name for name, _ in self._found[0]]:
            return frozenset()
        differing = {at for at in range(len(names)) if lines[at + 1] != self._lines[at + 1]}
        varying = differing.union(at for at, _, _ in self._varying)
        if any(names[at] in _STEADY for at in varying):
            return frozenset()
        return frozenset(varying)

    def find(self, data: bytes) -> tuple[HeaderPairs, int, int] | None:
        """Where `data` begins with such a head: its headers, not to be changed; where the body begins; the
        body's length in bytes."""
        if data.startswith(self._last):
            return self._found
        end = data.find(_END, 0, MAX_KEPT_BYTES)
        if end < 0:
            return None
        head = data[:end]
        if head.translate(None, _PLAIN) != self._breaks:
            return None
        lines, mine, pairs = head.split(_BREAK), self._lines, self._found[0].copy()
        for at, prefix, name in self._varying:
            line = lines[at + 1]
            value = line.removeprefix(prefix)
            if len(value) == len(line) or not value or value != value.strip(b" "):
                return None
            lines[at + 1] = mine[at + 1]
            pairs[at] = (name, value)
        digits = pairs[self._length_at][1]
        if lines != mine or not _is_length(digits):
            return None
        start = end + len(_END)
        self._last, self._found = data[:start], (pairs, start, int(digits))
        return self._found

    def passed(self, headers: HeaderPairs, upstream: Upstream) -> HeaderPairs:
        """`for_caller` of what `find` has found, not to be changed."""
        if self._upstream is not upstream:
            self._get_to_know(headers, upstream)
        if self._passed_of is headers:
            return self._passed
        if self._slots is None:
            return for_caller(headers, upstream)
        passed = self._passed.copy()
        secret = upstream.credential.encode()
        for at, slot in self._slots:
            value = headers[at][1]
            if secret and value.find(secret) >= 0:
                return for_caller(headers, upstream)
            passed[slot] = (passed[slot][0], value)
        self._passed_of, self._passed = headers, passed
        return passed

    def _get_to_know(self, headers: HeaderPairs, upstream: Upstream) -> None:
        """What passes of the headers, and where those with new values stand in it."""
        self._upstream, self._slots, self._passed_of = upstream, None, None
        secret = upstream.credential.encode()
        if secret and any(secret in value for _, value in headers):
            return  # which of them pass is another question each time
        names = [name for name, _ in headers]
        passed = for_caller(headers, upstream)
        slots = []
        for at, _, name in self._varying:
            pair = headers[at]
            wanted = (b"x-upstream-request-id", pair[1]) if name == _REQUEST_ID else pair
            found = [slot for slot, each in enumerate(passed) if each == wanted]
            if len(found) > 1 or names.count(name) > 1:
                return  # told twice: which of them is meant?
            slots += [(at, slot) for slot in found]
        self._passed_of, self._passed, self._slots = headers, passed, slots


def _is_length(digits: bytes) -> bool:
    return digits.isdigit() and len(digits) <= MAX_DIGITS
