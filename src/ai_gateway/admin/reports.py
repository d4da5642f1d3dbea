"""Charts and reports out of the roll-ups."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime, timedelta
from typing import Literal, get_args

import msgspec

from ai_gateway.admin.problems import invalid
from ai_gateway.admin.schemas.base import instant
from ai_gateway.admin.schemas.traffic import Point, Series, UsageRow
from ai_gateway.admin.views import point
from ai_gateway.policy.calendar import Calendar
from ai_gateway.store.admin_protocols import Grouping, PointRow, UsageStore

__all__ = ["Range", "csv_with_head", "filled", "read_groups", "series_of"]

Step = Literal["minute", "hour", "day"]
_STEPS_S: dict[Step, int] = {"minute": 60, "hour": 3600, "day": 86_400}
_DEFAULT_POINTS: dict[Step, int] = {"minute": 60, "hour": 24, "day": 30}
MAX_POINTS = 3000


class Range(msgspec.Struct, frozen=True):
    """From the start of a step to the end of another. Unix milliseconds; `to_ms` is exclusive."""

    step: Step
    from_ms: int
    to_ms: int

    @property
    def step_s(self) -> int:
        return _STEPS_S[self.step]

    def by_hours(self) -> Range:
        hour_ms = 3_600_000
        return Range("hour", self.from_ms // hour_ms * hour_ms, -(-self.to_ms // hour_ms) * hour_ms)

    @classmethod
    def of(cls, step: Step, start: datetime | None, end: datetime | None, *, now_ms: int) -> Range:
        """Left out: up to now, and as many steps as a chart has. Raises: ApiError 422."""
        step_ms = _STEPS_S[step] * 1000
        to_ms = now_ms if end is None else round(end.timestamp() * 1000)
        to_ms = -(-to_ms // step_ms) * step_ms
        from_ms = to_ms - _DEFAULT_POINTS[step] * step_ms
        if start is not None:
            from_ms = round(start.timestamp() * 1000) // step_ms * step_ms
        if from_ms >= to_ms:
            raise invalid("to", "must be after from")
        if (to_ms - from_ms) // step_ms > MAX_POINTS:
            raise invalid("step", f"would make more than {MAX_POINTS} points: take a longer step")
        return cls(step, from_ms, to_ms)


async def series_of(
    store: UsageStore, calendar: Calendar, span: Range, *, client: str | None, model: str | None
) -> Series:
    """A point for each step, those without requests among them.

    The minutes of a client that is too busy for them come as hours: `step_s` tells.
    """
    if span.step == "day":
        return await _days(store, calendar, span, client, model)
    if span.step == "minute" and client is not None:
        found = await store.client_minutes(client, from_ms=span.from_ms, to_ms=span.to_ms, model=model)
        if found is not None:
            return Series(step_s=60, points=filled(found, span.from_ms, span.to_ms, 60_000))
        span = span.by_hours()
    step_s: Literal[60, 3600] = 60 if span.step == "minute" else 3600
    rows = await store.series(
        step_s=step_s, from_ms=span.from_ms, to_ms=span.to_ms, client=client, model=model
    )
    return Series(step_s=step_s, points=filled(rows, span.from_ms, span.to_ms, step_s * 1000))


def filled(rows: Sequence[PointRow], from_ms: int, to_ms: int, step_ms: int) -> list[Point]:
    """`rows` with empty points in between."""
    known = {row.at: row for row in rows}
    return [point(known.get(at) or PointRow(at=at)) for at in range(from_ms, to_ms, step_ms)]


async def _days(
    store: UsageStore, calendar: Calendar, span: Range, client: str | None, model: str | None
) -> Series:
    """Days of limits.timezone, each at its midnight."""
    first = date.fromisoformat(calendar.day(span.from_ms / 1000).name)
    last = date.fromisoformat(calendar.day(span.to_ms / 1000 - 1).name)
    rows = dict(
        await store.daily_series(
            first_day=first.isoformat(), last_day=last.isoformat(), client=client, model=model
        )
    )
    points = []
    for offset in range((last - first).days + 1):
        name = (first + timedelta(days=offset)).isoformat()
        found = rows.get(name) or PointRow(at=0)
        start = instant(round(calendar.start_s(name) * 1000))
        points.append(point(found).model_copy(update={"at": start}))
    return Series(step_s=86_400, points=points)


def read_groups(text: str) -> frozenset[Grouping]:
    """`day,model` → both. Raises: ApiError 422."""
    known: dict[str, Grouping] = {name: name for name in get_args(Grouping)}
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names or not set(names) <= known.keys():
        raise invalid("group", f"takes any of {', '.join(known)}")
    return frozenset(known[name] for name in names)


async def csv_with_head(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """CSV (RFC 4180) with a head line."""
    yield ",".join(UsageRow.model_fields).encode() + b"\r\n"
    async for chunk in lines:
        yield chunk
