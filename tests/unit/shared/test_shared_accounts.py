"""Accounts in shared memory give the very answers of those in a process' own, whoever of several asks."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ai_gateway.core.headroom import UNLIMITED
from ai_gateway.errors import GatewayError, LimitReached, Unauthenticated
from ai_gateway.policy.admissions import MOST_NOTED
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.interface import Reserved
from ai_gateway.policy.limiter import Limiter
from ai_gateway.policy.limits import Limits, Want
from ai_gateway.policy.windows import DAY_S, EXACT_ENTRIES, HOUR_S, MINUTE_S, SlidingWindow
from ai_gateway.shared.accounts import SharedAccount
from ai_gateway.shared.limiter import SharedLimiter
from ai_gateway.shared.records import REASONS
from ai_gateway.shared.region import Column, Region, SlotState
from ai_gateway.shared.windows import MAX_ENTRIES, SharedWindow
from ai_gateway.store.protocols import SpentRow
from tests.unit.policy.test_limiter_properties import LIMITS, PICK, STARTS, TICKS, WANTS

CLIENTS = ("cl_1", "cl_2")
PROCESSES = 3
NOON = datetime(2030, 6, 1, 12, tzinfo=UTC).timestamp()
WHO = st.integers(0, PROCESSES - 1)


class Pair(RuleBasedStateMachine):
    """Everything is done to both: to the accounts of one process, and by one of three to the shared ones."""

    @initialize(start=st.sampled_from(STARTS), limits=LIMITS)
    def begin(self, start: tuple[str, str], limits: Limits) -> None:
        zone, moment = start
        self.now, self.wall = 1000.0, datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()
        self.calendar, self.limits = Calendar(zone), limits
        self.alone = Limiter(self.calendar)
        self.region = Region(PROCESSES + 1)
        self.region.column(Column.STATE)[0] = SlotState.SERVING
        self.shared = [self._process(zone, slot) for slot in range(PROCESSES)]
        self.open: list[tuple[int, Reserved, Reserved]] = []

    def _process(self, zone: str, slot: int) -> SharedLimiter:
        self.region.column(Column.STATE)[slot] = SlotState.SERVING
        return SharedLimiter(self.region, slot, Calendar(zone), is_control=slot == 0)

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
        self.wall = max(self.wall - back_s, self.calendar.day(self.wall).start_s)

    @rule(limits=LIMITS)
    def change_limits(self, limits: Limits) -> None:
        self.limits = limits

    @rule(client=st.sampled_from(CLIENTS), who=WHO, want=WANTS, times=st.integers(1, 4))
    def ask(self, client: str, who: int, want: Want, times: int) -> None:
        for _ in range(times):
            answers: list[Reserved | tuple[object, ...]] = []
            for limiter in (self.alone, self.shared[who]):
                account = limiter.account(client, self.wall)
                try:
                    answers.append(account.admit(self.limits, want, now_s=self.now, wall_s=self.wall))
                except GatewayError as error:
                    answers.append((type(error), str(error), error.retry_after_s))
            first, second = answers
            if isinstance(first, tuple) or isinstance(second, tuple):
                assert first == second
                return
            self.open.append((who, first, second))

    @precondition(lambda self: self.open)
    @rule(pick=PICK, more=st.integers(-5, 1200), tokens=st.none() | st.integers(0, 30))
    def grow(self, pick: int, more: int, tokens: int | None) -> None:
        _, one, other = self.open[pick % len(self.open)]
        if tokens is None:
            assert one.covers(one.allowance + more) == other.covers(other.allowance + more)
        else:
            assert one.another(tokens) == other.another(tokens)

    @precondition(lambda self: self.open)
    @rule(
        pick=PICK, input_tokens=st.integers(0, 30), output_tokens=st.integers(0, 900), usd=st.integers(0, 9)
    )
    def settle(self, pick: int, input_tokens: int, output_tokens: int, usd: int) -> None:
        _, *both = self.open.pop(pick % len(self.open))
        for each in both * 2:
            each.settle(input_tokens=input_tokens, output_tokens=output_tokens, usd=usd / 1024)

    @precondition(lambda self: self.open)
    @rule(pick=PICK)
    def cancel(self, pick: int) -> None:
        _, *both = self.open.pop(pick % len(self.open))
        for each in both * 2:
            each.cancel()

    @rule(who=WHO)
    def kill(self, who: int) -> None:
        """What it held is free again; what it was admitted for has been used all the same."""
        for slot, one, _ in self.open:
            if slot == who:
                one.settle(input_tokens=0, output_tokens=0, usd=None)
        self.open = [each for each in self.open if each[0] != who]
        self.region.column(Column.STATE)[who] = SlotState.DEAD
        other = self.shared[(who + 1) % PROCESSES]
        assert list(other.release([who], self.wall)) is not None
        self.shared[who] = self._process(str(self.calendar._zone), who)

    @rule(requests=st.integers(1, 3), age_s=st.integers(0, 5000), who=WHO)
    def restore(self, requests: int, age_s: int, who: int) -> None:
        if self.open or self.region.marks[0]:
            return  # that is done first of all
        day = self.calendar.day(self.wall).name
        spent = SpentRow(
            client_id=CLIENTS[0], day=day, requests=requests, input_tokens=5, output_tokens=7, cost_usd=1.5
        )
        for limiter in (self.alone, self.shared[who]):
            limiter.restore_days([spent], wall_s=self.wall)
            moments = [(self.wall - age_s, requests)]
            limiter.restore_admissions(CLIENTS[0], moments, now_s=self.now, wall_s=self.wall)

    @invariant()
    def everybody_tells_the_same(self) -> None:
        if not hasattr(self, "shared"):
            return
        now, wall = self.now, self.wall
        for client in CLIENTS:
            account = self.alone.account(client, wall)
            states = account.states(self.limits, now_s=now, wall_s=wall)
            room = account.room(self.limits, now_s=now, wall_s=wall)
            for limiter in self.shared:
                twin = limiter.account(client, wall)
                assert twin.states(self.limits, now_s=now, wall_s=wall) == states
                assert twin.room(self.limits, now_s=now, wall_s=wall) == room
                assert twin.input_in_use == account.input_in_use
        assert self.shared[0].in_flight == self.alone.in_flight == len(self.open)


Pair.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.filter_too_much],
    deadline=None,
)
TestPair = Pair.TestCase


@pytest.mark.parametrize("seconds", [MINUTE_S, HOUR_S, DAY_S])
@pytest.mark.parametrize("seed", range(6))
def test_crowded_windows_are_alike(seconds: float, seed: int) -> None:
    """Beyond the exact entries, with some taken back, and quiet times in between."""
    random, now = Random(seed), 1000.0
    memory = memoryview(bytearray(16 * MAX_ENTRIES)).cast("d")
    one, other = SlidingWindow(seconds), SharedWindow(seconds, memory[::2], memory[1::2])
    added: list[float] = []
    for _ in range(9 * EXACT_ENTRIES):
        now += random.choice((0.0, seconds / 4000, seconds / 900, seconds / 300)) * random.random()
        if random.random() < 0.0005:
            now += seconds * random.random() * 1.5
        count = random.choice((1, 1, 3))
        if random.random() < 0.05:
            moments = [
                now + seconds / 40_000 * step for step in range(random.choice((1, 9, MOST_NOTED, 200)))
            ]
            one.extend(moments)
            other.extend(moments)
            now = moments[-1]
            added += moments
        else:
            one.add(now, count)
            other.add(now, count)
            added.append(now)
        if random.random() < 0.1:
            taken = random.choice(added[-300:])
            one.remove(taken)
            other.remove(taken)
        if random.random() < 0.3:
            assert one.used(now) == other.used(now)
            assert one.empty_s(now) == other.empty_s(now)
        if random.random() < 0.05:  # goes through all entries
            limit = random.randrange(1, 3000)
            assert one.wait_s(now, limit) == other.wait_s(now, limit)


def limiters(count: int = 2) -> list[SharedLimiter]:
    region = Region(count)
    return [SharedLimiter(region, slot, Calendar(), is_control=slot == 0) for slot in range(count)]


def test_a_clock_that_was_read_earlier_does_not_put_a_window_out_of_order() -> None:
    first, second = (limiter.account("cl_1", NOON) for limiter in limiters())
    limits = Limits(minute=2)
    first.admit(limits, Want(), now_s=100.0, wall_s=NOON)
    second.admit(limits, Want(), now_s=99.0, wall_s=NOON)
    with pytest.raises(LimitReached):
        first.admit(limits, Want(), now_s=159.5, wall_s=NOON)
    first.admit(limits, Want(), now_s=160.0, wall_s=NOON)


def test_a_clock_that_was_read_before_others_looked_finds_what_they_did() -> None:
    first, second = (limiter.account("cl_1", NOON) for limiter in limiters())
    limits = Limits(minute=2)
    for now in (0.5, 59.0):
        first.admit(limits, Want(), now_s=now, wall_s=NOON)
    assert first.states(limits, now_s=60.5, wall_s=NOON)[0].used == 1
    second.admit(limits, Want(), now_s=60.25, wall_s=NOON)  # any minute may hold two: it is as of 60.5
    first.admit(limits, Want(), now_s=119.0, wall_s=NOON)
    with pytest.raises(LimitReached):
        first.admit(limits, Want(), now_s=120.375, wall_s=NOON)
    first.admit(limits, Want(), now_s=120.5, wall_s=NOON)


@given(
    st.lists(
        st.tuples(
            WHO,
            st.sampled_from([0.0, 0.25, 1.0, 17.0, 58.5]),
            st.sampled_from([0.0, 0.5, 2.0]),
            st.sampled_from(["admit", "admit", "cancel", "room", "states"]),
        ),
        max_size=60,
    ),
    st.integers(1, 5),
)
def test_no_minute_holds_more_than_the_limit_whenever_clocks_were_read(
    steps: list[tuple[int, float, float, str]], limit: int
) -> None:
    """Each waits for the lock for some time after it has read its clock."""
    shared = [limiter.account("cl_1", NOON) for limiter in limiters(PROCESSES)]
    limits, now, admitted = Limits(minute=limit), 100.0, list[float]()
    for who, wait, behind, what in steps:
        now += wait
        account, read = shared[who], now - behind
        if what == "room":
            account.room(limits, now_s=read, wall_s=NOON)
        elif what == "states":
            account.states(limits, now_s=read, wall_s=NOON)
        else:
            try:
                got = account.admit(limits, Want(), now_s=read, wall_s=NOON)
            except LimitReached:
                continue
            if what == "cancel":
                got.cancel()
            else:
                admitted.append(got.at_s)
    assert admitted == sorted(admitted)
    for first in admitted:
        assert sum(1 for each in admitted if first <= each < first + MINUTE_S) <= limit


@pytest.mark.parametrize("admissions", [10, 40, *range(1050, 1250, 20)])
def test_a_process_that_dies_while_it_looks_at_windows_has_changed_nothing(
    admissions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it has written: it counts once that is said, not before."""
    alone = Limiter(Calendar()).account("cl_1", NOON)
    first, second = (limiter.account("cl_1", NOON) for limiter in limiters())
    limits = Limits(minute=10**6, hour=10**6, day=10**6)
    for number in range(admissions):
        for account in (alone, first):
            account.admit(limits, Want(), now_s=100.0 + number * 0.02, wall_s=NOON)
        if number == admissions - 7:
            second.states(limits, now_s=100.0 + number * 0.02, wall_s=NOON)
    ended = 100.0 + admissions * 0.02
    with monkeypatch.context() as patch:
        patch.setattr(SharedAccount, "_store", _die)
        with pytest.raises(ZeroDivisionError):
            first.states(limits, now_s=ended, wall_s=NOON)
    for later in (0.0, 59.0, 3600.0 - 12.0, 86_400.0 - 11.0, 90_000.0):
        now, wall = ended + later, NOON + later
        expected = alone.states(limits, now_s=now, wall_s=wall)
        assert second.states(limits, now_s=now, wall_s=wall) == expected


