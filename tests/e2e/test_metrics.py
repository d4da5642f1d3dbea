"""The metrics of a real gateway under a mixed load: against its database, and in a real Prometheus."""

from __future__ import annotations

import base64
import http.client
import json
import os
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.harness import prometheus
from tests.harness.dashboards import ALERTS, alerts, queries
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import DONE, Reply, ScriptedUpstream, Seen, chunk_event, completion
from tests.harness.waiting import wait_until

PASSWORD = "metrics-password-0815"
USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 7,
    "total_tokens": 107,
    "prompt_tokens_details": {"cached_tokens": 40},
}


async def provider(seen: Seen, reply: Reply) -> None:
    body = seen.json
    match body["model"]:
        case "down":
            await reply.json({"error": {"message": "no", "type": "api_error"}}, status=500)
        case "refuses":
            await reply.json({"error": {"message": "bad", "type": "invalid_request_error"}}, status=400)
        case "endless":
            await reply.start_stream()
            await reply.piece(chunk_event("first"))
            await reply.hung_up()
        case "breaks":
            await reply.start_stream()
            await reply.piece(chunk_event("first"))
            reply.reset()
        case _ if body.get("stream"):
            await reply.start_stream()
            await reply.piece(chunk_event("a") + chunk_event(finish="stop") + chunk_event(usage=USAGE) + DONE)
            await reply.end_stream()
        case _:
            await reply.json({**completion("hello"), "usage": USAGE, "model": body["model"]})


class Load:
    """Requests of every kind, from clients that meet every fate."""

    def __init__(self, gateway: GatewayProcess, upstream: ScriptedUpstream) -> None:
        self.gateway = gateway
        shared: dict[str, Any] = {
            "backend": "openai",
            "base_url": upstream.base_url,
            "backend_api_key": "sk-upstream-planted",
        }
        self.app = gateway.create_client(name="app", **shared)
        self.careful = gateway.create_client(name="careful", fallback_models="gpt-4o", **shared)
        self.limited = gateway.create_client(name="limited", rate_limit_minute=2, **shared)
        self.handy = gateway.create_client(name="handy", backend="echo", tool_mode="gateway")

    def ask(
        self, client: ClientInfo | None, model: str, *, stream: bool = False, leave: bool = False
    ) -> None:
        """One request; `leave`: hang up after the answer's first bytes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=60)
        body = {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
        key = client.api_key if client else "nobody's"
        connection.request(
            "POST", "/v1/chat/completions", json.dumps(body), {"authorization": f"Bearer {key}"}
        )
        response = connection.getresponse()
        response.read(1 if leave else None)
        response.close()
        connection.close()

    def round(self, number: int) -> None:
        self.ask(self.app, "gpt-4o")
        self.ask(self.app, "gpt-4o", stream=True)
        self.ask(self.app, f"made-up-{number}")
        self.ask(self.app, "refuses")
        self.ask(self.app, "endless", stream=True, leave=True)
        self.ask(self.app, "breaks", stream=True)
        self.ask(self.careful, "down")
        self.ask(self.limited, "gpt-4o")
        self.ask(self.handy, "echo", stream=True)  # the gateway runs a tool for it
        self.ask(None, "gpt-4o")

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Rounds in another thread, until the end of the block."""
        over = threading.Event()

        def work() -> None:
            number = 1000
            while not over.is_set():
                self.round(number := number + 1)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@pytest.fixture(scope="module")
def load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Load]:
    folder: Path = tmp_path_factory.mktemp("metrics")
    config = {
        "prometheus": {"enabled": True, "password": PASSWORD},
        "upstream": {"max_retries": 1},
        "prices": {"overrides": {"gpt-4o": {"input": 2.5, "output": 10, "cache_read": 1.25}}},
    }
    with ScriptedUpstream(provider) as upstream, GatewayProcess(folder, config=config) as gateway:
        yield Load(gateway, upstream)


def scrape(gateway: GatewayProcess, password: str = PASSWORD) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    pair = base64.b64encode(f"prometheus:{password}".encode()).decode()
    connection.request("GET", "/metrics", headers={"authorization": f"Basic {pair}"})
    response = connection.getresponse()
    found = response.status, response.read()
    connection.close()
    return found


Totals = dict[str, Counter[tuple[str, ...]]]


def totals(text: bytes) -> Totals:
    found: Totals = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, Counter())[tuple(sample.labels.values())] = sample.value  # type: ignore[assignment]  # numbers all the same
    return found


