"""A provider that fails is asked again, then another one; the caller notices nothing, the bill is right."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conformance import asking, heard
from tests.conformance.asking import CALLERS, Asked
from tests.conformance.providers import ProviderKind
from tests.conformance.wire import CACHED, INPUT, OUTPUT, PIECES, TEXT
from tests.harness.burst import Answer, at_once, request
from tests.harness.faulty import CREDENTIAL, KINDS, MESSAGE, Faulty
from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.waiting import wait_until

USD = {"input": 1.0, "output": 2.0, "cache_read": 0.5}
"""A million tokens."""
WHOLE_USD = ((INPUT - CACHED) * 1.0 + CACHED * 0.5 + OUTPUT * 2.0) / 1e6
CONFIG = {"upstream": {"max_retries": 1}, "prices": {"overrides": {"*": USD}}}
BY_KIND = pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path_factory.mktemp("fallback"), config=CONFIG) as process:
        yield process


@pytest.fixture(scope="module")
def upstream() -> Iterator[Faulty]:
    with Faulty() as server:
        yield server


def options(upstream: Faulty, kind: ProviderKind, tag: str, **more: Any) -> dict[str, Any]:
    return {
        "backend": kind.backend,
        "base_url": upstream.base(kind, tag),
        "backend_api_key": CREDENTIAL,
        **more,
    }


def backup(upstream: Faulty, kind: ProviderKind, tag: str, model: str = "ok") -> dict[str, Any]:
    """A backend of another name that serves."""
    extra = {"name": "spare", **options(upstream, kind, tag)}
    return {"extra_backends": [extra], "fallback_models": [f"spare/{model}"]}


@dataclass(frozen=True)
class Case:
    """One request: who asks, and what the provider will do."""

    client: ClientInfo
    caller: str
    stream: bool
    plan: str

    @property
    def data(self) -> bytes:
        path, body = asking.request(self.caller, Asked(), self.plan, self.stream)
        return request(self.client, path, body)

    def heard(self, answer: Answer) -> heard.Heard:
        assert answer.complete
        return heard.read(self.caller, answer.body, self.stream)


def cases(client: ClientInfo, plan: str, *, streams: tuple[bool, ...] = (False, True)) -> list[Case]:
    """Every caller, streaming and not, with a model that no other request asks for."""
    return [
        Case(client, caller, stream, f"{plan}-{caller}{stream:d}") for caller in CALLERS for stream in streams
    ]


def rows_of(gateway: GatewayProcess, answers: list[Answer]) -> list[dict[str, Any]]:
    return [gateway.request_row(answer.headers["x-request-id"]) for answer in answers]


def attempts_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(row["attempt_log"])
    return found


def adds_up(row: dict[str, Any]) -> None:
    """The row is the sum of its attempts."""
    tries = attempts_of(row)
    assert len(tries) == row["attempts"]
    for name in ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens"):
        assert row[name] == sum(each.get(name, 0) for each in tries)
    assert row["cost_usd"] == pytest.approx(sum(each.get("cost_usd", 0.0) for each in tries))
    assert all(each.get("error") for each in tries[:-1])
    assert "error" not in tries[-1]


ALWAYS = ("e500", "e503", "e408", "e429", "e429r1", "reset", "half", "nojson", "error200")
STREAMED = ("dies", "fails", "ends")
UNBILLED = ("e500", "e503", "e408", "e429", "e429r1")
"""The provider said no before it did anything."""


@BY_KIND
async def test_it_is_asked_again(gateway: GatewayProcess, upstream: Faulty, kind: ProviderKind) -> None:
    steps = [*ALWAYS, *STREAMED]
    clients = await asyncio.to_thread(
        gateway.create_clients, [options(upstream, kind, f"{kind.name}-{step}") for step in steps]
    )
    asked = [
        case
        for step, client in zip(steps, clients, strict=True)
        for case in cases(client, f"{step}.ok", streams=(False, True) if step in ALWAYS else (True,))
    ]
    answers = await at_once(gateway.port, [case.data for case in asked])
    rows = await asyncio.to_thread(rows_of, gateway, answers)
    for case, answer, row in zip(asked, answers, rows, strict=True):
        assert answer.status == 200, (case, answer)
        assert (case.heard(answer).text, case.heard(answer).error) == (TEXT, ""), case
        assert answer.headers["x-gateway-model"] == case.plan
        assert (row["status"], row["error"]) == (200, None)
        step = case.plan.partition(".")[0]
        assert upstream.hits[f"{kind.name}-{step}", case.plan] == 2
        if step == "reset" and row["attempts"] == 1:
            continue  # a connection that was kept, and closed: nobody was asked yet
        assert answer.headers["x-gateway-attempts"] == "2", case
        adds_up(row)
        first, last = attempts_of(row)
        assert (last["input_tokens"], last["output_tokens"]) == (INPUT, OUTPUT)
        assert last["cost_usd"] == pytest.approx(WHOLE_USD)
        if step in UNBILLED:
            assert row["input_tokens"] == INPUT
            assert not row["usage_estimated"]
        elif step in STREAMED and kind.name in ("anthropic", "gemini"):
            assert first["input_tokens"] == INPUT, "the provider told what it had read"
        if not case.stream:
            assert float(answer.headers["x-gateway-cost"]) == pytest.approx(row["cost_usd"])


@BY_KIND
async def test_a_slow_one_is_waited_for(
    gateway: GatewayProcess, upstream: Faulty, kind: ProviderKind
) -> None:
    (client,) = await asyncio.to_thread(gateway.create_clients, [options(upstream, kind, "slow")])
    asked = cases(client, "drip")
    answers = await at_once(gateway.port, [case.data for case in asked])
    for case, answer in zip(asked, answers, strict=True):
        assert (answer.status, answer.headers["x-gateway-attempts"]) == (200, "1")
        assert case.heard(answer).text == TEXT


@pytest.mark.parametrize("spare", KINDS.values(), ids=lambda kind: f"to-{kind.name}")
@BY_KIND
async def test_then_another_one_serves(
    gateway: GatewayProcess, upstream: Faulty, kind: ProviderKind, spare: ProviderKind
) -> None:
    """Another backend, of another dialect or the same: for callers of every dialect."""
    tag = f"{kind.name}-{spare.name}"
    (client,) = await asyncio.to_thread(
        gateway.create_clients,
        [options(upstream, kind, f"main-{tag}", **backup(upstream, spare, f"spare-{tag}"))],
    )
    asked = cases(client, "e500")
    answers = await at_once(gateway.port, [case.data for case in asked])
    rows = await asyncio.to_thread(rows_of, gateway, answers)
    for case, answer, row in zip(asked, answers, rows, strict=True):
        assert answer.status == 200, (case, answer)
        assert (case.heard(answer).text, case.heard(answer).error) == (TEXT, "")
        told = {name: answer.headers[f"x-gateway-{name}"] for name in ("attempts", "model", "provider")}
        assert told == {"attempts": "3", "model": "ok", "provider": spare.backend}
        assert (row["provider"], row["model_asked"], row["model_served"]) == (spare.backend, case.plan, "ok")
        adds_up(row)
        tries = [(each["provider"], each.get("backend", ""), each["model"]) for each in attempts_of(row)]
        assert tries == [(kind.backend, "", case.plan)] * 2 + [(spare.backend, "spare", "ok")]
        assert (row["input_tokens"], row["output_tokens"]) == (INPUT, OUTPUT)
        assert row["cost_usd"] == pytest.approx(WHOLE_USD)


async def test_backends_and_models_set_by_the_command_line(gateway: GatewayProcess, upstream: Faulty) -> None:
    """A model of the main backend first, whatever slash is in its name; then one of the named backend."""
    chat, anthropic = KINDS["chat"], KINDS["anthropic"]
    extra = {"name": "spare", **options(upstream, anthropic, "cli-spare")}
    client = await asyncio.to_thread(
        gateway.create_client,
        **options(upstream, chat, "cli"),
        extra_backends=json.dumps([extra]),
        fallback_models=["org/e404", "org/e503", "spare/ok"],
    )
    shown = await asyncio.to_thread(gateway.cli, "clients", "show", client.name, "--json")
    assert json.loads(shown.stdout)["fallback_models"] == ["org/e404", "org/e503", "spare/ok"]
    case = Case(client, "chat", False, "e500")
    (answer,) = await at_once(gateway.port, [case.data])
    assert answer.status == 404, "the next model is unknown: that is an answer"
    assert answer.headers["x-gateway-model"] == "org/e404"


@BY_KIND
async def test_nothing_is_repeated_once_the_caller_has_content(
    gateway: GatewayProcess, upstream: Faulty, kind: ProviderKind
) -> None:
    tag = f"late-{kind.name}"
    (client,) = await asyncio.to_thread(
        gateway.create_clients, [options(upstream, kind, tag, **backup(upstream, kind, f"{tag}-spare"))]
    )
    for step in ("breaks", "breaksoff"):
        asked = cases(client, step, streams=(True,))
        answers = await at_once(gateway.port, [case.data for case in asked])
        rows = await asyncio.to_thread(rows_of, gateway, answers)
        for case, answer, row in zip(asked, answers, rows, strict=True):
            assert (answer.status, answer.headers["x-gateway-attempts"]) == (200, "1")
            assert answer.body.count(PIECES[0].encode()) <= 1 + 3 * (case.caller == "responses")
            assert PIECES[1].strip().encode() not in answer.body
            assert case.heard(answer).error, "a stream that died must not end as if it were whole"
            assert b"[DONE]" not in answer.body
            assert row["error"] == "upstream_error"
            assert row["output_tokens"] >= 1
            assert upstream.hits[tag, case.plan] == 1
    assert not upstream.hits[f"{tag}-spare", "ok"]


@BY_KIND
async def test_a_refusal_is_an_answer(gateway: GatewayProcess, upstream: Faulty, kind: ProviderKind) -> None:
    tag = f"refused-{kind.name}"
    (client,) = await asyncio.to_thread(
        gateway.create_clients, [options(upstream, kind, tag, **backup(upstream, kind, f"{tag}-spare"))]
    )
    for status in (400, 401, 404):
        asked = cases(client, f"e{status}")
        answers = await at_once(gateway.port, [case.data for case in asked])
        for case, answer in zip(asked, answers, strict=True):
            assert (answer.status, answer.headers["x-gateway-attempts"]) == (status, "1")
            assert MESSAGE in heard.error_of(case.caller, answer.body)
            assert upstream.hits[tag, case.plan] == 1
    assert not upstream.hits[f"{tag}-spare", "ok"]


@BY_KIND
async def test_a_failure_in_an_answer_of_status_200(
    gateway: GatewayProcess, upstream: Faulty, kind: ProviderKind
) -> None:
    """It is told as what it is, without the credential."""
    tag = f"inside-{kind.name}"
    (client,) = await asyncio.to_thread(gateway.create_clients, [options(upstream, kind, tag)])
    asked = [Case(client, caller, False, "error200") for caller in CALLERS]
    asked += [Case(client, caller, True, plan) for caller in CALLERS for plan in ("error200", "fails")]
    asked += [Case(client, caller, True, "refuses") for caller in CALLERS]
    for case, answer in zip(asked, await at_once(gateway.port, [c.data for c in asked]), strict=True):
        assert CREDENTIAL.encode() not in answer.body, case
        assert MESSAGE.encode() in answer.body, (case, answer)
        if answer.status == 200:
            assert case.stream
            assert case.heard(answer).error
        else:
            assert answer.status == (400 if case.plan == "refuses" else 502), (case, answer)
            assert heard.error_of(case.caller, answer.body)
        (row,) = await asyncio.to_thread(rows_of, gateway, [answer])
        assert row["error"]
        assert CREDENTIAL not in str(row)


@BY_KIND
async def test_a_refusal_inside_a_stream_opens_no_circuit(
    gateway: GatewayProcess, upstream: Faulty, kind: ProviderKind
) -> None:
    tag = f"inside-refused-{kind.name}"
    (client,) = await asyncio.to_thread(
        gateway.create_clients, [options(upstream, kind, tag, **backup(upstream, kind, f"{tag}-spare"))]
    )
    asked = [Case(client, kind.name, True, "refuses").data] * 8
    for _ in range(2):
        answers = await at_once(gateway.port, asked)
        assert {answer.headers["x-gateway-model"] for answer in answers} == {"refuses"}
    assert upstream.hits[tag, "refuses"] == 2 * len(asked)


async def test_one_that_has_no_form_for_the_request_does_not_hide_the_failure(
    gateway: GatewayProcess, upstream: Faulty
) -> None:
    """The caller did nothing wrong: its own model is what failed, while its circuit is open too."""
    spare = backup(upstream, KINDS["anthropic"], "formless-spare")
    (client,) = await asyncio.to_thread(
        gateway.create_clients, [options(upstream, KINDS["chat"], "formless", **spare)]
    )
    body = {"model": "e500", "n": 2, "messages": [{"role": "user", "content": "hi"}]}
    asked = [request(client, "/v1/chat/completions", body)]
    for attempts in ("2", "2", "1", "1", "1"):
        (answer,) = await at_once(gateway.port, asked)
        assert (answer.status, answer.json["error"]["code"]) == (502, "upstream_error")
        assert answer.headers["x-gateway-attempts"] == attempts
        assert answer.headers["x-gateway-model"] == "e500"
    assert not upstream.hits["formless-spare", "ok"]


async def test_nobody_storms_a_dead_upstream(gateway: GatewayProcess, upstream: Faulty) -> None:
    kind, count = KINDS["chat"], 100
    clients = await asyncio.to_thread(
        gateway.create_clients,
        [
            options(upstream, kind, "dead"),
            options(upstream, kind, "broken", **backup(upstream, KINDS["anthropic"], "broken-spare")),
        ],
    )
    alone, backed = clients
    answers = await at_once(gateway.port, [Case(alone, "chat", False, "e503").data] * count)
    assert {answer.status for answer in answers} == {502}
    assert count <= upstream.hits["dead", "e503"] <= count + 10

    first = await at_once(gateway.port, [Case(backed, "chat", False, "e503").data] * 10)
    assert {answer.status for answer in first} == {200}
    hits = upstream.hits["broken", "e503"]
    asked = [Case(backed, caller, stream, "e503").data for caller in CALLERS for stream in (False, True)]
    answers = await at_once(gateway.port, asked * 5)
    assert {answer.status for answer in answers} == {200}
    assert {answer.headers["x-gateway-attempts"] for answer in answers} == {"1"}
    assert {answer.headers["x-gateway-provider"] for answer in answers} == {"anthropic"}
    assert upstream.hits["broken", "e503"] == hits, "its circuit is open"


async def test_all_tries_together_take_no_longer_than_the_timeout(
    gateway: GatewayProcess, upstream: Faulty
) -> None:
    kind = KINDS["chat"]
    spare = backup(upstream, kind, "patience-spare")
    hasty, stalled = await asyncio.to_thread(
        gateway.create_clients,
        [
            options(upstream, kind, "patience", timeout_seconds=2, **spare),
            options(upstream, kind, "stalled", timeout_seconds=1),
        ],
    )
    asked = [
        Case(hasty, "chat", False, "e429r5.ok"),  # would be too late
        Case(stalled, "chat", False, "stall"),
        Case(stalled, "chat", True, "e500.stall"),
    ]
    moved, whole, streamed = await at_once(gateway.port, [case.data for case in asked])
    assert (moved.status, moved.headers["x-gateway-model"], moved.headers["x-gateway-attempts"]) == (
        200,
        "ok",
        "2",
    )
    assert (whole.status, whole.headers["x-gateway-attempts"]) == (504, "1")
    assert (streamed.status, streamed.headers["x-gateway-attempts"]) == (504, "2")
    row = (await asyncio.to_thread(rows_of, gateway, [streamed]))[0]
    first, second = attempts_of(row)
    assert first["latency_ms"] + second["latency_ms"] < row["latency_ms"]
    assert second["started_ms"] + second["latency_ms"] == pytest.approx(row["latency_ms"], abs=50)


@pytest.mark.parametrize("plan", ["e429r9.ok", "e500.stall"])
async def test_a_caller_that_hangs_up_ends_it_all(
    gateway: GatewayProcess, upstream: Faulty, plan: str
) -> None:
    """While it waits to ask again, and while it has."""
    kind, tag = KINDS["chat"], f"gone-{plan}"
    (client,) = await asyncio.to_thread(
        gateway.create_clients, [options(upstream, kind, tag, **backup(upstream, kind, f"{tag}-spare"))]
    )
    wanted = 2 if "stall" in plan else 1
    _, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
    writer.write(Case(client, "chat", False, plan).data)

    def asked() -> bool:
        return upstream.hits[tag, plan] == wanted

    await asyncio.to_thread(wait_until, asked, what="the upstream being asked")
    writer.close()
    (row,) = await asyncio.to_thread(gateway.requests_of, client)
    assert (row["status"], row["error"], row["attempts"]) == (499, "client_closed", wanted)
    assert upstream.hits[tag, plan] == wanted
    assert not upstream.hits[f"{tag}-spare", "ok"]


async def test_what_may_have_been_done_is_not_done_again(gateway: GatewayProcess, upstream: Faulty) -> None:
    """A file that is uploaded twice is two files; to look at one twice harms nobody."""
    plans = {"POST": ("e500.ok", "reset.ok", "half.ok", "e429.ok"), "GET": ("e500.ok", "reset.ok")}
    tags = [(method, plan, f"{plan}-{method}") for method, each in plans.items() for plan in each]
    clients = await asyncio.to_thread(
        gateway.create_clients, [options(upstream, KINDS["chat"], tag) for _, _, tag in tags]
    )
    form = b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n--b--\r\n'
    answers = await at_once(
        gateway.port,
        [
            request(client, "/v1/files", form if method == "POST" else None, method=method)
            for client, (method, _, _) in zip(clients, tags, strict=True)
        ],
    )
    for (method, plan, tag), answer in zip(tags, answers, strict=True):
        again = method == "GET" or plan.startswith("e429")
        assert (answer.status, upstream.hits[tag, tag]) == ((200, 2) if again else (502, 1)), (method, plan)


async def test_nobody_there(gateway: GatewayProcess, upstream: Faulty) -> None:
    spare = backup(upstream, KINDS["gemini"], "absent-spare")
    absent = {
        "backend": "openai",
        "base_url": "http://127.0.0.1:1/v1",
        "backend_api_key": "sk-upstream-planted",
    }
    alone, backed = await asyncio.to_thread(gateway.create_clients, [absent, {**absent, **spare}])
    asked = cases(backed, "any")
    statuses = Counter[tuple[int, str]]()
    for case, answer in zip(asked, await at_once(gateway.port, [c.data for c in asked]), strict=True):
        assert case.heard(answer).text == TEXT
        statuses[answer.status, answer.headers["x-gateway-provider"]] += 1
    assert statuses == {(200, "gemini"): len(asked)}
    (refused,) = await at_once(gateway.port, [Case(alone, "chat", False, "m").data])
    assert (refused.status, refused.headers["x-gateway-attempts"]) == (502, "2")
    (row,) = await asyncio.to_thread(rows_of, gateway, [refused])
    assert (row["input_tokens"], row["cost_usd"]) == (0, None)
