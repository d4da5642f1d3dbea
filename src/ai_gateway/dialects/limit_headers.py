"""How answers tell callers what is left of their limits.

Sources: OpenAI API guides, "Rate limits" (`x-ratelimit-*`: resets are durations such as `6m0s`); Anthropic
API docs, "Rate limits", response headers (`anthropic-ratelimit-*`: resets are RFC 3339 times).
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from functools import lru_cache

from ai_gateway.core.headroom import Headroom, Standing
from ai_gateway.dialects.endpoints import Family

__all__ = ["duration", "limit_headers"]

Headers = list[tuple[bytes, bytes]]
_ANTHROPIC = Family.ANTHROPIC


def limit_headers(standing: Standing, family: Family, wall_s: float) -> Headers:
    """For an answer at `wall_s` (Unix time); nothing is said of what is unlimited."""
    headers: Headers = []
    tokens = standing.tokens
    if (room := standing.requests) is not None:
        headers.append((b"x-ratelimit-limit-requests", b"%d" % room.limit))
        headers.append((b"x-ratelimit-remaining-requests", b"%d" % room.remaining))
        headers.append((b"x-ratelimit-reset-requests", duration(room.reset_s)))
    if (room := tokens) is not None:
        headers.append((b"x-ratelimit-limit-tokens", b"%d" % room.limit))
        headers.append((b"x-ratelimit-remaining-tokens", b"%d" % room.remaining))
        headers.append((b"x-ratelimit-reset-tokens", duration(room.reset_s)))
    if family is _ANTHROPIC:
        for name, room in (
            (b"requests", standing.requests),
            (b"tokens", tokens),
            (b"input-tokens", standing.input_tokens),
            (b"output-tokens", standing.output_tokens),
        ):
            if room is not None:
                _anthropic(headers, name, room, wall_s)
    return headers


def duration(seconds: float) -> bytes:
    """`1h2m3s`, `6m0s`, `59s`, `120ms`; never shorter than it is."""
    if seconds <= 0.999:
        return b"%dms" % math.ceil(seconds * 1000) if seconds > 0 else b"0s"
    return _duration(math.ceil(seconds))


@lru_cache(maxsize=256)
def _duration(whole: int) -> bytes:
    """Of whole seconds: many answers of a second tell the same."""
    minutes, rest = divmod(whole, 60)
    if not minutes:
        return b"%ds" % rest
    hours, minutes = divmod(minutes, 60)
    return b"%dh%dm%ds" % (hours, minutes, rest) if hours else b"%dm%ds" % (minutes, rest)


def _anthropic(headers: Headers, name: bytes, room: Headroom, wall_s: float) -> None:
    reset = datetime.fromtimestamp(math.ceil(wall_s + room.reset_s), UTC)
    headers.append((b"anthropic-ratelimit-%b-limit" % name, b"%d" % room.limit))
    headers.append((b"anthropic-ratelimit-%b-remaining" % name, b"%d" % room.remaining))
    headers.append((b"anthropic-ratelimit-%b-reset" % name, reset.strftime("%Y-%m-%dT%H:%M:%SZ").encode()))
