"""What is said in the conversation, and what a caller must come out of it with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from tests.conformance.wire import Json

SYSTEM: Final = 'You are terse. "Ünïcode" matters.'
QUESTION: Final = "What is the weather in Paris, and what time is it? The picture is from there."
PICTURE: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""One pixel, a PNG."""
TOOLS: Final[dict[str, Json]] = {
    "get_weather": {
        "type": "object",
        "properties": {"city": {"type": "string", "description": "A city's name"}},
        "required": ["city"],
    },
    "get_time": {
        "type": "object",
        "properties": {"zone": {"type": "string", "enum": ["UTC", "CET"]}},
        "required": ["zone"],
    },
}
DESCRIPTIONS: Final = {"get_weather": "The weather of a city", "get_time": "The time of a zone"}
RESULTS: Final = {"get_weather": "sunny, 21 degrees", "get_time": "12:00"}
MAX_TOKENS: Final = 2048
TEMPERATURE: Final = 0.5
STOP: Final = ["\n\nHuman:"]
DROPPED: Final = "x-gateway-dropped"


@dataclass
class Outcome:
    """What the SDK handed to its program, in one form for all SDKs."""

    calls: list[tuple[str, Json]] = field(default_factory=list)
    call_ids: list[str] = field(default_factory=list)
    thoughts: str = ""
    text: str = ""
    finish: list[str] = field(default_factory=list)
    """Of both turns, in the caller's own words."""
    usage: list[tuple[int, int, int]] = field(default_factory=list)
    """Of both turns: all input, of it from the cache, all output."""
    dropped: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, printed: Json) -> Outcome:
        """From what a script prints."""
        rest: dict[str, Any] = {**printed, "dropped": set(printed["dropped"])}
        rest["calls"] = [(name, arguments) for name, arguments in printed["calls"]]
        rest["usage"] = [(whole, cached, out) for whole, cached, out in printed["usage"]]
        return cls(**rest)


def note_dropped(outcome: Outcome, header: str | None) -> None:
    outcome.dropped.update(name.strip() for name in (header or "").split(",") if name.strip())
