"""Days of UTC by name."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

__all__ = ["DAY_MS", "utc_day"]

DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1).toordinal()


def utc_day(at_ms: int) -> str:
    """YYYY-MM-DD of a Unix time in milliseconds."""
    return _day(at_ms // DAY_MS)


@lru_cache(maxsize=64)
def _day(number: int) -> str:
    return date.fromordinal(_EPOCH + number).isoformat()
