"""Whatever an upstream does, the caller gets a clear answer, the log a row, and the next request works."""

from __future__ import annotations

import http.client
import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.upstream import DONE, Reply, ScriptedUpstream, Seen, chunk_event, completion
from tests.harness.waiting import wait_until

USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}
UPSTREAM_KEY = "sk-upstream-secret-4711"


async def whole(seen: Seen, reply: Reply) -> None:
    await reply.json(completion("hello"))


async def stream(seen: Seen, reply: Reply) -> None:
    await reply.start_stream()
    await reply.piece(chunk_event("hel"))
    await reply.piece(chunk_event("lo") + chunk_event(finish="stop"))
    if (seen.json.get("stream_options") or {}).get("include_usage"):
        await reply.piece(chunk_event(choices=[], usage=USAGE))
    await reply.piece(DONE)
    await reply.end_stream()


async def hang_up(seen: Seen, reply: Reply) -> None:
    reply.reset()


async def stall(seen: Seen, reply: Reply) -> None:
    await reply.hung_up()


async def stall_in_mid_stream(seen: Seen, reply: Reply) -> None:
    await reply.start_stream()
    await reply.piece(chunk_event("hel"))
    await reply.hung_up()


async def reset_in_mid_stream(seen: Seen, reply: Reply) -> None:
    await reply.start_stream()
    await reply.piece(chunk_event("hel"))
    reply.reset()


async def stop_in_mid_stream(seen: Seen, reply: Reply) -> None:
    await reply.start_stream()
    await reply.piece(chunk_event("hel"))
    await reply.end_stream()


async def garbage_in_mid_stream(seen: Seen, reply: Reply) -> None:
    await reply.start_stream()
    await reply.piece(chunk_event("hel") + b"data: {oops\n\n")
    await reply.end_stream()


async def endless_line(seen: Seen, reply: Reply) -> None:
    await reply.start_stream()
    await reply.piece(b"data: ")
    for _ in range(200):
        await reply.piece(b"x" * 65536)


async def error_in_mid_stream(seen: Seen, reply: Reply) -> None:
    await reply.start_stream()
    await reply.piece(chunk_event("hel") + chunk_event(error={"code": 500, "message": "no capacity"}) + DONE)
    await reply.end_stream()


async def stream_dead_at_once(seen: Seen, reply: Reply) -> None:
    await reply.start_stream()
    reply.reset()


async def not_http(seen: Seen, reply: Reply) -> None:
    await reply.raw(b"\x16\x03\x01 nonsense\r\n\r\n")
    reply.writer.close()


async def not_json(seen: Seen, reply: Reply) -> None:
    await reply.whole(b"<html>sorry</html>", content_type="application/json")


async def short_body(seen: Seen, reply: Reply) -> None:
    await reply.raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{")
    reply.writer.close()


async def long_body(seen: Seen, reply: Reply) -> None:
    body = json.dumps(completion("hello")).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body) - 5}\r\n\r\n"
    await reply.raw(head.encode() + body)
    reply.writer.close()


def refusal(status: int, body: object, **headers: str) -> Callable[[Seen, Reply], Awaitable[None]]:
    async def script(seen: Seen, reply: Reply) -> None:
        await reply.json(body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()})

    return script


