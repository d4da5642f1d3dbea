"""The HTTP server: uvicorn, with limits on what a head may hold and a drain that drops nothing."""

from __future__ import annotations

import asyncio
import logging
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ai_gateway.dialects.openai_errors import render_error
from ai_gateway.errors import BadRequest, GatewayError
from ai_gateway.ingress.patience import Patience
from ai_gateway.ingress.responses import SECURITY_HEADERS

__all__ = ["MAX_HEAD_BYTES", "GatewayProtocol", "GatewayServer"]

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 200
WRITE_HIGH_BYTES = 16 * 1024
"""Past this a caller that does not read holds its upstream up."""
MAX_DISCARDED_BYTES = 64 * 1024 * 1024
"""Of a body that comes after its answer: a caller may finish sending, but not send for ever."""
REFUSAL_LINGER_S = 1.0
WATCH_TICKS = 5
"""Tenths of a second from one look at the connections to the next."""
DRAIN_GRACE_S = 0.5
"""After the signal, kept connections may still bring a request that was already on its way."""

_log = logging.getLogger("ai_gateway.server")


class HeadTooLarge(GatewayError):
    """The request line and headers are over the limits."""

    status, kind, code = 431, "invalid_request_error", "request_headers_too_large"


class RequestTimeout(GatewayError):
    """The request stopped coming before its end."""

    status, kind, code = 408, "invalid_request_error", "request_timeout"


