"""A process may die between any two steps of what it does to a shared account: nothing of it stays reserved.

One that dies leaves the memory as it is at that moment. So the memory is copied at every step of one that
lives, and each copy is what another process finds: `test_processes.py` kills real ones, here and there.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limits import Limits, Used, Want
from ai_gateway.shared import accounts
from ai_gateway.shared.accounts import SharedAccount, SharedReservation
from ai_gateway.shared.limiter import SharedLimiter
from ai_gateway.shared.records import LOCK_AT, STATES_AT, Record
from ai_gateway.shared.region import Column, Region, SlotState

LAST_OF_MAY = datetime(2030, 5, 31, 12, tzinfo=UTC).timestamp()
NOON = datetime(2030, 6, 1, 12, tzinfo=UTC).timestamp()
DAY_S = 86400.0
USD = 1 / 1024
WANT = Want(input_tokens=3, output_tokens=5, output_usd=USD)
LIMITS = Limits(concurrency=9, usd_day=1e6, usd_month=1e6, input_tokens=10**6, output_tokens=10**6)
HERE = str(Path(accounts.__file__).parent)
SURVIVOR, MORTAL = 0, 1
ENTRIES = 4096
"""Bytes of the windows' entries: more than there are of these few admissions."""

Life = Callable[[SharedLimiter, "Moments", float], None]


class Moments:
    """What stands in the memory at every step of the code under test."""

    def __init__(self, region: Region, record: Record) -> None:
        self._memory = record.memory
        self._end = record.row_at(region.slots) + ENTRIES
        self._busy = region.column(Column.BUSY)
        self.found: list[tuple[bytes, bytes, int]] = []
        """Each different one, in front of the lock and behind it, and which account is being changed."""

    @contextmanager
    def taken(self) -> Iterator[None]:
        """At every step from here on."""
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)

    def put_back(self, moment: tuple[bytes, bytes, int]) -> None:
        self._memory[:LOCK_AT], self._memory[STATES_AT : self._end], self._busy[MORTAL] = moment

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:  # Any: as `settrace` has it
        if not frame.f_code.co_filename.startswith(HERE):
            return None
        frame.f_trace_opcodes = True
        moment = (
            bytes(self._memory[:LOCK_AT]),
            bytes(self._memory[STATES_AT : self._end]),
            self._busy[MORTAL],
        )
        if not self.found or moment != self.found[-1]:
            self.found.append(moment)
        return self._trace


def number_by_number(limiter: SharedLimiter, moments: Moments, now_s: float) -> None:
    """It has looked at the limits before, and was busy elsewhere since."""
    account = limiter.account("cl", NOON)
    account.admit(LIMITS, WANT, now_s, NOON).settle(0, 0, None)
    limiter.account("other", NOON).room(LIMITS, now_s, NOON)
    with moments.taken():
        account.admit(LIMITS, WANT, now_s, NOON).settle(7, 9, USD)


def by_all_rules(limiter: SharedLimiter, moments: Moments, now_s: float) -> None:
    account = limiter.account("cl", NOON)
    with moments.taken():
        got = account.admit(LIMITS, WANT, now_s, NOON)
        assert got.covers(6)
        assert got.another(2)
        got.settle(7, 9, USD)


def taken_back(limiter: SharedLimiter, moments: Moments, now_s: float) -> None:
    account = limiter.account("cl", NOON)
    with moments.taken():
        for _ in range(2):
            account.admit(LIMITS, WANT, now_s, NOON).cancel()


def over_midnight(limiter: SharedLimiter, moments: Moments, now_s: float) -> None:
    """Two of yesterday, one of today."""
    account = limiter.account("cl", NOON)
    one, two = (account.admit(LIMITS, WANT, now_s, NOON) for _ in range(2))
    with moments.taken():
        account.room(LIMITS, now_s, NOON + DAY_S)
        three = account.admit(LIMITS, WANT, now_s, NOON + DAY_S)
        one.settle(7, 9, USD)
        three.settle(7, 9, USD)
        two.cancel()


def into_another_month(limiter: SharedLimiter, moments: Moments, now_s: float) -> None:
    account = limiter.account("cl", LAST_OF_MAY)
    one = account.admit(LIMITS, WANT, now_s, LAST_OF_MAY)
    with moments.taken():
        two = account.admit(LIMITS, WANT, now_s, NOON)
        one.settle(7, 9, USD)
        two.settle(7, 9, USD)


@pytest.mark.parametrize(
    "life", [number_by_number, by_all_rules, taken_back, over_midnight, into_another_month]
)
def test_who_dies_at_any_step_holds_nothing(life: Life) -> None:
    region = Region(2)
    for slot in (SURVIVOR, MORTAL):
        region.column(Column.STATE)[slot] = SlotState.SERVING
    begun_s = LAST_OF_MAY if life is into_another_month else NOON
    account = SharedLimiter(region, SURVIVOR, Calendar()).account("cl", begun_s)
    kept = account.admit(LIMITS, WANT, 1.0, begun_s)
    moments = Moments(region, account.record)
    life(SharedLimiter(region, MORTAL, Calendar()), moments, 2.0)
    assert len(moments.found) > 10
    for moment in moments.found:
        moments.put_back(moment)
        limiter = SharedLimiter(region, SURVIVOR, Calendar())
        list(limiter.release([MORTAL], begun_s))
        account = limiter.account("cl", begun_s)
        assert account.record.row(MORTAL)[2:] == (0, 0, 0, 0.0, 0.0)
        _holds_only_what_is_kept(account, kept)
        _own(account, kept).settle(1, 1, USD)
        _holds_nothing(account)
        _own(account, account.admit(LIMITS, WANT, 3.0, NOON + 2 * DAY_S)).cancel()
        _holds_nothing(account)