def _die(account: SharedAccount) -> None:
    raise ZeroDivisionError


def test_what_others_admit_is_told_at_once() -> None:
    """Without a lock where nobody has to look at a window, and with one where somebody must."""
    alone = Limiter(Calendar()).account("cl_1", NOON)
    both = [limiter.account("cl_1", NOON) for limiter in limiters()]
    limits, random, now = Limits(minute=200, hour=300, requests=290, output_tokens=10**9), Random(5), 50.0
    for number in range(500):
        now += random.choice((0.0, 0.01, 0.5))
        try:
            alone.admit(limits, Want(), now_s=now, wall_s=NOON)
        except LimitReached as refusal:
            with pytest.raises(LimitReached, match=str(refusal)):
                both[number % 2].admit(limits, Want(), now_s=now, wall_s=NOON)
        else:
            both[number % 2].admit(limits, Want(), now_s=now, wall_s=NOON)
        for account in both:
            room = account.room(limits, now_s=now, wall_s=NOON)
            assert room == alone.room(limits, now_s=now, wall_s=NOON)


def test_figures_that_no_machine_word_holds() -> None:
    account = limiters()[0].account("cl_1", NOON)
    account.admit(Limits(), Want(), now_s=1.0, wall_s=NOON).settle(
        input_tokens=10**30, output_tokens=10**30, usd=1.0
    )
    with pytest.raises(LimitReached):
        account.admit(Limits(input_tokens=10**12), Want(), now_s=2.0, wall_s=NOON)


