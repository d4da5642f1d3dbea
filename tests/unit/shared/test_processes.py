"""Limits that several processes take from at once: exactly as many get in as there may."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ai_gateway.errors import LimitReached
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limits import Limits, Want
from ai_gateway.shared import region as regions
from ai_gateway.shared.limiter import SharedLimiter
from ai_gateway.shared.region import Column, Region, SlotState

WORKERS = 3
ROUNDS = 400
NOON = datetime(2030, 6, 1, 12, tzinfo=UTC).timestamp()
WANT = Want(input_tokens=3, output_tokens=5, output_usd=1 / 1024)
LIMITS = [
    (Limits(minute=500), 500),
    (Limits(hour=501), 501),
    (Limits(day=502), 502),
    (Limits(concurrency=503), 503),
    (Limits(requests=504), 504),
    (Limits(input_tokens=3 * 505), 505),
    (Limits(output_tokens=5 * 506), 506),
    (Limits(usd_day=507 * 5 / 1024), 507),
    (Limits(usd_month=508 * 5 / 1024), 508),
]


@pytest.fixture(autouse=True, params=["mutexes", "byte ranges"])
def locks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both kinds of locks; where the system has no mutexes for this, those of the other kind twice."""
    if request.param == "byte ranges":
        monkeypatch.setattr(regions, "mutexes", lambda: None)


def run(region: Region, work: Callable[[SharedLimiter], object]) -> list[int]:
    """`work` in processes of their own, all at once; their process ids."""
    return [_child(region, slot, work) for slot in range(1, WORKERS + 1)]


def _child(region: Region, slot: int, work: Callable[[SharedLimiter], object]) -> int:
    region.column(Column.STATE)[slot] = SlotState.SERVING
    pid = os.fork()
    if pid:
        return pid
    try:
        work(SharedLimiter(region, slot, Calendar()))
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)


@pytest.mark.parametrize(("limits", "most"), LIMITS, ids=lambda value: str(value)[:20])
def test_exactly_as_many_as_the_limit_get_in(limits: Limits, most: int) -> None:
    region = Region(WORKERS + 1)
    admitted = region.column(Column.ROWS_IN)

    def ask(limiter: SharedLimiter) -> None:
        for _ in range(ROUNDS):
            try:
                limiter.account("cl", NOON).admit(limits, WANT, now_s=1.0, wall_s=NOON)
            except LimitReached:
                continue
            admitted[limiter._slot] += 1

    for pid in run(region, ask):
        assert os.waitpid(pid, 0)[1] == 0
    assert sum(admitted) == most


def test_no_change_is_lost() -> None:
    region = Region(WORKERS + 1)

    def ask(limiter: SharedLimiter) -> None:
        for number in range(ROUNDS):
            account = limiter.account(f"cl_{number % 3}", NOON)
            got = account.admit(Limits(), WANT, now_s=time.monotonic(), wall_s=NOON)
            got.settle(input_tokens=1, output_tokens=2, usd=1 / 1024)

    for pid in run(region, ask):
        assert os.waitpid(pid, 0)[1] == 0
    limiter = SharedLimiter(region, 0, Calendar())
    sums = [0, 0, 0, 0.0, 0.0]
    for number in range(3):
        with limiter.account(f"cl_{number}", NOON).hold() as local:
            today = local.today
            held = (local.in_flight, today.held_input, today.held_output, today.held_usd)
            assert held == (0, 0, 0, 0.0)
            for place, value in enumerate(
                (today.requests, today.input_tokens, today.output_tokens, today.usd, local.month.usd)
            ):
                sums[place] += value
    total = WORKERS * ROUNDS
    assert sums == [total, total, 2 * total, total / 1024, total / 1024]


@pytest.mark.parametrize("attempt", range(4))
def test_who_is_killed_while_it_admits_and_settles_holds_nothing(attempt: int) -> None:
    """Wherever it was, and whatever it had no time for: numbers are changed one by one."""
    region = Region(WORKERS + 1)
    limits = Limits(concurrency=10**6, usd_day=1e9, usd_month=1e9, input_tokens=10**9, output_tokens=10**9)
    rounds = region.column(Column.ROWS_IN)
    want = WANT if attempt % 2 else Want(input_tokens=3, output_tokens=5)

    def ask(limiter: SharedLimiter) -> None:
        while True:
            account = limiter.account("cl", NOON)
            got = account.admit(limits, want, now_s=time.monotonic(), wall_s=NOON)
            got.settle(input_tokens=3, output_tokens=5, usd=want.output_usd or None)
            rounds[limiter._slot] += 1

    pids = run(region, ask)
    while min(rounds[1:]) < 50 + 7 * attempt:
        assert not any(os.waitpid(pid, os.WNOHANG)[0] for pid in pids), "one has failed"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    limiter = SharedLimiter(region, 0, Calendar())
    account = limiter.account("cl", NOON)
    assert list(limiter.release(range(1, WORKERS + 1), NOON)) is not None
    with account.hold() as local:
        today, done = local.today, sum(rounds)
        assert (local.in_flight, today.held_input, today.held_output) == (0, 0, 0)
        assert today.held_usd == local.month.held_usd == 0.0
        windows = [window.used(time.monotonic()) for window in local.windows]
        for counted in (*windows, today.requests, today.input_tokens / 3, today.output_tokens / 5):
            assert done <= counted <= done + WORKERS, "one each that was on its way"


@pytest.mark.parametrize("attempt", range(8))
def test_what_killed_processes_held_is_free_again(attempt: int) -> None:
    """Killed wherever they were, also with a lock in their hands."""
    region = Region(WORKERS + 1)
    limits = Limits(concurrency=10**6, usd_day=1e9, output_tokens=10**9)

    def ask(limiter: SharedLimiter) -> None:
        while True:
            account = limiter.account("cl", NOON)
            kept = account.admit(limits, WANT, now_s=time.monotonic(), wall_s=NOON)
            for _ in range(attempt):
                account.admit(limits, WANT, now_s=time.monotonic(), wall_s=NOON).cancel()
            kept.covers(500)

    pids = run(region, ask)
    limiter = SharedLimiter(region, 0, Calendar())
    region.column(Column.STATE)[0] = SlotState.SERVING
    account = limiter.account("cl", NOON)
    mine = account.admit(limits, WANT, now_s=time.monotonic(), wall_s=NOON)
    while min(limiter.account("cl", NOON).record.row(slot)[2] for slot in range(1, WORKERS + 1)) < 20:
        assert not any(os.waitpid(pid, os.WNOHANG)[0] for pid in pids), "one has failed"
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    dead = list(range(1, WORKERS + 1))
    for slot in dead:
        region.column(Column.STATE)[slot] = SlotState.DEAD
    for _ in limiter.release(dead, NOON):
        pass
    with account.hold() as local:
        today = local.today
        assert (local.in_flight, today.held_input, today.held_output) == (1, 3, 5)
        assert today.held_usd == local.month.held_usd == 5 / 1024
        windows = [window.used(time.monotonic()) for window in local.windows]
        assert windows == [window.used(time.monotonic() + 50) for window in local.windows]
        assert min(windows) > WORKERS * 19, "but for one each, which may be taken back"
        counts = [*windows, local.today.requests]
        assert max(counts) - min(counts) <= WORKERS, "one each that was just being let in or taken back"
    mine.cancel()
    assert limiter.in_flight == 0
