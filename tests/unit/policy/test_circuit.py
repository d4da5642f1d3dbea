"""Who keeps failing is left alone, asked again by one request, and trusted again when it answers."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ai_gateway.policy.circuit import Circuit, CircuitKey, State
from ai_gateway.policy.targets import Target, target_of
from ai_gateway.policy.upkeep import RETRY_BUDGET, Upkeep
from ai_gateway.providers import Upstream


def target(model: str = "m", *, base: str = "http://box:1", credential: str = "k") -> Target:
    return target_of(Upstream.of("openai-compatible", base_url=base, credential=credential), model)


A = target()


def fail(upkeep: Upkeep, times: int, now: float, to: Target = A) -> None:
    for _ in range(times):
        upkeep.failed(to, now, probe=False)


def opened(now: float = 0.0) -> Upkeep:
    upkeep = Upkeep()
    fail(upkeep, 5, now)
    return upkeep


def test_five_failures_open_it() -> None:
    upkeep = Upkeep()
    fail(upkeep, 4, 0.0)
    assert upkeep.admits(A, 0.0)
    fail(upkeep, 1, 14.0)
    assert not upkeep.admits(A, 14.0)
    assert not upkeep.admits(A, 18.9)
    assert upkeep.admits(A, 19.0)


def test_failures_that_are_long_ago_are_forgotten() -> None:
    upkeep = Upkeep()
    fail(upkeep, 4, 0.0)
    fail(upkeep, 1, 30.0)
    assert upkeep.admits(A, 30.0)
    fail(upkeep, 3, 30.0)
    assert upkeep.admits(A, 30.0)
    fail(upkeep, 1, 44.0)
    assert not upkeep.admits(A, 44.0)


@pytest.mark.parametrize(("answers", "open_"), [(4, True), (5, True), (6, False)])
def test_half_of_the_calls_must_fail(answers: int, open_: bool) -> None:
    upkeep = Upkeep()
    fail(upkeep, 1, 0.0)
    for _ in range(answers):
        upkeep.succeeded(A, 1.0, probe=False)
    fail(upkeep, 4, 2.0)
    assert upkeep.admits(A, 2.0) == (not open_)


def test_each_model_and_each_credential_has_its_own() -> None:
    upkeep = opened()
    assert not upkeep.admits(target(), 1.0)
    assert upkeep.admits(target("other"), 1.0)
    assert upkeep.admits(target(credential="another"), 1.0)
    assert upkeep.admits(target(base="http://box:2"), 1.0)


def test_one_probe_at_a_time() -> None:
    upkeep = opened()
    assert not upkeep.entered(A, 4.9)
    assert upkeep.entered(A, 5.0)
    assert not upkeep.admits(A, 5.0)
    assert not upkeep.entered(A, 6.0)
    assert upkeep.circuits(6.0)[0].state is State.HALF_OPEN
    upkeep.left(A, probe=True)
    assert upkeep.admits(A, 6.0)


def test_the_wait_doubles_up_to_a_minute() -> None:
    upkeep, now = opened(), 0.0
    for wait in (5.0, 10.0, 20.0, 40.0, 60.0, 60.0):
        assert not upkeep.admits(A, now + wait - 0.001)
        now += wait
        assert upkeep.circuits(now)[0].retry_in_s == 0.0
        assert upkeep.entered(A, now)
        upkeep.failed(A, now, probe=True)
        assert not upkeep.admits(A, now)


def test_an_answer_closes_it_and_the_first_wait_is_short_again() -> None:
    upkeep = opened()
    assert upkeep.entered(A, 5.0)
    upkeep.failed(A, 5.0, probe=True)
    assert upkeep.entered(A, 15.0)
    upkeep.succeeded(A, 15.0, probe=True)
    assert upkeep.admits(A, 15.0)
    assert upkeep.circuits(15.0) == []
    fail(upkeep, 5, 16.0)
    assert not upkeep.admits(A, 20.9)
    assert upkeep.admits(A, 21.0)


def test_failures_of_others_do_not_put_off_the_probe() -> None:
    """They were on their way when it opened."""
    upkeep = opened()
    fail(upkeep, 20, 1.0)
    assert upkeep.admits(A, 5.0)


def test_what_is_told_of_it() -> None:
    upkeep = Upkeep()
    fail(upkeep, 2, 0.0)
    (told,) = upkeep.circuits(1.0)
    assert (told.state, told.failures, told.retry_in_s, told.model) == (State.CLOSED, 2, 0.0, "m")
    fail(upkeep, 3, 1.0)
    (told,) = upkeep.circuits(2.0)
    assert (told.state, told.failures, told.retry_in_s) == (State.OPEN, 5, 4.0)
    assert upkeep.circuits(1.0 + 3600)[0].state is State.OPEN


def test_a_credential_is_in_no_text() -> None:
    assert "hush" not in repr(CircuitKey("openai", "http://box", "hush", "m"))


def test_retries_have_a_budget_that_answers_fill() -> None:
    upkeep = Upkeep()
    assert [upkeep.take_retry(A) for _ in range(12)] == [True] * int(RETRY_BUDGET) + [False] * 2
    assert not upkeep.take_retry(target("other", credential="another")), "it is the upstream's"
    assert upkeep.take_retry(target(base="http://box:2"))
    for _ in range(11):
        upkeep.succeeded(A, 0.0, probe=False)
    assert upkeep.take_retry(A)
    assert not upkeep.take_retry(A)
    for _ in range(1000):
        upkeep.succeeded(A, 0.0, probe=False)
    assert sum(upkeep.take_retry(A) for _ in range(20)) == RETRY_BUDGET


class CircuitMachine(RuleBasedStateMachine):
    """Many requests at once over one circuit, each of which ends in one of three ways."""

    def __init__(self) -> None:
        super().__init__()
        self.circuit, self.now = Circuit(), 0.0
        self.flying: list[bool] = []
        """Whether each request in flight is a probe."""
        self.failures: list[float] = []
        self.open_until: float | None = None

    @rule(seconds=st.sampled_from([0.5, 3.0, 5.0, 16.0, 31.0, 60.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask(self) -> None:
        """Also while it is open: there is no other target."""
        admitted, was = self.circuit.admits(self.now), self.circuit.state(self.now)
        probe = self.circuit.entered(self.now)
        assert probe == (admitted and was is State.OPEN)
        self.flying.append(probe)

    def _land(self, pick: int) -> bool:
        return self.flying.pop(pick % len(self.flying))

    @precondition(lambda self: self.flying)
    @rule(pick=st.integers(0, 99))
    def answer(self, pick: int) -> None:
        self.circuit.succeeded(self.now, probe=self._land(pick))
        assert self.circuit.state(self.now) is State.CLOSED
        assert self.circuit.admits(self.now)

    @precondition(lambda self: self.flying)
    @rule(pick=st.integers(0, 99))
    def fail(self, pick: int) -> None:
        was = self.circuit.state(self.now)
        self.circuit.failed(self.now, probe=self._land(pick))
        self.failures.append(self.now)
        if was is State.CLOSED and self.circuit.state(self.now) is not State.CLOSED:
            assert sum(1 for then in self.failures if then > self.now - 30.0) >= 5
        if was is not State.CLOSED:
            assert self.circuit.state(self.now) is not State.CLOSED

    @precondition(lambda self: self.flying)
    @rule(pick=st.integers(0, 99))
    def hang_up(self, pick: int) -> None:
        was = self.circuit.state(self.now)
        self.circuit.left(probe=self._land(pick))
        assert (was is State.CLOSED) == (self.circuit.state(self.now) is State.CLOSED)

    @invariant()
    def there_is_one_probe_at_most(self) -> None:
        assert sum(self.flying) <= 1
        assert self.circuit.probing == any(self.flying)

    @invariant()
    def it_is_asked_again_within_a_minute(self) -> None:
        if not any(self.flying):
            assert self.circuit.admits(self.now + 60.0)


CircuitMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestCircuit = CircuitMachine.TestCase
