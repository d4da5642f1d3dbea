"""The fast transport: HTTP/1.1 on asyncio protocols and httptools.

A proxy spends its time here, so that this is our own: some 15 µs a request where a general client takes 85.
What it does not do (forward proxies), the aiohttp transport does, behind the same interface.

Source: RFC 9112 (HTTP/1.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from urllib.parse import urlsplit

import msgspec

from ai_gateway.core.runs import as_task
from ai_gateway.core.structs import quick_to_set
from ai_gateway.errors import UpstreamError, UpstreamTimeout, UpstreamUnreachable
from ai_gateway.upstream.http1_connection import Connection, Stale
from ai_gateway.upstream.known_answer import KnownAnswer
from ai_gateway.upstream.read_buffer import ReadBuffer
from ai_gateway.upstream.transport import SentHead, Take, TakeChunk, UpstreamRequest

__all__ = ["Http1Response", "Http1Transport"]

CONNECT_TIMEOUT_S = 15.0
IDLE_S = 30.0
"""How long a connection is kept without use at most: under the idle timeout of common servers."""
IDLE_ROUNDS = 6
"""In which that time is counted."""
DRAIN_S = 1.0
DRAIN_BYTES = 64 * 1024

Origin = tuple[str, str, int]
_LENGTH = b"Content-Length: "
_BREAK = b"\r\n"
_END = b"\r\n\r\n"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@quick_to_set
class Http1Response(msgspec.Struct, eq=False):
    """An answer whose head has arrived."""

    _connection: Connection | None
    """None where nothing more comes over it."""
    _pool: list[Connection]
    """Gets the connection back where it can serve again."""
    _body: bytes | None
    """Where all of it has come with the head, and was not taken yet."""
    status: int
    headers: list[tuple[bytes, bytes]]
    known: KnownAnswer | None

    async def chunk(self) -> bytes:
        connection = self._connection
        if connection is None:
            return self.arrived() or b""
        data = await connection.chunk()
        if not data:
            self.close()
        return data

    def arrived(self) -> bytes | None:
        data, self._body = self._body, None
        return data

    async def pass_on(self, take: Take, take_chunk: TakeChunk | None = None) -> bool:
        connection = self._connection
        if connection is None:
            data = self.arrived()
            return bool(data) and not take(data or b"")
        goes_on = await connection.pass_on(take, take_chunk)
        if not goes_on:
            self.close()
        return goes_on

    async def drain(self) -> None:
        connection = self._connection
        if connection is not None and not connection.complete:
            await as_task()
            with contextlib.suppress(UpstreamError, TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    left = DRAIN_BYTES
                    while left > 0 and (data := await connection.chunk()):
                        left -= len(data)
        self.close()

    def close(self) -> None:
        connection = self._connection
        if connection is not None:
            self._connection = None
            if connection.release():
                self._pool.append(connection)


class Http1Transport:
    """Connections by origin: the one used last is used first, so that the others can grow old."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._idle: dict[Origin, list[Connection]] = {}
        self._targets: dict[str, tuple[Origin, str]] = {}
        self._tls: ssl.SSLContext | None = None
        self._buffer = ReadBuffer()
        self._sweeper = self._loop.call_later(IDLE_S / IDLE_ROUNDS, self._sweep)

    async def send(self, request: UpstreamRequest) -> Http1Response:
        sent = request.sent
        start = None if sent is None else sent.head
        if start is None or start.url != request.url or start.method != request.method:
            start = self._start(request)
        body = request.body
        parts: tuple[bytes, ...] = (start.lines, _LENGTH, str(len(body)).encode(), _END, body)
        if not body and request.method not in _WITH_BODY:
            parts = (start.lines, _BREAK)
        pool: list[Connection] = start.pool
        connection = pool.pop() if pool and request.repeatable else None
        if connection is not None and connection.lost:
            connection = _kept(pool)
        while True:
            if connection is None:
                connection = await self._connect(start.origin, min(CONNECT_TIMEOUT_S, request.patience_s))
            try:
                await connection.exchange(parts, request)
                if connection.in_head:
                    raise connection.failure()
            except Stale:  # closed under our hands, unanswered: once more, where that cannot be the reason
                connection.close()
                connection = None
            except BaseException:
                connection.close()
                raise
            else:
                connection.timeout_s = request.timeout_s
                return _response(connection, pool)

    async def close(self) -> None:
        self._sweeper.cancel()
        for pool in self._idle.values():
            for connection in pool:
                connection.close()
            pool.clear()

    async def _connect(self, origin: Origin, timeout_s: float) -> Connection:
        scheme, host, port = origin
        await as_task()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await self._loop.create_connection(
                    lambda: Connection(self._loop, self._buffer),
                    host,
                    port,
                    ssl=self._tls_context() if scheme == "https" else None,
                    server_hostname=host if scheme == "https" else None,
                )
        except TimeoutError as error:
            raise UpstreamTimeout.connecting() from error
        except (OSError, ValueError) as error:
            raise _unreachable(error) from error
        return connection

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
            self._tls.set_alpn_protocols(["http/1.1"])
        return self._tls

    def _start(self, request: UpstreamRequest) -> SentHead:
        """The head, to be remembered. Raises: UpstreamUnreachable where the address holds what no URL may."""
        origin, host = self._target(request.url)
        pool = self._idle.setdefault(origin, [])
        head = SentHead(request.method, request.url, origin, _lines(request, host), pool)
        if request.sent is not None:
            request.sent.head = head
        return head

    def _target(self, url: str) -> tuple[Origin, str]:
        """The origin of a URL, and its Host header."""
        start = url.find("/", url.find("//") + 2)
        base = url if start < 0 else url[:start]
        found = self._targets.get(base)
        if found is None:
            parts = urlsplit(base)
            default = 443 if parts.scheme == "https" else 80
            origin = (parts.scheme, parts.hostname or "", parts.port or default)
            found = self._targets[base] = (origin, parts.netloc)
        return found

    def _sweep(self) -> None:
        """Close what has been idle for too long."""
        for pool in self._idle.values():
            kept = []
            for connection in pool:
                connection.idle_rounds += 1
                if connection.lost or connection.idle_rounds >= IDLE_ROUNDS:
                    connection.close()
                else:
                    kept.append(connection)
            pool[:] = kept
        self._sweeper = self._loop.call_later(IDLE_S / IDLE_ROUNDS, self._sweep)


