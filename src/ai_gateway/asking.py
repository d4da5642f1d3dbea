"""The way out: a request put to its client's provider, again where that helps, then to the next one."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import msgspec

from ai_gateway.answering import Opened, open_answer, open_arrived
from ai_gateway.call import Call
from ai_gateway.core import runs
from ai_gateway.core.ledger import MAX_LOGGED_BODY, Entry, Price
from ai_gateway.core.record import WHOLE
from ai_gateway.core.runs import TURN
from ai_gateway.core.trace import TraceContext
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.endpoints import Job
from ai_gateway.dialects.exchange import Exchange, Settings
from ai_gateway.dialects.interface import Rendered
from ai_gateway.dialects.openai_usage import BYTES_PER_TOKEN
from ai_gateway.dialects.opening import open_exchange
from ai_gateway.dialects.relay_stream import StreamRelay
from ai_gateway.errors import BadRequest, NotFound, UpstreamError
from ai_gateway.outgoing import way_of
from ai_gateway.policy.attempts import BUSY, Attempts
from ai_gateway.policy.interface import Reserved
from ai_gateway.policy.snapshot import ClientPolicy
from ai_gateway.policy.targets import Target
from ai_gateway.policy.upkeep import Upkeep
from ai_gateway.providers import Provider
from ai_gateway.upstream.headers import is_plain, traced, value_of
from ai_gateway.upstream.media import MediaFetcher, inline_urls, is_text_alone
from ai_gateway.upstream.pool import TransportPool
from ai_gateway.upstream.transport import UpstreamRequest

__all__ = ["Asker", "Costs", "Order", "Reader", "check_plain", "read"]

PATIENCE_STEP_S = 0.005
"""What the first try has used of the patience is not worth a word."""
_COUNT = Job.COUNT
_CHAT, _EMBED = Job.CHAT, Job.EMBED


class Costs(Protocol):
    """What providers charge."""

    def of(self, target: Target, /) -> Price:
        """What a target's model costs, unless the target knows it already."""
        ...


class Reader(Protocol):
    """Reads a request for a provider; `serves` tells the model behind the caller's name."""

    def __call__(self, provider: Provider, serves: Callable[[str | None], str | None]) -> Exchange:
        """Raises: BadRequest, NotFound."""
        ...


class Order(msgspec.Struct, eq=False, gc=False):
    """An admitted request."""

    call: Call
    entry: Entry
    client: ClientPolicy
    exchange: Exchange
    """As read for the first target."""
    reader: Reader | None
    """Reads it for another one, where it is not just read again."""
    targets: Sequence[Target]
    reservation: Reserved
    input_tokens: int
    """Estimated."""
    repeatable: bool
    """It may be sent again although it was perhaps carried out: an answer more does no harm, a file or a
    batch more does."""
    round: int = 1
    """More than one where the gateway's tools have run."""


_Prepared = tuple[Target, Exchange, Rendered, UpstreamRequest]
"""A request ready for one target."""


