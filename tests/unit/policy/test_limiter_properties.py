"""Whatever a client does, in whatever order: the limits hold exactly, and what a refusal says is true."""

from __future__ import annotations

import copy
from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ai_gateway.core.headroom import LimitState
from ai_gateway.errors import ContextLengthExceeded, LimitReached
from ai_gateway.policy.account import EXTENSION_TOKENS, Account, Reservation
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limiter import Limiter
from ai_gateway.policy.limits import NO_LIMITS, Limits, Want
from ai_gateway.policy.windows import DAY_S, HOUR_S, MINUTE_S
from ai_gateway.store.protocols import SpentRow
from tests.unit.policy.support import Reference, Taken

CLIENT = "cl_1"
DOLLAR = 1024
"""Prices are multiples of its reciprocal, so that sums of floats are exact."""
STARTS = (
    ("UTC", "2024-02-28T23:59:00"),
    ("Europe/Berlin", "2025-03-30T00:30:00"),
    ("Europe/Berlin", "2025-10-25T23:00:00"),
    ("America/Sao_Paulo", "2018-11-03T20:00:00"),
    ("Asia/Kolkata", "2029-12-31T18:00:00"),
    ("Pacific/Apia", "2011-12-29T08:00:00"),
)


def some(most: int) -> st.SearchStrategy[int]:
    return st.just(0) | st.integers(1, most)


LIMITS = st.builds(
    Limits,
    minute=some(4),
    hour=some(6),
    day=some(9),
    concurrency=some(4),
    requests=some(8),
    input_tokens=some(60),
    output_tokens=some(1500),
    usd_day=some(3000).map(lambda n: n / DOLLAR),
    usd_month=some(6000).map(lambda n: n / DOLLAR),
)
WANTS = st.builds(
    Want,
    input_tokens=st.integers(0, 25),
    output_tokens=st.none() | st.integers(0, 900),
    input_usd=st.integers(0, 300).map(lambda n: n / DOLLAR),
    output_usd=st.integers(0, 3).map(lambda n: n / DOLLAR),
)
TICKS = st.integers(0, 64 * 90) | st.sampled_from([1, 64 * 60, 64 * 3600, 64 * 86_400, 64 * 40 * 86_400])
"""64ths of a second."""
PICK = st.integers(0, 1000)


