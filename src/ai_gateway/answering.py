"""The way back: a provider's answer, passed on to the caller."""

from __future__ import annotations

import time
from typing import Protocol

import msgspec

from ai_gateway.core.ledger import Entry
from ai_gateway.dialects.endpoints import Endpoint, Family
from ai_gateway.dialects.exchange import Exchange
from ai_gateway.dialects.interface import Asked, Rendered
from ai_gateway.dialects.registry import render_error
from ai_gateway.dialects.relay_answer import usage_in_tail
from ai_gateway.dialects.relay_stream import Reply, StreamRelay
from ai_gateway.errors import GatewayError, UpstreamError, UpstreamRejected
from ai_gateway.providers import Upstream
from ai_gateway.upstream.headers import (
    for_caller,
    is_event_stream,
    is_json,
    retry_after_s,
    translated_headers,
    value_of,
)
from ai_gateway.upstream.transport import UpstreamResponse

__all__ = ["Call", "Caller", "HeaderList", "answer_headers", "answer_locally", "refuse", "relay"]

HeaderList = list[tuple[bytes, bytes]]

WHOLE_ANSWER_BYTES = 1024 * 1024
"""Up to here an unstreamed answer is read whole before it goes on; a longer one passes as it comes."""
TRANSLATED_ANSWER_BYTES = 64 * 1024 * 1024
"""A translated answer that does not stream is always read whole; images come in Base64."""
ERROR_BODY_BYTES = 64 * 1024
TAIL_BYTES = 64 * 1024
MAX_DROPPED_CHARS = 4000


class Call(msgspec.Struct, kw_only=True, eq=False):
    """What the caller wants, before its body is read."""

    id: str
    started_s: float
    """Of the monotonic clock."""
    started_ms: int
    """Unix time."""
    method: str
    path: str
    """Relative to the API's root, e.g. `/chat/completions`."""
    label: str
    """Method and path as the caller wrote it, for the log."""
    endpoint: Endpoint
    headers: HeaderList
    key: str | None
    address: str | None
    query: str = ""
    """Without the key."""
    asked: Asked = Asked()
    """What the path says beside the endpoint."""


class Caller(Protocol):
    """The connection to the caller. Writes wait while it does not read."""

    started: bool

    async def read_body(self) -> bytes:
        """Raises: BodyTooLarge."""
        ...

    async def reply(self, status: int, headers: HeaderList, body: bytes) -> None:
        """A whole answer."""
        ...

    async def start(self, status: int, headers: HeaderList, *, length: int | None = None) -> None:
        """`length` in bytes, where it is known beforehand."""
        ...

    async def write(self, data: bytes) -> None: ...

    async def end(self, data: bytes = b"") -> None: ...

    def abort(self) -> None:
        """Break the connection: what has been sent must not look complete."""
        ...


async def answer_locally(call: Call, caller: Caller, entry: Entry, exchange: Exchange) -> None:
    """An answer that needs no provider: an estimate, and said to be one."""
    body = exchange.local_answer()
    entry.keep(body)
    entry.settle(time.perf_counter())
    headers: HeaderList = [(b"content-type", b"application/json"), (b"x-gateway-estimated", b"true")]
    await caller.reply(200, answer_headers(call, entry, headers), body)


async def relay(
    call: Call,
    caller: Caller,
    entry: Entry,
    response: UpstreamResponse,
    upstream: Upstream,
    exchange: Exchange,
    rendered: Rendered,
) -> None:
    """Pass an upstream's answer on to the caller. Raises: UpstreamError before anything was passed on."""
    if response.status >= 300:
        entry.estimate = None
        raise await read_error(response, upstream, exchange)
    kind = value_of(response.headers, b"content-type")
    streams = is_event_stream(kind)
    if exchange.translated:
        own = exchange.stream_type() if exchange.streaming else b"application/json"
        headers = translated_headers(response.headers, own)
    else:
        headers = for_caller(response.headers, upstream)
    headers = answer_headers(call, entry, headers, rendered)
    if streams and (exchange.streaming or not call.endpoint.known):
        if not exchange.translated and exchange.stream_type() != b"text/event-stream":
            headers = retyped(headers, exchange.stream_type())
        watcher = exchange.stream(rendered, upstream.credential)
        await relay_stream(caller, entry, response, watcher, headers)
    elif call.endpoint.known and (streams or (exchange.streaming and is_json(kind))):
        kind = exchange.stream_type() if exchange.streaming else b"application/json"
        await relay_converted(caller, entry, response, exchange, retyped(headers, kind), streams)
    else:
        await relay_whole(caller, entry, response, exchange, headers)


def retyped(headers: HeaderList, content_type: bytes) -> HeaderList:
    """`headers` with another content-type."""
    return [(b"content-type", content_type), *(pair for pair in headers if pair[0] != b"content-type")]