SCRIPTS: dict[str, Callable[[Seen, Reply], Awaitable[None]]] = {
    "whole": whole,
    "stream": stream,
    "hang-up": hang_up,
    "stall": stall,
    "stall-in-mid-stream": stall_in_mid_stream,
    "reset-in-mid-stream": reset_in_mid_stream,
    "stop-in-mid-stream": stop_in_mid_stream,
    "garbage-in-mid-stream": garbage_in_mid_stream,
    "endless-line": endless_line,
    "error-in-mid-stream": error_in_mid_stream,
    "stream-dead-at-once": stream_dead_at_once,
    "not-http": not_http,
    "not-json": not_json,
    "short-body": short_body,
    "long-body": long_body,
    "400": refusal(
        400, {"error": {"message": "bad temperature", "type": "invalid_request_error", "param": "t"}}
    ),
    "401": refusal(401, {"error": {"message": f"Incorrect API key provided: {UPSTREAM_KEY}", "code": "bad"}}),
    "404": refusal(404, {"detail": "no such model"}),
    "413": refusal(413, {"error": "too large"}),
    "429": refusal(
        429, {"error": {"message": "slow down", "type": "tokens", "code": "rate"}}, retry_after="30"
    ),
    "500": refusal(500, {"error": {"message": "boom"}}),
    "503": refusal(503, {"error": {"message": "busy"}}),
    "302": refusal(302, {}, location="http://elsewhere.invalid/"),
}


async def by_model(seen: Seen, reply: Reply) -> None:
    await SCRIPTS[seen.json["model"]](seen, reply)


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(by_model) as server:
        yield server


@pytest.fixture(scope="module")
def client(gateway: GatewayProcess, upstream: ScriptedUpstream) -> ClientInfo:
    return gateway.create_client(
        backend="openai", base_url=upstream.base_url, backend_api_key=UPSTREAM_KEY, timeout_seconds=1
    )


