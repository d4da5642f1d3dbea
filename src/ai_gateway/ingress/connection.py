"""One connection of a caller: HTTP/1.1 read by httptools, requests answered one after the other.

In which order requests are answered, how long a caller may take, what happens when it hangs up: all of that
is here. `HttpCaller` is one request of it, `heads.py` says what a request may look like, `flow.py` holds back
who is too fast.

Source: RFC 9112 (HTTP/1.1).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, cast

import httptools
import uvicorn
from uvicorn.server import ServerState

from ai_gateway.core.rounds import rounds_of
from ai_gateway.errors import BadRequest, GatewayError
from ai_gateway.ingress.caller import HIGH_WATER_BYTES, Application, HttpCaller, caller_of
from ai_gateway.ingress.flow import Flow
from ai_gateway.ingress.heads import (
    HeadTooLarge,
    check_head,
    check_size,
    parser_of,
    target_of,
    without_upgrade,
)
from ai_gateway.ingress.known_head import KnownHead
from ai_gateway.ingress.patience import Patience
from ai_gateway.ingress.process_wide import PROCESS
from ai_gateway.ingress.refusals import RequestTimeout, refusal
from ai_gateway.ingress.request_run import RequestRun

__all__ = ["GatewayProtocol"]

WRITE_HIGH_BYTES = 16 * 1024
"""Past this a caller that does not read holds its upstream up."""
MAX_DISCARDED_BYTES = 64 * 1024 * 1024
"""Of a body that comes after its answer: a caller may finish sending, but not send for ever."""
MAX_WAITING = 8
"""Requests behind the one that is being answered: past this the connection is not read. Until then it is,
since only who reads is told of a hang-up."""
REFUSAL_LINGER_S = 1.0
MAX_STRANGERS = 4


class GatewayProtocol(Flow):
    """One connection. Requests that come before the one ahead is answered wait for their turn."""

    websocket_paths: frozenset[bytes] = frozenset()
    """Set on the class: where an upgrade to WebSocket is made; it is ignored everywhere else."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # Any: as uvicorn has it
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        """As uvicorn makes its protocols."""
        super().__init__(_loop or asyncio.get_running_loop())
        self.config = config
        self.server_state = server_state
        self.active: HttpCaller | None = None
        """The request that is being answered."""
        self.peer: tuple[str, int] | None = None
        self.address: str | None = None
        """Of `peer`."""
        self.is_secure = False
        """Whether the caller speaks TLS."""
        self._app: Application = config.loaded_app
        self._parser: httptools.HttpRequestParser | None = parser_of(self)
        self._latest: HttpCaller | None = None
        """The request that is being read, or was read last: of pipelined ones, not the active one."""
        self._waiting: deque[HttpCaller] = deque()
        self._serving: asyncio.Task[None] | None = None
        """The task that answers `active`, or answered last."""
        self._run = RequestRun()
        """What answers `active` instead, where it came whole with a known head."""
        self._requests = rounds_of(self.loop).requests
        self._patience = Patience(PROCESS.now_s)
        self._idle_since: float | None = None
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._at_rest = True
        """Between two requests: of the next one, nothing has come."""
        self._fresh = b""
        """The read that the parser is in, where it began at rest."""
        self._known: KnownHead | None = None
        self._strangers = 0
        """Heads in a row that were not known."""
        self._left = 0
        """Bytes of the body behind a known head that are to come."""
        self._upgrades = False
        """The parser will stop behind this head, which asks for another protocol."""
        self._to_websocket = False
        """It gets it."""
        self._in_head = True
        self._head_begins = False
        self._head_bytes = 0
        self._discarded = 0
        self._refused = False
        """Nothing of what comes is read any more."""
        self._refusal: GatewayError | None = None
        """Why, to be told when the requests ahead are answered."""

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self.transport.set_write_buffer_limits(high=WRITE_HIGH_BYTES)
        self.server_state.connections.add(self)  # type: ignore[arg-type]  # uvicorn knows its own alone
        self.is_secure = transport.get_extra_info("sslcontext") is not None
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple) and len(peer) >= 2:
            self.peer = (str(peer[0]), int(peer[1]))
            self.address = self.peer[0]

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._parser = None  # it refers back to us: that would wait for the garbage collector
        self.server_state.connections.discard(self)
        self._waiting.clear()
        self.resume_writing()
        active, self._latest = self.active, None
        if active is not None:
            self._leave_run()
            active.hang_up()

    def eof_received(self) -> None:
        """The transport closes itself."""

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._idle_since = None
        known = self._known
        if known is not None:
            body = known.body_of(data) if self._at_rest else None
            if body is not None and len(body) <= HIGH_WATER_BYTES:
                self._take_whole(known, body)
                return
            data = self._read_known(known, data)
            if not data:
                return
        self._fresh = data if self._at_rest else b""
        try:
            self._read(data)
        except httptools.HttpParserError as error:
            # Of a callback's exception, the parser's own only tells that there was one.
            cause = error.__context__ if isinstance(error, httptools.HttpParserCallbackError) else None
            if not isinstance(cause, GatewayError):
                cause = BadRequest("the request is not valid HTTP/1.1")
            self._refuse(cause)
            return
        if self._parser is not None:
            self._mind(len(data))

    def _read_known(self, known: KnownHead, data: bytes) -> bytes:
        """Requests with a head that need not be parsed, and their bodies. Returns what is for the parser."""
        while data:
            if not self._left:
                found = known.find(data) if self._at_rest else None
                if found is None:
                    break
                length, start = found
                data = data[start:]
                if length == len(data) <= HIGH_WATER_BYTES:
                    self._take_whole(known, data)
                    return b""
                self._strangers = 0
                caller = caller_of(self, known, length, False)
                self._left = length
                self._at_rest = False
                self._patience.begin(PROCESS.now_s)
                self._enter(caller)
            part = data if len(data) <= self._left else data[: self._left]
            if part:
                data = data[len(part) :]
                self._left -= len(part)
                self._patience.received(len(part))
                self.on_body(part)
            if not self._left:
                self.on_message_complete()
        return data

    def _read(self, data: bytes) -> None:
        """Raises: HttpParserError."""
        left = memoryview(data)
        while self._parser is not None:
            try:
                self._parser.feed_data(left)
            except httptools.HttpParserUpgrade as stop:
                if self._to_websocket:
                    self._become_websocket()
                    return
                if not self._upgrades:
                    return
                left = left[stop.args[0] :]
                self._read_again(self._parser)
            else:
                return

    def _read_again(self, parser: httptools.HttpRequestParser) -> None:
        """A head whose upgrade is not made. The parser takes what follows it for the other protocol, but it
        is this request's body: read as the next request, it would be one that nobody has made."""
        head = without_upgrade(parser.get_method(), self._url, parser.get_http_version(), self._headers)
        self._parser = parser_of(self)
        self._parser.feed_data(head)

    def _mind(self, size: int) -> None:
        """After each read: bytes that are no request, or the beginning of one that does not come."""
        patience = self._patience
        if self._in_head:
            # The read in which it began may hold the end of a body, too.
            self._head_bytes += 1 if self._head_begins else size
            self._head_begins = False
            try:
                check_size(self._head_bytes)  # a head that does not end
            except HeadTooLarge as error:
                self._refuse(error)
        elif patience.since is not None:
            if not patience.received(size):
                self._refuse(BadRequest("the request's chunks are nothing but framing"))
        elif self._latest is not None and self._latest.finished:
            patience.begin(PROCESS.now_s)  # bytes between two requests that begin none

    # What the parser calls

    def on_message_begin(self) -> None:
        self._url, self._headers = b"", []
        self._upgrades = self._to_websocket = False
        self._in_head, self._head_begins, self._head_bytes = True, True, 0
        self._at_rest = False
        self._patience.begin(PROCESS.now_s)

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # else a trailer: the checks of the head are over, it must not pass for a header
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        fresh, self._fresh = self._fresh, b""
        self._patience.begin(PROCESS.now_s)
        parser = self._parser
        assert parser is not None
        version = parser.get_http_version()
        length, expects, upgrade = check_head(self._url, self._headers, version)
        path, query = target_of(self._url)
        self._upgrades = parser.should_upgrade()
        if self._upgrades:
            self._to_websocket = self._wants_websocket(parser, upgrade)
            return
        http_1_1 = version == "1.1"
        method = parser.get_method().decode("ascii")
        keep_alive = http_1_1 and not PROCESS.draining and parser.should_keep_alive()
        plain = length and keep_alive and fresh and not expects
        self._enter(
            HttpCaller(
                self,
                method=method,
                path=path,
                query=query,
                headers=self._headers,
                length=length,
                http_1_1=http_1_1,
                expects=expects and http_1_1,
                keep_alive=keep_alive,
                known=self._get_to_know(fresh, method, path, query) if plain else None,
            )
        )

    def _get_to_know(self, read: bytes, method: str, path: str, query: bytes) -> KnownHead | None:
        """A head at the beginning of a read, for the next time; not of a caller whose heads all differ."""
        self._known = None
        if self._strangers < MAX_STRANGERS:
            self._strangers += 1
            self._known = KnownHead.of(read, self._headers, method=method, path=path, query=query)
        return self._known

    def _enter(self, caller: HttpCaller) -> None:
        """A request has come, though perhaps not its body."""
        before, self._latest = self._latest, caller
        if before is None or before.finished:
            self._start(caller)
        else:
            self._waiting.append(caller)
            if len(self._waiting) >= MAX_WAITING:
                self.pause_reading()

    def _take_whole(self, known: KnownHead, body: bytes) -> None:
        """A request with a known head has come whole, at the end of a read."""
        self._strangers = 0
        if self._patience.since is not None:
            self._patience.rest()
        before, run = self._latest, self._run
        caller = caller_of(self, known, len(body), True)
        caller.parts.append(body)
        if known.answerer is not None and (before is None or before.finished) and run.of is None:
            self._latest = self.active = caller
            self._requests.add(self, self.loop)
        else:
            self._enter(caller)

    def go_on(self) -> None:
        """With the request that has come whole: in a round, with those of other connections."""
        caller = self.active
        assert caller is not None
        known = caller.known
        if caller.disconnected:
            self.give_up(caller)
        elif not caller.keep_alive or known is None or known.said is None or known.answerer is None:
            self._start(caller)
        else:
            (body,) = caller.parts
            assert isinstance(body, bytes)
            caller.parts = []
            try:
                work = known.answerer.again(caller, known.said, body)
            except BaseException:
                self.give_up(caller)
                raise
            self._run.start(caller, work)

    def on_body(self, body: bytes) -> None:
        self._patience.body(len(body))
        caller = self._latest
        assert caller is not None
        if not caller.finished:
            caller.take(body)
            return
        self._discarded += len(body)
        if self._discarded > MAX_DISCARDED_BYTES:
            self.transport.close()

    def on_message_complete(self) -> None:
        self._patience.rest()
        if not self._upgrades and self._latest is not None:
            self._at_rest = True
            self._latest.complete()

    def _wants_websocket(self, parser: httptools.HttpRequestParser, upgrade: bytes | None) -> bool:
        path = self._url.partition(b"?")[0]
        asked = upgrade == b"websocket" and parser.get_method() == b"GET"
        return asked and path in self.websocket_paths and (self._latest is None or self._latest.finished)

    def _make_websocket(self) -> asyncio.Protocol:
        # Here, since most processes never serve one.
        from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

        return WebSocketsSansIOProtocol(config=self.config, server_state=self.server_state, app_state={})

    def _become_websocket(self) -> None:
        self.server_state.connections.discard(self)
        head = b"".join(b"%b: %b\r\n" % header for header in self._headers)
        protocol = self._make_websocket()
        protocol.connection_made(self.transport)
        protocol.data_received(b"GET %b HTTP/1.1\r\n%b\r\n" % (self._url, head))
        self.transport.set_protocol(protocol)
        self._parser = None

    # Requests, one after the other

    def _start(self, caller: HttpCaller) -> None:
        self.active = caller
        if self.lost:
            return  # a pipelined request whose turn comes when its caller has gone
        task = self._serving = self.loop.create_task(self._serve(caller))
        self.server_state.tasks.add(task)

    async def _serve(self, caller: HttpCaller) -> None:
        task = caller.task = self._serving
        try:
            if not caller.disconnected:
                await self._app.answer(caller)
        except asyncio.CancelledError:
            if not caller.disconnected:
                raise  # not a hang-up: the server stops
        finally:
            if task is not None:
                self.server_state.tasks.discard(task)  # nothing is waited for from here on
            self.give_up(caller)

    def _leave_run(self) -> None:
        """Let a task go on with it: the server knows of tasks, and cancels them."""
        run = self._run
        if run.of is not None:
            self._run = RequestRun()
            run.leave_at_pause()

    def give_up(self, caller: HttpCaller) -> None:
        """Nobody answers it any more."""
        caller.task = None
        if caller.finished:
            return
        caller.finished = True
        if self.active is caller:
            self.active = None
        if not caller.disconnected:
            self.transport.abort()  # what has been sent must not look complete

    def answered(self, caller: HttpCaller) -> None:
        """The last byte of an answer is written."""
        self.active = None
        if not caller.keep_alive:
            self.say_goodbye(more_to_come=not caller.received)
            return
        if self.transport.is_closing():
            return
        if self.read_paused:
            self.resume_reading()
        if self._waiting:
            self._start(self._waiting.popleft())
        elif self._refusal is not None:
            self._tell(self._refusal)
        else:
            self._idle_since = PROCESS.now_s

    # The end

    def shutdown(self) -> None:
        """The server stops: close now, or after the answer."""
        if self._latest is None or self._latest.finished:
            self.transport.close()
        else:
            self.let_go()

    def let_go(self) -> None:
        """The request that came last is the last, and the server waits for it."""
        self._leave_run()
        if self._latest is not None:
            self._latest.keep_alive = False

    def watch(self, *, read_timeout_s: float, write_timeout_s: float) -> None:
        """End this connection where the other side has stopped to send, or to take, what it began."""
        transport, patience, now_s = self.transport, self._patience, PROCESS.now_s
        unsent = transport.get_write_buffer_size() if self.write_paused or transport.is_closing() else 0
        if patience.stuck(now_s, unsent, write_timeout_s=write_timeout_s):
            transport.abort()
        elif patience.overdue(now_s, read_timeout_s=read_timeout_s, paused=self.read_paused):
            self._give_up()
        elif self._idle_since is not None and now_s - self._idle_since > self.config.timeout_keep_alive:
            transport.close()

    def _give_up(self) -> None:
        silent = self._in_head and not self._head_bytes
        answered = self._latest is None or self._latest.finished
        if silent or self._refused or (not self._in_head and answered):
            self.transport.close()  # nobody waits for an answer
        else:
            self._refuse(RequestTimeout("the request did not arrive in time"))

    def _refuse(self, error: GatewayError) -> None:
        """Read no more. The requests that came whole are answered first, for answers come in order."""
        self._refused = True
        self._patience.rest()
        broken = self._latest
        if broken is not None and not broken.received:  # in the middle of its body
            if broken.finished:
                self.say_goodbye(more_to_come=True)
                return
            if broken.started:
                self.transport.close()  # an answer is on its way: nothing may be put into it
                return
            if broken is self.active:
                broken.hang_up()
                self.active = None
            else:
                self._waiting.pop()
        if self.active is None:
            self._tell(error)
        else:
            self._refusal = error

    def _tell(self, error: GatewayError) -> None:
        self.transport.write(refusal(error, PROCESS.lines(self.server_state.default_headers)))
        self.say_goodbye(more_to_come=True)

    def say_goodbye(self, *, more_to_come: bool) -> None:
        """Close after an answer. While the caller still sends, that would reset the connection under it."""
        if not more_to_come:
            self.transport.close()
            return
        self._refused = True
        self.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(REFUSAL_LINGER_S, self.transport.close)
