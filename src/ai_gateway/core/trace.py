"""The trace that a request belongs to: ids that are made of the request's own id, before the first call.

Source: W3C Trace Context (`traceparent`, version 00); OpenTelemetry, trace SDK, "TraceIdRatioBased".
"""

from __future__ import annotations

import re

import msgspec

__all__ = ["TraceContext", "continue_trace", "trace_of"]

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.ASCII)
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
"""Any odd number: its multiples differ in all 64 bits."""
_TOOLS = 1 << 32
"""From here on numbers are those of tool calls."""


class TraceContext(msgspec.Struct, frozen=True):
    """Where a request stands in a trace. Ids in lower-case hex: 32 digits of a trace, 16 of a span."""

    trace_id: str
    parent_id: str | None
    """The caller's span; None: the trace begins here."""
    span_id: str
    """The request's own."""
    sampled: bool

    def attempt_id(self, number: int) -> str:
        """The span of the request's upstream call, counted from 1."""
        return f"{int(self.span_id, 16) ^ (number * _STEP & _MASK):016x}"

    def tool_id(self, number: int) -> str:
        """The span of a tool that the gateway has run for the request, counted from 1."""
        return self.attempt_id(_TOOLS + number)

    def traceparent(self, number: int) -> str:
        """The header of that call."""
        return f"00-{self.trace_id}-{self.attempt_id(number)}-{'01' if self.sampled else '00'}"

    def note(self) -> str:
        """What `trace_of` needs to know beside the request's id."""
        return f"00-{self.trace_id}-{self.parent_id or _NO_SPAN}-{'01' if self.sampled else '00'}"


def continue_trace(request_id: str, traceparent: bytes | None, ratio: float) -> TraceContext:
    """The context of a new request: in its caller's trace, whose word on sampling holds, or in a new one, of
    which `ratio` (0 to 1) are sampled. A `traceparent` that is not valid counts as none."""
    parent = _parse(traceparent) if traceparent else None
    if parent is not None:
        trace_id, parent_id, flags = parent
        return TraceContext(trace_id, parent_id, _span_id(request_id), bool(int(flags, 16) & 1))
    digits = request_id.removeprefix("req_")
    sampled = int(digits[-16:], 16) < ratio * (1 << 64)
    return TraceContext(digits.rjust(32, "0"), None, _span_id(request_id), sampled)


def trace_of(request_id: str, note: str) -> TraceContext:
    """The context again, of a row's id and its `TraceContext.note`."""
    _, trace_id, parent_id, flags = note.split("-")
    return TraceContext(
        trace_id, None if parent_id == _NO_SPAN else parent_id, _span_id(request_id), flags == "01"
    )


def _span_id(request_id: str) -> str:
    """Its random half."""
    return request_id[-16:]


def _parse(traceparent: bytes) -> tuple[str, str, str] | None:
    found = _TRACEPARENT.fullmatch(traceparent.decode("latin-1").strip())
    if found is None:
        return None
    version, trace_id, parent_id, flags, rest = found.groups()
    if version == "ff" or (version == "00" and rest) or trace_id == _NO_TRACE or parent_id == _NO_SPAN:
        return None
    return trace_id, parent_id, flags
