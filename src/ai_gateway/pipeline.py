"""One request, top to bottom: the file to read first.

authenticate → read and parse → admit → route → encode → upstream → relay → settle
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Sequence
from typing import Protocol

from ai_gateway.admitting import Admitter
from ai_gateway.answering import Opened, answer_locally, deliver, deliver_whole, refuse, settle_whole
from ai_gateway.asking import Asker, Order, Reader, read
from ai_gateway.call import Call, Caller
from ai_gateway.conversing import Converser
from ai_gateway.core import runs
from ai_gateway.core.ledger import Entry, Standing
from ai_gateway.core.record import RequestRecord
from ai_gateway.core.runs import TURN
from ai_gateway.core.trace import continue_trace
from ai_gateway.core.usage import BYTES_PER_TOKEN
from ai_gateway.dialects.endpoints import Job
from ai_gateway.dialects.estimates import check_input
from ai_gateway.dialects.exchange import Exchange
from ai_gateway.dialects.tool_conversation import RoundExchange
from ai_gateway.errors import GatewayError, Overloaded, UpstreamError
from ai_gateway.policy.access import authenticate, check_grant, resolve_model
from ai_gateway.policy.snapshot import ClientPolicy, KeyGrant, Snapshot
from ai_gateway.policy.targets import Target, target_of
from ai_gateway.providers import Upstream
from ai_gateway.upstream.headers import value_of

__all__ = ["Books", "Count", "Gate", "Pipeline"]

OVERLOAD_RETRY_AFTER_S = 5
_NEEDS_MODEL = frozenset({Job.CHAT, Job.COUNT})


class Gate(Protocol):
    """Whether the gateway takes requests now."""

    def closed(self, in_flight: int) -> str | None:
        """Why not, with so many of them in flight; or None."""
        ...


class Books(Protocol):
    """Where the rows of requests go; neither raises."""

    def append(self, record: RequestRecord, /) -> None: ...

    def append_all(self, records: Sequence[RequestRecord], /) -> None: ...


class Count(Protocol):
    """A place for a number, at index 0."""

    def __getitem__(self, index: int, /) -> int: ...
    def __setitem__(self, index: int, value: int, /) -> None: ...


class Pipeline:
    """Carries requests from callers to providers, and answers back."""

    def __init__(
        self,
        *,
        asker: Asker,
        books: Books,
        gate: Gate,
        admitter: Admitter,
        converser: Converser,
        trace_ratio: float | None = None,
        load: Count | None = None,
    ) -> None:
        """`trace_ratio`: of new traces, how many are sampled; None: requests are not traced. `load`: a place
        to count requests in, where others can see it."""
        self.snapshot = Snapshot({})
        """Swapped whole by the control path."""
        self._load: Count = [0] if load is None else load
        self._asker = asker
        self._sink, self._sink_all = books.append, books.append_all
        self._gathered: list[RequestRecord] = []
        """Rows of a crowd, to be written before any of it is answered."""
        self._gate = gate
        self._admitter = admitter
        self._converser = converser
        self._trace_ratio = trace_ratio

    @property
    def in_flight(self) -> int:
        """Requests of the API that are being served."""
        return self._load[0]

    def open(self, call: Call) -> Entry:
        """The log row of a call, still to be settled."""
        entry = self._open(call)
        self._date(call, entry)
        return entry

    def _open(self, call: Call) -> Entry:
        """A row that counts for no day yet."""
        record = RequestRecord(
            id=call.id,
            started_at=call.started_ms,
            endpoint=call.label,
            dialect=call.endpoint.dialect_label,
            status=200,
            caller_address=call.address,
        )
        if self._trace_ratio is not None:
            header = value_of(call.headers, b"traceparent")
            call.trace = continue_trace(call.id, header, self._trace_ratio)
            record.trace = call.trace.note()
        return Entry(record, call.started_s, self._sink)

    def _date(self, call: Call, entry: Entry) -> None:
        if entry.record.day is None:  # else its admission has said so
            entry.record.day = self._admitter.day(call.started_ms / 1000)

    async def run(self, call: Call, caller: Caller) -> None:
        """Answer one call, whatever happens; its row is in the spool before the last byte goes out."""
        entry = self._open(call)
        load = self._load
        load[0] += 1
        try:
            client = self.enter(call, entry)
            body = call.body
            if body is None:
                body = await caller.read_body()
            exchange, reader = self._read(call, entry, client, body)
            if runs.crowd is not None:
                await TURN
            order = self._admit(call, entry, client, exchange, reader)
            if runs.crowd is not None:
                await TURN
            found = await self._asker.ask(order)
            if runs.crowd is not None:
                self._settle_whole(order, found)
                await TURN
                self._write_gathered()
            await self._deliver(order, caller, found)
        except GatewayError as error:
            self._date(call, entry)
            await refuse(call, caller, entry, error)
        except asyncio.CancelledError:
            self._write_gathered()
            if not entry.settled:
                entry.hang_up()
            raise
        except BaseException:
            entry.record.status, entry.record.error = 500, "internal_error"
            raise
        finally:
            load[0] -= 1
            if not entry.settled:
                self._date(call, entry)
                entry.settle(time.perf_counter())

    def enter(self, call: Call, entry: Entry) -> ClientPolicy:
        """Authenticate: the client that this call belongs to. A refusal, too, is logged under its name.

        Raises: Unauthenticated, Forbidden, Overloaded.
        """
        said = call.said
        if said is None or said.granted is None or said.granted[0] is not self.snapshot.moment:
            grant, standing = self._granted(call)
        else:  # the one before with the same head was in this snapshot, too
            _, grant, standing = said.granted
        client = grant.client
        record = entry.record
        record.client_id, record.client_name, record.key_tail = client.id, client.name, grant.tail
        if not grant.lasts and call.grant is None:
            check_grant(grant, address=call.address, now_s=call.started_ms / 1000)
        record.provider = client.backend
        entry.standing = standing  # from here on, every answer tells of it
        reason = self._gate.closed(self._load[0])
        if reason is not None:
            raise Overloaded(reason, retry_after_s=OVERLOAD_RETRY_AFTER_S)
        return client

    def _granted(self, call: Call) -> tuple[KeyGrant, Standing | None]:
        """What the call's key opens, and how its client is told of its limits; its head remembers it.

        Raises: Unauthenticated.
        """
        said, snapshot = call.said, self.snapshot
        grant = call.grant or authenticate(snapshot, call.key)
        standing = self._admitter.standing(grant.client, call.endpoint.family)
        if said is not None:
            said.granted = (snapshot.moment, grant, standing)
        return grant, standing

    def _read(
        self, call: Call, entry: Entry, client: ClientPolicy, body: bytes
    ) -> tuple[Exchange, Reader | None]:
        """What is asked, and what reads it for other targets, where it is not just read again.

        Raises: BadRequest, Forbidden, UpstreamError.
        """
        provider, reader = (client.upstream or upstream_of(client)).provider, None
        if client.runs_tools:
            reader = self._converser.reader(call, client, body, provider, client.serves)
        if reader is None:
            exchange = read(call, body, provider, client.serves)
        else:
            exchange = reader(provider, client.serves)
        record = entry.record
        record.model_asked, record.streaming = exchange.model, exchange.streaming
        return exchange, reader

    def _admit(
        self, call: Call, entry: Entry, client: ClientPolicy, exchange: Exchange, reader: Reader | None
    ) -> Order:
        """Raises: BadRequest, Forbidden, UpstreamError, and what says that a limit is reached."""
        target, limit = _main_target(call, client, exchange.model), client.max_input_tokens
        if limit and len(exchange.body) > limit * BYTES_PER_TOKEN:
            check_input(exchange, limit)
        return self._admitter.admit(call, entry, client, exchange, reader, target)

    def _settle_whole(self, order: Order, found: tuple[Opened, Target] | None) -> None:
        """Where all of an answer is there. Its row goes to the disk with those of its crowd."""
        if found is None or order.client.runs_tools:
            return
        opened = found[0]
        if opened.watcher is None and not opened.long:
            entry = order.entry
            entry.sink = self._gathered.append
            settle_whole(entry, opened)

    def _write_gathered(self) -> None:
        gathered = self._gathered
        if gathered:
            self._gathered = []
            self._sink_all(gathered)

    def _deliver(self, order: Order, caller: Caller, found: tuple[Opened, Target] | None) -> Awaitable[None]:
        """To be awaited at once."""
        call, entry, exchange = order.call, order.entry, order.exchange
        if found is None:
            return answer_locally(call, caller, entry, exchange)
        if order.client.runs_tools and isinstance(exchange, RoundExchange):
            return self._converser.converse(order, exchange, caller, found)
        opened = found[0]
        if opened.watcher is None and not opened.long:
            opened.response.close()  # all of it is there
            return deliver_whole(call, caller, entry, opened)
        return self._pass_on(order, caller, *found)

    async def _pass_on(self, order: Order, caller: Caller, opened: Opened, target: Target) -> None:
        try:
            failure = await deliver(order.call, caller, order.entry, opened)
        finally:
            opened.response.close()
        if failure is not None and failure is not opened.fault:
            self._asker.note_break(target, failure)


def _main_target(call: Call, client: ClientPolicy, asked: str | None) -> Target:
    """Where a request for the model `asked` goes first: known already where the one before with the same head
    was for the same. Raises: BadRequest, Forbidden, UpstreamError."""
    said = call.said
    if said is not None and said.target is not None and said.client is client and said.model == asked:
        return said.target
    model = resolve_model(client, asked, required=call.endpoint.job in _NEEDS_MODEL)
    target = target_of(upstream_of(client), model)
    if said is not None:
        said.client, said.model, said.target = client, asked, target
    return target


def upstream_of(client: ClientPolicy) -> Upstream:
    """Raises: UpstreamError where the client's settings name no usable backend."""
    if client.upstream is None:
        raise UpstreamError(f"this client's backend is not usable: {client.fault}")
    return client.upstream