class Asker:
    """Sends requests to providers."""

    def __init__(
        self,
        *,
        transports: TransportPool,
        media: MediaFetcher,
        upkeep: Upkeep,
        costs: Costs,
        max_retries: int,
    ) -> None:
        self._transports = transports
        self._media = media
        self._upkeep = upkeep
        self._costs = costs
        self._max_retries = max_retries

    async def ask(self, order: Order) -> tuple[Opened, Target] | None:
        """The answer that some target gives, with nothing of it passed on yet; None where the gateway answers
        by itself.

        Raises: UpstreamError, BadRequest, NotFound.
        """
        first, exchange, upkeep = order.targets[0], order.exchange, self._upkeep
        patience_s = order.client.timeout_s
        deadline_s = time.monotonic() + patience_s
        prepared = opened = error = None
        if not upkeep.failing and (exchange.canonical is None or is_text_alone(exchange.canonical)):
            prepared = _prepare(order, first, exchange)
            if prepared is None:
                return None
            if runs.crowd is not None:
                await TURN
            opened, error = await self._try(order, prepared, patience_s)
            if opened is not None and error is None:
                if upkeep.failing or upkeep.retried:
                    upkeep.succeeded(first, time.monotonic(), probe=False)
                return opened, first
        attempts = Attempts(first, order.targets, upkeep, deadline_s, self._max_retries, order.repeatable)
        try:
            return await self._ask_on(order, attempts, prepared, opened, error)
        finally:
            if attempts.probe:
                attempts.abandoned()

    async def _ask_on(
        self,
        order: Order,
        attempts: Attempts,
        prepared: _Prepared | None,
        opened: Opened | None,
        error: UpstreamError | None,
    ) -> tuple[Opened, Target] | None:
        """As `ask`, after a try that has brought this, or before any."""
        if prepared is None and self._upkeep.failing:
            attempts.choose(time.monotonic())
        while True:
            if error is not None:
                pause_s = attempts.failed(error, now_s=time.monotonic(), jitter=random.random())  # noqa: S311 - to spread, not to hide
                if pause_s is None:
                    if opened is None or prepared is None:
                        raise error
                    return opened, prepared[0]  # what the provider said of its failure is passed on
                order.entry.end_attempt(error, time.perf_counter())
                if opened is not None:
                    opened.response.close()
                await asyncio.sleep(pause_s)
            if prepared is None or prepared[0] is not attempts.target:
                prepared = await self._prepare_next(order, attempts, error)
                if prepared is None:
                    return None
            opened, error = await self._try(order, prepared, attempts.left_s(time.monotonic()))
            if error is None and opened is not None:
                attempts.succeeded(time.monotonic())
                return opened, prepared[0]

    def note_break(self, target: Target, failure: UpstreamError) -> None:
        """An answer that had begun broke off. A refusal, or being busy, says that the upstream works."""
        if failure.retryable and failure.status != BUSY:
            self._upkeep.failed(target, time.monotonic(), probe=False)

    async def _prepare_next(
        self, order: Order, attempts: Attempts, failure: UpstreamError | None
    ) -> _Prepared | None:
        """For the target whose turn it is. A fallback that has no form for the request is passed over.

        Raises: BadRequest, NotFound; or the `failure` that led to the fallbacks, where none of them is left.
        """
        while True:
            target = attempts.target
            try:
                exchange = order.exchange
                if target is not order.targets[0]:
                    reader = order.reader or partial(read, order.call, exchange.body)
                    exchange = reader(target.upstream.provider, lambda _: target.model)  # noqa: B023 - called at once
                if exchange.canonical is not None:
                    fetch = self._media.fetch
                    exchange.canonical = await inline_urls(exchange.canonical, exchange.url_kinds, fetch)
                return _prepare(order, target, exchange)
            except (BadRequest, NotFound):
                if attempts.target is order.targets[0]:
                    raise
                if not attempts.skip(time.monotonic()):
                    if failure is None:
                        raise
                    raise failure from None

    async def _try(
        self, order: Order, prepared: _Prepared, patience_s: float
    ) -> tuple[Opened | None, UpstreamError | None]:
        """One call to a provider: what it says, and its failure."""
        target, exchange, rendered, outgoing = prepared
        entry, call, upstream = order.entry, order.call, target.upstream
        job = call.endpoint.job
        entry.begin_attempt(
            upstream.provider_name,
            target.model,
            _FREE if job is _COUNT else target.tariff or self._costs.of(target),
            exchange if job is _CHAT or job is _EMBED else None,
            ((time.perf_counter() - call.started_s) * 1e6 + WHOLE - WHOLE) / 1e3,
            target.backend,
            order.round,
        )
        if patience_s < outgoing.timeout_s - PATIENCE_STEP_S or call.trace is not None:
            outgoing = _of_attempt(outgoing, patience_s, call.trace, entry.record.attempts)
        try:
            response = await self._transports.of(upstream).send(outgoing)
        except UpstreamError as error:
            if not error.arrived:
                entry.generating = None
            return None, error
        entry.attempt_status = response.status
        try:
            opened = open_arrived(entry, response, upstream, exchange, rendered)
            if opened is None:
                bound = partial(_bound, order) if order.reservation.bounded else None
                opened = await open_answer(call, entry, response, upstream, exchange, rendered, bound)
        except UpstreamError as error:
            response.close()
            return None, error
        except BaseException:
            response.close()
            raise
        return opened, opened.fault


