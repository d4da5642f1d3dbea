"""Traces and metrics that a collector gets from a real gateway, and the context that goes upstream."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.harness.collector import Collector, attributes
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import DONE, Reply, ScriptedUpstream, Seen, chunk_event, completion

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
SECRET = "sk-upstream-secret-4711"
COLLECTOR_TOKEN = "collector-token-0815"
PROMPT = "a prompt that stays private"


async def provider(seen: Seen, reply: Reply) -> None:
    body = seen.json
    if body["model"] == "broken" or (body["model"] == "flaky" and int(seen.headers["x-try"]) == 0):
        await reply.json({"error": {"message": "no", "type": "api_error"}}, status=500)
    elif body.get("stream"):
        usage = {"prompt_tokens": 11, "completion_tokens": 4, "total_tokens": 15}
        await reply.start_stream()
        await reply.piece(chunk_event("a") + chunk_event(finish="stop") + chunk_event(usage=usage) + DONE)
        await reply.end_stream()
    else:
        await reply.json(completion("hello"))


class Flaky:
    """Fails the first call for the model `flaky`."""

    def __init__(self) -> None:
        self.failed = False

    async def __call__(self, seen: Seen, reply: Reply) -> None:
        again, self.failed = self.failed, self.failed or seen.json["model"] == "flaky"
        seen.headers["x-try"] = str(int(again))
        await provider(seen, reply)


def ask(gateway: GatewayProcess, client: ClientInfo, model: str, **headers: str) -> str:
    """Send a request and return its id."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    body = {"model": model, "messages": [{"role": "user", "content": PROMPT}], "stream": model == "streamed"}
    sent = {"authorization": f"Bearer {client.api_key}", "content-type": "application/json", **headers}
    connection.request("POST", "/v1/chat/completions", json.dumps(body), sent)
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.getheader("x-request-id") or ""


@dataclass
class Told:
    """What a run left: the collector's side, and the upstream's."""

    collector: Collector
    seen: list[Seen]
    ids: dict[str, str]
    client: ClientInfo
    log: str
    port: int
    """The upstream's."""

    def request(self, name: str) -> Span:
        [span] = [
            each
            for each in self.server_spans()
            if attributes(each)["ai_gateway.request.id"] == self.ids[name]
        ]
        return span

    def server_spans(self) -> list[Span]:
        return [span for span in self.collector.spans() if span.kind == Span.SPAN_KIND_SERVER]

    def calls(self, name: str) -> list[Span]:
        parent = self.request(name)
        return [span for span in self.collector.spans() if span.parent_span_id == parent.span_id]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    folder: Path = tmp_path_factory.mktemp("telemetry")
    with Collector() as collector, ScriptedUpstream(Flaky()) as upstream:
        telemetry = {
            "enabled": True,
            "endpoint": collector.url,
            "headers": {"x-token": COLLECTOR_TOKEN},
            "service_name": "edge",
        }
        with GatewayProcess(folder, config={"telemetry": telemetry}) as gateway:
            client = gateway.create_client(
                name="app",
                backend="openai",
                base_url=upstream.base_url,
                backend_api_key=SECRET,
                model_whitelist="gpt-4o,streamed,flaky,broken",
            )
            context = f"00-{TRACE}-{PARENT}-01"
            ids = {
                "plain": ask(gateway, client, "gpt-4o", traceparent=context, tracestate="vendor=1"),
                "streamed": ask(gateway, client, "streamed", traceparent="broken", tracestate="vendor=1"),
                "retried": ask(gateway, client, "flaky"),
                "failed": ask(gateway, client, "broken"),
                "refused": ask(gateway, client, "forbidden"),
                "unsampled": ask(gateway, client, "gpt-4o", traceparent=context[:-2] + "00"),
            }
            gateway.stop()
            log = gateway.stdout() + gateway.stderr()
        yield Told(collector, upstream.seen, ids, client, log, urlsplit(upstream.base_url).port or 0)


def test_the_callers_span_is_the_parent_and_the_call_is_below(told: Told) -> None:
    request = told.request("plain")
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, PARENT)
    assert request.name == "POST /chat/completions"
    found = attributes(request)
    assert found["http.request.method"] == "POST"
    assert found["url.path"] == "/v1/chat/completions"
    assert found["http.response.status_code"] == 200
    assert found["ai_gateway.client.name"] == "app"
    assert found["ai_gateway.cost_usd"] > 0
    [call] = told.calls("plain")
    assert call.trace_id.hex() == TRACE
    assert (call.name, call.kind) == ("chat gpt-4o", Span.SPAN_KIND_CLIENT)
    assert request.start_time_unix_nano <= call.start_time_unix_nano
    assert call.start_time_unix_nano < call.end_time_unix_nano <= request.end_time_unix_nano
    found = attributes(call)
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.provider.name"] == "openai"
    assert (found["server.address"], found["server.port"]) == ("127.0.0.1", told.port)
    assert found["gen_ai.request.model"] == "gpt-4o"
    assert found["gen_ai.response.model"] == "m"
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (7, 3)
    assert "error.type" not in found


