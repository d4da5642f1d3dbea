"""What Claude's models differ in, as far as a request must know.

Sources: Anthropic docs, "Models overview" (output limits), "Extended thinking", "Adaptive thinking",
"Effort", "Structured outputs", and the notes on migrating to each newer model (sampling, forced tools).
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["Claude", "claude"]


class Claude(msgspec.Struct, frozen=True, kw_only=True):
    """One family of models."""

    max_output: int = 64_000
    """Tokens."""
    thinking: Literal["none", "budget", "both", "adaptive", "always"] = "budget"
    """`budget`: by `budget_tokens`; `both`: also `adaptive`; `adaptive`: nothing else; `always`: and it
    cannot be switched off."""
    efforts: tuple[str, ...] = ()
    """Of `output_config.effort`, in rising order."""
    json_schema: bool = True
    """Has `output_config.format` and strict tools."""
    sampling: bool = True
    """Takes `temperature`, `top_p` and `top_k`."""
    one_sampler: bool = True
    """Not `temperature` and `top_p` at once."""
    forced_tools: bool = True


_EFFORTS = ("low", "medium", "high")
_OLD = Claude(max_output=4096, thinking="none", json_schema=False, one_sampler=False)
_NEW = Claude(max_output=128_000, thinking="adaptive", efforts=(*_EFFORTS, "xhigh", "max"), sampling=False)
_ALWAYS = msgspec.structs.replace(_NEW, thinking="always")
_UNFORCED = msgspec.structs.replace(_ALWAYS, forced_tools=False)
_FOURTH = Claude(json_schema=False, one_sampler=False)
_OTHER = Claude(max_output=32_000, json_schema=False, one_sampler=False)
"""A model of another maker behind Anthropic's API."""

_FAMILIES: dict[str, Claude] = {
    "claude-": _NEW,  # one that is newer than this table
    "claude-instant": _OLD,
    "claude-2": _OLD,
    "claude-3-": _OLD,
    "claude-3-5-": msgspec.structs.replace(_OLD, max_output=8192),
    "claude-3-7-": _FOURTH,
    "claude-sonnet-4": _FOURTH,
    "claude-opus-4": msgspec.structs.replace(_FOURTH, max_output=32_000),
    "claude-opus-4-1": Claude(max_output=32_000),
    "claude-sonnet-4-5": Claude(),
    "claude-haiku-4-5": Claude(),
    "claude-opus-4-5": Claude(efforts=_EFFORTS),
    "claude-sonnet-4-6": Claude(thinking="both", efforts=(*_EFFORTS, "max")),
    "claude-opus-4-6": Claude(max_output=128_000, thinking="both", efforts=(*_EFFORTS, "max")),
    "claude-opus-4-7": _NEW,
    "claude-opus-4-8": _NEW,
    "claude-opus-5": _NEW,
    "claude-sonnet-5": _NEW,
    "claude-haiku-5": _NEW,
    "claude-fable-5": _ALWAYS,
    "claude-mythos-5": _ALWAYS,
    "claude-opus-5-5": _UNFORCED,
    "claude-fable-5-1": _UNFORCED,
}


def claude(model: str) -> Claude:
    """The facts of a model, whatever stands before its name (`anthropic/`, a region)."""
    start = model.rfind("claude-")
    if start < 0:
        return _OTHER
    name = model[start:].replace(".", "-")
    longest = max((prefix for prefix in _FAMILIES if name.startswith(prefix)), key=len)
    return _FAMILIES[longest]
