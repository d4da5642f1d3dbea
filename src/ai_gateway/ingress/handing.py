"""Connections that a worker hands to the control process, which alone has the dashboard and metrics.

The worker passes one end of a pair of sockets to it, and from then on every byte from the caller to the other
end, and back: also what it has decrypted, also a WebSocket. The control process serves whatever else comes on
such a connection, and then ends it, so that a proxy's kept connections go back to the workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import Any, Protocol

import msgspec
import uvicorn
from uvicorn.server import ServerState

from ai_gateway.errors import Overloaded
from ai_gateway.ingress.connection import WRITE_HIGH_BYTES, GatewayProtocol
from ai_gateway.ingress.process_wide import PROCESS
from ai_gateway.ingress.responses import SECURITY_HEADERS

__all__ = ["Channel", "Handed", "HandedProtocol", "HandingProtocol", "is_for_control", "refuse_control"]

RETRY_S = 1
_log = logging.getLogger("ai_gateway.server")


class Handed(msgspec.Struct, frozen=True, kw_only=True, tag="connection"):
    """What the control process cannot see of a connection itself."""

    peer: tuple[str, int] | None
    is_tls: bool


class Channel(Protocol):
    """The way to the control process."""

    def hand(self, handed: Handed, end: socket.socket) -> None:
        """Raises: OSError where it takes no more just now."""
        ...


def is_for_control(target: bytes) -> bool:
    """Whether a request's target belongs to the control process."""
    if not target.startswith(b"/"):  # the absolute form (RFC 9112, 3.2.2)
        target = b"/" + target.partition(b"://")[2].partition(b"/")[2]
    path = target.partition(b"?")[0]
    return path == b"/metrics" or path == b"/admin" or path.startswith(b"/admin/")


class HandingProtocol(GatewayProtocol):
    """A worker's connection. A request for the control process takes the connection with it, unless it came
    behind one that is still being answered."""

    channel: Channel
    """Set on the class."""

    _raw: list[bytes]
    _is_aligned = _is_inside = _hands = False

    def data_received(self, data: bytes) -> None:
        if self._is_aligned and self._is_inside:
            self._raw.append(data)  # the head that has begun goes on
        else:
            self._raw = [data]
            self._is_aligned = not self._is_inside and self._is_idle()
        super().data_received(data)
        if self._hands:
            self._hand_over()
        elif not self._in_head:
            self._raw, self._is_aligned = [], False

    def _is_idle(self) -> bool:
        latest = self._latest
        return latest is None or (latest.finished and latest.received and not self._waiting)

    def on_message_begin(self) -> None:
        if self._hands:
            return
        if self._is_inside:
            self._is_aligned = False  # the second of one read
        self._is_inside = True
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        if not self._hands:
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._hands:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if self._hands:
            return
        if self._is_aligned and not PROCESS.draining and is_for_control(self._url):
            self._hands = True
            self._in_head, self._head_bytes = False, 0
            self._patience.rest()
            return
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._hands:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._hands:
            super().on_message_complete()
            self._is_inside = self._is_aligned = False

    def _hand_over(self) -> None:
        self._hands = False
        try:
            ours = self._hand()
        except OSError as error:
            _log.warning("a connection could not be handed to the control process: %s", error)
            self._refuse(Overloaded("the control process takes no more: try again", retry_after_s=RETRY_S))
            return
        self._parser = None
        connections: set[Any] = self.server_state.connections
        connections.discard(self)
        splice = _Splice(self.transport, connections)
        self.transport.set_protocol(splice)
        splice.start(ours, b"".join(self._raw))

    def _hand(self) -> socket.socket:
        """Our end of what the control process has the other end of. Raises: OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self.channel.hand(Handed(peer=self.peer, is_tls=self.is_secure), theirs)
            except OSError:
                ours.close()
                raise
        return ours


class _Splice(asyncio.Protocol):
    """The caller's side of a connection that was handed over."""

    def __init__(self, transport: asyncio.Transport, connections: set[Any]) -> None:
        """`connections`: of the server, which waits for them at its end."""
        self._caller = transport
        self._connections = connections
        self._other: asyncio.Transport | None = None
        self._connecting: asyncio.Task[None] | None = None
        connections.add(self)

    def start(self, end: socket.socket, data: bytes) -> None:
        """Connect to the control process' end, beginning with what has been read."""
        self._caller.pause_reading()
        end.setblocking(False)
        self._connecting = asyncio.get_running_loop().create_task(self._connect(end, data))

    async def _connect(self, end: socket.socket, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_connection(lambda: _OtherSide(self._caller), sock=end)
        except OSError as error:
            _log.warning("a connection could not be handed to the control process: %s", error)
            self._caller.abort()
            return
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self._other = transport
        transport.write(data)
        if self._caller.is_closing():
            transport.close()
        else:
            self._caller.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._other is not None:
            self._other.write(data)

    def pause_writing(self) -> None:
        if self._other is not None:
            self._other.pause_reading()

    def resume_writing(self) -> None:
        if self._other is not None:
            self._other.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._other is not None:
            self._other.close()

    def shutdown(self) -> None:
        """The server stops: the control process does too, and ends this when it has answered."""


class _OtherSide(asyncio.Protocol):
    """The control process' side."""

    def __init__(self, caller: asyncio.Transport) -> None:
        self._caller = caller

    def data_received(self, data: bytes) -> None:
        self._caller.write(data)

    def pause_writing(self) -> None:
        with contextlib.suppress(RuntimeError):  # it may be closed already
            self._caller.pause_reading()

    def resume_writing(self) -> None:
        with contextlib.suppress(RuntimeError):
            self._caller.resume_reading()

    def eof_received(self) -> bool:
        """It has said all; what the caller still sends is taken until it closes."""
        if self._caller.can_write_eof() and not self._caller.is_closing():
            self._caller.write_eof()
            return True
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._caller.close()


class HandedProtocol(GatewayProtocol):
    """A connection of a worker's, in the control process."""

    handed: Handed

    @classmethod
    def make(
        cls, handed: Handed, config: uvicorn.Config, state: ServerState, loop: asyncio.AbstractEventLoop
    ) -> HandedProtocol:
        """For one connection."""
        made = cls(config=config, server_state=state, app_state={}, _loop=loop)
        made.handed = handed
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.peer = self.handed.peer
        self.address = self.peer[0] if self.peer else None
        self.is_secure = self.handed.is_tls

    def on_headers_complete(self) -> None:
        super().on_headers_complete()
        if self._latest is not None and not is_for_control(self._url):
            self._latest.keep_alive = False

    def _make_websocket(self) -> asyncio.Protocol:
        from ai_gateway.ingress.handed_socket import HandedSocket

        return HandedSocket(self.handed, config=self.config, server_state=self.server_state, app_state={})


_BUSY = b"send this request again, on a connection of its own\n"
_HEADERS = [(b"content-type", b"text/plain; charset=utf-8"), *SECURITY_HEADERS]


async def refuse_control(scope: Any, receive: Any, send: Any) -> None:  # Any: ASGI's own types
    """In a worker, for what cannot be handed over: behind another request's answer, or while it stops."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    headers = [*_HEADERS, (b"content-length", b"%d" % len(_BUSY))]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else _BUSY})
