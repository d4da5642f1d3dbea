"""How many output tokens a relayed request allows, and how that is lowered.

Sources: OpenAI API reference, "Create chat completion", "Create completion", "Create a model response";
Anthropic docs, "Extended thinking" (`budget_tokens`); Gemini API reference, "GenerationConfig".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ai_gateway.core.members import Members, as_json, member
from ai_gateway.core.reasoning import MIN_BUDGET
from ai_gateway.dialects.endpoints import COMPLETIONS, MESSAGES, RESPONSES, Endpoint, Job

if TYPE_CHECKING:
    from ai_gateway.dialects.relay_request import RelayRequest

__all__ = ["limit_output", "output_asked"]

_OBJECT = dict[str, msgspec.Raw]
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_CONFIGS = ("generationConfig", "generation_config")
_CAPS = ("maxOutputTokens", "max_output_tokens")
_COUNTS = ("candidateCount", "candidate_count")
_integer = msgspec.json.Decoder(int).decode
# Once: members of an enumeration are looked up slowly.
_COUNT, _EMBED = Job.COUNT, Job.EMBED
LEAST = {RESPONSES.path: 16}
"""Fewer tokens than this the endpoint refuses to be limited to."""


def output_asked(request: RelayRequest) -> int | None:
    """Output tokens that the caller limits all its answers to; None where it sets no readable limit. Where
    one member alone does, the request remembers it."""
    endpoint, members = request.endpoint, request.members
    job = endpoint.job
    if job is _COUNT or job is _EMBED:
        return 0
    if members is None or endpoint.model_in_path:
        return _config_asked(endpoint, members)
    most, told = -1, 0
    for name in endpoint.output_caps:
        if name in members:
            told += 1
            try:
                figure = _integer(members[name])
            except _BROKEN:  # the provider's to refuse
                continue
            if figure > most:
                most = figure
    if most < 0:
        return None
    if "n" in members or endpoint is COMPLETIONS:
        most *= _choices(endpoint, members)
    if told == 1:
        request.asked = most
    return most


def _config_asked(endpoint: Endpoint, members: Members | None) -> int | None:
    if members is None:
        return None
    found = [_figure(_object(members, outer), name) for outer in _CONFIGS for name in _CAPS]
    figures = [figure for figure in found if figure is not None and figure >= 0]
    return max(figures) * _choices(endpoint, members) if figures else None


def limit_output(
    endpoint: Endpoint, members: Members, edited: Members, cap: int, limit: int | None, fill: str
) -> tuple[str, ...]:
    """Lower the caller's limit to `cap` tokens (0: none) an answer, and to `limit` of all answers together;
    where it has none, `limit` is put in, as the member `fill` where the endpoint knows several names.

    The members that were left out for it. Raises: BadRequest where a limit is no integer.
    """
    if not endpoint.output_caps:
        return ()
    most = cap or None
    if limit is not None:
        share = limit // _choices(endpoint, members)
        least = LEAST.get(endpoint.path, 1)
        if share < least:
            share = least
        if most is None or share < most:
            most = share
    if most is None:
        return ()
    if endpoint.model_in_path:
        _limit_config(members, edited, most, fill=limit is not None)
        return ()
    told = _lower(endpoint, members, edited, most)
    if not told and limit is not None:
        edited[fill if fill in endpoint.output_caps else endpoint.output_caps[0]] = as_json(most)
    return _fit_thinking(members, edited, most) if endpoint is MESSAGES else ()


def _lower(endpoint: Endpoint, members: Members, edited: Members, most: int) -> bool:
    """Whether the caller has a limit of its own."""
    told = False
    for name in endpoint.output_caps:
        own = member(members, name, int, "an integer") if name in members else None
        if own is not None:
            told = True
            if not 0 <= own <= most:  # -1 is no limit, to some servers
                edited[name] = as_json(most)
    return told


def _limit_config(members: Members, edited: Members, most: int, *, fill: bool) -> None:
    told = False
    for outer in _CONFIGS:
        config = member(members, outer, _OBJECT, "an object") or {}
        own = {name: member(config, name, int, "an integer") for name in _CAPS}
        told = told or any(figure is not None for figure in own.values())
        changed: Members = {
            name: as_json(most)
            for name, figure in own.items()
            if figure is not None and not 0 <= figure <= most
        }
        if changed:
            edited[outer] = as_json({**config, **changed})
    if fill and not told:
        outer = _CONFIGS[1] if _CONFIGS[1] in members and _CONFIGS[0] not in members else _CONFIGS[0]
        config = member(members, outer, _OBJECT, "an object") or {}
        name = _CAPS[1] if _CAPS[1] in config else _CAPS[0]
        edited[outer] = as_json({**config, name: most})


def _fit_thinking(members: Members, edited: Members, most: int) -> tuple[str, ...]:
    """A budget must be lower than `max_tokens`: where that was lowered, so is the budget, or nothing is
    thought where fewer than 1,024 tokens are left for it."""
    if "max_tokens" not in edited:
        return ()
    thinking = _object(members, "thinking")
    budget = _figure(thinking, "budget_tokens")
    if budget is None or budget < most:
        return ()
    if most <= MIN_BUDGET:
        edited["thinking"] = as_json({"type": "disabled"})
        return ("thinking",)
    edited["thinking"] = as_json({**thinking, "budget_tokens": most - 1})
    return ("thinking.budget_tokens",)


def _choices(endpoint: Endpoint, members: Members) -> int:
    """How many answers the provider makes."""
    if endpoint.model_in_path:
        told = [_figure(_object(members, outer), name) for outer in _CONFIGS for name in _COUNTS]
        return max(1, *(figure or 1 for figure in told))
    count = 1
    if endpoint.usage_option and "n" in members:
        count = max(1, _figure(members, "n") or 1)
    if endpoint is COMPLETIONS:
        count = max(count, _figure(members, "best_of") or 1) * _prompts(members)
    return count


def _prompts(members: Members) -> int:
    """A prompt is text or a list of token ids; a list of either asks for as many answers."""
    raw = members.get("prompt")
    if raw is None or bytes(raw)[:1] != b"[":
        return 1
    try:
        found = msgspec.json.decode(raw, type=list[msgspec.Raw])
    except _BROKEN:
        return 1
    return len(found) if found and bytes(found[0])[:1] in (b'"', b"[") else 1


def _figure(members: Members, name: str) -> int | None:
    """None also where it is of another type: that is the provider's to refuse."""
    try:
        return _integer(members[name]) if name in members else None
    except _BROKEN:
        return None


def _object(members: Members, name: str) -> Members:
    try:
        return msgspec.json.decode(members[name], type=_OBJECT) if name in members else {}
    except _BROKEN:
        return {}
