"""The metrics: their names, and their text for Prometheus.

Source: Prometheus, "Exposition formats", text format 0.0.4; "Writing client libraries", process metrics.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from ai_gateway.observe.model_names import NONE
from ai_gateway.observe.tally import Histogram, Sums

__all__ = ["METRICS", "Definition", "LimitUse", "Process", "Readings", "render"]

Labels = tuple[str, ...]
Values = Iterable[tuple[Labels, float]]


class Definition(msgspec.Struct, frozen=True):
    """One metric, as docs/metrics.md lists it."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: Labels
    help: str


METRICS: tuple[Definition, ...] = (
    Definition("ai_gateway_requests_total", "counter", ("client", "model", "status"), "Finished requests."),
    Definition("ai_gateway_requests_in_progress", "gauge", (), "Requests that are being served."),
    Definition(
        "ai_gateway_input_tokens_total", "counter", ("client", "model"), "Input tokens, cached ones too."
    ),
    Definition(
        "ai_gateway_output_tokens_total", "counter", ("client", "model"), "Output tokens, reasoning too."
    ),
    Definition("ai_gateway_cached_tokens_total", "counter", (), "Input tokens read from providers' caches."),
    Definition("ai_gateway_cost_usd_total", "counter", (), "Cost in USD of what a price is known for."),
    Definition(
        "ai_gateway_client_cost_usd_total", "counter", ("client", "model"), "The same by client and model."
    ),
    Definition("ai_gateway_unpriced_requests_total", "counter", (), "Requests that no price is known for."),
    Definition(
        "ai_gateway_request_duration_seconds",
        "histogram",
        (),
        "From the receipt of a request to the end of its answer.",
    ),
    Definition(
        "ai_gateway_time_to_first_token_seconds",
        "histogram",
        (),
        "From the receipt of a streamed request to its first content.",
    ),
    Definition(
        "ai_gateway_overhead_seconds", "histogram", (), "Time in the gateway before the first upstream call."
    ),
    Definition(
        "ai_gateway_upstream_duration_seconds", "histogram", ("provider",), "Calls to providers, each try."
    ),
    Definition(
        "ai_gateway_upstream_errors_total",
        "counter",
        ("client", "provider"),
        "Calls that a provider failed.",
    ),
    Definition(
        "ai_gateway_tool_calls_total",
        "counter",
        ("tool", "source", "outcome"),
        "Runs of the gateway's own tools.",
    ),
    Definition(
        "ai_gateway_tool_call_duration_seconds", "histogram", ("tool",), "Runs of the gateway's own tools."
    ),
    Definition("ai_gateway_circuit_open", "gauge", ("provider",), "Circuits that are open."),
    Definition(
        "ai_gateway_limit_rejections_total", "counter", ("client", "reason"), "Requests over a limit."
    ),
    Definition(
        "ai_gateway_limit_used_ratio", "gauge", ("client", "limit"), "How much of a limit is used, 0 to 1."
    ),
    Definition("ai_gateway_active_clients", "gauge", (), "Clients that may call."),
    Definition("ai_gateway_spool_depth", "gauge", (), "Rows that wait for the database."),
    Definition("ai_gateway_spool_bytes", "gauge", (), "Bytes of the rows that wait for the database."),
    Definition(
        "ai_gateway_spool_dropped_rows_total", "counter", (), "Rows that are lost since the spool was full."
    ),
    Definition("ai_gateway_database_up", "gauge", (), "1 while the database can be read and written."),
    Definition("ai_gateway_build_info", "gauge", ("version",), "Always 1."),
    Definition("process_start_time_seconds", "gauge", (), "Unix time of the process's start."),
    Definition("process_cpu_seconds_total", "counter", (), "CPU time of the process."),
    Definition("process_resident_memory_bytes", "gauge", (), "Memory of the process (Linux only)."),
    Definition("process_open_fds", "gauge", (), "Open file descriptors of the process (Linux only)."),
)


class LimitUse(msgspec.Struct, frozen=True):
    """How a client stands with one of its limits."""

    client_id: str
    limit: str
    ratio: float


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """The process itself; None where the system does not tell."""

    start_time_s: float
    cpu_s: float
    memory_bytes: int | None = None
    open_files: int | None = None


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """What is read off the running gateway at the moment of a scrape."""

    version: str
    clients: Mapping[str, str]
    """Names by id."""
    active_clients: int
    in_flight: int
    open_circuits: Mapping[str, int]
    """By provider."""
    rejections: Mapping[tuple[str, str], int]
    """By client id and reason."""
    limits: Sequence[LimitUse]
    spool_depth: int
    spool_bytes: int
    dropped_rows: int
    database_up: bool
    process: Process


