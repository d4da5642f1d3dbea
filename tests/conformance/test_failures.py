"""Whatever goes wrong at a provider reaches every caller in its own dialect."""

from __future__ import annotations

import json

import pytest

from tests.conformance import heard
from tests.conformance.asking import CALLERS, Asked
from tests.conformance.bench import Bench
from tests.conformance.providers import ProviderKind, send
from tests.conformance.wire import PIECES, Json, Said
from tests.harness.upstream import Reply, Seen

BY_CALLER = pytest.mark.parametrize("caller", CALLERS)
STATUSES = (400, 401, 403, 404, 413, 429, 500, 503, 529)
ANTHROPIC_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    503: "overloaded_error",
    529: "overloaded_error",
}
GOOGLE_NAMES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    529: "UNAVAILABLE",
}
SAID = "It is the provider that says so"


def refusal(kind: ProviderKind, status: int) -> Json:
    """As each provider writes it, with the credential in it that must not get out."""
    message = f"{SAID} (key upstream-secret)"
    match kind.name:
        case "anthropic":
            error = {"type": ANTHROPIC_TYPES[status], "message": message}
            return {"type": "error", "error": error, "request_id": "req_1"}
        case "gemini":
            return {"error": {"code": status, "message": message, "status": GOOGLE_NAMES[status]}}
        case _:
            return {"error": {"message": message, "type": "some_error", "param": None, "code": None}}


@BY_CALLER
@pytest.mark.parametrize("status", STATUSES)
def test_a_status_reaches_every_caller(bench: Bench, caller: str, status: int) -> None:
    async def refuse(seen: Seen, reply: Reply) -> None:
        await reply.json(refusal(bench.kind, status), status=status)

    bench.upstream.script = refuse

    got, body = bench.ask(caller, Asked(), stream=False)

    assert got == (status if status < 500 else 502)
    assert SAID in heard.error_of(caller, body)
    assert b"upstream-secret" not in body
    error = json.loads(body)["error"]
    if caller == "anthropic":
        assert error["type"] == ANTHROPIC_TYPES[status if status < 500 else 500]
    if caller == "gemini":
        assert error["code"] == got


@BY_CALLER
def test_a_stream_that_stops_short_ends_in_an_error_event(bench: Bench, caller: str) -> None:
    """Half of an answer is never a whole one."""
    pieces = bench.kind.speak(bench.kind.model, Said(PIECES), True)
    assert isinstance(pieces, list)
    events = b"".join(pieces).split(b"\n\n")
    cut = {"chat": -4, "responses": -5, "anthropic": -4, "gemini": -2}[bench.kind.name]

    async def stop(seen: Seen, reply: Reply) -> None:
        await send(reply, [b"\n\n".join(events[:cut]) + b"\n\n"])

    bench.upstream.script = stop

    status, body = bench.ask(caller, Asked(), stream=True)

    assert status == 200
    assert "stopped before its end" in heard.read(caller, body, True).error


@BY_CALLER
def test_a_connection_that_breaks_ends_in_an_error_event(bench: Bench, caller: str) -> None:
    pieces = bench.kind.speak(bench.kind.model, Said(PIECES), True)
    assert isinstance(pieces, list)
    half = b"".join(pieces)[: len(b"".join(pieces)) // 2].rpartition(b"\n\n")[0] + b"\n\n"

    async def break_off(seen: Seen, reply: Reply) -> None:
        await reply.start_stream()
        await reply.piece(half)
        reply.reset()

    bench.upstream.script = break_off

    status, body = bench.ask(caller, Asked(), stream=True)

    if status == 200:
        assert heard.read(caller, body, True).error
    else:  # it broke before anything could be told
        assert status == 502
        assert heard.error_of(caller, body)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"', b"<html>", b"data: {\n\n", b""], ids=repr)
def test_a_broken_answer_is_the_providers_fault(bench: Bench, stream: bool, body: bytes) -> None:
    """Relayed answers may be odd; a translated one must be what it should be."""

    async def mumble(seen: Seen, reply: Reply) -> None:
        kind = "text/event-stream" if stream else "application/json"
        await reply.whole(body, content_type=kind)

    bench.upstream.script = mumble

    for caller in CALLERS:
        if caller != bench.kind.name:
            status, answer = bench.ask(caller, Asked(), stream=stream)
            assert status == 502, (caller, answer)
            assert heard.error_of(caller, answer)


@BY_CALLER
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_provider_that_streams_unasked_or_not_at_all(bench: Bench, caller: str, stream: bool) -> None:
    """The caller gets the form that it asked for."""

    async def other(seen: Seen, reply: Reply) -> None:
        await send(reply, bench.kind.speak(bench.kind.model, Said(PIECES), not stream))

    bench.upstream.script = other

    status, body = bench.ask(caller, Asked(), stream=stream)

    assert status == 200, body
    assert heard.read(caller, body, stream).text == "".join(PIECES)
