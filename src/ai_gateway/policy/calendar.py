"""Days and months of one time zone, as quotas and budgets count them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo

import msgspec

__all__ = ["Calendar", "Day"]


class Day(msgspec.Struct, frozen=True, kw_only=True):
    """A calendar day; it has 23 to 25 hours where clocks change. Instants are Unix times in seconds."""

    name: str
    """YYYY-MM-DD."""
    month: str
    """YYYY-MM."""
    start_s: float
    end_s: float
    month_end_s: float


class Calendar:
    """Tells the day of an instant."""

    def __init__(self, zone: str = "UTC") -> None:
        """`zone` is a name of the IANA database. Raises: ValueError where there is none such."""
        self._zone: tzinfo = UTC if zone == "UTC" else _zone(zone)
        self._today: Day | None = None

    def day(self, wall_s: float) -> Day:
        """The day that holds this instant."""
        today = self._today
        if today is None or not today.start_s <= wall_s < today.end_s:
            today = self._today = self._find(wall_s)
        return today

    def start_s(self, day: str) -> float:
        """The first instant of YYYY-MM-DD. Raises: ValueError where it is no day."""
        return self._midnight(date.fromisoformat(day))

    def _find(self, wall_s: float) -> Day:
        """Days follow each other without gap or overlap, also where clocks are set back over a midnight, so
        that a date is shown twice: the day that has begun goes on."""
        name = datetime.fromtimestamp(wall_s, self._zone).date()
        while wall_s >= self._midnight(name + timedelta(days=1)):
            name += timedelta(days=1)
        while wall_s < self._midnight(name):
            name -= timedelta(days=1)
        return self._make(name)

    def _make(self, day: date) -> Day:
        next_month = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
        return Day(
            name=day.isoformat(),
            month=day.isoformat()[:7],
            start_s=self._midnight(day),
            end_s=self._midnight(day + timedelta(days=1)),
            month_end_s=self._midnight(next_month),
        )

    def _midnight(self, day: date) -> float:
        """The first instant of a day; where clocks skip midnight, the instant that they skip to."""
        return datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()


def _zone(name: str) -> tzinfo:
    from zoneinfo import ZoneInfo  # most run on UTC and need no database of zones

    try:
        return ZoneInfo(name)
    except (OSError, KeyError) as error:
        raise ValueError(f"'{name}' is not a time zone's name") from error
