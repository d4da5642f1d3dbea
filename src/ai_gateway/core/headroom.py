"""How much of a client's limits is left, as answers and the dashboard tell it."""

from __future__ import annotations

import msgspec

__all__ = ["UNLIMITED", "LimitState", "Room"]

Room = tuple[int, int, float, int, int, int, int, float]
"""What answers tell: the tightest limit of requests, what remains of it, and the seconds until all of it is
there again; the limit of input tokens, what remains, the same of output tokens, and the seconds until all of
both is there again, were nothing else to come. A limit of 0 means unlimited."""
UNLIMITED: Room = (0, 0, 0.0, 0, 0, 0, 0, 0.0)


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