def _kept(pool: list[Connection]) -> Connection | None:
    """A connection that can serve again."""
    while pool:
        connection = pool.pop()
        if not connection.lost:
            return connection
    return None


def _response(connection: Connection, pool: list[Connection]) -> Http1Response:
    """Where all of the answer is there, the connection is free already."""
    body = connection.body
    if body is None:
        body = connection.arrived()
    else:
        connection.body = None
    status, headers, known = connection.status, connection.headers, connection.known
    if body is None:
        return Http1Response(connection, pool, None, status, headers, known)
    if connection.release():
        pool.append(connection)
    return Http1Response(None, pool, body, status, headers, known)


def _lines(request: UpstreamRequest, host: str) -> bytes:
    """A request's head, without the length of its body. Raises: UpstreamUnreachable."""
    url = request.url
    path_at = url.find("/", url.find("//") + 2)
    path = url[path_at:] if path_at >= 0 else "/"
    lines = [f"{request.method} {path} HTTP/1.1", f"Host: {host}", *map(": ".join, request.headers), ""]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1 or " " in path:
        raise UpstreamUnreachable("the upstream's address is not valid: check the client's base_url")
    return text.encode("latin-1")


def _unreachable(error: OSError | ValueError) -> UpstreamUnreachable:
    """Why there is no connection, in words that hold no address and no credential."""
    match error:
        case ssl.SSLCertVerificationError():
            return UpstreamUnreachable(f"the upstream's TLS certificate was refused: {error.verify_message}")
        case ssl.SSLError():
            return UpstreamUnreachable("the TLS handshake with the upstream failed")
        case OSError(errno=None):
            return UpstreamUnreachable("the upstream's host name could not be resolved")
        case OSError(strerror=str(reason)):
            return UpstreamUnreachable(f"could not connect to the upstream: {reason}")
        case _:
            return UpstreamUnreachable("the upstream's address is not valid: check the client's base_url")
