"""Sliding windows against a list of times."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ai_gateway.policy.windows import DAY_S, EXACT_ENTRIES, HOUR_S, MINUTE_S, SlidingWindow

ANY_TIMES = st.lists(st.floats(0, 400, allow_subnormal=False), max_size=60).map(sorted)


def busiest(times: list[float], seconds: float) -> int:
    """The most that any stretch of this length holds; it is enough to look at those that begin at one."""
    return max((sum(1 for t in times if first <= t < first + seconds) for first in times), default=0)


@given(ANY_TIMES, st.integers(1, 8), st.sampled_from([MINUTE_S, HOUR_S, 0.1]))
def test_no_stretch_holds_more_than_the_limit(arrivals: list[float], limit: int, seconds: float) -> None:
    window, admitted = SlidingWindow(seconds), list[float]()
    for now in arrivals:
        if window.used(now) < limit:
            window.add(now)
            admitted.append(now)
        else:
            assert sum(1 for t in admitted if now < t + seconds) == limit, "kept out for nothing"
    assert busiest(admitted, seconds) <= limit


@given(ANY_TIMES, st.integers(1, 8), st.floats(0, 1e7, allow_subnormal=False))
def test_the_wait_is_true_to_the_last_bit(arrivals: list[float], limit: int, start: float) -> None:
    window, admitted, now = SlidingWindow(MINUTE_S), list[float](), start
    for offset in arrivals:
        now = start + offset
        if window.used(now) < limit:
            window.add(now)
            admitted.append(now)
    whole = math.ceil(window.wait_s(now, limit))
    assert window.used(now + whole) < limit
    if whole:
        before = now + whole - 1 - 1e-6  # a sum that is rounded up may cost one second more
        assert sum(1 for t in admitted if before < t + MINUTE_S) >= limit


@given(ANY_TIMES, st.lists(st.integers(0, 59), unique=True, max_size=30), st.floats(0, 200))
def test_what_is_taken_back_was_never_there(times: list[float], taken: list[int], later: float) -> None:
    window = SlidingWindow(MINUTE_S)
    for now in times:
        window.used(now)
        window.add(now)
    now = (times[-1] if times else 0.0) + later
    window.used(now)
    gone = [index for index in taken if index < len(times)]
    for index in gone:
        window.remove(times[index])
    kept = [t for index, t in enumerate(times) if index not in gone and now < t + MINUTE_S]
    assert window.used(now) == len(kept)
    assert window.empty_s(now) == (max(kept) + MINUTE_S - now if kept else 0.0)


def test_taking_back_among_equal_times() -> None:
    window = SlidingWindow(MINUTE_S)
    for now in (1.0, 1.0, 1.0, 2.0):
        window.add(now)
    for _ in range(3):
        window.remove(1.0)
    assert window.used(2.0) == 1
    assert window.wait_s(2.0, 1) == MINUTE_S


def test_one_that_has_left_cannot_be_taken_back() -> None:
    window = SlidingWindow(MINUTE_S)
    window.add(0.0)
    window.add(59.0)
    assert window.used(60.0) == 1
    window.remove(0.0)
    assert window.used(60.0) == 1


def test_one_that_was_taken_back_does_not_put_off_the_reset() -> None:
    window = SlidingWindow(MINUTE_S)
    window.add(0.0)
    window.add(50.0)
    window.remove(50.0)
    assert window.empty_s(50.0) == 10.0


def test_a_lower_limit_waits_for_as_many_as_it_takes() -> None:
    window = SlidingWindow(MINUTE_S)
    for second in range(10):
        window.add(float(second))
    assert window.wait_s(9.0, 11) == 0.0
    assert window.wait_s(9.0, 10) == 51.0
    assert window.wait_s(9.0, 1) == MINUTE_S


def test_restored_admissions_count_with_their_number() -> None:
    window = SlidingWindow(HOUR_S)
    window.add(-30.0, 5)
    window.add(0.0, 2)
    assert window.used(10.0) == 7
    assert window.wait_s(10.0, 6) == HOUR_S - 40.0
    assert window.used(HOUR_S - 30.0) == 2


@given(st.integers(0, 999), st.sampled_from([0.001, 0.02, 0.1]), st.integers(0, 200))
@settings(max_examples=20)
def test_beyond_the_exact_ones_nobody_leaves_early_nor_much_late(
    seed: int, gap: float, taken_back: int
) -> None:
    random = Random(seed)
    window, times, now = SlidingWindow(MINUTE_S), list[float](), 0.0
    for _ in range(EXACT_ENTRIES + 300):
        now += random.random() * gap * random.randrange(3)
        window.add(now)
        times.append(now)
    taken = set(random.sample(range(len(times)), taken_back))
    window.used(now)
    for index in taken:
        if now < times[index] + MINUTE_S:
            window.remove(times[index])
    left = [t for index, t in enumerate(times) if index not in taken]
    for step in range(0, 65, 2):
        at = now + step
        exact = sum(1 for t in left if at < t + MINUTE_S)
        late = sum(1 for t in left if at < t + MINUTE_S * (1 + 1 / EXACT_ENTRIES) + 1e-9)
        assert exact <= window.used(at) <= late
    assert window.used(now + 2 * MINUTE_S) == 0


@pytest.mark.parametrize("seconds", [MINUTE_S, DAY_S])
@pytest.mark.parametrize("looked_at", [True, False], ids=["limited", "unlimited"])
def test_memory_is_bounded(seconds: float, looked_at: bool) -> None:
    """Also of a window that nobody asks, since its client has no such limit."""
    window, step = SlidingWindow(seconds), seconds / 900
    for index in range(8_000):
        now = index * step
        if looked_at:
            window.used(now)
        window.add(now)
        window.add(now)
        window.add(now)
        assert len(window._times) <= 4 * EXACT_ENTRIES + 512
    assert 2_600 <= window.used(now) <= 2_710
