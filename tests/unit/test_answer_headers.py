"""What the gateway says about its own part of an answer."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.answer_headers import answer_lines, cost_line
from ai_gateway.call import Call, pairs_of
from ai_gateway.core.ledger import Entry
from ai_gateway.core.record import RequestRecord, milliseconds
from ai_gateway.dialects.endpoints import CHAT

CALL = Call(
    id="req_7",
    started_s=0.0,
    started_ms=0,
    method="POST",
    path=CHAT.path,
    label="",
    endpoint=CHAT,
    headers=[],
    key=None,
    address=None,
)


class Told:
    """A client with limits."""

    def lines(self) -> str:
        return "x-ratelimit-limit-requests: 60\r\n"


def headers(*, standing: Told | None = None, **row: object) -> dict[bytes, bytes]:
    record = RequestRecord(id="req_7", started_at=0, endpoint="", dialect="openai", status=200)
    for name, value in row.items():
        setattr(record, name, value)
    entry = Entry(record, 0.0, lambda _: None)
    entry.standing = standing
    return dict(pairs_of(answer_lines(CALL, entry)))


def test_an_answer_says_who_gave_it() -> None:
    row = {"provider": "openai", "model_served": "gpt", "attempts": 2, "overhead_ms": 0.417}
    assert headers(standing=Told(), **row) == {
        b"x-request-id": b"req_7",
        b"x-gateway-provider": b"openai",
        b"x-gateway-model": b"gpt",
        b"x-gateway-attempts": b"2",
        b"x-gateway-overhead-ms": b"0.417",
        b"x-ratelimit-limit-requests": b"60",
    }


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert headers() == {
        b"x-request-id": b"req_7",
        b"x-gateway-attempts": b"0",
        b"x-gateway-overhead-ms": b"0.000",
    }


@pytest.mark.parametrize(
    ("model", "told"),
    [("claude: 3", b"claude: 3"), ("a\r\nset-cookie: b", b"a??set-cookie: b"), ("mödel", b"m?del")],
)
def test_a_model_begins_no_header_of_its_own(model: str, told: bytes) -> None:
    assert headers(model_served=model)[b"x-gateway-model"] == told


@given(st.floats(0, 100_000))
def test_overhead_is_told_to_the_microsecond(seconds: float) -> None:
    overhead_ms = milliseconds(seconds)
    assert float(headers(overhead_ms=overhead_ms)[b"x-gateway-overhead-ms"]) == overhead_ms


@pytest.mark.parametrize(
    ("usd", "told"), [(0.0, b"0"), (1.5, b"1.5"), (2e-7, b"0.0000002"), (3e-12, b"0.000000000003")]
)
def test_a_cost_has_no_exponent(usd: float, told: bytes) -> None:
    assert pairs_of(cost_line(usd)) == [(b"x-gateway-cost", told)]


def test_long_names_of_callers_are_cut_and_fill_no_memory() -> None:
    tracemalloc.start()
    try:
        for number in range(40):
            name = f"{number}-{'x' * 1_000_000}"
            shown = headers(provider="openai", model_served=name)[b"x-gateway-model"]
            assert shown == name[:500].encode()
        del name
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 2_000_000