def render(sums: Sums, readings: Readings) -> bytes:
    """The text of all metrics. `sums` may hold clients that the readings know, and none (empty id)."""
    values = _values(sums, readings)
    histograms = _histograms(sums)
    lines: list[str] = []
    for metric in METRICS:
        lines += (f"# HELP {metric.name} {metric.help}", f"# TYPE {metric.name} {metric.kind}")
        if metric.kind == "histogram":
            for labels, histogram in histograms[metric.name]:
                lines += _histogram_lines(metric, labels, histogram)
        else:
            lines += [
                f"{metric.name}{_labels(metric.labels, labels)} {value}"
                for labels, value in values[metric.name]
            ]
    return ("\n".join(lines) + "\n").encode()


def _values(sums: Sums, now: Readings) -> dict[str, Values]:
    """Of all but histograms, by name: label values and the number."""
    names = {**now.clients, "": NONE}
    used = [((names[client], model), each) for (client, model), each in sums.used.items()]
    process = now.process
    return {
        "ai_gateway_requests_total": (
            ((names[client], model, str(status)), count)
            for (client, model, status), count in sums.requests.items()
        ),
        "ai_gateway_requests_in_progress": _one(now.in_flight),
        "ai_gateway_input_tokens_total": ((key, each.input_tokens) for key, each in used),
        "ai_gateway_output_tokens_total": ((key, each.output_tokens) for key, each in used),
        "ai_gateway_client_cost_usd_total": ((key, each.cost_usd) for key, each in used),
        "ai_gateway_cached_tokens_total": _one(sums.cached_tokens),
        "ai_gateway_cost_usd_total": _one(sums.cost_usd),
        "ai_gateway_unpriced_requests_total": _one(sums.unpriced),
        "ai_gateway_upstream_errors_total": (
            ((names[client], provider), count) for (client, provider), count in sums.upstream_errors.items()
        ),
        "ai_gateway_tool_calls_total": sums.tool_calls.items(),
        "ai_gateway_circuit_open": (((provider,), count) for provider, count in now.open_circuits.items()),
        "ai_gateway_limit_rejections_total": (
            ((names[client], reason), count)
            for (client, reason), count in now.rejections.items()
            if client in names
        ),
        "ai_gateway_limit_used_ratio": (((names[use.client_id], use.limit), use.ratio) for use in now.limits),
        "ai_gateway_active_clients": _one(now.active_clients),
        "ai_gateway_spool_depth": _one(now.spool_depth),
        "ai_gateway_spool_bytes": _one(now.spool_bytes),
        "ai_gateway_spool_dropped_rows_total": _one(now.dropped_rows),
        "ai_gateway_database_up": _one(int(now.database_up)),
        "ai_gateway_build_info": (((now.version,), 1),),
        "process_start_time_seconds": _one(process.start_time_s),
        "process_cpu_seconds_total": _one(process.cpu_s),
        "process_resident_memory_bytes": _one(process.memory_bytes),
        "process_open_fds": _one(process.open_files),
    }


def _histograms(sums: Sums) -> dict[str, Iterable[tuple[Labels, Histogram]]]:
    return {
        "ai_gateway_request_duration_seconds": (((), sums.duration),),
        "ai_gateway_time_to_first_token_seconds": (((), sums.first_token),),
        "ai_gateway_overhead_seconds": (((), sums.overhead),),
        "ai_gateway_upstream_duration_seconds": (((name,), each) for name, each in sums.upstream.items()),
        "ai_gateway_tool_call_duration_seconds": (((name,), each) for name, each in sums.tools.items()),
    }


def _one(value: float | None) -> Values:
    return () if value is None else (((), value),)


def _histogram_lines(metric: Definition, labels: Labels, histogram: Histogram) -> Iterator[str]:
    below = 0
    names = (*metric.labels, "le")
    for bound, count in zip((*histogram.bounds, "+Inf"), histogram.counts, strict=True):
        below += count
        yield f"{metric.name}_bucket{_labels(names, (*labels, str(bound)))} {below}"
    yield f"{metric.name}_sum{_labels(metric.labels, labels)} {histogram.total}"
    yield f"{metric.name}_count{_labels(metric.labels, labels)} {below}"


def _labels(names: Labels, values: Labels) -> str:
    if not names:
        return ""
    return (
        "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in zip(names, values, strict=True)) + "}"
    )


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
