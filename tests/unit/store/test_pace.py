from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ai_gateway.store import pace as pace_module
from ai_gateway.store.pace import Pace, never_interrupt, rest, set_pace


class Clock:
    """Processor time of the thread, and what it has slept."""

    def __init__(self) -> None:
        self.used_s = 1.0
        self.rests: list[float] = []

    def thread_time(self) -> float:
        return self.used_s

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace_module, "time", clock)
    return clock


def test_it_rests_once_a_piece(clock: Clock) -> None:
    pace = Pace()
    pace.rest()
    for _ in range(40):
        clock.used_s += pace_module.PIECE_S / 4
        pace.rest()
    assert set(clock.rests) == {pace_module.REST_S}
    assert 9 <= len(clock.rests) <= 11  # ten, give or take what floats lose


def test_a_wait_is_no_work(clock: Clock) -> None:
    pace = Pace()
    pace.rest()
    for _ in range(10):
        pace.rest()
    assert len(clock.rests) == 1


def test_it_does_not_rest_in_haste(clock: Clock) -> None:
    pace = Pace(in_haste=True)
    for _ in range(10):
        clock.used_s += 1.0
        pace.rest()
    assert clock.rests == []
    pace.in_haste = False
    pace.rest()
    assert len(clock.rests) == 1


def test_a_pace_belongs_to_one_thread(clock: Clock) -> None:
    with ThreadPoolExecutor(1) as paced, ThreadPoolExecutor(1) as other:
        paced.submit(set_pace, Pace()).result()
        other.submit(rest).result()
        assert clock.rests == []
        paced.submit(rest).result()
    assert len(clock.rests) == 1


@pytest.mark.parametrize("count", [0, 1, 100])
def test_it_rests_between_items_and_keeps_them(count: int, clock: Clock) -> None:
    def work() -> Iterator[int]:
        for number in range(count):
            clock.used_s += pace_module.PIECE_S
            yield number

    assert list(Pace().over(work())) == list(range(count))
    assert bool(clock.rests) == bool(count)
    assert len(clock.rests) <= count


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's policies")
def test_only_the_thread_that_asks_interrupts_nobody() -> None:
    def ask() -> int:
        never_interrupt()
        never_interrupt()
        return os.sched_getscheduler(0)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ask).result() == os.SCHED_BATCH
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's policies")
def test_a_policy_that_somebody_has_set_stays() -> None:
    def ask() -> int:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        never_interrupt()
        return os.sched_getscheduler(0)

    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(ask).result() == os.SCHED_IDLE


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's policies")
def test_a_system_that_refuses_is_put_up_with(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError("not here")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    never_interrupt()
