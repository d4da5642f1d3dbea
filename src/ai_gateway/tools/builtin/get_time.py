"""The time of day."""

from __future__ import annotations

from ai_gateway.tools.builtin.base import Arguments, BuiltIn, Facilities
from ai_gateway.tools.builtin.zones import PARAMETERS, local_time

__all__ = ["TOOL"]


async def run(arguments: Arguments, facilities: Facilities) -> str:
    now, zone = local_time(arguments, facilities)
    return f"{now.isoformat(timespec='seconds')} ({zone})"


TOOL = BuiltIn(
    name="get_time",
    description="The current date and time, ISO 8601, in a time zone.",
    parameters=PARAMETERS,
    run=run,
)
