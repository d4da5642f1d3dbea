"""The way back: a provider's answer, passed on to the caller."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

import msgspec

from ai_gateway.answer_headers import answer_lines, cost_line, passed_headers, refusal_headers, retyped
from ai_gateway.call import Call, Caller, HeaderList
from ai_gateway.core.ledger import Entry
from ai_gateway.dialects.exchange import Exchange
from ai_gateway.dialects.interface import Rendered
from ai_gateway.dialects.openai_errors import blot
from ai_gateway.dialects.registry import render_error
from ai_gateway.dialects.relay_answer import usage_in_tail
from ai_gateway.dialects.relay_stream import Reply, StreamRelay
from ai_gateway.errors import GatewayError, UpstreamError, UpstreamRejected
from ai_gateway.providers import Upstream
from ai_gateway.upstream.headers import (
    is_event_stream,
    is_json,
    retry_after_s,
    value_of,
)
from ai_gateway.upstream.transport import UpstreamResponse

__all__ = [
    "Opened",
    "answer_locally",
    "deliver",
    "deliver_whole",
    "settle_whole",
    "end_stream",
    "open_answer",
    "open_arrived",
    "pass_stream",
    "refuse",
]

WHOLE_ANSWER_BYTES = 1024 * 1024
"""Up to here an unstreamed answer is read whole before it goes on; a longer one passes as it comes."""
TRANSLATED_ANSWER_BYTES = 64 * 1024 * 1024
"""A translated answer that does not stream is always read whole; images come in Base64."""
ERROR_BODY_BYTES = 64 * 1024
TAIL_BYTES = 64 * 1024
MAX_HELD_BYTES = 64 * 1024
"""A stream that has said so much without any content goes on as it is."""


class Opened(msgspec.Struct, eq=False):
    """An answer that has begun: its first content is there, or all of it. Nothing of it has reached the
    caller yet, so that until `deliver` another provider may still be asked instead."""

    response: UpstreamResponse
    headers: HeaderList
    body: bytes
    """For a stream and a long answer what has come so far, else all of it."""
    watcher: StreamRelay | None = None
    """Where it streams."""
    ended: bool = False
    """The upstream has nothing more to say."""
    long: bool = False
    """Too long to keep, or no JSON: passed on as it comes."""
    fault: UpstreamError | None = None
    """Reported inside the stream before any content."""
    credential: str = ""
    """Of the upstream: what it says of a failure must not hold it."""


async def answer_locally(call: Call, caller: Caller, entry: Entry, exchange: Exchange) -> None:
    """An answer that needs no provider: an estimate, and said to be one."""
    body = exchange.local_answer()
    entry.keep(body)
    entry.settle(time.perf_counter())
    headers: HeaderList = [(b"content-type", b"application/json"), (b"x-gateway-estimated", b"true")]
    await caller.reply(200, headers, body, answer_lines(call, entry))


def open_arrived(
    entry: Entry, response: UpstreamResponse, upstream: Upstream, exchange: Exchange, rendered: Rendered
) -> Opened | None:
    """As `open_answer`, of an unstreamed answer of JSON that has come whole, with a head that comes again;
    None of any other. Raises: UpstreamError.
    """
    known = response.known
    if known is None or not known.is_json or exchange.streaming or response.status >= 300:
        return None
    body = response.arrived()
    if body is None:
        return None
    entry.first_byte(time.perf_counter())
    if exchange.translated and not (known.tells_id or rendered.dropped):
        headers = [(b"content-type", b"application/json")]
    elif exchange.translated or rendered.dropped:
        headers = passed_headers(response.headers, upstream, exchange, rendered)
    else:
        headers = known.passed(response.headers, upstream)
    try:
        answer, entry.meter = exchange.whole(body)
    except UpstreamError as error:
        blot(error, upstream.credential)
        raise
    return Opened(response, headers, answer, credential=upstream.credential)


async def open_answer(
    call: Call,
    entry: Entry,
    response: UpstreamResponse,
    upstream: Upstream,
    exchange: Exchange,
    rendered: Rendered,
    bound: Callable[[StreamRelay], None] | None = None,
) -> Opened:
    """Read an answer up to its first content, or whole where it does not stream.

    `bound` tells a stream how far it may go. Raises: UpstreamError.
    """
    if response.status >= 300:
        entry.generating = None
        raise await read_error(response, upstream, exchange)
    try:
        opened = await _open(call, entry, response, upstream, exchange, rendered, bound)
    except UpstreamError as error:
        blot(error, upstream.credential)
        raise
    opened.credential = upstream.credential
    return opened


async def _open(
    call: Call,
    entry: Entry,
    response: UpstreamResponse,
    upstream: Upstream,
    exchange: Exchange,
    rendered: Rendered,
    bound: Callable[[StreamRelay], None] | None,
) -> Opened:
    """An answer that is none of an error status. Raises: UpstreamError."""
    kind = value_of(response.headers, b"content-type")
    streams = is_event_stream(kind)
    headers = passed_headers(response.headers, upstream, exchange, rendered)
    if streams and (exchange.streaming or not call.endpoint.known):
        if not exchange.translated and exchange.stream_type() != b"text/event-stream":
            headers = retyped(headers, exchange.stream_type())
        watcher = exchange.stream(rendered, upstream.credential)
        if bound is not None:
            bound(watcher)
        return await open_stream(entry, response, watcher, headers)
    if call.endpoint.known and (streams or (exchange.streaming and is_json(kind))):
        kind = exchange.stream_type() if exchange.streaming else b"application/json"
        return await open_converted(entry, response, exchange, retyped(headers, kind), streams)
    return await open_whole(entry, response, exchange, headers, as_json=is_json(kind))


async def open_stream(
    entry: Entry, response: UpstreamResponse, watcher: StreamRelay, headers: HeaderList
) -> Opened:
    """Hold a stream back until it says something. Raises: UpstreamError where it breaks before that."""
    entry.meter = watcher
    held, ended = bytearray(), False
    while not (watcher.content or watcher.done or watcher.fault or ended or len(held) > MAX_HELD_BYTES):
        chunk = await response.chunk()
        ended = not chunk
        held += watcher.finish() if ended else watcher.feed(chunk)
        if watcher.failure is not None and not watcher.content:
            raise watcher.failure
    entry.first_byte(time.perf_counter())
    return Opened(
        response=response,
        headers=headers,
        body=bytes(held),
        watcher=watcher,
        ended=ended or watcher.done,
        fault=None if watcher.content else watcher.fault,
    )


async def open_whole(
    entry: Entry, response: UpstreamResponse, exchange: Exchange, headers: HeaderList, *, as_json: bool
) -> Opened:
    """An unstreamed answer: read whole where it is short, so that it is checked before it is passed on."""
    body = response.arrived()
    if not (exchange.translated or as_json):
        body = body or await response.chunk()
        entry.first_byte(time.perf_counter())
        return Opened(response=response, headers=headers, body=body, long=True)
    if body is None:
        read = bytearray(await response.chunk())
        entry.first_byte(time.perf_counter())
        limit = TRANSLATED_ANSWER_BYTES if exchange.translated else WHOLE_ANSWER_BYTES
        while chunk := await response.chunk():
            read += chunk
            if len(read) > limit:
                if exchange.translated:
                    raise UpstreamError(f"the upstream's answer is longer than {limit} bytes")
                return Opened(response=response, headers=headers, body=bytes(read), long=True)
        body = bytes(read)
    else:
        entry.first_byte(time.perf_counter())
    answer, entry.meter = exchange.whole(body)
    return Opened(response=response, headers=headers, body=answer)


async def open_converted(
    entry: Entry, response: UpstreamResponse, exchange: Exchange, headers: HeaderList, streamed: bool
) -> Opened:
    """An answer in the other form than was asked for: a whole one instead of a stream, or a stream."""
    body = bytearray()
    while chunk := await response.chunk():
        entry.first_byte(time.perf_counter())
        body += chunk
        if len(body) > TRANSLATED_ANSWER_BYTES:
            raise UpstreamError(f"the upstream's answer is longer than {TRANSLATED_ANSWER_BYTES} bytes")
    answer, entry.meter = exchange.convert(bytes(body), streamed=streamed)
    return Opened(response=response, headers=headers, body=answer)


def deliver(call: Call, caller: Caller, entry: Entry, opened: Opened) -> Awaitable[UpstreamError | None]:
    """Pass an answer on to the caller: from here on nothing else can take its place. To be awaited at once.

    Returns the upstream's failure in the middle of it, which the caller has been told in its dialect.
    """
    if opened.watcher is not None:
        return deliver_stream(call, caller, entry, opened, opened.watcher)
    if opened.long:
        return deliver_long(call, caller, entry, opened)
    return deliver_whole(call, caller, entry, opened)


def settle_whole(entry: Entry, opened: Opened) -> None:
    """Of an answer that is there: `deliver_whole` tells the caller."""
    if entry.bodies is not None:
        entry.keep(opened.body)
    entry.settle(time.perf_counter())


def deliver_whole(call: Call, caller: Caller, entry: Entry, opened: Opened) -> Awaitable[None]:
    """As `deliver`, where all of it is there."""
    if not entry.settled:
        settle_whole(entry, opened)
    lines = answer_lines(call, entry)
    cost_usd = entry.record.cost_usd
    if cost_usd is not None:
        lines += cost_line(cost_usd)
    return caller.reply(opened.response.status, opened.headers, opened.body, lines)


async def deliver_stream(
    call: Call, caller: Caller, entry: Entry, opened: Opened, watcher: StreamRelay
) -> UpstreamError | None:
    """Whole events as they came, until the last word; a failure becomes the dialect's error event."""
    lines = answer_lines(call, entry)
    out, failure = await pass_stream(caller, entry, opened, watcher, lines)
    return await end_stream(caller, entry, opened, watcher, lines, out, failure)


