"""What Gemini's models differ in, as far as a request must know.

Sources: Gemini API docs, "Thinking" (budgets and levels by model), "Thought signatures", "Function calling".
"""

from __future__ import annotations

import msgspec

__all__ = ["UNSIGNED", "Gemini", "gemini"]

UNSIGNED = "skip_thought_signature_validator"
"""The signature of calls that no Gemini model made (docs, "Thought signatures", FAQ)."""


class Gemini(msgspec.Struct, frozen=True, kw_only=True):
    """One family of models."""

    levels: tuple[str, ...] = ()
    """Of `thinkingLevel`, in rising order; empty: it has none."""
    budgets: tuple[int, int] | None = None
    """Least and most of `thinkingBudget`; None: it takes none."""
    can_be_off: bool = False
    """`thinkingBudget: 0` switches thinking off."""
    signed_calls: bool = False
    """Wants its thought signatures back on function calls."""
    json_with_tools: bool = False
    """Takes a response schema together with functions."""


_THIRD = Gemini(levels=("minimal", "low", "medium", "high"), signed_calls=True, json_with_tools=True)
_FAMILIES: dict[str, Gemini] = {
    "": Gemini(),
    "gemini-": _THIRD,  # one that is newer than this table
    "gemini-1": Gemini(),
    "gemini-2.0": Gemini(),
    "gemini-2.5-": Gemini(budgets=(512, 24_576)),  # what all of them take
    "gemini-2.5-pro": Gemini(budgets=(128, 32_768)),
    "gemini-2.5-flash": Gemini(budgets=(1, 24_576), can_be_off=True),
    "gemini-2.5-flash-lite": Gemini(budgets=(512, 24_576), can_be_off=True),
    "gemini-2.5-flash-image": Gemini(),
    "gemini-3-pro": msgspec.structs.replace(_THIRD, levels=("low", "high")),
    "gemini-3-pro-image": msgspec.structs.replace(_THIRD, levels=()),
    "gemini-3.1-pro": msgspec.structs.replace(_THIRD, levels=("low", "medium", "high")),
    "gemini-embedding": Gemini(),
}


def gemini(model: str) -> Gemini:
    """The facts of a model, whatever stands before its name."""
    name = model.rpartition("/")[2]
    longest = max((prefix for prefix in _FAMILIES if name.startswith(prefix)), key=len)
    return _FAMILIES[longest]
