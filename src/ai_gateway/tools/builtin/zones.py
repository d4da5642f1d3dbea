"""The time zone argument of the tools that tell the time."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from ai_gateway.tools.builtin.base import Arguments, Facilities, ToolFailure

__all__ = ["PARAMETERS", "local_time"]

PARAMETERS = {
    "type": "object",
    "properties": {
        "timezone": {
            "type": "string",
            "description": "IANA time zone, such as Europe/Berlin or America/New_York. Default: UTC",
        }
    },
    "additionalProperties": False,
}


def local_time(arguments: Arguments, facilities: Facilities) -> tuple[datetime, str]:
    """The time in the zone that is asked for, and that zone's name. Raises: ToolFailure."""
    name = arguments.get("timezone") or "UTC"
    try:
        zone = ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ToolFailure(
            f"There is no time zone {name[:100]!r}. Use an IANA name, such as Europe/Berlin, or UTC."
        ) from error
    return facilities.now().astimezone(zone), name
