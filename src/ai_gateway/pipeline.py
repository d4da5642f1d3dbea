"""One request, top to bottom: the file to read first.

authenticate → read and parse → admit → route → encode → upstream → relay → settle
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

import msgspec

from ai_gateway.core.ledger import MAX_LOGGED_BODY, Entry
from ai_gateway.core.record import RequestRecord
from ai_gateway.dialects.forms import model_in_form
from ai_gateway.dialects.openai_errors import parse_error, render_error
from ai_gateway.dialects.openai_reply import Reply, StreamRelay, read_reply, stream_relay, usage_in_tail
from ai_gateway.dialects.openai_request import PLAIN, Endpoint, RelayRequest, Rendered
from ai_gateway.dialects.openai_usage import check_input, estimate_answer
from ai_gateway.errors import BadRequest, GatewayError, Overloaded, UpstreamError, UpstreamRejected
from ai_gateway.policy.access import authenticate, resolve_model
from ai_gateway.policy.snapshot import ClientPolicy, Snapshot
from ai_gateway.providers import Upstream
from ai_gateway.upstream.headers import (
    for_caller,
    for_upstream,
    is_event_stream,
    is_json,
    retry_after_s,
    value_of,
)
from ai_gateway.upstream.pool import TransportPool
from ai_gateway.upstream.transport import UpstreamRequest, UpstreamResponse

__all__ = ["Call", "Caller", "Gate", "Pipeline"]

HeaderList = list[tuple[bytes, bytes]]

WHOLE_ANSWER_BYTES = 1024 * 1024
"""Up to here an unstreamed answer is read whole before it goes on; a longer one passes as it comes."""
ERROR_BODY_BYTES = 64 * 1024
TAIL_BYTES = 64 * 1024
DRAIN_RETRY_AFTER_S = 5


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
    path_model: str | None = None
    """The model, where the path names it."""


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


class Gate(Protocol):
    """Whether the gateway takes requests now."""

    def closed(self) -> str | None:
        """Why not, or None."""
        ...


class Pipeline:
    """Carries requests from callers to providers, and answers back."""

    def __init__(
        self,
        *,
        transports: TransportPool,
        sink: Callable[[RequestRecord], None],
        gate: Gate,
    ) -> None:
        self.snapshot = Snapshot({})
        """Swapped whole by the control path."""
        self._transports = transports
        self._sink = sink
        self._gate = gate

    def open(self, call: Call) -> Entry:
        """The log row of a call, still to be settled."""
        record = RequestRecord(
            id=call.id,
            started_at=call.started_ms,
            endpoint=call.label,
            dialect="openai",
            status=200,
            caller_address=call.address,
        )
        return Entry(record, started_s=call.started_s, sink=self._sink)

    async def run(self, call: Call, caller: Caller) -> None:
        """Answer one call, whatever happens; its row is in the spool before the last byte goes out."""
        entry = self.open(call)
        try:
            await self._serve(call, caller, entry)
        except GatewayError as error:
            await refuse(call, caller, entry, error)
        except asyncio.CancelledError:
            if not entry.settled:
                entry.hang_up()
            raise
        except BaseException:
            entry.record.status, entry.record.error = 500, "internal_error"
            raise
        finally:
            entry.settle(time.perf_counter())

    def enter(self, call: Call, entry: Entry) -> ClientPolicy:
        """Authenticate and admit: the client that this call belongs to.

        Raises: Unauthenticated, Forbidden, Overloaded.
        """
        grant = authenticate(self.snapshot, call.key, address=call.address, now_s=call.started_ms / 1000)
        client = grant.client
        record = entry.record
        record.client_id, record.client_name, record.key_tail = client.id, client.name, grant.tail
        record.provider = client.settings.backend
        reason = self._gate.closed()
        if reason is not None:
            raise Overloaded(reason, retry_after_s=DRAIN_RETRY_AFTER_S)
        return client

    async def _serve(self, call: Call, caller: Caller, entry: Entry) -> None:
        client = self.enter(call, entry)
        body = await caller.read_body()
        request = parse(call, body)
        entry.record.model_asked, entry.record.streaming = request.model, request.streaming
        upstream = upstream_of(client)
        model = resolve_model(client, request.model, required=bool(call.endpoint.path))
        check_input(request, client.settings.max_input_tokens)
        rendered = render(request, client, upstream, model)
        entry.record.model_served = model
        if client.settings.log_bodies:
            log_bodies(entry, body, rendered.body)
        outgoing = UpstreamRequest(
            method=call.method,
            url=upstream.url(call.path, model=model, query=call.query),
            headers=for_upstream(call.headers, upstream, content_type(call, request)),
            body=rendered.body,
            timeout_s=client.settings.timeout_seconds,
        )
        if call.endpoint.path:
            entry.estimate = partial(estimate_answer, request)
        entry.record.attempts = 1
        entry.record.overhead_ms = round((time.perf_counter() - call.started_s) * 1000, 3)
        response = await self._transports.of(upstream).send(outgoing)
        rendered = msgspec.structs.replace(rendered, body=b"")
        del body, outgoing  # a long stream need not hold what has been sent
        try:
            await relay(call, caller, entry, response, upstream, rendered)
        finally:
            response.close()


def parse(call: Call, body: bytes) -> RelayRequest:
    """The request in `body`. JSON is opened whatever its content-type says: the provider may do so too."""
    kind = value_of(call.headers, b"content-type")
    if (value_of(call.headers, b"content-encoding") or b"identity") != b"identity":
        raise BadRequest("compressed request bodies are not supported: send them plain")
    if call.endpoint.path or body[:64].lstrip()[:1] == b"{":
        try:
            request = RelayRequest.parse(call.endpoint, body)
        except BadRequest:
            if call.endpoint.path or is_json(kind):
                raise
            request = RelayRequest(call.endpoint, body, None, None)
    else:
        model = model_in_form(kind, body) if kind and body else None
        request = RelayRequest(call.endpoint, body, None, model)
    request.model = request.model or call.path_model
    return request


def upstream_of(client: ClientPolicy) -> Upstream:
    """Raises: UpstreamError where the client's settings name no usable backend."""
    if client.upstream is None:
        raise UpstreamError(f"this client's backend is not usable: {client.fault}")
    return client.upstream