def test_refusals_are_counted_together() -> None:
    first, second = limiters()
    for limiter, reason in ((first, "minute"), (second, "minute"), (second, "budget_month")):
        limiter.account("cl_1", NOON)
        limiter.refused("cl_1", reason)
    assert first.refusals() == {("cl_1", "minute"): 2, ("cl_1", "budget_month"): 1}


def test_every_reason_has_a_counter() -> None:
    (limiter, _) = limiters()
    limiter.account("cl_1", NOON)
    for reason in REASONS:
        limiter.refused("cl_1", reason)
    assert len(limiter.refusals()) == len(REASONS)


def test_the_record_of_a_deleted_client_is_given_to_another_one() -> None:
    control, worker = limiters()
    control.keep(frozenset({"gone", "here"}))
    held = worker.account("gone", NOON).admit(Limits(), Want(), now_s=1.0, wall_s=NOON)
    stale = worker.account("gone", NOON)
    control.keep(frozenset({"here"}))
    assert control.in_flight == 1, "its request has not ended"
    held.cancel()
    control.keep(frozenset({"here"}))
    fresh = worker.account("new", NOON)
    assert fresh.record.index == stale.record.index
    assert control.account("new", NOON).states(Limits(requests=5), now_s=1.0, wall_s=NOON)[0].used == 0
    with pytest.raises(Unauthenticated):
        stale.admit(Limits(), Want(), now_s=2.0, wall_s=NOON)
    held.settle(input_tokens=1, output_tokens=1, usd=1.0)
    assert stale.room(Limits(requests=5), now_s=2.0, wall_s=NOON) == UNLIMITED


def test_a_client_that_only_others_know_keeps_its_record() -> None:
    """A worker may see a new client before the control process does."""
    control, worker = limiters()
    control.keep(frozenset({"old"}))
    worker.account("new", NOON).admit(Limits(), Want(), now_s=1.0, wall_s=NOON).settle(
        input_tokens=1, output_tokens=1, usd=None
    )
    control.keep(frozenset({"old"}))
    assert control.account("new", NOON).states(Limits(requests=5), now_s=1.0, wall_s=NOON)[0].used == 1


def test_many_clients_find_their_own_numbers() -> None:
    first, second = limiters()
    for number in range(300):
        account = first.account(f"cl_{number}", NOON)
        for _ in range(number % 5):
            account.admit(Limits(), Want(), now_s=1.0, wall_s=NOON)
    for number in range(300):
        assert second.account(f"cl_{number}", NOON).in_flight == number % 5
