"""What the head of a request may be: sizes, and the shapes that two readers could read in two ways.

Source: RFC 9112 (HTTP/1.1), sections 3.2 and 6.
"""

from __future__ import annotations

from typing import NamedTuple

import httptools

from ai_gateway.errors import BadRequest, GatewayError

__all__ = [
    "MAX_HEAD_BYTES",
    "Head",
    "HeadTooLarge",
    "check_head",
    "check_size",
    "parser_of",
    "target_of",
    "without_upgrade",
]

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200

_HOSTS = {"1.0": (0, 1), "1.1": (1,)}
"""How many Host headers a request of each version may have."""
_TELLING = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect", b"upgrade"})


class HeadTooLarge(GatewayError):
    """The request line and headers are over the limits."""

    status, kind, code = 431, "invalid_request_error", "request_headers_too_large"


class Head(NamedTuple):
    """What the headers say of the message itself."""

    length: int
    """Of the body, in bytes; 0 where they do not tell."""
    expects: bool
    """The caller waits for word before it sends the body."""
    upgrade: bytes | None
    """The protocol that it would rather speak."""


def parser_of(protocol: object) -> httptools.HttpRequestParser:
    """A parser that calls `protocol`."""
    parser = httptools.HttpRequestParser(protocol)
    # Bytes after a request that closes are another one's, or nobody's; they are no reason to refuse it.
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser


def check_size(size: int) -> None:
    """Raises: HeadTooLarge."""
    if size > MAX_HEAD_BYTES:
        raise HeadTooLarge(f"the request's headers are over {MAX_HEAD_BYTES} bytes")


def check_head(url: bytes, headers: list[tuple[bytes, bytes]], version: str) -> Head:
    """What the parser lets pass; it has made sure that there is one length at most, and of digits.

    Raises: BadRequest, HeadTooLarge.
    """
    size, hosts, length, expects = len(url), 0, 0, False
    upgrade: bytes | None = None
    codings: list[bytes] = []
    for name, value in headers:
        size += len(name) + len(value) + 4
        if name not in _TELLING:
            continue
        if name == b"host":
            hosts += 1
        elif name == b"content-length":
            length = int(value)
        elif name == b"transfer-encoding":
            codings.append(value.strip().lower())
        elif name == b"expect":
            expects = value.lower() == b"100-continue"
        else:
            upgrade = value.lower()
    check_size(size)
    if len(headers) > MAX_HEADERS:
        raise HeadTooLarge(f"the request has more than {MAX_HEADERS} headers")
    _check_shape(version, hosts, codings)
    return Head(length, expects, upgrade)


def _check_shape(version: str, hosts: int, codings: list[bytes]) -> None:
    if version not in _HOSTS:
        raise BadRequest("the request must be HTTP/1.1")
    if hosts not in _HOSTS[version]:
        raise BadRequest("the request must have exactly one Host header")
    if codings and codings != [b"chunked"]:
        raise BadRequest("the only transfer coding that is understood is 'chunked'")


def target_of(url: bytes) -> tuple[str, bytes]:
    """Path, as it came, and query. Raises: BadRequest."""
    if url[:1] == b"/" and b"#" not in url:
        path, _, query = url.partition(b"?")
    else:
        parsed = httptools.parse_url(url)
        path, query = parsed.path or b"/", parsed.query or b""
    if not path or not path.isascii():
        raise BadRequest("the request's target is not valid")
    return path.decode("ascii"), query


def without_upgrade(method: bytes, url: bytes, version: str, headers: list[tuple[bytes, bytes]]) -> bytes:
    """The head of a request that has been read, as it would be if it did not ask for another protocol."""
    lines = [b"%b: %b\r\n" % header for header in headers if header[0] != b"upgrade"]
    return b"%b %b HTTP/%b\r\n%b\r\n" % (method, url, version.encode("ascii"), b"".join(lines))