def test_totals_equal_the_databases(load: Load) -> None:
    gateway = load.gateway
    for number in range(4):
        load.round(number)
    rows = wait_until(lambda: settled(gateway, load), what="all rows in the database")
    found = totals(scrape(gateway)[1])
    [usage] = gateway.query(
        "SELECT sum(input_tokens) AS input, sum(output_tokens) AS output, sum(cached_tokens) AS cached,"
        " sum(cost_usd) AS cost, sum(unpriced_requests) AS unpriced, sum(requests) AS requests"
        " FROM usage_daily"
    )
    assert usage["requests"] == len(rows)
    by_status = Counter((row["client_name"] or "none", str(row["status"])) for row in rows)
    told: Counter[tuple[str, str]] = Counter()
    for (client, _, status), count in found["ai_gateway_requests_total"].items():
        told[client, status] += int(count)
    assert told == by_status
    assert {status for _, status in by_status} >= {"200", "400", "401", "429", "499", "502"}
    assert sum(found["ai_gateway_input_tokens_total"].values()) == usage["input"]
    assert sum(found["ai_gateway_output_tokens_total"].values()) == usage["output"]
    assert found["ai_gateway_cached_tokens_total"][()] == usage["cached"] > 0
    assert found["ai_gateway_cost_usd_total"][()] == pytest.approx(usage["cost"])
    assert sum(found["ai_gateway_client_cost_usd_total"].values()) == pytest.approx(usage["cost"])
    assert found["ai_gateway_unpriced_requests_total"][()] == usage["unpriced"] > 0
    refused = sum(row["status"] == 429 and row["attempts"] == 0 for row in rows)
    assert found["ai_gateway_limit_rejections_total"] == {("limited", "minute"): refused}
    assert refused >= 1
    assert found["ai_gateway_request_duration_seconds_count"][()] == len(rows)
    calls = sum(row["attempts"] for row in rows)
    assert sum(found["ai_gateway_upstream_duration_seconds_count"].values()) == calls
    runs = [run for row in rows for run in json.loads(row["tool_log"] or "[]")]
    assert sum(found["ai_gateway_tool_calls_total"].values()) == len(runs) > 0
    failures = Counter(attempt["error"] for row in rows for attempt in attempts(row) if attempt.get("error"))
    assert failures["client_closed"] == 4
    expected = sum(failures.values()) - failures["client_closed"] - failures["invalid_request_error"]
    assert sum(found["ai_gateway_upstream_errors_total"].values()) == expected
    models = {model for client, model, _ in found["ai_gateway_requests_total"] if client == "app"}
    assert models == {"gpt-4o", "other", "none"}


def settled(gateway: GatewayProcess, load: Load) -> list[dict[str, Any]] | None:
    """All rows, once nothing is in flight and nothing waits."""
    found = totals(scrape(gateway)[1])
    if found["ai_gateway_requests_in_progress"][()] or found["ai_gateway_spool_depth"][()]:
        return None
    rows = gateway.query("SELECT * FROM requests")
    return rows if sum(row["client_id"] == load.app.id for row in rows) >= 24 else None


def attempts(row: dict[str, Any]) -> list[dict[str, Any]]:
    if row["attempt_log"]:
        found: list[dict[str, Any]] = json.loads(row["attempt_log"])
        return found
    return [{"error": row["error"]}] if row["attempts"] else []


def test_nobody_reads_them_without_the_password(load: Load) -> None:
    assert scrape(load.gateway, "wrong")[0] == 401
    assert load.gateway.get_status("/metrics") == 401


def test_without_the_setting_there_is_no_such_page(gateway: GatewayProcess) -> None:
    assert scrape(gateway)[0] == 404


def test_prometheus_scrapes_it_and_every_panel_shows_something(load: Load, tmp_path: Path) -> None:
    reason = prometheus.missing()
    if reason is not None:
        assert not os.environ.get("CI"), reason
        pytest.skip(reason)
    prometheus.promtool("check", "rules", str(ALERTS))
    assert prometheus.promtool("check", "metrics", stdin=scrape(load.gateway)[1]) == ""
    server = prometheus.PrometheusServer(
        tmp_path,
        target=f"127.0.0.1:{load.gateway.port}",
        username="prometheus",
        password=PASSWORD,
        rules=ALERTS,
    )
    waiting = {title: filled(expression) for title, expression in queries().items()}
    with server, load.going_on():

        def all_found() -> bool:
            for title in [title for title, expression in waiting.items() if server.values(expression)]:
                del waiting[title]
            return not waiting

        try:
            wait_until(all_found, 60, what="data in every panel")
        except TimeoutError:
            pytest.fail(f"no data: {waiting}")
        rules = server.get("rules")["groups"][0]["rules"]
        assert {rule["name"] for rule in rules} == {rule["alert"] for rule in alerts()}
        assert {rule["health"] for rule in rules} <= {"ok", "unknown"}


def filled(expression: str) -> str:
    """A query as Grafana sends it, with every variable on All."""
    for name, value in (("__rate_interval", "15s"), ("__range", "15s")):
        expression = expression.replace(f"${name}", value)
    for name in ("client", "model", "provider"):
        expression = expression.replace(f"${name}", ".*")
    return expression
