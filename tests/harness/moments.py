"""When a request came, for those who need no call."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Instant"]


class Instant(NamedTuple):
    """A `Moment` of one's own choice."""

    answer_id: str
    created_s: int