def _prepare(order: Order, target: Target, exchange: Exchange) -> _Prepared | None:
    call, client, entry = order.call, order.client, order.entry
    settings = Settings(
        target.model,
        client.system_prompt,
        client.max_output_tokens,
        _left(order) if order.reservation.capped else None,
    )
    rendered = exchange.render(settings, target.upstream.provider)
    if client.log_bodies:
        log_bodies(entry, order.exchange.body, rendered.body if rendered else b"")
    if rendered is None:
        entry.record.model_served = target.model
        return None
    way = way_of(call, target, exchange, rendered)
    sent = way.sent
    outgoing = UpstreamRequest(
        method=call.method,
        url=way.url,
        headers=sent.pairs,
        body=rendered.body,
        timeout_s=client.timeout_s,
        sent=sent,
        repeatable=order.repeatable,
    )
    return target, exchange, rendered, outgoing


def _of_attempt(
    outgoing: UpstreamRequest, patience_s: float, trace: TraceContext | None, number: int
) -> UpstreamRequest:
    """With what differs from try to try: how long to wait, and the span."""
    if patience_s < outgoing.timeout_s - PATIENCE_STEP_S:
        outgoing = msgspec.structs.replace(outgoing, first_s=max(patience_s, 0.001))
    if trace is not None:
        headers = traced(outgoing.headers, trace, number)
        outgoing = msgspec.structs.replace(outgoing, headers=headers, sent=None)
    return outgoing


def _left(order: Order) -> int:
    """Output tokens that are reserved, and that earlier calls have not used."""
    return max(1, order.reservation.allowance - order.entry.record.output_tokens)


def _bound(order: Order, watcher: StreamRelay) -> None:
    """A stream ends where the client's output tokens do."""
    reservation, before = order.reservation, order.entry.record.output_tokens

    def grow(output_bytes: int) -> int:
        reservation.covers(before - (-output_bytes // BYTES_PER_TOKEN))
        return (reservation.allowance - before) * BYTES_PER_TOKEN

    watcher.bound(grow, input_tokens=order.input_tokens)


class _Free:
    """Nobody charges for counting tokens."""

    def cost(self, _: Usage, __: str | None, ___: float) -> float | None:
        return 0.0


_FREE = _Free()


def read(call: Call, body: bytes, provider: Provider, serves: Callable[[str | None], str | None]) -> Exchange:
    """The request in `body`, for this provider; `serves` tells the model behind the caller's name.

    Raises: BadRequest, NotFound.
    """
    if call.said is not None:
        kind = call.said.content_type
    else:
        check_plain(call)
        told = value_of(call.headers, b"content-type")
        kind = told.decode("latin-1") if told else None
    return open_exchange(
        call.endpoint,
        body,
        call.asked,
        provider,
        content_type=kind,
        moment=call,
        serves=serves,
    )


def check_plain(call: Call) -> None:
    """Raises: BadRequest where the body is compressed."""
    if not is_plain(call.headers):
        raise BadRequest("compressed request bodies are not supported: send them plain")


def log_bodies(entry: Entry, asked: bytes, sent: bytes) -> None:
    """Keep what the caller sent and what went upstream, cut at `MAX_LOGGED_BODY` bytes."""
    entry.record.caller_request = asked[:MAX_LOGGED_BODY].decode("utf-8", "replace")
    entry.record.upstream_request = sent[:MAX_LOGGED_BODY].decode("utf-8", "replace")
    if entry.bodies is None:
        entry.bodies = bytearray()
