"""The caller's side of one request, over ASGI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
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


class HttpCaller:
    """Reads the request's body, writes the answer. A write waits while the caller does not read."""

    __slots__ = ("_max_body", "_receive", "_scope", "_send", "started")

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, max_body: int) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._max_body = max_body
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
        headers.append((b"content-length", b"%d" % len(body)))
        await self.start(status, headers)
        await self._send({"type": "http.response.body", "body": body})

    async def start(self, status: int, headers: HeaderList) -> None:
        self.started = True
        headers += SECURITY_HEADERS
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self, data: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": data})

    def abort(self) -> None:
        connection: GatewayProtocol = self._scope["gateway.connection"]
        connection.transport.abort()

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the request body is over {self._max_body} bytes")