class GatewayProtocol(HttpToolsProtocol):
    """One connection. `hang_up` is called when it is lost while a request is being served."""

    hang_up: Callable[[], object] | None = None
    draining = False
    """Set on the class when the process stops: every answer then closes its connection."""
    websocket_paths: frozenset[bytes] = frozenset()
    """Set on the class: where an upgrade to WebSocket is made; it is ignored everywhere else."""
    now_s = 0.0
    """Set on the class by each round of the server's watch: as exact as timeouts need it."""

    active: RequestResponseCycle
    """The exchange being served: of pipelined ones, uvicorn's own `cycle` is the newest."""

    _in_head = True
    _head_bytes = 0
    _discarded = 0
    _refused = False
    _lost = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._patience = Patience(self.now_s)
        transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._lost = True
        active = getattr(self, "active", None)
        if active is not None and not active.response_complete:
            active.disconnected = True
        if self.hang_up is not None:
            self.hang_up()
        for cycle in (self.cycle, active):
            if cycle is not None:  # what refers to itself waits for the garbage collector
                cycle.scope.pop("gateway.connection", None)  # type: ignore[typeddict-item]

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        cycle: RequestResponseCycle | None = self.cycle  # None: an upgrade, or nothing yet
        if self._in_head and not self._refused:
            self._head_bytes += len(data)  # a head that does not end
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(HeadTooLarge(f"the request's headers are over {MAX_HEAD_BYTES} bytes"))
        elif self._patience.waits and not self._patience.received(len(data)):
            self._refuse(BadRequest("the request's chunks are nothing but framing"))
        elif not self._patience.waits and cycle is not None and cycle.response_complete:
            self._patience.begin(self.now_s)  # bytes between two requests that begin none

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head, self._head_bytes = True, 0
        self._patience.begin(self.now_s)
        # ASGI allows servers their own keys; its type does not.
        self.scope["gateway.connection"] = self  # type: ignore[typeddict-unknown-key]

    def on_url(self, url: bytes) -> None:
        self._count_head(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: the checks of the head are over, it must not pass for a header
        self._count_head(len(name) + len(value) + 4)
        if len(self.headers) >= MAX_HEADERS:
            raise HeadTooLarge(f"the request has more than {MAX_HEADERS} headers")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._patience.begin(self.now_s)
        self._check_head()
        super().on_headers_complete()
        if self.draining and not self._upgrades():
            self.cycle.keep_alive = False

    def _should_upgrade(self) -> bool:
        return self._get_upgrade() == b"websocket" and self.url.partition(b"?")[0] in self.websocket_paths

    def _upgrades(self) -> bool:
        return bool(self.parser.should_upgrade()) and self._should_upgrade()

    def handle_websocket_upgrade(self) -> None:
        # Here, since most processes never serve one.
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

        self.ws_protocol_class = WebSocketsSansIOProtocol
        self.scope.pop("gateway.connection", None)  # type: ignore[typeddict-item]
        super().handle_websocket_upgrade()

    def _check_head(self) -> None:
        """What the parser lets pass, and two readers could read in two ways. Raises: BadRequest."""
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise BadRequest("the request must be HTTP/1.1")
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and version == "1.1"):
            raise BadRequest("the request must have exactly one Host header")
        codings = [value.strip().lower() for name, value in self.headers if name == b"transfer-encoding"]
        if codings and codings != [b"chunked"]:
            raise BadRequest("the only transfer coding that is understood is 'chunked'")

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:  # Any: as in the base class
        self.active = cycle
        if self._lost:
            return  # a pipelined request whose turn comes when its caller has gone
        super()._start_asgi_task(cycle, app)

    def on_message_complete(self) -> None:
        self._patience.rest()
        super().on_message_complete()

    def on_body(self, body: bytes) -> None:
        if self._upgrades():
            return
        self._patience.body(len(body))
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > MAX_DISCARDED_BYTES:
                self.transport.close()
            return
        super().on_body(body)

    def watch(self, *, read_timeout_s: float, write_timeout_s: float) -> None:
        """End this connection where the other side has stopped to send, or to take, what it began."""
        transport, flow, patience = self.transport, self.flow, self._patience
        unsent = transport.get_write_buffer_size() if flow.write_paused or transport.is_closing() else 0
        if patience.stuck(self.now_s, unsent, write_timeout_s=write_timeout_s):
            transport.abort()
        elif patience.overdue(self.now_s, read_timeout_s=read_timeout_s, paused=flow.read_paused):
            self._give_up()

    def _give_up(self) -> None:
        silent = self._in_head and not self._head_bytes
        if silent or self._refused or (not self._in_head and self.cycle.response_complete):
            self.transport.close()  # nobody waits for an answer
        else:
            self._refuse(RequestTimeout("the request did not arrive in time"))

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLarge(f"the request's headers are over {MAX_HEAD_BYTES} bytes")

    def send_400_response(self, msg: str) -> None:
        """Called for whatever the parser refused; the cause is the exception being handled."""
        error = sys.exc_info()[1]
        cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else error
        if isinstance(cause, GatewayError):
            self._refuse(cause)
        else:
            self._refuse(BadRequest("the request is not valid HTTP/1.1"))

    def _refuse(self, error: GatewayError) -> None:
        self._refused = True
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.close()  # an answer is on its way: nothing may be put into it
            return
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True  # its body is broken: nobody else may answer it
            if self.hang_up is not None:
                self.hang_up()
        body = render_error(error)
        head = [f"HTTP/1.1 {error.status} {_REASONS.get(error.status, 'Bad Request')}\r\n".encode()]
        own = (*self.server_state.default_headers, *SECURITY_HEADERS)
        head += [name + b": " + value + b"\r\n" for name, value in own]
        head.append(b"content-type: application/json\r\nconnection: close\r\n")
        head.append(b"content-length: %d\r\n\r\n" % len(body))
        self.transport.write(b"".join(head) + body)
        self.say_goodbye(more_to_come=True)

    def say_goodbye(self, *, more_to_come: bool) -> None:
        """Close after an answer. While the caller still sends, that would reset the connection under it."""
        if not more_to_come:
            self.transport.close()
            return
        self._refused = True
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(REFUSAL_LINGER_S, self.transport.close)

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade that nobody offers is simply not made: no reason to fill the log."""


_REASONS = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}


class PlainProtocol(GatewayProtocol):
    """On a port where nothing is upgraded."""

    websocket_paths = frozenset()


class GatewayServer(uvicorn.Server):
    """A server that exits with 0 on SIGTERM and SIGINT, after the requests in flight."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_started: Callable[[], None],
        on_drain: Callable[[], None],
        read_timeout_s: float,
        write_timeout_s: float,
        plain: uvicorn.Config | None = None,
        plain_sockets: Sequence[socket.socket] = (),
    ) -> None:
        """`plain` answers on `plain_sockets`, without TLS and what belongs to it."""
        super().__init__(config)
        self._on_started = on_started
        self._on_drain = on_drain
        self._read_timeout_s = read_timeout_s
        self._write_timeout_s = write_timeout_s
        self._plain = plain
        self._plain_sockets = plain_sockets

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()  # handled: not to be raised again at the end

    async def startup(self, sockets: list[Any] | None = None) -> None:  # Any: as in the base class
        GatewayProtocol.now_s = asyncio.get_running_loop().time()
        await super().startup(sockets)
        if self._plain is not None:
            await self._listen_plainly(self._plain)
        self._on_started()

    async def _listen_plainly(self, config: uvicorn.Config) -> None:
        loop = asyncio.get_running_loop()
        config.load()
        # Its connections are drained and watched with the others; HSTS is not for plain HTTP (RFC 6797, 7.2).
        state = ServerState()
        state.connections, state.tasks = self.server_state.connections, self.server_state.tasks

        def protocol() -> GatewayProtocol:
            return PlainProtocol(config=config, server_state=state, app_state={}, _loop=loop)

        for sock in self._plain_sockets:
            self.servers.append(await loop.create_server(protocol, sock=sock, backlog=config.backlog))

    async def on_tick(self, counter: int) -> bool:
        if counter % WATCH_TICKS == 0:
            GatewayProtocol.now_s = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, GatewayProtocol):
                    connection.watch(
                        read_timeout_s=self._read_timeout_s, write_timeout_s=self._write_timeout_s
                    )
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:  # Any: as in the base class
        _log.info("stopping: no new connections, requests in flight are finished")
        for server in self.servers:
            server.close()
        self._on_drain()
        GatewayProtocol.draining = True
        for connection in self.server_state.connections:
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_complete:
                cycle.keep_alive = False
        if self.server_state.connections:
            await asyncio.sleep(DRAIN_GRACE_S)
        await super().shutdown(sockets)
