"""Days and months of real time zones, with what their clocks have been through."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.policy.calendar import Calendar

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "America/New_York",
    "America/Havana",
    "America/St_Johns",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Africa/Cairo",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Kiritimati",
)
HOUR = 3600.0


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("zone", "moment", "name", "start", "hours"),
    [
        ("UTC", "2024-02-29T12:00Z", "2024-02-29", "2024-02-29T00:00Z", 24),
        ("Europe/Berlin", "2030-06-30T22:30Z", "2030-07-01", "2030-06-30T22:00Z", 24),
        ("Europe/Berlin", "2025-03-30T12:00Z", "2025-03-30", "2025-03-29T23:00Z", 23),
        ("Europe/Berlin", "2025-10-26T22:59:59Z", "2025-10-26", "2025-10-25T22:00Z", 25),
        ("Asia/Kolkata", "2030-01-01T18:29Z", "2030-01-01", "2029-12-31T18:30Z", 24),
        # Midnight itself was skipped: the day began at one o'clock.
        ("America/Sao_Paulo", "2018-11-04T12:00Z", "2018-11-04", "2018-11-04T03:00Z", 23),
        # The last hour of the day came twice.
        ("America/Sao_Paulo", "2018-02-18T02:30Z", "2018-02-17", "2018-02-17T02:00Z", 25),
        # The first hour of the day came twice.
        ("America/Havana", "2025-11-02T05:30Z", "2025-11-02", "2025-11-02T04:00Z", 25),
        ("Australia/Lord_Howe", "2025-10-05T00:00Z", "2025-10-05", "2025-10-04T13:30Z", 23.5),
        # There was no 30 December 2011.
        ("Pacific/Apia", "2011-12-30T09:59Z", "2011-12-29", "2011-12-29T10:00Z", 24),
        ("Pacific/Apia", "2011-12-30T10:00Z", "2011-12-31", "2011-12-30T10:00Z", 24),
        # At one past midnight clocks went back to yesterday: the day that had begun went on.
        ("America/St_Johns", "2010-11-07T02:30:30Z", "2010-11-07", "2010-11-07T02:30Z", 25),
        ("America/St_Johns", "2010-11-07T03:00Z", "2010-11-07", "2010-11-07T02:30Z", 25),
    ],
)
def test_days(zone: str, moment: str, name: str, start: str, hours: float) -> None:
    day = Calendar(zone).day(at(moment))
    assert (day.name, day.month) == (name, name[:7])
    assert day.start_s == at(start)
    assert (day.end_s - day.start_s) / HOUR == hours


@pytest.mark.parametrize(
    ("zone", "moment", "end"),
    [
        ("UTC", "2023-12-31T23:59:59Z", "2024-01-01T00:00Z"),
        ("UTC", "2024-02-01T00:00Z", "2024-03-01T00:00Z"),
        ("Europe/Berlin", "2025-03-15T00:00Z", "2025-03-31T22:00Z"),
        ("Europe/Berlin", "2025-10-15T00:00Z", "2025-10-31T23:00Z"),
        ("Pacific/Apia", "2011-12-15T00:00Z", "2011-12-31T10:00Z"),
        ("Asia/Kolkata", "2030-01-31T18:31Z", "2030-02-28T18:30Z"),
    ],
)
def test_months_end(zone: str, moment: str, end: str) -> None:
    assert Calendar(zone).day(at(moment)).month_end_s == at(end)


MOMENTS = st.integers(int(at("1975-01-01T00:00Z")), int(at("2037-12-31T00:00Z"))).map(float)


@given(st.sampled_from(ZONES), MOMENTS)
def test_days_lie_end_to_end(zone: str, moment: float) -> None:
    """Whatever is asked first: an account may be opened at any time."""
    day = Calendar(zone).day(moment)
    assert day.start_s <= moment < day.end_s
    assert 22 * HOUR <= day.end_s - day.start_s <= 26 * HOUR
    for same in (day.start_s, (day.start_s + day.end_s) // 2, day.end_s - 0.001):
        assert Calendar(zone).day(same) == day
    following, before = Calendar(zone).day(day.end_s), Calendar(zone).day(day.start_s - 0.001)
    assert (following.start_s, before.end_s) == (day.end_s, day.start_s)
    assert before.name < day.name < following.name


@given(st.sampled_from(ZONES), MOMENTS)
def test_a_month_ends_where_the_next_begins(zone: str, moment: float) -> None:
    day = Calendar(zone).day(moment)
    after = Calendar(zone).day(day.month_end_s)
    assert (after.start_s, after.name[8:]) == (day.month_end_s, "01")
    assert after.month > day.month
    assert Calendar(zone).day(day.month_end_s - 0.001).month == day.month


@given(st.sampled_from(ZONES), MOMENTS, st.lists(st.integers(-3 * 86_400, 3 * 86_400), max_size=5))
def test_one_calendar_tells_what_a_fresh_one_does(zone: str, moment: float, steps: list[int]) -> None:
    calendar = Calendar(zone)
    for step in steps:
        moment += step
        assert calendar.day(moment) == Calendar(zone).day(moment)


@given(MOMENTS)
def test_utc_days(moment: float) -> None:
    day = Calendar().day(moment)
    then = datetime.fromtimestamp(moment, UTC)
    assert day.name == then.date().isoformat()
    assert day.end_s - day.start_s == timedelta(days=1).total_seconds()


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe"])
def test_no_zone(name: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Calendar(name)


def test_every_zone_of_the_table_exists() -> None:
    assert set(ZONES) <= zoneinfo.available_timezones()