def render(request: RelayRequest, client: ClientPolicy, upstream: Upstream, model: str | None) -> Rendered:
    """The body for this upstream, by this client's settings."""
    if request.members is None and model != request.model:
        raise BadRequest("aliases and default models need a JSON body", param="model")
    return request.render(
        model=model,
        system_prompt=client.settings.system_prompt,
        max_output_tokens=client.settings.max_output_tokens,
        ask_usage=upstream.provider.asks_for_usage,
        rejected=upstream.provider.rejects,
    )


def content_type(call: Call, request: RelayRequest) -> bytes | None:
    """JSON is called JSON, even where the caller did not."""
    if request.members is not None:
        return b"application/json"
    return value_of(call.headers, b"content-type")


def log_bodies(entry: Entry, asked: bytes, sent: bytes) -> None:
    """Keep what the caller sent and what went upstream, cut at `MAX_LOGGED_BODY` bytes."""
    entry.record.caller_request = asked[:MAX_LOGGED_BODY].decode("utf-8", "replace")
    entry.record.upstream_request = sent[:MAX_LOGGED_BODY].decode("utf-8", "replace")
    entry.bodies = bytearray()


async def relay(
    call: Call,
    caller: Caller,
    entry: Entry,
    response: UpstreamResponse,
    upstream: Upstream,
    rendered: Rendered,
) -> None:
    """Pass an upstream's answer on to the caller. Raises: UpstreamError before anything was passed on."""
    if response.status >= 300:
        entry.estimate = None
        raise await read_error(response, upstream)
    headers = answer_headers(call, entry, for_caller(response.headers, upstream), rendered)
    kind = value_of(response.headers, b"content-type")
    if is_event_stream(kind):
        watcher = stream_relay(
            call.endpoint,
            hide_usage=rendered.usage_asked,
            credential=upstream.credential,
            terminator_optional=upstream.provider.terminator_optional,
        )
        await relay_stream(caller, entry, response, watcher, headers)
    else:
        await relay_whole(call, caller, entry, response, headers)


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
    call: Call, caller: Caller, entry: Entry, response: UpstreamResponse, headers: HeaderList
) -> None:
    """An unstreamed answer: read whole where it is short, so that it is checked before it is passed on."""
    body = bytearray(await response.chunk())
    entry.first_byte(time.perf_counter())
    as_json = is_json(value_of(response.headers, b"content-type"))
    while as_json and len(body) <= WHOLE_ANSWER_BYTES:
        chunk = await response.chunk()
        if not chunk:
            break
        body += chunk
    else:
        await relay_long(caller, entry, response, headers, body)
        return
    answer = bytes(body)
    entry.meter = read_answer(call, answer)
    entry.keep(answer)
    entry.settle(time.perf_counter())
    await caller.reply(response.status, headers, answer)


def read_answer(call: Call, answer: bytes) -> Reply:
    """Usage and the like; only an endpoint that we know owes us JSON."""
    try:
        return read_reply(answer)
    except UpstreamError:
        if call.endpoint is PLAIN:
            return Reply()
        raise


async def relay_long(
    caller: Caller, entry: Entry, response: UpstreamResponse, headers: HeaderList, head: bytearray
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
    usage = usage_in_tail(tail)
    entry.meter = Reply(usage=usage, output_bytes=passed if usage is None else 0)
    entry.settle(time.perf_counter())
    await caller.end(chunk)


async def read_error(response: UpstreamResponse, upstream: Upstream) -> UpstreamError:
    """The error that an upstream's answer stands for."""
    body = bytearray()
    while len(body) < ERROR_BODY_BYTES and (chunk := await response.chunk()):
        body += chunk
    return parse_error(
        response.status,
        bytes(body),
        credential=upstream.credential,
        retry_after_s=retry_after_s(response.headers),
    )


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
    await caller.reply(error.status, answer_headers(call, entry, headers), body or render_error(error))


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
        headers.append((b"x-gateway-dropped", ", ".join(rendered.dropped).encode()))
    return headers


def header_text(text: str) -> bytes:
    """Visible ASCII only: a model's name comes from the caller."""
    return bytes(ord(c) if 32 <= ord(c) < 127 else ord("?") for c in text[:500])
