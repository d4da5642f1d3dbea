"""One request of a caller: what it asks, its body in, its answer out.

The answer goes straight onto the connection: one write for a whole answer, one for each chunk, the head
together with the first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from ai_gateway.core.runs import DONE
from ai_gateway.core.structs import quick_to_set
from ai_gateway.errors import BodyTooLarge
from ai_gateway.ingress.process_wide import PROCESS
from ai_gateway.ingress.responses import SECURITY_HEADERS

if TYPE_CHECKING:
    from ai_gateway.call import Said
    from ai_gateway.ingress.connection import GatewayProtocol
    from ai_gateway.ingress.known_head import KnownHead

__all__ = ["Answerer", "Application", "HttpCaller", "Receive", "Scope", "Send", "caller_of"]

# ASGI's own types: a scope and a message are mappings of anything (ASGI specification 3.0).
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HeaderList = list[tuple[bytes, bytes]]

HIGH_WATER_BYTES = 64 * 1024
"""Of a body that nobody reads yet: past this, the connection is not read."""
MAX_PARTS = 64
"""Of a body, as they came; past this they are put together, since each takes more room than it holds where a
caller cuts its chunks small."""

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_SECURITY = b"".join(b"%b: %b\r\n" % header for header in SECURITY_HEADERS)
_BREAK = b"\r\n"
_BEFORE_LENGTH = _SECURITY + b"content-length: "
_END = b"\r\n\r\n"
_COLON = b": "
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"
_BODILESS = frozenset({204, 304})


@quick_to_set
class HttpCaller(msgspec.Struct, eq=False):
    """Reads the request's body, writes the answer. A write waits while the caller does not read."""

    connection: GatewayProtocol
    method: str
    path: str
    """As it came, like `query`."""
    query: bytes
    headers: HeaderList
    """Names in lower case."""
    length: int
    """Of the body, in bytes, as far as the head tells it."""
    http_1_1: bool
    expects: bool
    """The body comes if it is called for."""
    keep_alive: bool
    known: KnownHead | None = None
    """The head, where the next request may have the same."""
    parts: list[bytes | bytearray] = []
    """What has come of the body and was not taken yet."""
    size: int = 0
    """Of all that has come of it."""
    received: bool = False
    """The request has come whole."""
    max_body: int = 0
    """Bytes; set by whoever answers, before the body is read."""
    task: asyncio.Task[None] | None = None
    patient: bool = False
    """Not cancelled when the caller hangs up."""
    started: bool = False
    finished: bool = False
    """The answer is out, or never will be."""
    disconnected: bool = False
    _reading: bool = False
    _waiter: asyncio.Future[None] | None = None
    _head: bytes = b""
    _chunked: bool = False
    _flows: bool = False
    """The head is out, and chunks follow."""
    _mute: bool = False
    """The answer has no body."""

    @property
    def peer(self) -> tuple[str, int] | None:
        """Address and port of the other end of the connection."""
        return self.connection.peer

    @property
    def http_version(self) -> str:
        return "1.1" if self.http_1_1 else "1.0"

    @property
    def is_secure(self) -> bool:
        """Whether it came over TLS."""
        return self.connection.is_secure

    # What the connection calls

    def take(self, data: bytes) -> None:
        """A part of the body has come."""
        parts = self.parts
        if len(parts) < MAX_PARTS:
            parts.append(data)
        else:
            self._append(data)
        self.size += len(data)
        if self.size > HIGH_WATER_BYTES and not self._reading:
            self.connection.pause_reading()
        self._wake()

    def _append(self, data: bytes) -> None:
        last = self.parts[-1]
        if isinstance(last, bytearray):
            last += data
        else:
            self.parts.append(bytearray(data))

    def complete(self) -> None:
        """The request has come whole."""
        self.received = True
        self._wake()

    def hang_up(self) -> None:
        """The caller has gone: nobody waits for an answer."""
        self.disconnected = True
        self._wake()
        if self.task is not None and not self.patient:
            self.task.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # What whoever answers calls

    async def read_body(self) -> bytes:
        """Raises: BodyTooLarge."""
        if self.length > self.max_body:
            raise self._too_large()
        self._reading = True
        while not self.received and self.size <= self.max_body:
            await self.more()
        if self.size > self.max_body:
            raise self._too_large()
        return self.part()

    async def more(self) -> None:
        """Until something more of the body has come, or the request is over."""
        if self.received or self.disconnected or self.finished:
            return
        if self.expects:
            self.expects = False
            self.connection.transport.write(_CONTINUE)
        self.connection.resume_reading()
        await self._wait()

    async def gone(self) -> None:
        """Until the caller has hung up, or the answer is out."""
        while not (self.disconnected or self.finished):
            await self._wait()

    async def _wait(self) -> None:
        self._waiter = self.connection.loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def part(self) -> bytes:
        """What has come of the body and was not taken yet."""
        parts = self.parts
        if len(parts) == 1:
            part = parts.pop()
            return part if type(part) is bytes else bytes(part)
        self.parts = []
        return b"".join(parts)

    def reply(self, status: int, headers: HeaderList, body: bytes, lines: bytes = b"") -> Awaitable[None]:
        """Written already where nothing is in the way."""
        connection = self.connection
        line = _STATUS_LINES.get(status)
        if (
            line is None
            or not headers
            or not self.keep_alive
            or connection.write_paused
            or status in _BODILESS
            or self.method == "HEAD"
        ):
            return self._reply(status, headers, body, lines)
        self.started = True
        self.expects = False
        if not self.disconnected:
            own = PROCESS.lines(connection.server_state.default_headers)
            first = b"\r\n".join(map(_COLON.join, headers))
            length = str(len(body)).encode()
            connection.transport.write(
                b"".join((line, own, first, _BREAK, lines, _BEFORE_LENGTH, length, _END, body))
            )
            self.finished = True
            if self._waiter is not None:
                self._wake()
            connection.answered(self)
        return DONE

    async def _reply(self, status: int, headers: HeaderList, body: bytes, lines: bytes) -> None:
        self.begin(status, headers, len(body), lines + _SECURITY)
        connection = self.connection
        if connection.write_paused and not self.disconnected:
            await connection.drain()
        if not self.disconnected:
            connection.transport.write(self._head if self._mute else self._head + body)
            self._over()

    async def start(
        self, status: int, headers: HeaderList, *, length: int | None = None, lines: bytes = b""
    ) -> None:
        """The head; it goes out with the first bytes of the body. Without a `length`, it is chunked."""
        self.begin(status, headers, length, lines + _SECURITY)

    def begin(self, status: int, headers: HeaderList, length: int | None, own: bytes = b"") -> None:
        """As `start`, with no headers but these, `own` lines, the date and what says where the body ends."""
        self.started = True
        if self.expects:
            self.expects = False
        if status in _BODILESS or self.method == "HEAD":
            self._mute = True
        if length is not None and self.keep_alive and status not in _BODILESS:
            end = b"content-length: %d\r\n\r\n" % length
        else:
            end = self._framing(status, length)
        self._head = b"".join(
            (
                _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status,
                PROCESS.lines(self.connection.server_state.default_headers),
                b"\r\n".join(map(_COLON.join, headers)),
                b"\r\n" if headers else b"",
                own,
                end,
            )
        )

    def _framing(self, status: int, length: int | None) -> bytes:
        """Where the answer ends, and whether the connection does: the end of its head."""
        end = b""
        if length is not None:
            if status not in _BODILESS:
                end = b"content-length: %d\r\n" % length
        elif not self._mute:
            self._chunked = self.http_1_1
            if self._chunked:
                end = b"transfer-encoding: chunked\r\n"
            else:
                self.keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body
        return end + (b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n")

    async def write(self, data: bytes) -> None:
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        await self._put(data)

    def push(self, data: bytes) -> bool:
        connection = self.connection
        if self._head or not self.started or connection.write_paused:
            return False
        if not (self.disconnected or self._mute):
            connection.transport.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        return True

    def push_chunk(self, data: bytes, chunk: bytes) -> bool:
        connection = self.connection
        if not self._flows or connection.write_paused or self.disconnected:
            return self.push(data)
        connection.transport.write(chunk)
        return True

    async def end(self, data: bytes = b"") -> None:
        if self._chunked:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else _LAST_CHUNK
        await self._put(data)
        if not self.disconnected:
            self._over()

    def _over(self) -> None:
        """The answer is out."""
        self.finished = True
        if self._waiter is not None:
            self._wake()
        self.connection.answered(self)

    def abort(self) -> None:
        self.connection.transport.abort()

    async def _put(self, data: bytes) -> None:
        if self._mute:
            data = b""
        if self._head:
            data = self._head + data
            self._head = b""
            self._flows = self._chunked and not self._mute
        connection = self.connection
        if connection.write_paused and not self.disconnected:
            await connection.drain()
        if data and not self.disconnected:
            connection.transport.write(data)

    def _too_large(self) -> BodyTooLarge:
        self.parts = []
        return BodyTooLarge(f"the request body is over {self.max_body} bytes")


def caller_of(connection: GatewayProtocol, known: KnownHead, length: int, whole: bool) -> HttpCaller:
    """A request with a known head; `whole`: nothing of its body is to come."""
    said = known.said
    return HttpCaller(
        connection,
        known.method,
        known.path,
        known.query,
        known.headers(length) if said is None else said.headers,
        length,
        True,
        False,
        not PROCESS.draining,
        known,
        [],
        length if whole else 0,
        whole,
    )


class Answerer(Protocol):
    """What answers requests with heads that are known."""

    def again(
        self, caller: HttpCaller, said: Said, body: bytes | None
    ) -> Coroutine[Any, Any, None]:  # Any: as of `Work`
        """Answer one more of them; `body` None: it has to be read. What this raises is told by `explain`."""
        ...

    async def explain(self, caller: HttpCaller, fault: Exception) -> None: ...


class Application(Protocol):
    """What answers requests."""

    async def answer(self, caller: HttpCaller) -> None: ...

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI, for WebSockets only."""
        ...
