"""One connection to an upstream: a request out, its answer in, on asyncio and httptools.

Source: RFC 9112 (HTTP/1.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import Any, cast

import httptools

from ai_gateway.core import runs
from ai_gateway.core.rounds import rounds_of
from ai_gateway.core.runs import PAUSE, Run
from ai_gateway.errors import UpstreamError, UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable
from ai_gateway.upstream.known_answer import KnownAnswer
from ai_gateway.upstream.read_buffer import ReadBuffer
from ai_gateway.upstream.size_lines import LINE_BREAK, SIZE_LINES, size_line
from ai_gateway.upstream.transport import Take, TakeChunk, UpstreamRequest

__all__ = ["Connection", "Stale"]

MAX_HEAD_BYTES = 64 * 1024
READ_HIGH_BYTES = 16 * 1024
"""Past this the connection is not read until the caller has taken what is there."""
PLAIN_BYTES = 4096
"""Up to here a read is looked at for being a chunk, neither more nor less: what an event of a stream is."""
MAX_STRANGERS = 4
_LF = 10
_NEVER = float("inf")
_SIZING = (b"content-length", b"transfer-encoding")


class Stale(Exception):
    """A kept connection was closed before it answered: the request may go out again on a new one."""


class Connection(asyncio.BufferedProtocol):
    """One connection, one exchange at a time.

    All connections read into one buffer, which the parser empties before the next read: nothing is
    allocated for a read.
    """

    __slots__ = (
        "_answers",
        "_between",
        "_broken",
        "_buffer",
        "_chunks",
        "_complete",
        "_deadline",
        "_head_bytes",
        "_interim",
        "_known",
        "_lasts",
        "_left",
        "_loop",
        "_parser",
        "_paused",
        "_queued",
        "_reusable",
        "_rings_at",
        "_run",
        "_strangers",
        "_take_chunk",
        "_take_part",
        "_timer",
        "_waiter",
        "_whole",
        "body",
        "busy",
        "get_buffer",
        "headers",
        "idle_rounds",
        "in_head",
        "known",
        "lost",
        "on_chunk_complete",
        "on_chunk_header",
        "served",
        "status",
        "timeout_s",
        "transport",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, buffer: ReadBuffer) -> None:
        self._loop = loop
        self._buffer = buffer.view
        self._answers = rounds_of(loop).answers
        self.get_buffer = buffer.__getitem__  # type: ignore[method-assign, assignment]  # `int`s go by place
        self._whole: list[None] = []
        """Holds something while the parser stands behind a whole chunk and has read no other size line: the
        parser writes it here itself, without a line of Python."""
        self.on_chunk_header = self._whole.clear
        self.on_chunk_complete = partial(self._whole.append, None)
        # One for all answers: a connection serves again only where one answer has ended and none has begun.
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self.transport: asyncio.Transport | None = None
        self.lost = False
        self.busy = False
        self.served = False
        self.idle_rounds = 0
        """For whoever keeps it: counts how long it has not been used."""
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = _NEVER
        self._deadline = 0.0
        self.timeout_s = 0.0
        """How long to wait for whatever comes next."""
        self._run: Run[Any] | None = None  # Any: it is the same to us for whom
        """Pauses until something comes."""
        self._waiter: asyncio.Future[None] | None = None
        """What a task waits for instead."""
        self._take_part: Take | None = None
        """Gets what comes of the body, without anybody being woken."""
        self._take_chunk: TakeChunk | None = None
        self._known: KnownAnswer | None = None
        self._strangers = 0
        """Heads in a row that were not known."""
        self._lasts = False
        """By its head, the connection goes on behind the answer."""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.known: KnownAnswer | None = None
        """The head, where it is one that comes again."""
        self.body: bytes | None = None
        """All of it, where it came with a known head."""
        self._chunks: list[bytes] = []
        self._queued = 0
        self._left = 0
        """Bytes of the body behind a known head that are to come."""
        self._between = False
        """The next byte is known to be the first of a chunk."""
        self._head_bytes = 0
        self.in_head = True
        self._interim = False
        self._complete = False
        self._reusable = False
        self._paused = False
        self._broken: UpstreamError | None = None

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name

    def buffer_updated(self, nbytes: int) -> None:
        take_chunk = self._take_chunk
        if take_chunk is not None and self._between and nbytes <= PLAIN_BYTES:
            # One chunk, as an event of a stream comes: the parser would say the same of it, and stay where it
            # is. Of anything else it has the say.
            try:
                line, size, copy = SIZE_LINES[nbytes]
            except KeyError:
                line, size, copy = size_line(nbytes)
            (chunk,) = copy(self._buffer)
            data = chunk.removeprefix(line).removesuffix(LINE_BREAK)
            if len(data) == size:
                self._deadline = self._loop.time() + self.timeout_s
                try:
                    if take_chunk(data, chunk):
                        return
                except Exception as error:  # noqa: BLE001 - raised again where the body is waited for
                    self._throw(error)
                    return
                self.on_body(data)
                self._tell()
                return
        known = self._known
        if (self.in_head and known is not None and self._read_known(known, nbytes)) or self._parse(nbytes):
            self._tell()

    def _tell(self) -> None:
        """Something has come."""
        if self._take_part is not None and self._queued and self._hand_over(self._take_part):
            return
        if self._queued > READ_HIGH_BYTES:
            self._pause()
        run = self._run
        if self.in_head:
            self._deadline = self._loop.time() + self.timeout_s  # a part of it, or word that it comes
        elif run is not None:
            self._run = None
            self._answers.add(run, self._loop)
        else:
            self._wake()

    def _parse(self, nbytes: int) -> bool:
        """False where that was the connection's end."""
        parser = self._parser
        if not self.busy or self._complete or parser is None:
            self._hang_up()  # nobody asked: whatever this is, the connection cannot be trusted again
            return False
        if self._left:
            return self._read_on(self._buffer[:nbytes].tobytes())
        fresh = self.in_head and not self._head_bytes
        if self.in_head:
            self._head_bytes += nbytes
        try:
            parser.feed_data(self._buffer[:nbytes])
        except httptools.HttpParserError as error:
            self._fail(UpstreamProtocolError(f"the upstream's answer is not valid HTTP: {error}"[:300]))
            return False
        if self.in_head and self._head_bytes > MAX_HEAD_BYTES:
            self._fail(UpstreamProtocolError(f"the upstream's headers are over {MAX_HEAD_BYTES} bytes"))
            return False
        if fresh and not self.in_head and self._strangers < MAX_STRANGERS:
            self._get_to_know(nbytes)
        if self._take_chunk is not None:
            # Behind a chunk, a line break is the end of it, or of the next one's size.
            self._between = bool(self._whole) and self._buffer[nbytes - 1] == _LF and not self._complete
        return True

    def _get_to_know(self, nbytes: int) -> None:
        """A head that came in one read, for the next time; not of an upstream whose heads all differ."""
        self._strangers += 1
        if self._lasts:
            found = KnownAnswer.of(self._buffer[:nbytes].tobytes(), self.headers, self.status, self._known)
            self._known = found or self._known

    def _read_known(self, known: KnownAnswer, nbytes: int) -> bool:
        """An answer with a head that need not be parsed; False where it is for the parser."""
        if self._head_bytes:
            return False  # it has a part of it
        data = self._buffer[:nbytes].tobytes()
        found = known.find(data)
        if found is None:
            return False
        headers, start, length = found
        left = start + length - nbytes
        if left < 0:
            return False  # something comes behind it
        self.headers, self.known, self.status = headers, known, known.status
        self.in_head = False
        self._strangers = 0
        if not left:
            self.body = data[start:]
            self._complete = self._reusable = True
            return True
        self._left = left
        if nbytes > start:
            self._chunks = [data[start:]]
            self._queued = nbytes - start
        return True

    def _read_on(self, data: bytes) -> bool:
        """More of a body behind a known head. As `_parse`."""
        self.on_body(data[: self._left])
        self._left -= len(data)
        if self._left > 0:
            return True
        self._complete = self._reusable = True
        if self._left < 0:
            self._left = 0
            self._fail(UpstreamProtocolError("the upstream's answer goes on behind its end"))
            return False
        return True

    def _hand_over(self, take: Take) -> bool:
        """True where nobody need be woken."""
        self._deadline = self._loop.time() + self.timeout_s
        try:
            if take(self._take()):
                return not self._complete
        except Exception as error:  # noqa: BLE001 - raised again where the body is waited for
            self._throw(error)
        self._take_part = self._take_chunk = None
        return False

    def _throw(self, error: Exception) -> None:
        """Where the body is waited for."""
        self._take_part = self._take_chunk = None
        run, self._run = self._run, None
        if run is not None:
            run.fail(error)
            return
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    def _pause(self) -> None:
        if self.transport is not None and not self._complete:
            self._paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        self._reusable = False
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self._reusable = False
        self._parser = None  # it refers back to us: that would wait for the garbage collector
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.busy or self._complete:
            return
        sized = any(name in _SIZING for name, _ in self.headers)
        if not self.in_head and not sized and exc is None:
            self._complete = True  # the end of the connection is the end of the body
        elif self._broken is None:
            self._broken = _lost(self.in_head and not self._head_bytes)
        self._wake()

    # What the parser calls

    def on_message_begin(self) -> None:
        if self._complete:
            raise UpstreamProtocolError("the upstream's answer goes on behind its end")
        self.headers = []
        self.known = None
        self._whole.clear()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        self._interim = 100 <= status < 200
        if self._interim:
            return
        self.status = status
        self.in_head, self._head_bytes = False, 0
        self._lasts = bool(self._parser.should_keep_alive())

    def on_body(self, data: bytes) -> None:
        self._chunks.append(data)
        self._queued += len(data)

    def on_message_complete(self) -> None:
        if self._interim:
            return
        self._complete = True
        self._reusable = self._parser is not None and bool(self._parser.should_keep_alive())

    # What the transport calls

    def exchange(self, parts: Sequence[bytes], request: UpstreamRequest) -> Awaitable[None]:
        """Send a request, which is `parts`. To be awaited once: where there is still no head of an answer
        (`in_head`), there is a `failure`. Raises: UpstreamTimeout."""
        transport = self.transport
        assert transport is not None
        self.busy = self.in_head = True
        self._complete = False  # all the rest of an answer has gone with it
        self.timeout_s = request.first_s or request.timeout_s
        if len(request.body) <= READ_HIGH_BYTES:
            transport.write(b"".join(parts))
        else:
            transport.writelines(parts)
        return self._arrival()

    def arrived(self) -> bytes | None:
        """As `UpstreamResponse.arrived`; to be asked before anything else."""
        body, self.body = self.body, None
        if body is not None:
            return body
        return self._take() if self._complete and self._broken is None else None

    async def chunk(self) -> bytes:
        """What has come of the body; empty at its end. Raises: UpstreamError."""
        while True:
            if self._queued:
                return self._take()
            if self._complete:
                return b""
            if self._broken is not None:
                raise self.failure()
            await self._arrival()

    async def pass_on(self, take: Take, take_chunk: TakeChunk | None) -> bool:
        """As `UpstreamResponse.pass_on`."""
        while True:
            if self._queued and not take(self._take()):
                return True
            if self._complete:
                return False
            if self._broken is not None:
                raise self.failure()
            self._take_part, self._take_chunk = take, take_chunk
            self._between = False
            try:
                await self._arrival()
            finally:
                declined = self._take_part is None
                self._take_part = self._take_chunk = None
            if declined:
                return True

    def _take(self) -> bytes:
        chunks = self._chunks
        data = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        self._chunks = []
        self._queued = 0
        if self._paused and not self.lost and self.transport is not None:
            self._paused = False
            self.transport.resume_reading()
        return data

    def failure(self) -> Exception:
        """What to raise where the connection broke."""
        broken = self._broken
        assert broken is not None
        if self.served and self.in_head and not self._head_bytes:
            stale = Stale()
            stale.__cause__ = broken
            return stale
        return broken

    @property
    def complete(self) -> bool:
        """The whole answer has arrived and been taken."""
        return self._complete and not self._queued

    def release(self) -> bool:
        """End the exchange: True where the connection can serve another one."""
        transport = self.transport
        if (
            self._reusable
            and self._complete
            and not self._queued
            and transport is not None
            and not transport.get_write_buffer_size()
        ):
            self.busy = False
            self.served = True
            self.idle_rounds = 0
            return True
        self.close()
        return False

    def close(self) -> None:
        """Hang up at once."""
        self.busy = False
        self._run = None
        self._hang_up()

    def _hang_up(self) -> None:
        self._between = self._reusable = False
        if self.transport is not None and not self.lost:
            self.transport.abort()

    def _fail(self, error: UpstreamError) -> None:
        self._broken = error
        self._hang_up()
        self._wake()

    def _wake(self) -> None:
        run = self._run
        if run is not None:
            self._run = None
            run.go_on()
            return
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _arrival(self) -> Awaitable[None]:
        """Of whatever comes next. One timer serves the whole connection, set again only when it fires."""
        deadline = self._deadline = self._loop.time() + self.timeout_s
        if deadline < self._rings_at:
            self._ring_at(deadline)
        self._run = run = runs.current
        if run is not None:
            return PAUSE
        waiter = self._waiter = self._loop.create_future()
        return waiter

    def _ring_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = when
        self._timer = self._loop.call_at(when, self._expire)

    def _expire(self) -> None:
        self._timer, self._rings_at = None, _NEVER
        waiter = self._waiter
        if self._run is None and (waiter is None or waiter.done()):
            return
        if self._loop.time() >= self._deadline - 0.001:
            what = "no answer" if self.in_head else "no further data"
            self._throw(
                UpstreamTimeout(f"{what} from the upstream within {round(self.timeout_s, 2):g} seconds")
            )
        else:
            self._ring_at(self._deadline)


def _lost(unanswered: bool) -> UpstreamError:
    if unanswered:
        return UpstreamUnreachable.unanswered()
    return UpstreamProtocolError("the upstream's connection broke in the middle of its answer")
