"""Single cases of limits that the properties do not aim at."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.errors import ContextLengthExceeded, LimitReached
from ai_gateway.policy.account import Account, Reservation
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limiter import Limiter
from ai_gateway.policy.limits import DEFAULT_OUTPUT_TOKENS, TINY_USD, Limits, Want

NOON = datetime(2030, 6, 1, 12, tzinfo=UTC).timestamp()
TO_MIDNIGHT, TO_JULY = 12 * 3600, 29 * 86_400 + 12 * 3600


def account() -> Account:
    return Account(Calendar(), NOON)


def admit(made: Account, limits: Limits, now: float = 0.0, **want: float | None) -> Reservation:
    return made.admit(limits, Want(**want), now_s=now, wall_s=NOON + now)  # type: ignore[arg-type]  # a table's


def spend(made: Account, *, input_tokens: int = 0, output_tokens: int = 0, usd: float = 0.0) -> None:
    got = admit(made, Limits(), output_tokens=0)
    got.settle(input_tokens=input_tokens, output_tokens=output_tokens, usd=usd)


REFUSALS: list[tuple[Limits, dict[str, float], str, int, bool]] = [
    (Limits(minute=1), {}, "minute", 60, True),
    (Limits(hour=1), {}, "hour", 3600, True),
    (Limits(day=1), {}, "day", 86_400, True),
    (Limits(minute=1, day=1, requests=1), {}, "day", 86_400, True),
    (Limits(requests=1), {}, "quota_requests", TO_MIDNIGHT, False),
    (Limits(input_tokens=100), {"input_tokens": 1}, "quota_input_tokens", TO_MIDNIGHT, False),
    (Limits(output_tokens=100), {}, "quota_output_tokens", TO_MIDNIGHT, False),
    (Limits(usd_day=2.0), {}, "budget_day", TO_MIDNIGHT, False),
    (Limits(usd_month=2.0), {}, "budget_month", TO_JULY, False),
    (Limits(usd_day=2.0, usd_month=2.0), {}, "budget_month", TO_JULY, False),
    (Limits(usd_day=3.0), {"input_usd": 1.5}, "budget_day", TO_MIDNIGHT, False),
    (Limits(usd_day=3.0), {"input_usd": 1.0, "output_usd": 0.5}, "budget_day", TO_MIDNIGHT, False),
]


@pytest.mark.parametrize(("limits", "want", "reason", "wait_s", "should_retry"), REFUSALS)
def test_refusals(
    limits: Limits, want: dict[str, float], reason: str, wait_s: int, should_retry: bool
) -> None:
    made = account()
    spend(made, input_tokens=100, output_tokens=100, usd=2.0)
    with pytest.raises(LimitReached) as caught:
        admit(made, limits, **want)
    error = caught.value
    assert (error.reason, error.retry_after_s, error.should_retry) == (reason, wait_s, should_retry)
    assert error.code == ("rate_limit_exceeded" if should_retry else "insufficient_quota")
    admit(made, limits, now=float(wait_s), **want)


@pytest.mark.parametrize(
    ("limits", "want"),
    [
        (Limits(input_tokens=100), {"input_tokens": 60, "output_tokens": 0}),
        (Limits(output_tokens=100), {"output_tokens": 100}),
        (Limits(usd_day=1.0), {"input_usd": 1.0, "output_tokens": 0}),
        (Limits(usd_month=1.0), {"output_tokens": 100, "output_usd": 0.01}),
        (Limits(concurrency=1), {}),
    ],
)
def test_what_is_only_reserved_may_be_there_in_a_second(limits: Limits, want: dict[str, float]) -> None:
    made = account()
    first = admit(made, limits, **want)
    with pytest.raises(LimitReached) as caught:
        admit(made, limits, **want)
    assert (caught.value.retry_after_s, caught.value.should_retry) == (1, True)
    first.cancel()
    admit(made, limits, **want)


@pytest.mark.parametrize(
    ("limits", "want"),
    [
        (Limits(input_tokens=100), {"input_tokens": 101}),
        (Limits(usd_day=1.0), {"input_usd": 1.01}),
        (Limits(usd_day=1.0, usd_month=0.5), {"input_usd": 0.6}),
        (Limits(usd_day=1.0), {"input_usd": 0.99, "output_usd": 0.02}),
    ],
)
def test_what_no_day_has_room_for_is_not_told_to_wait(limits: Limits, want: dict[str, float]) -> None:
    with pytest.raises(ContextLengthExceeded):
        admit(account(), limits, **want)


@pytest.mark.parametrize("left", [TINY_USD * part for part in (0, 0.25, 0.5, 0.75, 1)])
@pytest.mark.parametrize("asked", [0, 1, None])
def test_a_budget_that_is_spent_but_for_rounding(left: float, asked: int | None) -> None:
    made = account()
    spend(made, usd=1.0 - left)
    with pytest.raises(LimitReached, match="budget"):
        admit(made, Limits(usd_day=1.0), output_tokens=asked)


@given(
    st.floats(1e-12, 1e12),
    st.floats(0, 1.5),
    st.floats(0, 1.5),
    st.floats(0, 1),
    st.sampled_from([0, 1, 100, None]),
)
def test_of_any_money_a_request_gets_in_or_is_told_why(
    budget: float, spent: float, input_part: float, output_part: float, asked: int | None
) -> None:
    made, limits = account(), Limits(usd_day=budget, usd_month=budget * 1.25)
    spend(made, usd=budget * spent)
    want = Want(input_usd=budget * input_part, output_usd=budget * output_part, output_tokens=asked)
    try:
        got = made.admit(limits, want, now_s=0.0, wall_s=NOON)
    except (LimitReached, ContextLengthExceeded):
        return
    most = budget * (spent + input_part + output_part * got.allowance)
    assert most <= budget + 2 * TINY_USD + budget * 1e-12


@pytest.mark.parametrize(
    ("asked", "allowance"), [(-5, 0), (0, 0), (10, 10), (None, DEFAULT_OUTPUT_TOKENS), (10**400, 2**40)]
)
def test_callers_name_any_figure(asked: int | None, allowance: int) -> None:
    made = account()
    got = admit(made, Limits(usd_day=1.0), output_tokens=asked)
    assert (got.allowance, got.capped) == (allowance, False)
    assert made.today.held_output == allowance


@pytest.mark.parametrize(
    ("limits", "want", "allowance"),
    [
        (Limits(output_tokens=100), {}, 100),
        (Limits(output_tokens=5000), {}, DEFAULT_OUTPUT_TOKENS),
        (Limits(output_tokens=100), {"output_tokens": 99}, 99),
        (Limits(usd_day=1.0), {"output_usd": 0.01, "input_usd": 0.5}, 50),
        (Limits(usd_day=1.0, usd_month=0.25), {"output_usd": 0.01}, 25),
        (Limits(usd_day=1.0), {"output_usd": 1e-320}, DEFAULT_OUTPUT_TOKENS),
    ],
)
def test_an_answer_gets_no_more_than_is_left(limits: Limits, want: dict[str, float], allowance: int) -> None:
    got = admit(account(), limits, **want)
    asked = want.get("output_tokens", DEFAULT_OUTPUT_TOKENS)
    assert (got.allowance, got.capped) == (allowance, allowance < asked)


@pytest.mark.parametrize(
    ("limits", "output_usd", "bounded"),
    [
        (Limits(), 1.0, False),
        (Limits(minute=1, input_tokens=9), 1.0, False),
        (Limits(output_tokens=1), 0.0, True),
        (Limits(usd_day=1.0), 0.0, False),
        (Limits(usd_month=1.0), 0.001, True),
    ],
)
def test_which_answers_are_watched(limits: Limits, output_usd: float, bounded: bool) -> None:
    assert admit(account(), limits, output_usd=output_usd).bounded == bounded


def test_a_request_counts_for_the_day_on_which_it_was_admitted() -> None:
    made, limits = account(), Limits(output_tokens=5000, usd_month=9.0)
    late = made.admit(limits, Want(output_usd=0.001), now_s=0.0, wall_s=NOON + TO_JULY - 1)
    assert late.day == "2030-06-30"
    next_day = made.admit(limits, Want(output_usd=0.001), now_s=2.0, wall_s=NOON + TO_JULY + 1)
    assert next_day.day == "2030-07-01"
    late.settle(input_tokens=1, output_tokens=4000, usd=4.0)
    assert (made.today.requests, made.today.output_tokens, made.month.usd) == (1, 0, 0.0)
    assert made.month.held_usd == pytest.approx(4.096)


@given(st.integers(0, 10_000))
def test_sums_of_money_stay_right(seed: int) -> None:
    """As floats they are, through thousands of requests that overlap."""
    random, made, limits = Random(seed), account(), Limits(usd_month=1e9)
    held, spent = list[Reservation](), list[float]()
    for _ in range(60):
        if held and random.random() < 0.5:
            usd = random.random() * 0.01
            held.pop(random.randrange(len(held))).settle(input_tokens=1, output_tokens=1, usd=usd)
            spent.append(usd)
        else:
            held.append(
                admit(made, limits, input_usd=random.random() * 0.001, output_usd=random.random() * 1e-5)
            )
        assert made.today.held_usd >= 0.0
    while held:
        held.pop().cancel()
    assert made.month.usd == pytest.approx(sum(spent), abs=1e-9)
    assert made.today.held_usd == pytest.approx(0.0, abs=1e-9)
    assert (made.in_flight, made.today.held_input, made.today.held_output) == (0, 0, 0)


def test_accounts_of_deleted_clients_go_once_their_requests_have_ended() -> None:
    limiter = Limiter(Calendar())
    got = admit(limiter.account("gone", NOON), Limits())
    admit(limiter.account("here", NOON), Limits())
    limiter.keep(frozenset({"here"}))
    assert limiter.in_flight == 2
    got.cancel()
    limiter.keep(frozenset({"here"}))
    assert limiter.in_flight == 1
    assert limiter.account("gone", NOON).today.requests == 0


@pytest.mark.parametrize(
    ("limits", "want", "input_tokens", "fits"),
    [
        (Limits(), {}, 10**6, True),
        (Limits(input_tokens=1000), {"input_tokens": 400, "output_tokens": 1}, 500, True),
        (Limits(input_tokens=1000), {"input_tokens": 400, "output_tokens": 1}, 601, False),
        (Limits(output_tokens=100), {"output_tokens": 60}, 5, True),
        (Limits(output_tokens=60), {"output_tokens": 60}, 5, False),
        (Limits(usd_day=1.0), {"input_tokens": 10, "input_usd": 0.5, "output_tokens": 0}, 9, True),
        (Limits(usd_day=1.0), {"input_tokens": 10, "input_usd": 0.5, "output_tokens": 0}, 11, False),
    ],
)
def test_a_further_call_of_the_same_request(
    limits: Limits, want: dict[str, float], input_tokens: int, fits: bool
) -> None:
    made = account()
    got = admit(made, limits, **want)
    before = (got.allowance, made.today.held_input, made.today.held_usd)
    assert got.another(input_tokens) is fits
    if not fits:
        assert (got.allowance, made.today.held_input, made.today.held_usd) == before
    elif limits.output_tokens:
        assert (got.allowance, got.capped) == (100, True)
    got.settle(input_tokens=7, output_tokens=3, usd=0.1)
    today = made.today
    assert (today.held_input, today.held_output, round(today.held_usd, 9)) == (0, 0, 0.0)
    assert (today.requests, today.input_tokens, today.output_tokens) == (1, 7, 3)
    assert not got.another(1), "a request that is over asks nobody"
