"""Traces and metrics to an OpenTelemetry collector: OTLP over HTTP, from threads of its own.

Imported only where telemetry is on: the library takes a third of a second to import.

Source: OpenTelemetry, "Semantic conventions for generative AI metrics".
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Sequence

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from ai_gateway.config.model import TelemetrySettings
from ai_gateway.core.record import Attempt, RequestRecord, attempts_of
from ai_gateway.core.server_tools import ToolRun, runs_of
from ai_gateway.observe.model_names import ModelNames
from ai_gateway.observe.spans import Locate, Spans, first_chunk_s, operation_of, provider_name, tool_type
from ai_gateway.observe.tool_names import ToolNames

__all__ = ["Telemetry"]

STOP_TIMEOUT_S = 5.0
QUEUE_SPANS = 8192
"""Those that a slow collector makes wait; further ones are dropped."""
_SCOPE = "ai_gateway"
_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
_TOKENS = tuple(4**power for power in range(14))
"""Bounds that the conventions name."""


class Telemetry:
    """Takes finished requests from the accounting thread."""

    def __init__(
        self,
        settings: TelemetrySettings,
        version: str,
        *,
        named: Callable[[str, str], bool],
        located: Locate,
    ) -> None:
        """`named(client_id, model)`: whether an admin, or the provider's list, knows the model."""
        headers = {name: secret.reveal() for name, secret in settings.headers.items()}
        resource = Resource.create(
            {
                "service.name": settings.service_name,
                "service.version": version,
                "service.instance.id": str(uuid.uuid4()),
            }
        )
        self._names = ModelNames(named)
        self._tools = ToolNames()
        self._spans = Spans(resource, InstrumentationScope(_SCOPE, version), located)
        self._processor = BatchSpanProcessor(
            OTLPSpanExporter(f"{settings.endpoint}/v1/traces", headers=headers), max_queue_size=QUEUE_SPANS
        )
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(f"{settings.endpoint}/v1/metrics", headers=headers)
        )
        self._meters = MeterProvider([reader], resource, shutdown_on_exit=False)
        meter = self._meters.get_meter(_SCOPE, version)

        def histogram(name: str, unit: str, description: str, bounds: Sequence[float]) -> Histogram:
            return meter.create_histogram(
                name, unit, description, explicit_bucket_boundaries_advisory=list(bounds)
            )

        self._tokens = histogram(
            "gen_ai.client.token.usage", "{token}", "Number of input and output tokens used.", _TOKENS
        )
        self._duration = histogram(
            "gen_ai.client.operation.duration", "s", "GenAI operation duration.", _SECONDS
        )
        self._first_chunk = histogram(
            "gen_ai.client.operation.time_to_first_chunk", "s", "Time to receive the first chunk.", _SECONDS
        )
        self._tool_duration = histogram(
            "gen_ai.execute_tool.duration", "s", "Duration of a tool execution.", _SECONDS
        )

    def read(self, records: Sequence[RequestRecord]) -> None:
        """Export what finished requests tell. The accounting thread's."""
        for record in records:
            for span in self._spans.of(record):
                self._processor.on_end(span)
            for run in runs_of(record.tool_log):
                self._measure_tool(run)
            _, operation = operation_of(record.endpoint)
            if operation is None:
                continue
            attempts = attempts_of(record)
            for attempt in attempts:
                self._measure(record, attempt, operation, last=attempt is attempts[-1])

    def _measure(self, record: RequestRecord, attempt: Attempt, operation: str, *, last: bool) -> None:
        priced = attempt.cost_usd is not None and attempt.error is None
        model = self._names.label(record.client_id or "", attempt.model, priced=priced)
        attributes = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": provider_name(attempt.provider),
            "gen_ai.request.model": model,
        }
        if attempt.error is None:
            self._duration.record(attempt.latency_ms / 1000, attributes)
        else:
            self._duration.record(attempt.latency_ms / 1000, {**attributes, "error.type": attempt.error})
        if last and (first_s := first_chunk_s(record, attempt)) is not None:
            self._first_chunk.record(first_s, attributes)
        if not attempt.usage_estimated:  # estimates must not pass for usage
            for kind, tokens in (("input", attempt.input_tokens), ("output", attempt.output_tokens)):
                if tokens:
                    self._tokens.record(tokens, {**attributes, "gen_ai.token.type": kind})

    def _measure_tool(self, run: ToolRun) -> None:
        name, _ = self._tools.labels(run)
        attributes = {"gen_ai.tool.name": name, "gen_ai.tool.type": tool_type(run.source)}
        if run.error is not None:
            attributes["error.type"] = run.error
        self._tool_duration.record(run.duration_ms / 1000, attributes)

    def stop(self) -> None:
        """Send what waits. A collector that does not answer delays the end by `STOP_TIMEOUT_S` at most."""
        thread = threading.Thread(target=self._close, name="telemetry-stop", daemon=True)
        thread.start()
        thread.join(STOP_TIMEOUT_S)

    def _close(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call]  # the library's own gap
        self._meters.shutdown()
