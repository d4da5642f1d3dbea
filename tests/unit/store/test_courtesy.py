"""Work beside the requests rests where it shares its core with them."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ai_gateway.store import courtesy as courtesy_module
from ai_gateway.store.courtesy import LOOK_CALLS, SERVING_LOOKS, Courtesy, giving_way


class Core:
    """A thread's part of a core: what it has run, how often it was interrupted, how it rested."""

    def __init__(self) -> None:
        self.ran_s = 0.0
        self.interruptions = 0
        self.rests: list[float] = []

    def thread_time(self) -> float:
        return self.ran_s

    def monotonic(self) -> float:
        return self.ran_s + sum(self.rests)

    def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)


def test_a_read_that_is_interrupted_leaves_most_of_the_core(monkeypatch: pytest.MonkeyPatch) -> None:
    core = Core()
    monkeypatch.setattr(courtesy_module, "time", core)
    monkeypatch.setattr(courtesy_module, "_interruptions", lambda: core.interruptions)
    offers: list[None] = []
    monkeypatch.setattr(os, "sched_yield", lambda: offers.append(None), raising=False)
    courtesy = Courtesy()
    for _ in range(100):
        core.ran_s += 0.001
        assert courtesy.look() == 0
    assert core.rests == []  # alone on its core
    assert len(offers) == (100 if sys.platform == "linux" else 0)
    for _ in range(3):
        core.ran_s += 0.001
        core.interruptions += 1
        courtesy.look()
        courtesy.look()
    assert core.rests[0] == courtesy_module.LONGEST_REST_S
    assert core.rests[1:] == pytest.approx([0.003, 0.003])


@pytest.mark.skipif(sys.platform != "linux", reason="the system does not tell of interruptions")
def test_interruptions_are_those_of_the_thread() -> None:
    """Two threads that want one core take turns on it."""
    cores = os.sched_getaffinity(0)
    one = {min(cores)}

    def run_until_interrupted() -> bool:
        os.sched_setaffinity(0, one)  # of this thread alone
        before, deadline = courtesy_module._interruptions(), time.thread_time() + 30
        while time.thread_time() < deadline:
            if courtesy_module._interruptions() > before:
                return True
        return False

    with ThreadPoolExecutor(2) as threads:
        assert all(threads.map(lambda _: run_until_interrupted(), range(2)))


@pytest.fixture
def crowded(monkeypatch: pytest.MonkeyPatch) -> Core:
    """On which each piece of `work` is interrupted."""
    core = Core()
    monkeypatch.setattr(courtesy_module, "time", core)
    monkeypatch.setattr(courtesy_module, "_interruptions", lambda: core.interruptions)
    return core


def work(core: Core) -> None:
    core.ran_s += 0.0001
    core.interruptions += 1


def test_code_of_others_rests_in_between(crowded: Core) -> None:
    with giving_way(lambda: 1):
        for _ in range(LOOK_CALLS):
            work(crowded)
    assert crowded.rests  # a call and a return each
    before = len(crowded.rests)
    for _ in range(LOOK_CALLS):
        work(crowded)
    assert len(crowded.rests) == before


@pytest.mark.parametrize(("looks", "rests"), [(1, True), (SERVING_LOOKS, True), (SERVING_LOOKS + 1, False)])
def test_it_rests_for_requests_alone(crowded: Core, looks: int, rests: bool) -> None:
    """Which may be there at a single one of some looks."""
    found = iter([0] * (looks - 1) + [1])
    with giving_way(lambda: next(found)):
        crowded.rests.clear()
        for _ in range(2 * LOOK_CALLS):
            work(crowded)
        assert bool(crowded.rests) is rests


def test_nobody_waits_for_rests_without_an_end(crowded: Core) -> None:
    """As on a machine that is full of other work."""
    with giving_way(lambda: 1):
        for _ in range(40 * LOOK_CALLS):
            work(crowded)
    assert sum(crowded.rests) < courtesy_module.PATIENCE_S
    assert crowded.ran_s > 0.9
