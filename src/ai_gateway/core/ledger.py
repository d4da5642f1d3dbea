"""The log row of a request while it is being written, and the moment when it is final."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from ai_gateway.core.record import WHOLE, Attempt, RequestRecord, milliseconds
from ai_gateway.core.structs import quick_to_set
from ai_gateway.core.usage import Usage, estimated_usage
from ai_gateway.errors import GatewayError

__all__ = ["CLIENT_CLOSED", "MAX_LOGGED_BODY", "Charge", "Entry", "Measured", "Meter", "Price", "Standing"]

CLIENT_CLOSED = 499
"""The caller hung up first: nobody got a status, and the log says so as nginx does."""

MAX_LOGGED_BODY = 256 * 1024


class Price(Protocol):
    """What a provider charges for a model."""

    def cost(self, usage: Usage, reported: str | None, at_s: float, /) -> float | None:
        """USD, at a time (Unix seconds); None where no price is known. `reported` is the provider's own name
        for the model."""
        ...


class Measured(Protocol):
    """A request whose input can be estimated."""

    def input_estimate(self) -> int:
        """Tokens."""
        ...


class Meter(Protocol):
    """What has passed of an answer so far."""

    @property
    def usage(self) -> Usage | None: ...

    @property
    def model(self) -> str | None: ...

    @property
    def output_bytes(self) -> int: ...

    @property
    def tools_used(self) -> bool: ...


class Standing(Protocol):
    """How a client stands with its limits."""

    def lines(self) -> str:
        """What an answer tells of it now: headers, each with its line's end."""
        ...


class Charge(Protocol):
    """What the request has reserved of its client's limits."""

    def settle(self, input_tokens: int, output_tokens: int, usd: float | None) -> None: ...

    def cancel(self) -> None:
        """No provider was asked: it counts for nothing."""
        ...


