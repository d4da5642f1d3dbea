"""How answers tell callers what is left of their limits.

Sources: OpenAI API guides, "Rate limits" (`x-ratelimit-*`: resets are durations such as `6m0s`); Anthropic
API docs, "Rate limits", response headers (`anthropic-ratelimit-*`: resets are RFC 3339 times).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime

from ai_gateway.core.headroom import Room

__all__ = ["anthropic_limit_headers", "duration", "limit_headers"]

Headers = list[tuple[bytes, bytes]]
_ceil = math.ceil
MAX_KEPT = 4096
_REQUESTS: dict[int, tuple[bytes, bytes]] = {}
_REQUESTS_RESET: dict[int, tuple[bytes, bytes]] = {}
_TOKENS: dict[int, tuple[bytes, bytes]] = {}
_TOKENS_RESET: dict[int, tuple[bytes, bytes]] = {}
"""Headers that answers have told, by their numbers. These are of no class of their own: the interpreter has a
short cut into them."""


def limit_headers(room: Room) -> Headers:
    """`x-ratelimit-*`; nothing is said of what is unlimited."""
    limit, left, reset_s, given, given_left, tokens, tokens_left, midnight_s = room
    if given and (given_left <= tokens_left or not tokens):
        tokens, tokens_left = given, given_left
    headers: Headers = []
    try:
        if limit:
            headers = [
                _REQUESTS[limit],
                (b"x-ratelimit-remaining-requests", str(left).encode()),
                _REQUESTS_RESET[_ceil(reset_s)]
                if reset_s > 0.999
                else (b"x-ratelimit-reset-requests", duration(reset_s)),
            ]
        if tokens:
            headers += (
                _TOKENS[tokens],
                (b"x-ratelimit-remaining-tokens", str(tokens_left).encode()),
                _TOKENS_RESET[_ceil(midnight_s)]
                if midnight_s > 0.999
                else (b"x-ratelimit-reset-tokens", duration(midnight_s)),
            )
    except KeyError:
        _spell(limit, reset_s, tokens, midnight_s)
        return limit_headers(room)
    return headers


def _spell(limit: int, reset_s: float, tokens: int, midnight_s: float) -> None:
    """Remember the headers that tell of these: many answers tell the same."""
    for known, name, number, texts in (
        (_REQUESTS, b"x-ratelimit-limit-requests", limit, _NUMBERS),
        (_REQUESTS_RESET, b"x-ratelimit-reset-requests", _ceil(max(reset_s, 0.0)), _DURATIONS),
        (_TOKENS, b"x-ratelimit-limit-tokens", tokens, _NUMBERS),
        (_TOKENS_RESET, b"x-ratelimit-reset-tokens", _ceil(max(midnight_s, 0.0)), _DURATIONS),
    ):
        if len(known) >= MAX_KEPT:
            known.clear()
        known[number] = (name, texts[number])


def anthropic_limit_headers(room: Room, wall_s: float) -> Headers:
    """`anthropic-ratelimit-*`, for an answer at `wall_s` (Unix time); likewise."""
    limit, left, reset_s, given, given_left, taken, taken_left, midnight_s = room
    headers: Headers = []
    if limit:
        headers = [
            (b"anthropic-ratelimit-requests-limit", _NUMBERS[limit]),
            (b"anthropic-ratelimit-requests-remaining", b"%d" % left),
            (b"anthropic-ratelimit-requests-reset", _INSTANTS[_ceil(wall_s + reset_s)]),
        ]
    if not given and not taken:
        return headers
    reset = _INSTANTS[_ceil(wall_s + midnight_s)]
    tokens, tokens_left = taken, taken_left
    if given and (given_left <= taken_left or not taken):
        tokens, tokens_left = given, given_left
    headers += (
        (b"anthropic-ratelimit-tokens-limit", _NUMBERS[tokens]),
        (b"anthropic-ratelimit-tokens-remaining", b"%d" % tokens_left),
        (b"anthropic-ratelimit-tokens-reset", reset),
    )
    if given:
        headers += (
            (b"anthropic-ratelimit-input-tokens-limit", _NUMBERS[given]),
            (b"anthropic-ratelimit-input-tokens-remaining", b"%d" % given_left),
            (b"anthropic-ratelimit-input-tokens-reset", reset),
        )
    if taken:
        headers += (
            (b"anthropic-ratelimit-output-tokens-limit", _NUMBERS[taken]),
            (b"anthropic-ratelimit-output-tokens-remaining", b"%d" % taken_left),
            (b"anthropic-ratelimit-output-tokens-reset", reset),
        )
    return headers


def duration(seconds: float) -> bytes:
    """`1h2m3s`, `6m0s`, `59s`, `120ms`; never shorter than it is."""
    if seconds <= 0.999:
        return b"%dms" % _ceil(seconds * 1000) if seconds > 0 else b"0s"
    return _DURATIONS[_ceil(seconds)]


class _Texts(dict[int, bytes]):
    """Numbers as headers tell them: many answers tell the same."""

    def __missing__(self, number: int) -> bytes:
        if len(self) >= MAX_KEPT:
            self.clear()
        text = self[number] = self.text(number)
        return text

    def text(self, number: int) -> bytes:
        return b"%d" % number


class _Durations(_Texts):
    """Of whole seconds."""

    def text(self, number: int) -> bytes:
        minutes, rest = divmod(number, 60)
        if not minutes:
            return b"%ds" % rest
        hours, minutes = divmod(minutes, 60)
        return b"%dh%dm%ds" % (hours, minutes, rest) if hours else b"%dm%ds" % (minutes, rest)


class _Instants(_Texts):
    """Of Unix time."""

    def text(self, number: int) -> bytes:
        return datetime.fromtimestamp(number, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()


_NUMBERS, _DURATIONS, _INSTANTS = _Texts(), _Durations(), _Instants()