class Answer:
    """What a caller got."""

    def __init__(self, gateway: GatewayProcess, client: ClientInfo, model: str, *, stream: bool) -> None:
        body = {"model": model, "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        headers = {"authorization": f"Bearer {client.api_key}", "content-type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = response.read()
        connection.close()
        self.row = gateway.request_row(self.headers["x-request-id"])

    @property
    def error(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)["error"]
        return found

    @property
    def events(self) -> list[Any]:
        lines = [line.removeprefix("data: ") for line in self.body.decode().split("\n\n") if line]
        return [line if line == "[DONE]" else json.loads(line) for line in lines]


Ask = Callable[..., Answer]


@pytest.fixture
def ask(gateway: GatewayProcess, client: ClientInfo) -> Iterator[Ask]:
    """Asks, and afterwards makes sure that the next request works."""
    yield lambda model, *, stream=False: Answer(gateway, client, model, stream=stream)
    after = Answer(gateway, client, "whole", stream=False)
    assert (after.status, json.loads(after.body)) == (200, completion("hello"))


FAILURES: list[tuple[str, int, str, str]] = [
    ("hang-up", 502, "api_error", "upstream_error"),
    ("stall", 504, "api_error", "upstream_timeout"),
    ("not-http", 502, "api_error", "upstream_error"),
    ("not-json", 502, "api_error", "upstream_error"),
    ("short-body", 502, "api_error", "upstream_error"),
    ("long-body", 502, "api_error", "upstream_error"),
    ("stream-dead-at-once", 502, "api_error", "upstream_error"),
    ("500", 502, "api_error", "upstream_error"),
    ("503", 502, "api_error", "upstream_error"),
    ("302", 502, "api_error", "upstream_error"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "status", "kind", "code"), FAILURES, ids=[f[0] for f in FAILURES])
def test_an_upstream_that_fails(
    ask: Ask, model: str, status: int, kind: str, code: str, stream: bool
) -> None:
    answer = ask(model, stream=stream)
    assert answer.status == status
    assert (answer.error["type"], answer.error["code"]) == (kind, code)
    assert answer.error["message"]
    assert (answer.row["status"], answer.row["error"]) == (status, code)
    assert UPSTREAM_KEY.encode() not in answer.body


REFUSALS: list[tuple[str, int, str]] = [
    ("400", 400, "bad temperature"),
    ("401", 401, "Incorrect API key provided: ***"),
    ("404", 404, "no such model"),
    ("413", 413, "too large"),
    ("429", 429, "slow down"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("model", "status", "message"), REFUSALS)
def test_an_upstream_that_refuses(ask: Ask, model: str, status: int, message: str, stream: bool) -> None:
    answer = ask(model, stream=stream)
    assert answer.status == status
    assert answer.error["message"] == message
    assert answer.row["status"] == status
    assert answer.headers.get("retry-after") == ("30" if model == "429" else None)
    assert UPSTREAM_KEY not in str(answer.headers) + answer.body.decode() + str(answer.row)


BROKEN_STREAMS: list[tuple[str, str]] = [
    ("stall-in-mid-stream", "upstream_timeout"),
    ("reset-in-mid-stream", "upstream_error"),
    ("stop-in-mid-stream", "upstream_error"),
    ("garbage-in-mid-stream", "upstream_error"),
]


@pytest.mark.parametrize(("model", "code"), BROKEN_STREAMS)
def test_a_stream_that_breaks(ask: Ask, model: str, code: str) -> None:
    answer = ask(model, stream=True)
    assert answer.status == 200
    *good, last = answer.events
    assert [event["choices"][0]["delta"]["content"] for event in good] == ["hel"]
    assert last["error"]["code"] == code
    assert answer.row["error"] == code
    assert answer.row["usage_estimated"]
    assert answer.row["output_tokens"] >= 1


def test_a_stream_without_end_of_line_is_cut(ask: Ask) -> None:
    answer = ask("endless-line", stream=True)
    assert answer.status == 502
    assert answer.error["code"] == "upstream_error"


def test_an_error_inside_a_stream_passes_and_is_logged(ask: Ask) -> None:
    answer = ask("error-in-mid-stream", stream=True)
    assert answer.events[1]["error"]["message"] == "no capacity"
    assert answer.events[-1] == "[DONE]"
    assert answer.row["error"] == "upstream_error"
    assert answer.row["error_message"] == "no capacity"


def test_a_good_stream(ask: Ask, upstream: ScriptedUpstream) -> None:
    answer = ask("stream", stream=True)
    assert answer.events[-1] == "[DONE]"
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in answer.events[:-1]) == "hello"
    assert all(event["choices"] for event in answer.events[:-1])  # the usage chunk was the gateway's own
    assert upstream.seen[-1].json["stream_options"] == {"include_usage": True}
    row = answer.row
    assert (row["input_tokens"], row["output_tokens"], row["usage_estimated"]) == (7, 3, 0)
    assert row["ttfb_ms"] <= row["latency_ms"]


def test_nobody_listens(gateway: GatewayProcess, ask: Ask) -> None:
    refused = gateway.create_client(backend="openai-compatible", base_url="http://127.0.0.1:1/v1")
    answer = Answer(gateway, refused, "m", stream=False)
    assert (answer.status, answer.error["code"]) == (502, "upstream_error")
    assert "127.0.0.1" not in answer.error["message"]


@pytest.mark.parametrize("model", ["stall", "stall-in-mid-stream"])
def test_a_caller_that_hangs_up_takes_the_upstream_call_along(
    gateway: GatewayProcess, upstream: ScriptedUpstream, ask: Ask, model: str
) -> None:
    patient = gateway.create_client(
        backend="openai", base_url=upstream.base_url, backend_api_key="sk-upstream-planted"
    )
    before, calls = upstream.open_connections, len(upstream.seen)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
    body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "x" * 400}]}
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(body), {"authorization": f"Bearer {patient.api_key}"}
    )
    wait_until(lambda: len(upstream.seen) > calls, what="the upstream call")
    if model == "stall-in-mid-stream":
        assert connection.getresponse().readline().startswith(b"data: ")
    assert upstream.open_connections > before - 1
    connection.close()
    row = gateway.requests_of(patient)[0]
    assert (row["status"], row["error"]) == (499, "client_closed")
    assert row["usage_estimated"]
    assert row["input_tokens"] >= 100
    wait_until(lambda: upstream.open_connections <= before, what="the upstream connection closing")
