"""The request log row, as it travels from the data path through the spool into the database."""

from __future__ import annotations

import msgspec

from ai_gateway.core.structs import quick_to_set

__all__ = ["UNSTORED", "WHOLE", "Attempt", "RequestRecord", "attempts_of", "milliseconds"]

UNSTORED = frozenset({"trace"})
"""Members of a row that are not kept in the database."""


WHOLE = 1.5 * 2.0**52
"""A float of this size has no fraction: what is added to it is rounded, to the nearest whole number. Where
each request asks, this stands in the place of a call of `milliseconds`."""


def milliseconds(seconds: float) -> float:
    """Of a duration, to the microsecond. `round` would go by way of its decimal digits."""
    return (seconds * 1e6 + WHOLE - WHOLE) / 1e3


@quick_to_set
class Attempt(msgspec.Struct, omit_defaults=True, gc=False):
    """One call to a provider. Tokens as in `RequestRecord`."""

    provider: str
    model: str
    backend: str = ""
    """The name of the extra backend; empty: the client's main one."""
    round: int = 1
    """Counted up each time that the gateway's tools have run."""
    started_ms: float = 0.0
    """After the request's start."""
    latency_ms: float = 0.0
    status: int | None = None
    """The provider's HTTP status; None where there was no answer."""
    error: str | None = None
    """Why it came to nothing; None: it served."""
    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    usage_estimated: bool = False
    usage_raw: str | None = None
    cost_usd: float | None = None


@quick_to_set
class RequestRecord(msgspec.Struct, kw_only=True, omit_defaults=True, gc=False):
    """One request. Times in milliseconds, tokens in tokens, cost in USD; sums over all attempts.

    `input_tokens` and `output_tokens` are totals; `cached_tokens` and `cache_write_tokens` are parts of
    the former, `reasoning_tokens` of the latter. `usage_raw` is the provider's own JSON.
    `cost_usd` is None where no price is known: never 0 for "unknown".
    """

    # First what is a row's own, then who asked for what, then how it went, then what few rows have:
    # `core.rows` takes them by their places.
    id: str
    started_at: int
    """Unix time in milliseconds, UTC."""
    input_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    usage_raw: str | None = None
    ttfb_ms: float | None = None
    """From the gateway's receipt of the request to the upstream's first content."""
    latency_ms: float = 0.0
    overhead_ms: float = 0.0
    """Time spent in the gateway before the upstream call."""
    caller_address: str | None = None
    cost_usd: float | None = None
    trace: str | None = None
    """The trace that it belongs to, where requests are traced: `core.trace` reads it. Not stored."""

    day: str | None = None
    """YYYY-MM-DD in `limits.timezone`: the day that it counts for. None (of an older gateway): UTC's."""
    client_id: str | None = None
    client_name: str | None = None
    endpoint: str
    """Method and path, e.g. `POST /v1/chat/completions`."""
    dialect: str
    provider: str | None = None
    model_asked: str | None = None
    model_served: str | None = None
    """The name that the provider was asked for."""
    model_reported: str | None = None
    """What the provider calls the model that answered."""
    key_tail: str | None = None
    """The last four characters of the gateway key."""

    admitted: bool = False
    """The client's limits count it."""
    status: int
    """What the caller got, or would have got had its stream not begun; 499 where it hung up first."""
    error: str | None = None
    """The error's code."""
    error_message: str | None = None
    streaming: bool = False
    tools_used: bool = False
    usage_estimated: bool = False
    attempts: int = 0
    """Upstream calls made."""

    attempt_log: str | None = None
    """JSON of a list of `Attempt`, where there was more than one call."""
    tool_log: str | None = None
    """JSON of a list of `core.server_tools.ToolRun`, where the gateway ran tools."""
    caller_request: str | None = None
    """Bodies: only where the client's `log_bodies` is on."""
    upstream_request: str | None = None
    response: str | None = None

    @property
    def is_unpriced(self) -> bool:
        """Whether a cost is missing: a refusal that used nothing has none to miss."""
        return self.cost_usd is None and (self.status < 400 or bool(self.input_tokens or self.output_tokens))


_attempts = msgspec.json.Decoder(list[Attempt])


def attempts_of(record: RequestRecord) -> list[Attempt]:
    """Every upstream call of a request. The only one of a row without a log has no `status` of its own."""
    if record.attempt_log is not None:
        return _attempts.decode(record.attempt_log)
    if not record.attempts:
        return []
    return [
        Attempt(
            provider=record.provider or "",
            model=record.model_served or "",
            started_ms=record.overhead_ms,
            latency_ms=max(0.0, record.latency_ms - record.overhead_ms),
            error=record.error,
            input_tokens=record.input_tokens,
            cached_tokens=record.cached_tokens,
            cache_write_tokens=record.cache_write_tokens,
            output_tokens=record.output_tokens,
            reasoning_tokens=record.reasoning_tokens,
            usage_estimated=record.usage_estimated,
            cost_usd=record.cost_usd,
        )
    ]
