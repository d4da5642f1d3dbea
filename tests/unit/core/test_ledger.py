"""The row of a request, over all that was tried for it, and what its client is charged."""

from __future__ import annotations

import msgspec
import pytest

from ai_gateway.core.ledger import CLIENT_CLOSED, Entry
from ai_gateway.core.record import Attempt, RequestRecord
from ai_gateway.core.usage import Usage
from ai_gateway.errors import LimitReached, UpstreamError, UpstreamTimeout


class Heard:
    """An answer that has told this."""

    def __init__(self, usage: Usage | None, *, model: str | None = None, output_bytes: int = 0) -> None:
        self.usage, self.model, self.output_bytes, self.tools_used = usage, model, output_bytes, False


class Till:
    """A reservation: what becomes of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, int, float | None] | None] = []

    def settle(self, input_tokens: int, output_tokens: int, usd: float | None) -> None:
        self.calls.append((input_tokens, output_tokens, usd))

    def cancel(self) -> None:
        self.calls.append(None)


def entry(rows: list[RequestRecord]) -> tuple[Entry, Till]:
    record = RequestRecord(
        id="r", started_at=0, endpoint="POST /x", dialect="openai", status=200, admitted=True
    )
    made, till = Entry(record, started_s=10.0, sink=rows.append), Till()
    made.charge = till
    return made, till


class Asked:
    """A request of seven tokens."""

    def input_estimate(self) -> int:
        return 7


class Fixed:
    """What a provider charges, whatever it has done."""

    def __init__(self, usd: float | None) -> None:
        self.usd = usd

    def cost(self, _: Usage, __: str | None, ___: float) -> float | None:
        return self.usd


def attempt(made: Entry, usage: Usage | None, usd: float | None, *, name: str = "m") -> None:
    """Ask a provider that reports `usage`, and charges `usd` for it."""
    made.begin_attempt("openai", name, Fixed(usd), None, 1.0)
    made.meter = Heard(usage, model=f"{name}-2030")


SOME = Usage(input=10, cache_read=5, cache_write=2, output=3, reasoning=4)
FREE = Usage()


def test_one_attempt() -> None:
    rows: list[RequestRecord] = []
    made, till = entry(rows)
    attempt(made, SOME, 0.5)
    made.first_byte(10.25)
    made.first_byte(10.5)
    made.settle(11.0)
    made.settle(12.0)
    (row,) = rows
    assert (row.input_tokens, row.cached_tokens, row.cache_write_tokens) == (17, 5, 2)
    assert (row.output_tokens, row.reasoning_tokens, row.cost_usd) == (7, 4, 0.5)
    assert (row.attempts, row.attempt_log, row.model_served, row.model_reported) == (1, None, "m", "m-2030")
    assert (row.ttfb_ms, row.latency_ms, row.admitted) == (250.0, 1000.0, True)
    assert till.calls == [(17, 7, 0.5)]


def test_several_attempts_are_summed_and_listed() -> None:
    rows: list[RequestRecord] = []
    made, till = entry(rows)
    attempt(made, SOME, 0.5, name="first")
    made.attempt_status = 200
    made.end_attempt(UpstreamTimeout("slow"), 10.1)
    attempt(made, SOME, 0.25, name="second")
    made.settle(11.0)
    (row,) = rows
    assert (row.input_tokens, row.output_tokens, row.cost_usd, row.attempts) == (34, 14, 0.75, 2)
    assert (row.model_served, row.model_reported) == ("second", "second-2030")
    log = msgspec.json.decode(row.attempt_log or "", type=list[Attempt])
    assert [(each.model, each.error, each.cost_usd) for each in log] == [
        ("first", "upstream_timeout", 0.5),
        ("second", None, 0.25),
    ]
    assert [(each.provider, each.status, each.started_ms, each.latency_ms) for each in log] == [
        ("openai", 200, 1.0, 99.0),
        ("openai", None, 1.0, 999.0),
    ]
    assert [each.input_tokens for each in log] == [17, 17]
    assert row.overhead_ms == 1.0
    assert till.calls == [(34, 14, 0.75)]


def test_a_model_that_did_not_answer_says_no_name() -> None:
    rows: list[RequestRecord] = []
    made, _ = entry(rows)
    attempt(made, SOME, 0.5, name="first")
    made.end_attempt(UpstreamError("broke"), 10.1)
    made.begin_attempt("openai", "second", Fixed(0.0), None)
    made.fail(UpstreamError("refused"))
    made.settle(11.0)
    assert (rows[0].model_served, rows[0].model_reported) == ("second", None)


@pytest.mark.parametrize(
    ("parts", "cost"),
    [
        ([], None),
        ([(None, None)], None),
        ([(FREE, None)], None),
        ([(FREE, 0.0)], 0.0),
        ([(SOME, None)], None),
        ([(SOME, 0.5), (SOME, None)], None),
        ([(SOME, None), (SOME, 0.5)], None),
        ([(SOME, 0.5), (SOME, None), (SOME, 0.5)], None),
        # What used nothing has no price to miss.
        ([(FREE, None), (SOME, 0.5)], 0.5),
        ([(SOME, 0.5), (FREE, None)], 0.5),
        ([(None, None), (SOME, 0.5)], 0.5),
        ([(SOME, 0.5), (None, None)], 0.5),
        # A search costs though it uses no tokens.
        ([(FREE, 0.125), (SOME, 0.5)], 0.625),
    ],
)
def test_a_cost_is_unknown_as_soon_as_that_of_used_tokens_is(
    parts: list[tuple[Usage | None, float | None]], cost: float | None
) -> None:
    rows: list[RequestRecord] = []
    made, till = entry(rows)
    for index, (usage, usd) in enumerate(parts):
        if index:
            made.end_attempt(UpstreamError("again"), 10.5)
        attempt(made, usage, usd)
    made.settle(11.0)
    assert rows[0].cost_usd == cost
    # A budget counts what is known, whatever is not.
    known = sum(usd for usage, usd in parts if usage is not None and usd is not None)
    assert till.calls[0] is not None
    assert till.calls[0][2] == known


def test_an_estimate_stands_in_and_says_so() -> None:
    rows: list[RequestRecord] = []
    made, till = entry(rows)
    made.begin_attempt("openai", "m", Fixed(None), Asked())
    made.meter = Heard(None, output_bytes=40)
    made.settle(11.0)
    assert (rows[0].input_tokens, rows[0].output_tokens, rows[0].usage_estimated) == (7, 10, True)
    assert till.calls == [(7, 10, 0.0)]


def test_a_refusal_before_any_provider_counts_for_nothing() -> None:
    rows: list[RequestRecord] = []
    made, till = entry(rows)
    made.fail(LimitReached("no", reason="minute", retry_after_s=1))
    made.settle(11.0)
    assert (rows[0].status, rows[0].admitted, till.calls) == (429, False, [None])


def test_an_answer_of_the_gateway_itself_counts_as_a_request() -> None:
    rows: list[RequestRecord] = []
    made, till = entry(rows)
    made.settle(11.0)
    assert (rows[0].admitted, till.calls) == (True, [(0, 0, 0.0)])


@pytest.mark.parametrize(("asked", "calls"), [(False, [None]), (True, [(7, 0, 0.0)])])
def test_a_caller_hangs_up(asked: bool, calls: list[tuple[int, int, float] | None]) -> None:
    """Before a provider is asked it came to nothing; afterwards the provider may have read its input."""
    rows: list[RequestRecord] = []
    made, till = entry(rows)
    if asked:
        made.begin_attempt("openai", "m", Fixed(None), Asked())
    made.hang_up()
    made.settle(11.0)
    assert (rows[0].status, rows[0].error, rows[0].admitted) == (CLIENT_CLOSED, "client_closed", asked)
    assert till.calls == calls


def test_nobody_is_charged_who_was_not_admitted() -> None:
    rows: list[RequestRecord] = []
    record = RequestRecord(id="r", started_at=0, endpoint="POST /x", dialect="openai", status=401)
    Entry(record, started_s=10.0, sink=rows.append).settle(10.5)
    assert (rows[0].admitted, rows[0].cost_usd, rows[0].attempts) == (False, None, 0)
