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

from ai_gateway.answering import Call, Caller, answer_locally, refuse, relay
from ai_gateway.core.ledger import MAX_LOGGED_BODY, Entry
from ai_gateway.core.record import RequestRecord
from ai_gateway.dialects.endpoints import Job
from ai_gateway.dialects.estimates import check_input, estimate_answer
from ai_gateway.dialects.exchange import Exchange, Settings
from ai_gateway.dialects.interface import Rendered
from ai_gateway.dialects.opening import open_exchange
from ai_gateway.dialects.translation import Moment
from ai_gateway.errors import BadRequest, GatewayError, Overloaded, UpstreamError
from ai_gateway.policy.access import authenticate, resolve_model, served_model
from ai_gateway.policy.snapshot import ClientPolicy, Snapshot
from ai_gateway.providers import Upstream
from ai_gateway.upstream.headers import (
    for_translated,
    for_upstream,
    value_of,
)
from ai_gateway.upstream.media import MediaFetcher, inline_urls
from ai_gateway.upstream.pool import TransportPool
from ai_gateway.upstream.transport import UpstreamRequest

__all__ = ["Gate", "Pipeline"]

DRAIN_RETRY_AFTER_S = 5
_NEEDS_MODEL = frozenset({Job.CHAT, Job.COUNT})
_GENERATES = frozenset({Job.CHAT, Job.EMBED})


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
        media: MediaFetcher,
        sink: Callable[[RequestRecord], None],
        gate: Gate,
    ) -> None:
        self.snapshot = Snapshot({})
        """Swapped whole by the control path."""
        self._transports = transports
        self._media = media
        self._sink = sink
        self._gate = gate

    def open(self, call: Call) -> Entry:
        """The log row of a call, still to be settled."""
        record = RequestRecord(
            id=call.id,
            started_at=call.started_ms,
            endpoint=call.label,
            dialect=call.endpoint.family.value,
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
        upstream = upstream_of(client)
        exchange = read(call, await caller.read_body(), upstream, client)
        entry.record.model_asked, entry.record.streaming = exchange.model, exchange.streaming
        model = resolve_model(client, exchange.model, required=call.endpoint.job in _NEEDS_MODEL)
        check_input(exchange, client.settings.max_input_tokens)
        if exchange.canonical is not None:
            fetch = self._media.fetch
            exchange.canonical = await inline_urls(exchange.canonical, exchange.url_kinds, fetch)
        settings = Settings(
            model=model,
            system_prompt=client.settings.system_prompt,
            max_output_tokens=client.settings.max_output_tokens,
        )
        rendered = exchange.render(settings, upstream.provider)
        entry.record.model_served = model
        if client.settings.log_bodies:
            log_bodies(entry, exchange.body, rendered.body if rendered else b"")
        if rendered is None:
            await answer_locally(call, caller, entry, exchange)
            return
        outgoing = UpstreamRequest(
            method=call.method,
            url=upstream.url(
                rendered.path or call.path, model=model, query=joined(rendered.query, call, exchange)
            ),
            headers=outgoing_headers(call, upstream, exchange, rendered),
            body=rendered.body,
            timeout_s=client.settings.timeout_seconds,
        )
        if call.endpoint.job in _GENERATES:
            entry.estimate = partial(estimate_answer, exchange)
        entry.record.attempts = 1
        entry.record.overhead_ms = round((time.perf_counter() - call.started_s) * 1000, 3)
        response = await self._transports.of(upstream).send(outgoing)
        rendered = msgspec.structs.replace(rendered, body=b"")
        del outgoing  # a long stream need not hold what has been sent
        try:
            await relay(call, caller, entry, response, upstream, exchange, rendered)
        finally:
            response.close()


def read(call: Call, body: bytes, upstream: Upstream, client: ClientPolicy) -> Exchange:
    """The request in `body`, for this provider. Raises: BadRequest, NotFound."""
    if (value_of(call.headers, b"content-encoding") or b"identity") != b"identity":
        raise BadRequest("compressed request bodies are not supported: send them plain")
    kind = value_of(call.headers, b"content-type")
    return open_exchange(
        call.endpoint,
        body,
        call.asked,
        upstream.provider,
        content_type=kind.decode("latin-1") if kind else None,
        moment=Moment(id=call.id.removeprefix("req_"), created_s=call.started_ms // 1000),
        serves=partial(served_model, client),
    )


def upstream_of(client: ClientPolicy) -> Upstream:
    """Raises: UpstreamError where the client's settings name no usable backend."""
    if client.upstream is None:
        raise UpstreamError(f"this client's backend is not usable: {client.fault}")
    return client.upstream


def joined(query: str, call: Call, exchange: Exchange) -> str:
    """The query for the upstream: what the dialect needs, and the caller's own where it is relayed."""
    own = "" if exchange.translated else call.query
    return f"{query}&{own}" if query and own else query or own


def outgoing_headers(
    call: Call, upstream: Upstream, exchange: Exchange, rendered: Rendered
) -> list[tuple[str, str]]:
    """A relayed caller's own headers pass; those of another dialect mean nothing to this provider."""
    if exchange.translated:
        return for_translated(call.headers, upstream, rendered.headers)
    kind = b"application/json" if exchange.is_json else value_of(call.headers, b"content-type")
    return for_upstream(call.headers, upstream, kind)


def log_bodies(entry: Entry, asked: bytes, sent: bytes) -> None:
    """Keep what the caller sent and what went upstream, cut at `MAX_LOGGED_BODY` bytes."""
    entry.record.caller_request = asked[:MAX_LOGGED_BODY].decode("utf-8", "replace")
    entry.record.upstream_request = sent[:MAX_LOGGED_BODY].decode("utf-8", "replace")
    entry.bodies = bytearray()