def _holds_only_what_is_kept(account: SharedAccount, kept: SharedReservation) -> None:
    with account.hold() as local:
        today, month = local.today, local.month
        assert local.in_flight == 1
        held = (today.held_input, today.held_output, today.held_usd)
        assert held == ((3, 5, 5 * USD) if local.day.name == kept.day else (0, 0, 0.0))
        assert month.held_usd == (5 * USD if local.day.month == kept.day[:7] else 0.0)
        # No more than there was, whichever of a request's numbers its process had the time for.
        assert 0 <= today.requests <= 4
        assert 0 <= today.input_tokens <= 14
        assert 0 <= today.output_tokens <= 18
        assert 0.0 <= today.usd <= 2 * USD
        assert 0.0 <= month.usd <= 2 * USD


def _holds_nothing(account: SharedAccount) -> None:
    with account.hold() as local:
        today = local.today
        assert (local.in_flight, today.held_input, today.held_output) == (0, 0, 0)
        assert today.held_usd == local.month.held_usd == 0.0
        day_s, _, requests, *tokens, _, _ = account.record.row(SURVIVOR)
        assert not requests
        if day_s == local.day.start_s:  # those of an earlier day are nobody's
            assert tokens == [0, 0]


def _own(account: SharedAccount, kept: SharedReservation) -> SharedReservation:
    """The same, of an account that knows only what stands in the memory."""
    with account.hold() as local:
        own = copy.copy(kept)
        own.shared, own.account = account, local
        own.today = local.today if local.day.name == kept.day else Used()
        own.month = local.month if local.day.month == kept.day[:7] else Used()
    return own


@pytest.mark.parametrize("refused", [False, True])
def test_what_a_survivor_holds_counts_on_when_another_has_died(refused: bool) -> None:
    """Also where it had looked at the limits, or met one, before it first admitted anything that day."""
    region = Region(3)
    for slot in range(3):
        region.column(Column.STATE)[slot] = SlotState.SERVING
    one, two, three = (SharedLimiter(region, slot, Calendar()).account("cl", NOON) for slot in range(3))
    limits = Limits(concurrency=1, input_tokens=1000, output_tokens=1000, usd_day=1.0, usd_month=1.0)
    if refused:
        got = one.admit(limits, WANT, 1.0, NOON)
        with pytest.raises(Exception, match="1"):
            two.admit(limits, WANT, 1.0, NOON)
        got.settle(0, 0, None)
    else:
        two.room(limits, 1.0, NOON)
    kept = two.admit(limits, WANT, 1.0, NOON)
    three.release([0], [1, 2])
    with three.hold() as local:
        today = local.today
        held = (local.in_flight, today.held_input, today.held_output, today.held_usd, local.month.held_usd)
        assert held == (1, 3, 5, 5 * USD, 5 * USD)
    kept.settle(3, 5, 5 * USD)
    with three.hold() as local:
        today = local.today
        held = (local.in_flight, today.held_input, today.held_output, today.held_usd, local.month.held_usd)
        assert held == (0, 0, 0, 0.0, 0.0)


def test_many_requests_that_name_huge_figures_leave_nothing_behind() -> None:
    account = SharedLimiter(Region(2), 0, Calendar()).account("cl", NOON)
    got = [account.admit(Limits(), Want(output_tokens=2**60), 1.0, NOON) for _ in range(1100)]
    got += [account.admit(Limits(), Want(output_tokens=2**53), 1.0, NOON) for _ in range(1100)]
    for each in got:
        each.settle(1, 1, None)
    with account.hold() as local:
        assert (local.in_flight, local.today.held_output, local.today.output_tokens) == (0, 0, 2200)
    assert account.record.row(0)[2:5] == (0, 0, 0)


def test_who_fails_while_it_follows_the_others_does_not_keep_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    region = Region(2)
    one = SharedLimiter(region, 0, Calendar()).account("cl", NOON)
    two = SharedLimiter(region, 1, Calendar()).account("cl", NOON - DAY_S)
    one.admit(LIMITS, WANT, 1.0, NOON)
    with monkeypatch.context() as short:
        short.setattr(Calendar, "day", _no_memory)
        with pytest.raises(MemoryError):
            two.admit(LIMITS, WANT, 1.0, NOON + DAY_S)
    one.admit(LIMITS, WANT, 2.0, NOON)
    assert two.in_flight == 2
    assert two.local.day == one.local.day


def _no_memory(*_: object) -> None:
    raise MemoryError