async def pass_stream(
    caller: Caller, entry: Entry, opened: Opened, watcher: StreamRelay, lines: bytes
) -> tuple[bytes, GatewayError | None]:
    """All but the last bytes of a stream, which are returned with its failure, if it broke."""
    try:
        return await pass_events(caller, entry, opened, watcher, lines), watcher.failure
    except UpstreamError as error:
        return b"", error


async def end_stream(
    caller: Caller,
    entry: Entry,
    opened: Opened,
    watcher: StreamRelay,
    lines: bytes,
    out: bytes,
    failure: GatewayError | None,
) -> UpstreamError | None:
    """Settle, then let the last bytes go. Returns the upstream's failure."""
    response = opened.response
    if failure is not None:
        blot(failure, opened.credential)
        entry.fail(failure)
        out += watcher.error_event(failure)
    elif watcher.fault is not None:
        entry.fail(UpstreamError(watcher.fault.message))
    entry.keep(out)
    entry.settle(time.perf_counter())
    if not caller.started:
        await caller.start(response.status, opened.headers, lines=lines)
    await caller.end(out)
    if failure is None and not watcher.cut_short:
        await response.drain()
    return failure if isinstance(failure, UpstreamError) else watcher.fault


class _Passage:
    """Takes what an upstream says straight to the caller, from one connection to the other, without a task
    being woken: as long as the caller keeps up, and nobody need look."""

    __slots__ = ("_caller", "_entry", "_watcher", "out")

    def __init__(self, caller: Caller, entry: Entry, watcher: StreamRelay, out: bytes) -> None:
        self._caller = caller
        self._entry = entry
        self._watcher = watcher
        self.out = out
        """What has not been passed on."""

    @property
    def over(self) -> bool:
        """The stream has said its last word, or broke its protocol."""
        return self._watcher.done or self._watcher.failure is not None

    def take(self, chunk: bytes) -> bool:
        watcher = self._watcher
        out = watcher.feed(chunk)
        if watcher.done or watcher.failure is not None or (out and not self._caller.push(out)):
            self.out = out
            return False
        self._entry.keep(out)
        return True

    def push_chunk(self, data: bytes, chunk: bytes) -> bool:
        """To the caller, and into the body log."""
        if not self._caller.push_chunk(data, chunk):
            return False
        self._entry.keep(data)
        return True


