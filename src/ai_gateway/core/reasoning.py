"""Reasoning effort, token budgets and levels: one table, so that all dialects agree.

Sources: OpenAI API reference, "Reasoning models" (`effort`); Anthropic docs, "Extended thinking"
(`budget_tokens`, at least 1,024 and under `max_tokens`) and "Effort"; Gemini API docs, "Thinking"
(`thinkingBudget`, `thinkingLevel`, and the budgets that its OpenAI-compatible endpoint gives to efforts).
"""

from __future__ import annotations

from ai_gateway.core.chat import Reasoning

__all__ = ["MIN_BUDGET", "budget_of", "effort_of", "is_off"]

MIN_BUDGET = 1024
_BUDGETS = {
    "none": 0,
    "minimal": 1024,
    "low": 1024,
    "medium": 8192,
    "high": 24576,
    "xhigh": 32768,
    "max": 65536,
}


def is_off(reasoning: Reasoning) -> bool:
    """The caller said: do not think."""
    return reasoning.effort == "none" or reasoning.budget_tokens == 0


def budget_of(reasoning: Reasoning) -> int | None:
    """Tokens to think with; None where the caller left that open. 0: do not think."""
    if reasoning.budget_tokens is not None:
        return reasoning.budget_tokens
    return _BUDGETS.get(reasoning.effort) if reasoning.effort else None


def effort_of(reasoning: Reasoning) -> str | None:
    """`none` to `max`; None where the caller left that open."""
    if reasoning.effort is not None:
        return reasoning.effort
    budget = reasoning.budget_tokens
    if budget is None:
        return None
    if budget <= 0:
        return "none"
    if budget <= 2048:
        return "low"
    return "medium" if budget <= 16384 else "high"