@quick_to_set
class Entry(msgspec.Struct, eq=False):
    """One row, settled exactly once: later calls change nothing.

    `settle` is synchronous on purpose. It runs in `finally` blocks, where a hang-up has cancelled the
    task: an await there would be cancelled too, and the row lost.
    """

    record: RequestRecord
    started_s: float
    sink: Callable[[RequestRecord], None]
    settled: bool = False
    meter: Meter | None = None
    price: Price | None = None
    """Of the present attempt."""
    generating: Measured | None = None
    """The present attempt's request: its usage is estimated if the provider reports none. None where it was
    not asked to generate anything."""
    charge: Charge | None = None
    standing: Standing | None = None
    """Of the client, once it is known, where answers tell of it."""
    bodies: bytearray | None = None
    """The answer's bytes, where this client's bodies are logged."""
    attempt_status: int | None = None
    """The provider's HTTP status, of the present attempt."""
    _running: bool = False
    """An attempt runs. What follows is of it: `Attempt` says what."""
    _backend: str = ""
    _round: int = 1
    _attempt_ms: float = 0.0
    _attempts: list[Attempt] | None = None
    """Those that have ended, where it is not the only one."""
    _spent_usd: float = 0.0
    _unpriced: bool = False
    """Whether any part of it has used tokens without a price."""

    def begin_attempt(
        self,
        provider: str,
        model: str | None,
        price: Price,
        generating: Measured | None,
        started_ms: float = 0.0,
        backend: str = "",
        number: int = 1,
    ) -> None:
        """A provider is asked for a model, `started_ms` after the request's start; `number` is the round's,
        and the rest as in `Attempt`."""
        self._running = True
        self.price, self.generating, self._attempt_ms = price, generating, started_ms
        self._backend, self._round = backend, number
        record = self.record
        if not record.attempts:
            record.overhead_ms = started_ms
        else:
            self.attempt_status = record.model_reported = None
        record.attempts += 1
        record.provider, record.model_served = provider, model or None

    def end_attempt(self, error: GatewayError, now_s: float) -> None:
        """It came to nothing; what it used counts all the same."""
        self._list_attempt(now_s, error.code or error.kind)

    def end_round(self, now_s: float) -> None:
        """It served, and the provider is asked again: with what the model's tools have brought."""
        self._list_attempt(now_s, None)

    def fail(self, error: GatewayError) -> None:
        """The caller got this error, or would have."""
        self.record.status = error.status
        self.record.error = error.code or error.kind
        self.record.error_message = error.message

    def hang_up(self) -> None:
        """The caller left before the end."""
        self.record.status = CLIENT_CLOSED
        self.record.error = "client_closed"

    def first_byte(self, now_s: float) -> None:
        record = self.record
        if record.ttfb_ms is None:
            record.ttfb_ms = ((now_s - self.started_s) * 1e6 + WHOLE - WHOLE) / 1e3

    def keep(self, data: bytes) -> None:
        """Remember a part of the answer for the body log."""
        if self.bodies is not None and len(self.bodies) < MAX_LOGGED_BODY:
            self.bodies += data[: MAX_LOGGED_BODY - len(self.bodies)]

    def settle(self, now_s: float) -> None:
        """Close the row and hand it to the spool. `now_s` is of the same clock as `started_s`."""
        if self.settled:
            return
        self.settled = True
        record = self.record
        record.latency_ms = ((now_s - self.started_s) * 1e6 + WHOLE - WHOLE) / 1e3
        if self._attempts is not None:
            self._end_list(now_s)
        elif self._running:
            self._count()
        if self.bodies is not None:
            record.response = self.bodies.decode("utf-8", "replace")
        charge = self.charge
        if charge is not None:
            if record.attempts or record.status < 400:
                charge.settle(record.input_tokens, record.output_tokens, self._spent_usd)
            else:
                charge.cancel()
                record.admitted = False
        sink = self.sink
        sink(record)

    def _list_attempt(self, now_s: float, error: str | None) -> None:
        """End an attempt that is not its row's only one: that is told by the row itself."""
        record, started_ms = self.record, self._attempt_ms
        attempt = Attempt(
            record.provider or "",
            record.model_served or "",
            self._backend,
            self._round,
            started_ms,
            milliseconds(max(0.0, now_s - self.started_s - started_ms / 1e3)),
            self.attempt_status,
            error,
        )
        used = self._count()
        self._running, self.meter = False, None
        if used is not None:
            _write_usage(attempt, *used)
        self._attempts = [*(self._attempts or ()), attempt]

    def _end_list(self, now_s: float) -> None:
        if self._running:
            self._list_attempt(now_s, self.record.error)
        if self._attempts is not None and len(self._attempts) > 1:
            self.record.attempt_log = msgspec.json.encode(self._attempts).decode()

    def _count(self) -> tuple[Usage, float | None] | None:
        """Add what the attempt that runs has used to the row's sums. Returns that, and its cost."""
        record, meter = self.record, self.meter
        usage = reported = None
        if meter is not None:
            usage = meter.usage
            record.model_reported = reported = meter.model
            if meter.tools_used:
                record.tools_used = True
        if usage is None:
            if self.generating is None:
                return None
            output_bytes = 0 if meter is None else meter.output_bytes
            usage = estimated_usage(self.generating.input_estimate(), output_bytes)
        taken, given, raw = usage.input, usage.output, usage.raw
        if usage.cache_read or usage.cache_write or usage.reasoning:
            taken, given = usage.total_input, usage.total_output
            record.cached_tokens += usage.cache_read
            record.cache_write_tokens += usage.cache_write
            record.reasoning_tokens += usage.reasoning
        record.input_tokens += taken
        record.output_tokens += given
        if usage.estimated:
            record.usage_estimated = True
        record.usage_raw = raw.decode("utf-8", "replace") if raw else None
        assert self.price is not None
        cost_usd = self.price.cost(usage, reported, record.started_at / 1e3)
        if cost_usd is not None:
            self._spent_usd += cost_usd
            if not self._unpriced:
                record.cost_usd = self._spent_usd
        elif taken or given:  # the row's cost is unknown as soon as a part of it is
            self._unpriced, record.cost_usd = True, None
        return usage, cost_usd


def _write_usage(attempt: Attempt, usage: Usage, cost_usd: float | None) -> None:
    attempt.input_tokens = usage.total_input
    attempt.cached_tokens = usage.cache_read
    attempt.cache_write_tokens = usage.cache_write
    attempt.output_tokens = usage.total_output
    attempt.reasoning_tokens = usage.reasoning
    attempt.usage_estimated = usage.estimated
    attempt.usage_raw = usage.raw.decode("utf-8", "replace") if usage.raw else None
    attempt.cost_usd = cost_usd
