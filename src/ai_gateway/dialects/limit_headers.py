"""How answers tell callers what is left of their limits.

Sources: OpenAI API guides, "Rate limits" (`x-ratelimit-*`: resets are durations such as `6m0s`); Anthropic
API docs, "Rate limits", response headers (`anthropic-ratelimit-*`: resets are RFC 3339 times).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from ai_gateway.core.headroom import Room

__all__ = ["anthropic_limit_lines", "duration", "limit_lines"]

_ceil = math.ceil
MAX_KEPT = 4096
_REQUESTS: dict[int, str] = {}
_TOKENS: dict[int, str] = {}
_DURATIONS: dict[int, str] = {}
"""What answers have told of limits, and of whole seconds: many tell the same. These are of no class of their
own: the interpreter has a short cut into them."""


def limit_lines(room: Room) -> str:
    """`x-ratelimit-*`, each with its line's end; nothing is said of what is unlimited."""
    limit, left, reset_s, given, given_left, tokens, tokens_left, midnight_s = room
    if given and (given_left <= tokens_left or not tokens):
        tokens, tokens_left = given, given_left
    lines = ""
    try:
        if limit:
            lines = (
                f"{_REQUESTS[limit]}{left}\r\nx-ratelimit-reset-requests: "
                f"{_DURATIONS[_ceil(reset_s)] if reset_s > 0.999 else duration(reset_s)}\r\n"
            )
        if tokens:
            return (
                f"{lines}{_TOKENS[tokens]}{tokens_left}\r\nx-ratelimit-reset-tokens: "
                f"{_DURATIONS[_ceil(midnight_s)] if midnight_s > 0.999 else duration(midnight_s)}\r\n"
            )
    except KeyError:
        _spell(limit, reset_s, tokens, midnight_s)
        return limit_lines(room)
    return lines


def _spell(limit: int, reset_s: float, tokens: int, midnight_s: float) -> None:
    """Remember what is told of these."""
    for kept, number, what in ((_REQUESTS, limit, "requests"), (_TOKENS, tokens, "tokens")):
        if len(kept) >= MAX_KEPT:
            kept.clear()
        kept[number] = f"x-ratelimit-limit-{what}: {number}\r\nx-ratelimit-remaining-{what}: "
    duration(reset_s)
    duration(midnight_s)


def anthropic_limit_lines(room: Room, wall_s: float) -> str:
    """`anthropic-ratelimit-*`, for an answer at `wall_s` (Unix time); likewise."""
    limit, left, reset_s, given, given_left, taken, taken_left, midnight_s = room
    lines = _triple("requests", limit, left, _INSTANTS[_ceil(wall_s + reset_s)]) if limit else ""
    if not given and not taken:
        return lines
    reset = _INSTANTS[_ceil(wall_s + midnight_s)]
    tokens, tokens_left = taken, taken_left
    if given and (given_left <= taken_left or not taken):
        tokens, tokens_left = given, given_left
    lines += _triple("tokens", tokens, tokens_left, reset)
    if given:
        lines += _triple("input-tokens", given, given_left, reset)
    if taken:
        lines += _triple("output-tokens", taken, taken_left, reset)
    return lines


def _triple(what: str, limit: int, left: int, reset: str) -> str:
    parts = _PARTS.get((what, limit))
    if parts is None:
        if len(_PARTS) >= MAX_KEPT:
            _PARTS.clear()
        name = f"anthropic-ratelimit-{what}"
        parts = _PARTS[what, limit] = (f"{name}-limit: {limit}\r\n{name}-remaining: ", f"\r\n{name}-reset: ")
    before, between = parts
    return f"{before}{left}{between}{reset}\r\n"


def duration(seconds: float) -> str:
    """`1h2m3s`, `6m0s`, `59s`, `120ms`; never shorter than it is."""
    if seconds <= 0.999:
        return f"{_ceil(seconds * 1000)}ms" if seconds > 0 else "0s"
    number = _ceil(seconds)
    text = _DURATIONS.get(number)
    if text is None:
        if len(_DURATIONS) >= MAX_KEPT:
            _DURATIONS.clear()
        text = _DURATIONS[number] = _duration(number)
    return text


def _duration(number: int) -> str:
    minutes, rest = divmod(number, 60)
    if not minutes:
        return f"{rest}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s"


class _Instants(dict[int, str]):
    """Of Unix time, likewise."""

    def __missing__(self, number: int) -> str:
        if len(self) >= MAX_KEPT:
            self.clear()
        text = datetime.fromtimestamp(number, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self[number] = text
        return text


_INSTANTS = _Instants()
_PARTS: dict[tuple[str, int], tuple[str, str]] = {}
"""Around what is left, and before when it is reset: by name and limit."""
