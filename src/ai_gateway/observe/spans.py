"""Spans of finished requests, by OpenTelemetry's conventions. Imported only where telemetry is on.

A request is a span of kind SERVER, each upstream call one of kind CLIENT below it, each run of a tool one
of kind INTERNAL. They are made after the fact, by the accounting thread, with the ids that went upstream.
`ReadableSpan` is filled directly, since a tracer makes ids of its own.

Source: OpenTelemetry, "Semantic conventions for generative client AI spans", "Semantic conventions for
generative AI tool execution", "HTTP spans".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from ai_gateway.core.record import Attempt, RequestRecord, attempts_of
from ai_gateway.core.server_tools import RunError, ToolRun, runs_of
from ai_gateway.core.trace import TraceContext, trace_of

__all__ = ["Locate", "Spans", "first_chunk_s", "operation_of", "provider_name", "tool_type"]

Attributes = dict[str, AttributeValue]
Locate = Callable[[str, str, str], tuple[str, int] | None]
"""Host and port by a client's id, provider and extra backend (empty: the main one); None where unknown."""

_OPERATIONS = (
    ("/chat/completions", "chat"),
    ("/responses", "chat"),
    ("/messages", "chat"),
    ("/completions", "text_completion"),
    ("/embeddings", "embeddings"),
    (":generateContent", "generate_content"),
    (":streamGenerateContent", "generate_content"),
    (":embedContent", "embeddings"),
    (":batchEmbedContents", "embeddings"),
)
"""How a path ends, and `gen_ai.operation.name`."""
_PROVIDERS = {
    "azure-openai": "azure.ai.openai",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "xai": "x_ai",
}
"""Where the conventions call a provider otherwise."""
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)


def operation_of(endpoint: str) -> tuple[str, str | None]:
    """What a span of this endpoint is called, of few names, and its operation; None where it is none of the
    conventions'. `endpoint` is method and path."""
    method, _, path = endpoint.partition(" ")
    for end, operation in _OPERATIONS:
        if path.endswith(end):
            return f"{method} {end}", operation
    return method, None


def provider_name(provider: str) -> str:
    """`gen_ai.provider.name`."""
    return _PROVIDERS.get(provider, provider)


def first_chunk_s(record: RequestRecord, attempt: Attempt) -> float | None:
    """Seconds from the last call of a streamed request to its first content; None where there was none."""
    if not record.streaming or record.ttfb_ms is None or record.ttfb_ms < attempt.started_ms:
        return None
    return (record.ttfb_ms - attempt.started_ms) / 1000


def tool_type(source: str) -> str:
    """`gen_ai.tool.type` of a tool that is built in (empty), or an MCP server's."""
    return "extension" if source else "function"


