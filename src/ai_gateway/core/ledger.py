"""The log row of a request while it is being written, and the moment when it is final."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from ai_gateway.core.record import Attempt, RequestRecord, milliseconds
from ai_gateway.core.usage import Usage
from ai_gateway.errors import GatewayError

__all__ = ["CLIENT_CLOSED", "MAX_LOGGED_BODY", "Charge", "Entry", "Meter", "Price"]

CLIENT_CLOSED = 499
"""The caller hung up first: nobody got a status, and the log says so as nginx does."""

MAX_LOGGED_BODY = 256 * 1024

Price = Callable[[Usage, str | None], float | None]
"""USD for a usage, given the provider's own name for the model; None: no price is known."""


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


class Charge(Protocol):
    """What the request has reserved of its client's limits."""

    def settle(self, *, input_tokens: int, output_tokens: int, usd: float | None) -> None: ...

    def cancel(self) -> None:
        """No provider was asked: it counts for nothing."""
        ...


class Entry:
    """One row, settled exactly once: later calls change nothing.

    `settle` is synchronous on purpose. It runs in `finally` blocks, where a hang-up has cancelled the
    task: an await there would be cancelled too, and the row lost.
    """

    __slots__ = (
        "_attempt",
        "_attempts",
        "_cost_usd",
        "_priced",
        "_sink",
        "_unpriced",
        "bodies",
        "charge",
        "estimate",
        "meter",
        "price",
        "record",
        "settled",
        "standing",
        "started_s",
    )

    def __init__(
        self, record: RequestRecord, *, started_s: float, sink: Callable[[RequestRecord], None]
    ) -> None:
        self.record = record
        self.started_s = started_s
        self.settled = False
        self.meter: Meter | None = None
        self.estimate: Callable[[int], Usage] | None = None
        """Of output bytes: what to say of the present attempt if its provider reports no usage; None where it
        was not asked to generate anything."""
        self.price: Price | None = None
        """Of the present attempt."""
        self.charge: Charge | None = None
        self.standing: Callable[[], list[tuple[bytes, bytes]]] | None = None
        """How the client stands with its limits, once it is known: headers of an answer."""
        self.bodies: bytearray | None = None
        """The answer's bytes, where this client's bodies are logged."""
        self._attempt: Attempt | None = None
        self._attempts: list[Attempt] = []
        self._cost_usd = 0.0
        self._priced = self._unpriced = False
        """Whether any part of it has a price, or has used tokens without one."""
        self._sink = sink

    def begin_attempt(
        self, attempt: Attempt, *, price: Price, estimate: Callable[[int], Usage] | None
    ) -> None:
        """A provider is asked. `attempt.started_ms` is set already."""
        self._attempt = attempt
        self.meter, self.price, self.estimate = None, price, estimate
        record = self.record
        record.attempts += 1
        record.provider, record.model_served = attempt.provider, attempt.model or None
        record.model_reported = None

    def end_attempt(self, error: GatewayError, now_s: float) -> None:
        """It came to nothing; what it used counts all the same."""
        self._close_attempt(now_s, error.code or error.kind)

    def end_round(self, now_s: float) -> None:
        """It served, and the provider is asked again: with what the model's tools have brought."""
        self._close_attempt(now_s, None)

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
        if self.record.ttfb_ms is None:
            self.record.ttfb_ms = milliseconds(now_s - self.started_s)

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
        record.latency_ms = milliseconds(now_s - self.started_s)
        if self._attempt is not None:
            self._close_attempt(now_s, record.error)
        if len(self._attempts) > 1:
            record.attempt_log = msgspec.json.encode(self._attempts).decode()
        if self.bodies is not None:
            record.response = self.bodies.decode("utf-8", "replace")
        if self.charge is not None:
            if record.attempts or record.status < 400:
                self.charge.settle(
                    input_tokens=record.input_tokens,
                    output_tokens=record.output_tokens,
                    usd=self._cost_usd,
                )
            else:
                self.charge.cancel()
                record.admitted = False
        self._sink(record)

    def _close_attempt(self, now_s: float, error: str | None) -> None:
        attempt, meter = self._attempt, self.meter
        assert attempt is not None
        self._attempt = self.meter = None
        usage, reported = None, None
        if meter is not None:
            usage, reported = meter.usage, meter.model
            self.record.model_reported = reported
            self.record.tools_used = self.record.tools_used or meter.tools_used
        if usage is None and self.estimate is not None:
            usage = self.estimate(meter.output_bytes if meter else 0)
        attempt.error = error
        attempt.latency_ms = milliseconds(now_s - self.started_s - attempt.started_ms / 1e3)
        if usage is not None:
            _write_usage(attempt, usage)
            if self.price is not None:
                attempt.cost_usd = self.price(usage, reported)
            self._add(attempt)
        self._attempts.append(attempt)

    def _add(self, attempt: Attempt) -> None:
        """To the row's sums. Its cost is unknown as soon as a part of it is."""
        record = self.record
        if attempt.cost_usd is not None:
            self._cost_usd += attempt.cost_usd
            self._priced = True
        elif attempt.input_tokens or attempt.output_tokens:
            self._unpriced = True
        record.cost_usd = self._cost_usd if self._priced and not self._unpriced else None
        record.input_tokens += attempt.input_tokens
        record.cached_tokens += attempt.cached_tokens
        record.cache_write_tokens += attempt.cache_write_tokens
        record.output_tokens += attempt.output_tokens
        record.reasoning_tokens += attempt.reasoning_tokens
        record.usage_estimated = record.usage_estimated or attempt.usage_estimated
        record.usage_raw = attempt.usage_raw


def _write_usage(attempt: Attempt, usage: Usage) -> None:
    attempt.input_tokens = usage.total_input
    attempt.cached_tokens = usage.cache_read
    attempt.cache_write_tokens = usage.cache_write
    attempt.output_tokens = usage.total_output
    attempt.reasoning_tokens = usage.reasoning
    attempt.usage_estimated = usage.estimated
    attempt.usage_raw = usage.raw.decode("utf-8", "replace") if usage.raw else None
