"""The date."""

from __future__ import annotations

from ai_gateway.tools.builtin.base import Arguments, BuiltIn, Facilities
from ai_gateway.tools.builtin.zones import PARAMETERS, local_time

__all__ = ["TOOL"]

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


async def run(arguments: Arguments, facilities: Facilities) -> str:
    now, zone = local_time(arguments, facilities)
    _, week, _ = now.isocalendar()
    return f"{now.date().isoformat()}, {_DAYS[now.weekday()]}, week {week} ({zone})"


TOOL = BuiltIn(
    name="get_date",
    description="Today's date with its day of the week and ISO week number, in a time zone.",
    parameters=PARAMETERS,
    run=run,
)