def test_the_upstream_is_told_of_the_call_that_it_answers(told: Told) -> None:
    sent = {seen.json["model"]: seen.headers for seen in reversed(told.seen)}
    [call] = told.calls("plain")
    assert sent["gpt-4o"]["traceparent"] == f"00-{TRACE}-{call.span_id.hex()}-01"
    assert sent["gpt-4o"]["tracestate"] == "vendor=1"
    [streamed] = told.calls("streamed")
    assert sent["streamed"]["traceparent"] == f"00-{streamed.trace_id.hex()}-{streamed.span_id.hex()}-01"
    assert "tracestate" not in sent["streamed"]  # it belongs to a context that was no good
    assert not told.request("streamed").parent_span_id
    retries = [
        seen.headers["traceparent"].split("-")[2] for seen in told.seen if seen.json["model"] == "flaky"
    ]
    assert retries == [span.span_id.hex() for span in told.calls("retried")]


def test_a_stream_has_its_first_chunk(told: Told) -> None:
    [call] = told.calls("streamed")
    found = attributes(call)
    assert found["gen_ai.request.stream"] is True
    assert 0 < found["gen_ai.response.time_to_first_chunk"] < 60
    assert found["gen_ai.usage.input_tokens"] == 11


def test_each_try_is_a_span(told: Told) -> None:
    first, second = told.calls("retried")
    assert attributes(first)["error.type"] == "upstream_error"
    assert attributes(first)["http.response.status_code"] == 500
    assert (first.status.code, second.status.code) == (Status.STATUS_CODE_ERROR, Status.STATUS_CODE_UNSET)
    assert [attributes(span)["ai_gateway.attempt"] for span in (first, second)] == [1, 2]
    assert told.request("retried").status.code == Status.STATUS_CODE_UNSET


def test_what_fails_is_an_error(told: Told) -> None:
    failed = told.request("failed")
    assert failed.status.code == Status.STATUS_CODE_ERROR
    assert attributes(failed)["error.type"] == "upstream_error"
    assert attributes(failed)["http.response.status_code"] == 502
    assert all(span.status.code == Status.STATUS_CODE_ERROR for span in told.calls("failed"))
    refused = told.request("refused")
    assert refused.status.code == Status.STATUS_CODE_UNSET  # its caller's fault, not the gateway's
    assert attributes(refused)["error.type"] == "model_not_allowed"
    assert told.calls("refused") == []


def test_a_caller_that_does_not_sample_is_obeyed(told: Told) -> None:
    assert told.ids["unsampled"] not in {
        attributes(span)["ai_gateway.request.id"] for span in told.server_spans()
    }
    last = [seen for seen in told.seen if seen.json["model"] == "gpt-4o"][-1]
    assert last.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert last.headers["traceparent"].endswith("-00")


def test_metrics_follow_the_conventions(told: Told) -> None:
    found = told.collector.histograms()
    plain = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o",
    }
    durations = [(point, count) for point, count, _ in found["gen_ai.client.operation.duration"]]
    assert (plain, 2) in durations
    failed = {**plain, "gen_ai.request.model": "broken", "error.type": "upstream_error"}
    assert failed in [point for point, _ in durations]
    usage = [(point, total) for point, _, total in found["gen_ai.client.token.usage"]]
    assert ({**plain, "gen_ai.token.type": "input"}, 14) in usage
    assert ({**plain, "gen_ai.token.type": "output"}, 6) in usage
    [(point, count, _)] = found["gen_ai.client.operation.time_to_first_chunk"]
    assert (point["gen_ai.request.model"], count) == ("streamed", 1)


def test_the_collector_knows_who_sends_and_no_secret_goes_there(told: Told) -> None:
    resource = attributes(told.collector.traces[0].resource_spans[0].resource)
    assert resource["service.name"] == "edge"
    assert resource["service.version"]
    assert {headers["x-token"] for headers in told.collector.headers} == {COLLECTOR_TOKEN}
    sent = b"".join(each.SerializeToString() for each in told.collector.traces)
    sent += b"".join(each.SerializeToString() for each in told.collector.metrics)
    for secret in (SECRET, told.client.api_key, PROMPT, COLLECTOR_TOKEN):
        assert secret.encode() not in sent
        assert secret not in told.log


def test_a_collector_that_is_away_costs_nothing_but_its_spans(
    new_gateway: Callable[..., GatewayProcess],
) -> None:
    gateway = new_gateway(config={"telemetry": {"enabled": True, "endpoint": "http://127.0.0.1:9"}})
    client = gateway.create_client(backend="echo", default_model="echo")
    row = gateway.request_row(ask(gateway, client, "echo"))
    assert row["status"] == 200
    gateway.stop()


def test_without_telemetry_a_callers_context_passes_as_it_is(gateway: GatewayProcess) -> None:
    with ScriptedUpstream(Flaky()) as upstream:
        client = gateway.create_client(backend="openai", base_url=upstream.base_url)
        ask(gateway, client, "gpt-4o", traceparent=f"00-{TRACE}-{PARENT}-01")
        assert upstream.seen[0].headers["traceparent"] == f"00-{TRACE}-{PARENT}-01"


def test_a_start_says_once_what_runs(told: Told) -> None:
    lines = [json.loads(line) for line in told.log.splitlines() if line.startswith("{")]
    said = [line["message"] for line in lines if line["event"] == "ai_gateway"]
    assert len([message for message in said if " listens on http://127.0.0.1:" in message]) == 1
    [summary] = [message for message in said if message.startswith("configuration ")]
    assert summary.endswith(f"metrics off, telemetry to {told.collector.url}")
    assert [line for line in lines if line["level"] == "warning" and line["event"] == "ai_gateway"] == []
    requests = {line["id"]: line for line in lines if line["event"] == "request"}
    assert requests[told.ids["plain"]]["trace_id"] == TRACE
    assert requests[told.ids["failed"]]["level"] == "warning"
