"""How much of a client's limits is left, as answers and the dashboard tell it."""

from __future__ import annotations

import msgspec

__all__ = ["Headroom", "LimitState", "Room", "Standing", "UNLIMITED"]

Room = tuple[int, int, float, int, int, float]
"""The tightest limit of requests, what remains of it, and the seconds until all of it is there again; then
the same of tokens. A limit of 0 means unlimited."""
UNLIMITED: Room = (0, 0, 0.0, 0, 0, 0.0)


class Headroom(msgspec.Struct, frozen=True):
    """Of one limit. `reset_s` is the seconds until all of it is there again, were nothing else to come."""

    limit: int
    remaining: int
    reset_s: float


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What answers tell of a client's limits; None: unlimited."""

    requests: Headroom | None = None
    """The tightest limit of requests."""
    input_tokens: Headroom | None = None
    output_tokens: Headroom | None = None

    @property
    def tokens(self) -> Headroom | None:
        """The tightest limit of tokens."""
        one, other = self.input_tokens, self.output_tokens
        if one is None or other is None:
            return one or other
        return one if one.remaining <= other.remaining else other


class LimitState(msgspec.Struct, frozen=True, kw_only=True):
    """One limit of a client. Requests, tokens or USD, by its name."""

    name: str
    limit: float
    used: float
    held: float = 0.0
    """Reserved for requests in flight."""
    resets_in_s: float | None = None
    """Until all of it is there again; None: when requests end."""

    @property
    def remaining(self) -> float:
        return max(0.0, self.limit - self.used - self.held)