async def pass_events(
    caller: Caller, entry: Entry, opened: Opened, watcher: StreamRelay, lines: bytes
) -> bytes:
    """All but the last bytes of a stream, which are returned: the row is settled before they go out."""
    response, passage = opened.response, _Passage(caller, entry, watcher, opened.body)
    take_chunk = watcher.chunk_taker(caller.push_chunk if entry.bodies is None else passage.push_chunk)
    opened.body = b""
    if opened.ended or watcher.failure is not None:
        return passage.out
    while True:
        if passage.out:
            if not caller.started:
                await caller.start(response.status, opened.headers, lines=lines)
            out, passage.out = passage.out, b""
            entry.keep(out)
            await caller.write(out)
        if not await response.pass_on(passage.take, take_chunk):
            return watcher.finish()
        if passage.over:
            return passage.out


async def deliver_long(call: Call, caller: Caller, entry: Entry, opened: Opened) -> UpstreamError | None:
    """An answer too long to keep, or of any other type: passed on as it comes, usage read from its tail."""
    response = opened.response
    told = value_of(response.headers, b"content-length")
    length = int(told) if told is not None and told.isdigit() else None
    await caller.start(response.status, opened.headers, length=length, lines=answer_lines(call, entry))
    chunk, tail, passed = opened.body, b"", 0
    opened.body = b""
    try:
        while chunk:
            entry.keep(chunk)
            tail = (tail + chunk)[-TAIL_BYTES:]
            passed += len(chunk)
            if passed == length:
                break
            await caller.write(chunk)
            chunk = await response.chunk()
    except UpstreamError as error:
        entry.fail(error)
        caller.abort()
        return error
    usage = usage_in_tail(call.endpoint.family, tail)
    entry.meter = Reply(usage=usage, output_bytes=passed if usage is None else 0)
    entry.settle(time.perf_counter())
    await caller.end(chunk)
    return None


async def read_error(response: UpstreamResponse, upstream: Upstream, exchange: Exchange) -> UpstreamError:
    """The error that an upstream's answer stands for."""
    body = bytearray()
    while len(body) < ERROR_BODY_BYTES and (chunk := await response.chunk()):
        body += chunk
    error = exchange.parse_error(
        response.status, bytes(body), upstream.credential, retry_after_s(response.headers)
    )
    if exchange.translated and isinstance(error, UpstreamRejected):
        error.verbatim = None  # spelled in the provider's dialect, not the caller's
    return blot(error, upstream.credential)


async def refuse(call: Call, caller: Caller, entry: Entry, error: GatewayError) -> None:
    """Tell the caller, in its dialect; settle first."""
    entry.fail(error)
    entry.settle(time.perf_counter())
    if caller.started:
        caller.abort()
        return
    body = error.verbatim if isinstance(error, UpstreamRejected) else None
    body = body or render_error(call.endpoint.family, error, call.id)
    await caller.reply(error.status, refusal_headers(error), body, answer_lines(call, entry))
