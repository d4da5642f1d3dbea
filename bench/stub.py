"""An upstream that streams chat completions to many callers on one clock.

Every content event leaves in an HTTP chunk and a TCP segment of its own: uvloop joins what one connection
writes within one turn of the loop, so no connection is written to twice in a turn.
"""

import asyncio
import os
import time
from collections.abc import Callable
from typing import cast

import httptools
import msgspec

from bench.payloads import FIRST_EVENT, chat_reply, content_event, last_events, model_list
from bench.timer import expirations, open_timer

_SLOT_S = 0.001
_EVENT_STREAM = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_JSON = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _ChatRequest(msgspec.Struct):
    stream: bool = False
    stream_options: _StreamOptions | None = None


_chat_request = msgspec.json.Decoder(_ChatRequest)


class Stub:
    """Writes to all open streams: one event per `interval_s` each, or (0) as fast as they take them.

    Paced streams are spread over the interval, a millisecond apart. A stream whose reader does not keep up is
    left out until it does: `sent` then stays behind.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._slots: list[set[_Connection]] = [set()]
        self._opened = self._awaited = 0
        self._interval_s = 0.0
        self._running = False
        self._timer: int | None = None  # of paced streams
        self._due_slots = 0
        self._slot = 0
        self._fast_turn_due = False
        self.sent = 0
        self.with_usage = 0

    async def listen(self) -> int:
        """Serve on a free port of the loopback and return that."""
        server = await self._loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1024)
        return int(server.sockets[0].getsockname()[1])

    def begin(self, interval_s: float, streams: int) -> None:
        """Set the pace of the streams to come; content flows when all of them have been asked for.

        Those that came first would otherwise take the whole of a slow server, and the rest never begin.
        """
        self._slots = [set() for _ in range(max(1, round(interval_s / _SLOT_S)))]
        self._interval_s = interval_s
        self._opened, self._awaited = 0, streams
        self._slot = self._due_slots = 0
        self._running = False
        self.sent = self.with_usage = 0

    def _flow(self) -> None:
        self._running = True
        if self._interval_s:
            self._timer = open_timer(self._interval_s / len(self._slots))
            self._loop.add_reader(self._timer, self._paced_turn, self._timer)
        else:
            self.wake()

    def finish(self) -> None:
        """No further content: each open stream gets its finish event, usage if asked for, and `[DONE]`."""
        self._running, self._awaited = False, 0
        if self._timer is not None:
            self._loop.remove_reader(self._timer)
            os.close(self._timer)
            self._timer = None
        self._end([connection for slot in self._slots for connection in slot])

    def attach(self, stream: "_Connection", *, include_usage: bool) -> None:
        """A caller has asked for a stream."""
        self._slots[self._opened % len(self._slots)].add(stream)
        self._opened += 1
        self.with_usage += include_usage
        if not self._awaited:  # a request that comes after `finish`
            self._end([stream])
        elif self._opened == self._awaited:
            self._flow()

    def detach(self, stream: "_Connection") -> None:
        """A caller has gone or has got its whole stream."""
        for slot in self._slots:
            slot.discard(stream)

    def wake(self) -> None:
        """Go on with fast streams if all had been full; paced ones have their timer."""
        if self._running and self._timer is None and not self._fast_turn_due:
            self._fast_turn_due = True
            self._loop.call_soon(self._fast_turn)

    def _fast_turn(self) -> None:
        self._fast_turn_due = False
        if self._running and self._timer is None and self._write_slots(len(self._slots)):
            self.wake()

    def _paced_turn(self, timer: int) -> None:
        self._due_slots += expirations(timer)
        slots = min(
            self._due_slots, len(self._slots)
        )  # at most once around: no stream gets two events in a turn
        self._due_slots -= slots
        self._write_slots(slots)

    def _write_slots(self, slots: int) -> int:
        """One event to each stream of the next `slots`; how many were sent."""
        before = self.sent
        for _ in range(slots):
            event = content_event(time.perf_counter_ns())
            for stream in self._slots[self._slot]:
                self.sent += stream.write_event(event)
            self._slot = (self._slot + 1) % len(self._slots)
        return self.sent - before

    def _end(self, streams: "list[_Connection]") -> None:
        left = [stream for stream in streams if stream.write_end()]
        if left:
            self._loop.call_soon(self._end, left)


class _Connection(asyncio.Protocol):
    """One connection of a caller: any number of requests, one after the other."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._include_usage = False
        self._writable = True
        self._closed = False
        self._end: list[bytes] | None = None
        self._events = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._write: Callable[[bytes], None] = self._transport.write

    def connection_lost(self, exc: Exception | None) -> None:
        self._writable = False
        self._closed = True
        self._stub.detach(self)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, msgspec.DecodeError):
            self._transport.abort()

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._stub.wake()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        if self._parser.get_method() == b"GET":
            self._reply(model_list())
            return
        request = _chat_request.decode(body)
        if not request.stream:
            self._reply(chat_reply())
            return
        options = request.stream_options
        self._include_usage = options is not None and options.include_usage
        self._events, self._end = 0, None
        self._write(_EVENT_STREAM + FIRST_EVENT)
        self._stub.attach(self, include_usage=self._include_usage)

    def _reply(self, text: str) -> None:
        self._write(_JSON % (len(text), text.encode()))

    def write_event(self, event: bytes) -> bool:
        """Send one content event, unless the reader is behind; whether it was sent."""
        if not self._writable:
            return False
        self._write(event)
        self._events += 1
        return True

    def write_end(self) -> bool:
        """Send the next piece of the stream's end; whether another one follows."""
        if self._closed:
            return False
        if self._end is None:
            self._stub.detach(self)
            self._end = last_events(self._events, include_usage=self._include_usage)
        self._write(self._end.pop(0))
        return bool(self._end)