async def relay_stream(
    caller: Caller, entry: Entry, response: UpstreamResponse, watcher: StreamRelay, headers: HeaderList
) -> None:
    """Whole events as they came, until the last word; a failure becomes the dialect's error event."""
    entry.meter = watcher
    failure: GatewayError | None
    try:
        out = await pass_events(caller, entry, response, watcher, headers)
        failure = watcher.failure
    except UpstreamError as error:
        out, failure = b"", error
    if failure is not None:
        if not caller.started and not out:
            raise failure
        entry.fail(failure)
        out += watcher.error_event(failure)
    elif watcher.error is not None:
        entry.fail(UpstreamError(watcher.error))
    entry.keep(out)
    entry.settle(time.perf_counter())
    if not caller.started:
        await caller.start(response.status, headers)
    await caller.end(out)
    if failure is None:
        await response.drain()


async def pass_events(
    caller: Caller, entry: Entry, response: UpstreamResponse, watcher: StreamRelay, headers: HeaderList
) -> bytes:
    """All but the last bytes of a stream, which are returned: the row is settled before they go out."""
    chunk = await response.chunk()
    entry.first_byte(time.perf_counter())
    while chunk:
        out = watcher.feed(chunk)
        if watcher.done or watcher.failure is not None:
            return out
        if out:
            if not caller.started:
                await caller.start(response.status, headers)
            entry.keep(out)
            await caller.write(out)
        chunk = await response.chunk()
    return watcher.finish()


async def relay_whole(
    caller: Caller, entry: Entry, response: UpstreamResponse, exchange: Exchange, headers: HeaderList
) -> None:
    """An unstreamed answer: read whole where it is short, so that it is checked before it is passed on."""
    body = bytearray(await response.chunk())
    entry.first_byte(time.perf_counter())
    as_json = exchange.translated or is_json(value_of(response.headers, b"content-type"))
    limit = TRANSLATED_ANSWER_BYTES if exchange.translated else WHOLE_ANSWER_BYTES
    while as_json and len(body) <= limit:
        chunk = await response.chunk()
        if not chunk:
            break
        body += chunk
    else:
        if exchange.translated:
            raise UpstreamError(f"the upstream's answer is longer than {limit} bytes")
        await relay_long(caller, entry, response, exchange.endpoint.family, headers, body)
        return
    answer, entry.meter = exchange.whole(bytes(body))
    entry.keep(answer)
    entry.settle(time.perf_counter())
    await caller.reply(response.status, headers, answer)


async def relay_converted(
    caller: Caller,
    entry: Entry,
    response: UpstreamResponse,
    exchange: Exchange,
    headers: HeaderList,
    streamed: bool,
) -> None:
    """An answer in the other form than was asked for: a whole one instead of a stream, or a stream."""
    body = bytearray()
    while chunk := await response.chunk():
        entry.first_byte(time.perf_counter())
        body += chunk
        if len(body) > TRANSLATED_ANSWER_BYTES:
            raise UpstreamError(f"the upstream's answer is longer than {TRANSLATED_ANSWER_BYTES} bytes")
    answer, entry.meter = exchange.convert(bytes(body), streamed=streamed)
    entry.keep(answer)
    entry.settle(time.perf_counter())
    await caller.reply(response.status, headers, answer)


async def relay_long(
    caller: Caller,
    entry: Entry,
    response: UpstreamResponse,
    family: Family,
    headers: HeaderList,
    head: bytearray,
) -> None:
    """An answer too long to keep, or of any other type: passed on as it comes, usage read from its tail."""
    told = value_of(response.headers, b"content-length")
    length = int(told) if told is not None and told.isdigit() else None
    await caller.start(response.status, headers, length=length)
    chunk, tail, passed = bytes(head), b"", 0
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
        return
    usage = usage_in_tail(family, tail)
    entry.meter = Reply(usage=usage, output_bytes=passed if usage is None else 0)
    entry.settle(time.perf_counter())
    await caller.end(chunk)


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
    return error


async def refuse(call: Call, caller: Caller, entry: Entry, error: GatewayError) -> None:
    """Tell the caller, in its dialect; settle first."""
    entry.fail(error)
    entry.settle(time.perf_counter())
    if caller.started:
        caller.abort()
        return
    headers: HeaderList = [(b"content-type", b"application/json")]
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(error.retry_after_s).encode()))
    body = error.verbatim if isinstance(error, UpstreamRejected) else None
    body = body or render_error(call.endpoint.family, error, call.id)
    await caller.reply(error.status, answer_headers(call, entry, headers), body)


def answer_headers(
    call: Call, entry: Entry, headers: HeaderList, rendered: Rendered | None = None
) -> HeaderList:
    """What the gateway says about its own part, on top of `headers`."""
    record = entry.record
    headers.append((b"x-request-id", call.id.encode()))
    if record.provider is not None:
        headers.append((b"x-gateway-provider", record.provider.encode()))
    if record.model_served:
        headers.append((b"x-gateway-model", header_text(record.model_served)))
    headers.append((b"x-gateway-attempts", str(record.attempts).encode()))
    headers.append((b"x-gateway-overhead-ms", str(record.overhead_ms).encode()))
    if rendered is not None and rendered.dropped:
        headers.append((b"x-gateway-dropped", header_text(", ".join(rendered.dropped), MAX_DROPPED_CHARS)))
    return headers


def header_text(text: str, limit: int = 500) -> bytes:
    """Visible ASCII only: names of models and members come from the caller."""
    return bytes(ord(c) if 32 <= ord(c) < 127 else ord("?") for c in text[:limit])