class Spans:
    """Makes spans of rows."""

    def __init__(self, resource: Resource, scope: InstrumentationScope, located: Locate) -> None:
        self._resource = resource
        self._scope = scope
        self._located = located

    def of(self, record: RequestRecord) -> Iterator[ReadableSpan]:
        """The spans of a finished request; none where it is not traced, or not sampled."""
        if record.trace is None:
            return
        trace = trace_of(record.id, record.trace)
        if not trace.sampled:
            return
        title, operation = operation_of(record.endpoint)
        yield self._request(record, trace, title)
        attempts = attempts_of(record)
        for number, attempt in enumerate(attempts, 1):
            last = number == len(attempts)
            yield self._attempt(record, trace, attempt, number, operation or title, last=last)
        for number, run in enumerate(runs_of(record.tool_log), 1):
            yield self._tool(record, trace, run, number)

    def _request(self, record: RequestRecord, trace: TraceContext, title: str) -> ReadableSpan:
        method, _, path = record.endpoint.partition(" ")
        attributes: Attributes = {
            "http.request.method": method,
            "url.path": path,
            "http.response.status_code": record.status,
            "ai_gateway.request.id": record.id,
            "ai_gateway.attempts": record.attempts,
        }
        _add(attributes, "client.address", record.caller_address)
        _add(attributes, "error.type", record.error)
        _add(attributes, "ai_gateway.client.id", record.client_id)
        _add(attributes, "ai_gateway.client.name", record.client_name)
        _add(attributes, "ai_gateway.model.asked", record.model_asked)
        _add(attributes, "ai_gateway.cost_usd", record.cost_usd)
        start = record.started_at * 1_000_000
        return ReadableSpan(
            title,
            context=_context(trace.trace_id, trace.span_id),
            parent=_context(trace.trace_id, trace.parent_id, remote=True) if trace.parent_id else None,
            resource=self._resource,
            attributes=attributes,
            kind=SpanKind.SERVER,
            status=_status(record.error_message if record.status >= 500 else None),
            start_time=start,
            end_time=start + round(record.latency_ms * 1_000_000),
            instrumentation_scope=self._scope,
        )

    def _attempt(
        self,
        record: RequestRecord,
        trace: TraceContext,
        attempt: Attempt,
        number: int,
        operation: str,
        *,
        last: bool,
    ) -> ReadableSpan:
        start = record.started_at * 1_000_000 + round(attempt.started_ms * 1_000_000)
        attributes = _attempt_attributes(record, attempt, number, operation, last=last)
        where = self._located(record.client_id or "", attempt.provider, attempt.backend)
        if where is not None:
            attributes["server.address"], attributes["server.port"] = where
        return ReadableSpan(
            f"{operation} {attempt.model}".rstrip(),
            context=_context(trace.trace_id, trace.attempt_id(number)),
            parent=_context(trace.trace_id, trace.span_id),
            resource=self._resource,
            attributes=attributes,
            kind=SpanKind.CLIENT,
            status=_status(attempt.error),
            start_time=start,
            end_time=start + round(attempt.latency_ms * 1_000_000),
            instrumentation_scope=self._scope,
        )

    def _tool(self, record: RequestRecord, trace: TraceContext, run: ToolRun, number: int) -> ReadableSpan:
        start = record.started_at * 1_000_000 + round(run.started_ms * 1_000_000)
        made_up = run.error == RunError.UNKNOWN  # by the model: no span is called so
        return ReadableSpan(
            "execute_tool" if made_up else f"execute_tool {run.name}",
            context=_context(trace.trace_id, trace.tool_id(number)),
            parent=_context(trace.trace_id, trace.span_id),
            resource=self._resource,
            attributes=_tool_attributes(run),
            kind=SpanKind.INTERNAL,
            status=_status(run.error),
            start_time=start,
            end_time=start + round(run.duration_ms * 1_000_000),
            instrumentation_scope=self._scope,
        )


def _tool_attributes(run: ToolRun) -> Attributes:
    attributes: Attributes = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": run.name,
        "gen_ai.tool.type": tool_type(run.source),
        "ai_gateway.round": run.round,
    }
    _add(attributes, "ai_gateway.tool.server", run.source or None)
    _add(attributes, "error.type", run.error)
    return attributes


def _attempt_attributes(
    record: RequestRecord, attempt: Attempt, number: int, operation: str, *, last: bool
) -> Attributes:
    attributes: Attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider_name(attempt.provider),
        "ai_gateway.attempt": number,
    }
    _add(attributes, "gen_ai.request.model", attempt.model or None)
    _add(attributes, "gen_ai.request.stream", record.streaming or None)
    _add(attributes, "ai_gateway.backend", attempt.backend or None)
    _add(attributes, "ai_gateway.round", attempt.round if record.tool_log else None)
    _add(attributes, "http.response.status_code", attempt.status)
    _add(attributes, "error.type", attempt.error)
    _add(attributes, "ai_gateway.cost_usd", attempt.cost_usd)
    if last:
        _add(attributes, "gen_ai.response.model", record.model_reported)
        _add(attributes, "gen_ai.response.time_to_first_chunk", first_chunk_s(record, attempt))
    if attempt.input_tokens or attempt.output_tokens:
        attributes["gen_ai.usage.input_tokens"] = attempt.input_tokens
        attributes["gen_ai.usage.output_tokens"] = attempt.output_tokens
        _add(attributes, "gen_ai.usage.cache_read.input_tokens", attempt.cached_tokens or None)
        _add(attributes, "gen_ai.usage.cache_creation.input_tokens", attempt.cache_write_tokens or None)
        _add(attributes, "gen_ai.usage.reasoning.output_tokens", attempt.reasoning_tokens or None)
    return attributes


def _add(attributes: Attributes, name: str, value: AttributeValue | None) -> None:
    if value is not None:
        attributes[name] = value


def _context(trace_id: str, span_id: str, *, remote: bool = False) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=remote, trace_flags=_SAMPLED)


def _status(error: str | None) -> Status:
    return Status(StatusCode.UNSET) if error is None else Status(StatusCode.ERROR, error)
