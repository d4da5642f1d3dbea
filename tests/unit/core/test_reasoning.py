"""Effort, budget and level say the same thing in every dialect."""

from __future__ import annotations

import pytest

from ai_gateway.core.chat import Reasoning
from ai_gateway.core.reasoning import MIN_BUDGET, budget_of, effort_of, is_off

EFFORTS = ["minimal", "low", "medium", "high", "xhigh", "max"]


def test_more_effort_is_never_a_smaller_budget() -> None:
    budgets = [budget_of(Reasoning(effort=effort)) or 0 for effort in EFFORTS]
    assert budgets == sorted(budgets)
    assert budgets[0] >= MIN_BUDGET


@pytest.mark.parametrize("effort", ["none", "low", "medium", "high"])
def test_effort_survives_the_way_through_a_budget(effort: str) -> None:
    assert effort_of(Reasoning(budget_tokens=budget_of(Reasoning(effort=effort)))) == effort


@pytest.mark.parametrize(
    ("reasoning", "off"),
    [
        (Reasoning(effort="none"), True),
        (Reasoning(budget_tokens=0), True),
        (Reasoning(budget_tokens=1024), False),
        (Reasoning(adaptive=True), False),
        (Reasoning(), False),
    ],
)
def test_off_is_said_in_two_ways(reasoning: Reasoning, off: bool) -> None:
    assert is_off(reasoning) is off


def test_what_was_not_said_stays_open() -> None:
    assert budget_of(Reasoning(adaptive=True)) is None
    assert effort_of(Reasoning(adaptive=True)) is None
    assert budget_of(Reasoning(effort="sideways")) is None