class LimiterMachine(RuleBasedStateMachine):
    @initialize(start=st.sampled_from(STARTS), limits=LIMITS)
    def begin(self, start: tuple[str, str], limits: Limits) -> None:
        zone, moment = start
        self.calendar = Calendar(zone)
        self.reference = Reference(zone)
        self.now, self.wall = 1000.0, _wall(moment)
        self.limits = limits
        self.limiter = Limiter(self.calendar)
        self.reservations: dict[Taken, Reservation] = {}

    @property
    def account(self) -> Account:
        return self.limiter.account(CLIENT, self.wall)

    @rule(ticks=TICKS)
    def wait(self, ticks: int) -> None:
        self.now += ticks / 64
        self.wall += ticks / 64

    @rule()
    def wait_for_midnight(self) -> None:
        rest = self.calendar.day(self.wall).end_s - self.wall
        self.now += rest
        self.wall += rest

    @rule(back_s=st.integers(1, 7200))
    def set_the_clock_back(self, back_s: int) -> None:
        """Within the day: a day that is over does not come again."""
        assume(self.wall - back_s >= self.calendar.day(self.wall).start_s)
        assume(all(each.wall_s <= self.wall - back_s for each in self.reference.taken))
        self.wall -= back_s

    @rule(limits=LIMITS)
    def change_limits(self, limits: Limits) -> None:
        self.limits = limits

    @rule(limits=st.just(NO_LIMITS))
    def lift_limits(self, limits: Limits) -> None:
        self.limits = limits

    @rule(want=WANTS, times=st.integers(1, 6))
    def ask(self, want: Want, times: int) -> None:
        for _ in range(times):
            expected = self.reference.allowance(self.limits, want, self.now, self.wall)
            before = self._told()
            try:
                got = self.account.admit(self.limits, want, now_s=self.now, wall_s=self.wall)
            except LimitReached as error:
                assert expected is None
                assert self._told() == before
                self._check_wait(want, error)
                return
            except ContextLengthExceeded:
                assert expected is None
                assert self._told() == before
                empty = Reference(str(self.reference.zone))
                assert empty.allowance(self.limits, want, self.now, self.wall) is None
                return
            assert (got.allowance, got.day) == (expected, self.reference.day(self.wall))
            taken = Taken(self.now, self.wall, got.day, self.limits, want, got.allowance)
            self.reference.taken.append(taken)
            self.reservations[taken] = got

    def _check_wait(self, want: Want, error: LimitReached) -> None:
        """Waiting so long, with nothing else happening, lets it in, and a second less does not."""
        wait_s = error.retry_after_s
        assert wait_s is not None
        assert wait_s >= 1
        if self.reference.open:
            return
        later = copy.deepcopy(self.account)
        if wait_s > 1:
            early_s = wait_s - 1
            with pytest.raises(LimitReached):
                later.admit(self.limits, want, now_s=self.now + early_s, wall_s=self.wall + early_s)
        later.admit(self.limits, want, now_s=self.now + wait_s, wall_s=self.wall + wait_s)

    def _pick(self, pick: int) -> tuple[Taken, Reservation]:
        taken = self.reference.open[pick % len(self.reference.open)]
        return taken, self.reservations[taken]

    @precondition(lambda self: self.reference.open)
    @rule(pick=PICK, more=st.integers(-5, 1200))
    def grow(self, pick: int, more: int) -> None:
        taken, reservation = self._pick(pick)
        room = self.reference.output_left(taken.limits, taken.day, taken.want.output_usd, 0.0)
        asked = taken.allowance + more
        if more > 0 and room >= more:
            taken.allowance += int(min(room, max(more, EXTENSION_TOKENS)))
        assert reservation.covers(asked) == (more <= 0 or room >= more)
        assert reservation.allowance == taken.allowance

    @precondition(lambda self: self.reference.open)
    @rule(pick=PICK, used_input=st.integers(0, 30), used_output=st.integers(0, 900), usd=st.integers(0, 900))
    def settle(self, pick: int, used_input: int, used_output: int, usd: int) -> None:
        taken, reservation = self._pick(pick)
        taken.used = (used_input, used_output, usd / DOLLAR)
        for _ in range(2):
            reservation.settle(
                input_tokens=used_input, output_tokens=used_output, usd=usd / DOLLAR if usd else None
            )
        reservation.cancel()
        assert not reservation.covers(reservation.allowance + 1)

    @precondition(lambda self: self.reference.open)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        taken, reservation = self._pick(pick)
        self.reference.taken.remove(taken)
        for _ in range(2):
            reservation.cancel()
        reservation.settle(input_tokens=1, output_tokens=1, usd=1.0)

    @rule()
    def restart(self) -> None:
        """The process dies; the next one has what the database has."""
        moments = Counter[int]()
        last: dict[int, float] = {}
        rows: dict[str, list[Taken]] = {}
        for each in self.reference.taken:
            if each.used is not None:
                second = int(each.wall_s)
                moments[second] += 1
                last[second] = each.wall_s
                rows.setdefault(each.day, []).append(each)
        spent = [
            SpentRow(
                client_id=CLIENT,
                day=day,
                requests=len(taken),
                input_tokens=sum(each.used[0] for each in taken if each.used),
                output_tokens=sum(each.used[1] for each in taken if each.used),
                cost_usd=sum(each.used[2] for each in taken if each.used),
            )
            for day, taken in rows.items()
        ]
        self.reservations.clear()
        self.now = 7.0
        self.reference.restart(self.now, self.wall)
        self.limiter = Limiter(self.calendar)
        self.limiter.restore_days(spent, wall_s=self.wall)
        self.limiter.restore_admissions(
            CLIENT,
            [(last[second], moments[second]) for second in sorted(moments)],
            now_s=self.now,
            wall_s=self.wall,
        )

    def _told(self) -> list[object]:
        account = self.account
        account.turn(self.wall)
        windows = [window.used(self.now) for window in account.windows]
        return [copy.copy(account.today), copy.copy(account.month), account.in_flight, windows]

    @invariant()
    def all_sums_are_right(self) -> None:
        if not hasattr(self, "limiter"):
            return
        today, month, in_flight, windows = self._told()
        day = self.reference.day(self.wall)
        for found, expected in ((today, self.reference.sums(day)), (month, self.reference.sums(day[:7]))):
            for name in expected.__struct_fields__:
                if found is today or name in ("usd", "held_usd"):
                    assert getattr(found, name) == getattr(expected, name), name
        assert in_flight == self.limiter.in_flight == len(self.reference.open)
        assert windows == [self.reference.within(self.now, s) for s in (MINUTE_S, HOUR_S, DAY_S)]

    @invariant()
    def what_is_told_of_them_is_right(self) -> None:
        if not hasattr(self, "limiter"):
            return
        told = self._states(self.account, 0.0)
        for name, state in told.items():
            assert state.limit
            assert state.remaining >= 0
            if state.resets_in_s is not None and not self.reference.open:
                later = self._states(copy.deepcopy(self.account), state.resets_in_s)[name]
                assert later.used == later.held == 0
        of_requests = [state for name, state in told.items() if name.startswith(("requests", "quota_req"))]
        room = self.account.room(self.limits, now_s=self.now, wall_s=self.wall)
        limit, left, reset_s, given, given_left, taken, taken_left, midnight_s = room
        assert bool(limit) == bool(of_requests)
        if limit:
            tightest = min(of_requests, key=lambda each: (each.remaining, -(each.resets_in_s or 0.0)))
            assert (left, reset_s) == (tightest.remaining, tightest.resets_in_s)
            assert limit in {each.limit for each in of_requests if each.remaining == left}
        for tokens, tokens_left, name in ((given, given_left, "input"), (taken, taken_left, "output")):
            quota = told.get(f"quota_{name}_tokens_day")
            if quota is None:
                assert (tokens, tokens_left) == (0, 0)
            else:
                expected = (quota.limit, quota.remaining, quota.resets_in_s)
                assert (tokens, tokens_left, midnight_s) == expected

    def _states(self, account: Account, later_s: float) -> dict[str, LimitState]:
        told = account.states(self.limits, now_s=self.now + later_s, wall_s=self.wall + later_s)
        return {state.name: state for state in told}

    def teardown(self) -> None:
        if hasattr(self, "limiter"):
            for reservation in self.reservations.values():
                reservation.cancel()
            account = self.account
            assert account.in_flight == account.today.held_input == account.today.held_output == 0
            assert account.today.held_usd == account.month.held_usd == 0.0


LimiterMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.filter_too_much],
    deadline=None,
)
TestLimiter = LimiterMachine.TestCase


def _wall(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
