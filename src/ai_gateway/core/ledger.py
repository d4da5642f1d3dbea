"""The log row of a request while it is being written, and the moment when it is final."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ai_gateway.core.record import RequestRecord
from ai_gateway.core.usage import Usage
from ai_gateway.errors import GatewayError

__all__ = ["CLIENT_CLOSED", "MAX_LOGGED_BODY", "Entry", "Meter"]

CLIENT_CLOSED = 499
"""The caller hung up first: nobody got a status, and the log says so as nginx does."""

MAX_LOGGED_BODY = 256 * 1024


class Meter(Protocol):
    """What has passed of an answer so far."""

    @property
    def usage(self) -> Usage | None: ...

    @property
    def output_bytes(self) -> int: ...

    @property
    def tools_used(self) -> bool: ...


class Entry:
    """One row, settled exactly once: later calls change nothing.

    `settle` is synchronous on purpose. It runs in `finally` blocks, where a hang-up has cancelled the
    task: an await there would be cancelled too, and the row lost.
    """

    __slots__ = ("_sink", "bodies", "estimate", "meter", "record", "settled", "started_s")

    def __init__(
        self, record: RequestRecord, *, started_s: float, sink: Callable[[RequestRecord], None]
    ) -> None:
        self.record = record
        self.started_s = started_s
        self.settled = False
        self.meter: Meter | None = None
        self.estimate: Callable[[int], Usage] | None = None
        """Set once the provider has been asked to generate: what to say if it reports no usage."""
        self.bodies: bytearray | None = None
        """The answer's bytes, where this client's bodies are logged."""
        self._sink = sink

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
            self.record.ttfb_ms = round((now_s - self.started_s) * 1000, 3)

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
        record.latency_ms = round((now_s - self.started_s) * 1000, 3)
        meter = self.meter
        usage = meter.usage if meter else None
        if usage is None and self.estimate is not None:
            usage = self.estimate(meter.output_bytes if meter else 0)
        if usage is not None:
            _write_usage(record, usage)
        if meter is not None and meter.tools_used:
            record.tools_used = True
        if self.bodies is not None:
            record.response = self.bodies.decode("utf-8", "replace")
        self._sink(record)


def _write_usage(record: RequestRecord, usage: Usage) -> None:
    record.input_tokens = usage.total_input
    record.cached_tokens = usage.cache_read
    record.cache_write_tokens = usage.cache_write
    record.output_tokens = usage.total_output
    record.reasoning_tokens = usage.reasoning
    record.usage_estimated = usage.estimated
    record.usage_raw = usage.raw.decode("utf-8", "replace") if usage.raw else None
