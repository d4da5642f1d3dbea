"""The caller's side of one request: its body in, its answer out.

The body comes over ASGI. The answer goes straight onto the connection: one write for a whole answer, one
for each chunk, the head together with the first. uvicorn's own `send` checks every header by two regular
expressions and writes head and body apart, which cost as much as all of the routing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any

from ai_gateway.errors import BodyTooLarge
from ai_gateway.ingress.responses import SECURITY_HEADERS
from ai_gateway.ingress.server import GatewayProtocol

__all__ = ["HttpCaller", "Receive", "Scope", "Send"]

# ASGI's own types: a scope and a message are mappings of anything (ASGI specification 3.0).
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

HeaderList = list[tuple[bytes, bytes]]

_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}
_SECURITY = b"".join(b"%b: %b\r\n" % header for header in SECURITY_HEADERS)
_LAST_CHUNK = b"0\r\n\r\n"
_BODILESS = frozenset({204, 304})


class HttpCaller:
    """Reads the request's body, writes the answer. A write waits while the caller does not read."""

    __slots__ = (
        "_chunked",
        "_connection",
        "_cycle",
        "_head",
        "_max_body",
        "_mute",
        "_receive",
        "_scope",
        "started",
    )

    def __init__(self, scope: Scope, receive: Receive, *, max_body: int) -> None:
        self._scope = scope
        self._receive = receive
        self._connection: GatewayProtocol = scope["gateway.connection"]
        self._cycle = self._connection.active
        self._max_body = max_body
        self._head = b""
        self._chunked = False
        self._mute = scope["method"] == "HEAD"
        self.started = False

    async def read_body(self) -> bytes:
        for name, value in self._scope["headers"]:
            if name == b"content-length" and int(value) > self._max_body:
                raise self._too_large()
        message = await self._receive()
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False):
            return body
        parts = bytearray(body)
        while message.get("more_body", False):
            if len(parts) > self._max_body:
                break
            message = await self._receive()
            parts += message.get("body", b"")
        if len(parts) > self._max_body:
            raise self._too_large()
        return bytes(parts)

    async def reply(self, status: int, headers: HeaderList, body: bytes) -> None:
        await self.start(status, headers, length=len(body))
        await self.end(body)

    async def start(self, status: int, headers: HeaderList, *, length: int | None = None) -> None:
        """The head; it goes out with the first bytes of the body. Without a `length`, it is chunked."""
        self.started = True
        cycle = self._cycle
        parts = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        parts += [b"%b: %b\r\n" % header for header in self._connection.server_state.default_headers]
        parts += [b"%b: %b\r\n" % header for header in headers]
        parts.append(_SECURITY)
        self._mute = self._mute or status in _BODILESS
        if length is not None and status not in _BODILESS:
            parts.append(b"content-length: %d\r\n" % length)
        elif not self._mute:
            self._chunked = self._scope["http_version"] == "1.1"
            if self._chunked:
                parts.append(b"transfer-encoding: chunked\r\n")
            else:
                cycle.keep_alive = False  # HTTP/1.0: the end of the connection is the end of the body
        if not cycle.keep_alive:
            parts.append(b"connection: close\r\n")
        parts.append(b"\r\n")
        self._head = b"".join(parts)
        cycle.response_started = True
        cycle.waiting_for_100_continue = False

    async def write(self, data: bytes) -> None:
        if self._chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        await self._put(data)

    async def end(self, data: bytes = b"") -> None:
        if self._chunked:
            data = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else _LAST_CHUNK
        await self._put(data)
        cycle = self._cycle
        if cycle.disconnected:
            return
        cycle.response_complete = True
        cycle.message_event.set()
        if not cycle.keep_alive:
            self._connection.say_goodbye(more_to_come=cycle.more_body)
        cycle.on_response()

    def abort(self) -> None:
        self._connection.transport.abort()

    async def _put(self, data: bytes) -> None:
        if self._mute:
            data = b""
        if self._head:
            data = self._head + data
            self._head = b""
        flow = self._connection.flow
        if flow.write_paused and not self._cycle.disconnected:
            await flow.drain()
        if data and not self._cycle.disconnected:
            self._connection.transport.write(data)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the request body is over {self._max_body} bytes")
