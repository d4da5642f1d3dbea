"""Admissions are noted now and counted when somebody asks: whoever asks finds what a plain list has."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.errors import LimitReached
from ai_gateway.policy.account import Account
from ai_gateway.policy.admissions import MOST_NOTED
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limits import NO_LIMITS, Limits, Want
from ai_gateway.policy.windows import DAY_S, EXACT_ENTRIES, HOUR_S, MINUTE_S, SlidingWindow

WALL = 1_900_000_000.0
LENGTHS = (MINUTE_S, HOUR_S, DAY_S)
MANY = Limits(minute=300, hour=500, day=800, requests=900)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.01, 1.0, 20.0, 59.9, 60.0, 3000.0, 80_000.0]),
        st.integers(1, 2 * MOST_NOTED),
        st.sampled_from(["admit", "cancel", "tell", "look", "restore"]),
        st.sampled_from([MANY, NO_LIMITS, Limits(hour=150), Limits(day=700, requests=90)]),
    ),
    max_size=25,
)


def naive_room(times: list[float], limits: Limits, now: float) -> tuple[int, int, float]:
    """The tightest of the windows; of equals the longest."""
    found: tuple[int, int, float] | None = None
    for limit, seconds in zip((limits.minute, limits.hour, limits.day), LENGTHS, strict=True):
        within = [t for t in times if now < t + seconds]
        left = max(limit - len(within), 0)
        if limit and (found is None or left <= found[1]):
            found = (limit, left, max(within) + seconds - now if within else 0.0)
    return found or (0, 0, 0.0)


@given(STEPS)
def test_every_look_finds_what_a_plain_list_has(steps: list[tuple[float, int, str, Limits]]) -> None:
    account, now, times = Account(Calendar(), WALL), 0.0, list[float]()
    for wait, count, what, limits in steps:
        now += wait
        windows_only = Limits(minute=limits.minute, hour=limits.hour, day=limits.day)
        if what in ("admit", "cancel"):
            for _ in range(count):
                free = naive_room(times, windows_only, now)
                try:
                    got = account.admit(windows_only, Want(), now_s=now, wall_s=WALL)
                except LimitReached:
                    assert free[0]
                    assert not free[1]
                    break
                assert free[1] or not free[0]
                if what == "cancel":
                    got.cancel()
                else:
                    times.append(now)
                    got.settle(input_tokens=0, output_tokens=0, usd=None)
        elif what == "look":
            assert [w.used(now) for w in account.windows] == [
                sum(1 for t in times if now < t + seconds) for seconds in LENGTHS
            ]
        elif what == "restore" and not times:
            account.restore_admissions([(WALL - 5.0, count)], now_s=now, wall_s=WALL)
            times += [now - 5.0] * count
        room = account.room(windows_only, now_s=now, wall_s=WALL)
        expected = naive_room(times, windows_only, now)
        assert room[0] == expected[0]
        assert not room[0] or room[1:3] == expected[1:]


@pytest.mark.parametrize("seconds", LENGTHS)
@pytest.mark.parametrize("seed", range(4))
def test_many_at_once_are_as_many_one_by_one(seconds: float, seed: int) -> None:
    random, now = Random(seed), 0.0
    one, other = SlidingWindow(seconds), SlidingWindow(seconds)
    for _ in range(12 * EXACT_ENTRIES // MOST_NOTED):
        now += random.choice((0.0, 0.0, 0.3, 1.2)) * seconds * random.random()
        moments = []
        for _ in range(random.choice((1, 7, MOST_NOTED, 3 * MOST_NOTED))):
            now += random.choice((0.0, seconds / 9000, seconds / 2000, seconds / 700)) * random.random()
            moments.append(now)
        for moment in moments:
            one.add(moment)
        other.extend(moments)
        for window in (one, other):
            window.used(now)
        assert (one.total, one.newest_s, one.empty_s(now)) == (
            other.total,
            other.newest_s,
            other.empty_s(now),
        )
        assert one.wait_s(now, 40) == other.wait_s(now, 40)
        assert now < other.due_s <= one.due_s


def test_the_list_of_what_is_noted_stays_short() -> None:
    account = Account(Calendar(), WALL)
    for number in range(10 * MOST_NOTED):
        account.admit(NO_LIMITS, Want(), now_s=number / 100, wall_s=WALL)
        assert len(account.moments) <= MOST_NOTED
    assert [window.used(5.0) for window in account.windows] == [10 * MOST_NOTED] * 3
