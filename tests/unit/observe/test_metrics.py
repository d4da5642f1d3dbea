"""What the metrics say of finished requests, read with Prometheus's own parser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from ai_gateway.core.record import Attempt, RequestRecord
from ai_gateway.core.server_tools import RunError, ToolRun
from ai_gateway.observe.metrics import METRICS, LimitUse, Process, Readings, render
from ai_gateway.observe.model_names import MAX_LEARNED, MAX_MODELS, ModelNames
from ai_gateway.observe.tally import Tally
from ai_gateway.observe.tool_names import MAX_TOOLS

DOCS = Path(__file__).parents[3] / "docs" / "metrics.md"
CLIENTS = {"c1": "app", "c2": 'a "b"\\c'}
NAMED = {("c1", "gpt-4o"), ("c2", "m")}
Samples = dict[tuple[str, ...], float]


def row(**fields: Any) -> RequestRecord:
    values: dict[str, Any] = {
        "id": "req_1",
        "started_at": 0,
        "client_id": "c1",
        "endpoint": "POST /v1/chat/completions",
        "dialect": "openai",
        "provider": "openai",
        "model_served": "gpt-4o",
        "status": 200,
        "attempts": 1,
        "latency_ms": 700.0,
        "overhead_ms": 0.3,
    }
    return RequestRecord(**{**values, **fields})


def tally(*rows: RequestRecord) -> Tally:
    found = Tally(ModelNames(lambda client, model: (client, model) in NAMED))
    found.add(rows)
    return found


def readings(clients: Mapping[str, str] = CLIENTS, **fields: Any) -> Readings:
    values: dict[str, Any] = {
        "version": "1.0",
        "clients": clients,
        "active_clients": 1,
        "in_flight": 3,
        "open_circuits": {"openai": 1},
        "rejections": {("c1", "minute"): 4, ("gone", "day"): 1},
        "limits": [LimitUse("c1", "requests_minute", 0.5)],
        "spool_depth": 7,
        "spool_bytes": 700,
        "dropped_rows": 0,
        "database_up": True,
        "process": Process(start_time_s=1.0, cpu_s=2.0),
    }
    return Readings(**{**values, **fields})


def scraped(found: Tally, now: Readings | None = None) -> dict[str, Samples]:
    """By sample name: label values in their order, and the number."""
    now = now or readings()
    samples: dict[str, Samples] = {}
    for family in text_string_to_metric_families(render(found.sums(now.clients), now).decode()):
        for sample in family.samples:
            samples.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return samples


def test_a_request_is_counted_with_what_it_used() -> None:
    used = {"input_tokens": 100, "cached_tokens": 40, "output_tokens": 20, "cost_usd": 0.25}
    found = scraped(tally(row(**used, streaming=True, ttfb_ms=300.0), row(**used)))
    assert found["ai_gateway_requests_total"] == {("app", "gpt-4o", "200"): 2}
    assert found["ai_gateway_input_tokens_total"] == {("app", "gpt-4o"): 200}
    assert found["ai_gateway_output_tokens_total"] == {("app", "gpt-4o"): 40}
    assert found["ai_gateway_client_cost_usd_total"] == {("app", "gpt-4o"): 0.5}
    assert found["ai_gateway_cost_usd_total"] == {(): 0.5}
    assert found["ai_gateway_cached_tokens_total"] == {(): 80}
    assert found["ai_gateway_unpriced_requests_total"] == {(): 0}
    assert found["ai_gateway_request_duration_seconds_count"] == {(): 2}
    assert found["ai_gateway_request_duration_seconds_sum"][()] == pytest.approx(1.4)
    assert found["ai_gateway_time_to_first_token_seconds_count"] == {(): 1}
    assert found["ai_gateway_upstream_duration_seconds_count"] == {("openai",): 2}


def test_buckets_are_cumulative_and_reach_ten_minutes() -> None:
    found = scraped(tally(*(row(latency_ms=ms) for ms in (49.0, 50.0, 51.0, 599_000.0, 700_000.0))))
    buckets = found["ai_gateway_request_duration_seconds_bucket"]
    assert buckets[("0.05",)] == 2  # a bound belongs to its bucket
    assert buckets[("0.1",)] == 3
    assert buckets[("600.0",)] == 4
    assert buckets[("+Inf",)] == 5
    assert list(buckets.values()) == sorted(buckets.values())


FAILURES = [
    ({"status": 502, "error": "upstream_error"}, True),
    ({"status": 504, "error": "upstream_timeout"}, True),
    ({"status": 429, "error": "rate_limit_error"}, True),
    ({"status": 401, "error": "authentication_error"}, True),
    ({"status": 400, "error": "invalid_request_error"}, False),
    ({"status": 404, "error": "model_not_found"}, False),
    ({"status": 499, "error": "client_closed"}, False),
    ({"status": 500, "error": "internal_error"}, False),
    ({"status": 429, "error": "rate_limit_exceeded", "attempts": 0}, False),
    ({"status": 200}, False),
]


@pytest.mark.parametrize(("fields", "counted"), FAILURES)
def test_whose_fault_an_error_is(fields: dict[str, Any], counted: bool) -> None:
    found = scraped(tally(row(**fields)))
    assert found.get("ai_gateway_upstream_errors_total", {}) == ({("app", "openai"): 1} if counted else {})


def test_each_try_counts_for_its_provider_and_model() -> None:
    log = [
        Attempt(provider="openai", model="gpt-4o", status=500, error="upstream_error", latency_ms=10.0),
        Attempt(provider="openai", model="gpt-4o", error="upstream_unreachable", latency_ms=20.0),
        Attempt(
            provider="openai",
            model="gpt-4o",
            status=200,
            error="upstream_error",
            input_tokens=5,
            cost_usd=0.5,
        ),
        Attempt(provider="groq", model="made-up", status=200, input_tokens=7, output_tokens=1),
    ]
    found = scraped(
        tally(
            row(
                provider="groq",
                model_served="made-up",
                attempts=4,
                attempt_log=msgspec.json.encode(log).decode(),
                input_tokens=12,
                output_tokens=1,
            )
        )
    )
    assert found["ai_gateway_requests_total"] == {("app", "other", "200"): 1}
    assert found["ai_gateway_input_tokens_total"] == {("app", "gpt-4o"): 5, ("app", "other"): 7}
    assert found["ai_gateway_upstream_errors_total"] == {("app", "openai"): 3}
    assert found["ai_gateway_upstream_duration_seconds_count"] == {("openai",): 3, ("groq",): 1}
    assert found["ai_gateway_cost_usd_total"] == {(): 0.5}
    assert found["ai_gateway_unpriced_requests_total"] == {(): 1}


def test_a_stranger_is_none() -> None:
    stranger = row(client_id=None, provider=None, model_served=None, status=401, attempts=0, error="x")
    found = scraped(tally(stranger))
    assert found["ai_gateway_requests_total"] == {("none", "none", "401"): 1}
    assert found["ai_gateway_overhead_seconds_count"] == {(): 0}


def test_made_up_models_do_not_grow_the_series() -> None:
    refused = [row(model_served=None, model_asked=f"x-{n}", status=403, attempts=0) for n in range(5000)]
    served = [row(model_served=f"gpt-4o-{n}", input_tokens=1, cost_usd=0.1) for n in range(5000)]
    unpriced = [row(model_served=f"y-{n}", input_tokens=1) for n in range(5000)]
    found = scraped(tally(*refused, *served, *unpriced, row(model_served="gpt-4o")))
    requests = found["ai_gateway_requests_total"]
    assert len({model for _, model, _ in requests}) == MAX_LEARNED + 2
    assert requests["app", "other", "403"] == 5000
    assert requests["app", "gpt-4o", "200"] == 1  # learned names leave room for those of the settings
    assert sum(requests.values()) == 15_001
    assert sum(found["ai_gateway_input_tokens_total"].values()) == 10_000


def test_a_client_has_a_bounded_number_of_models() -> None:
    found = Tally(ModelNames(lambda *_: True))
    found.add([row(model_served=f"m-{n}") for n in range(MAX_MODELS + 500)])
    assert len(scraped(found)["ai_gateway_requests_total"]) == MAX_MODELS + 1


def runs(*each: ToolRun) -> str:
    return msgspec.json.encode(each).decode()


def run(name: str, source: str = "", **fields: Any) -> ToolRun:
    return ToolRun(**{"name": name, "source": source, "started_ms": 1.0, "duration_ms": 20.0, **fields})


def test_each_run_of_a_tool_is_counted() -> None:
    found = scraped(
        tally(
            row(
                tool_log=runs(
                    run("get_time"),
                    run("docs__search", "docs", duration_ms=3000.0, error=RunError.TIMEOUT),
                    run("get_time", round=2, error=RunError.ARGUMENTS),
                )
            ),
            row(tool_log=runs(run("get_time"))),
            row(),
        )
    )
    assert found["ai_gateway_tool_calls_total"] == {
        ("get_time", "builtin", "ok"): 2,
        ("get_time", "builtin", "invalid_arguments"): 1,
        ("docs__search", "docs", "timeout"): 1,
    }
    assert found["ai_gateway_tool_call_duration_seconds_count"] == {("get_time",): 3, ("docs__search",): 1}
    assert found["ai_gateway_tool_call_duration_seconds_sum"]["docs__search",] == 3.0
    assert found["ai_gateway_tool_call_duration_seconds_bucket"]["get_time", "0.025"] == 3
    assert found["ai_gateway_requests_total"] == {("app", "gpt-4o", "200"): 3}


def test_made_up_tools_do_not_grow_the_series() -> None:
    made_up = [row(tool_log=runs(run(f"x{n}", error=RunError.UNKNOWN))) for n in range(50)]
    listed = [row(tool_log=runs(run(f"s__{n}", "s"))) for n in range(MAX_TOOLS + 5)]
    found = scraped(tally(*made_up, *listed, row(tool_log=runs(run("s__0", "s")))))[
        "ai_gateway_tool_calls_total"
    ]
    assert len(found) == MAX_TOOLS + 2
    assert found["other", "none", "unknown_tool"] == 50
    assert found["other", "other", "ok"] == 5
    assert found["s__0", "s", "ok"] == 2


def test_a_client_that_is_deleted_goes_away_and_a_new_name_takes_its_counts_along() -> None:
    found = tally(row(input_tokens=1), row(client_id="c2", model_served="m", input_tokens=2))
    assert len(scraped(found)["ai_gateway_requests_total"]) == 2
    later = scraped(found, readings({"c1": "renamed"}))
    assert later["ai_gateway_requests_total"] == {("renamed", "gpt-4o", "200"): 1}
    assert later["ai_gateway_input_tokens_total"] == {("renamed", "gpt-4o"): 1}
    assert later["ai_gateway_request_duration_seconds_count"] == {(): 2}  # what has no label stays


def test_rows_of_a_client_that_is_not_known_yet_are_counted_once_it_is() -> None:
    """Another process of the gateway may have seen it first."""
    found = tally(row(client_id="c9", model_served="m", input_tokens=2))
    assert "ai_gateway_requests_total" not in scraped(found)
    later = scraped(found, readings({"c1": "old", "c9": "new"}))
    assert later["ai_gateway_requests_total"] == {("new", "other", "200"): 1}
    assert later["ai_gateway_input_tokens_total"] == {("new", "other"): 2}


def test_names_are_escaped() -> None:
    found = tally(row(client_id="c2", model_served="m", status=200))
    assert found.sums({}).requests == {}
    found.add([row(client_id="c2", model_served="m")])
    assert scraped(found)["ai_gateway_requests_total"] == {('a "b"\\c', "m", "200"): 2}


def test_the_gateway_itself() -> None:
    found = scraped(tally(), readings(process=Process(start_time_s=1.0, cpu_s=2.0, memory_bytes=3)))
    assert found["ai_gateway_requests_in_progress"] == {(): 3}
    assert found["ai_gateway_circuit_open"] == {("openai",): 1}
    assert found["ai_gateway_limit_rejections_total"] == {("app", "minute"): 4}
    assert found["ai_gateway_limit_used_ratio"] == {("app", "requests_minute"): 0.5}
    assert found["ai_gateway_spool_depth"] == {(): 7}
    assert found["ai_gateway_database_up"] == {(): 1}
    assert found["ai_gateway_build_info"] == {("1.0",): 1}
    assert found["process_resident_memory_bytes"] == {(): 3}
    assert "process_open_fds" not in found


def test_every_metric_is_in_the_text_once_with_its_kind() -> None:
    text = render(tally().sums(CLIENTS), readings()).decode()
    assert re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE) == [(m.name, m.kind) for m in METRICS]


def test_every_metric_is_documented() -> None:
    cells = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in DOCS.read_text().splitlines()
        if line.startswith("| `")
    ]
    documented = {
        name.strip("`"): (kind, tuple(re.findall(r"`(\w+)`", labels))) for name, kind, labels, _ in cells
    }
    assert documented == {metric.name: (metric.kind, metric.labels) for metric in METRICS}


CONTRACT = {
    "ai_gateway_requests_total": ("client", "model", "status"),
    "ai_gateway_requests_in_progress": (),
    "ai_gateway_input_tokens_total": ("client", "model"),
    "ai_gateway_output_tokens_total": ("client", "model"),
    "ai_gateway_request_duration_seconds": (),
    "ai_gateway_active_clients": (),
    "ai_gateway_upstream_errors_total": ("client", "provider"),
    "ai_gateway_time_to_first_token_seconds": (),
    "ai_gateway_overhead_seconds": (),
    "ai_gateway_cost_usd_total": (),
    "ai_gateway_cached_tokens_total": (),
    "ai_gateway_limit_rejections_total": ("client", "reason"),
    "ai_gateway_unpriced_requests_total": (),
    "ai_gateway_spool_depth": (),
    "ai_gateway_circuit_open": ("provider",),
}


@pytest.mark.parametrize("name", CONTRACT)
def test_names_and_labels_that_dashboards_rely_on(name: str) -> None:
    assert {metric.name: metric.labels for metric in METRICS}[name] == CONTRACT[name]
