"""What a built-in tool is, and what it may use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ai_gateway.core.server_tools import ServerTool
from ai_gateway.tools.outcomes import ToolFailure

if TYPE_CHECKING:
    from ai_gateway.upstream.fetcher import Fetcher

__all__ = ["Arguments", "BuiltIn", "Facilities", "ToolFailure"]

Arguments = Mapping[str, Any]
"""A JSON object that fits the tool's schema."""


@dataclass(frozen=True, kw_only=True)
class Facilities:
    """What the gateway lends to a tool."""

    now: Callable[[], datetime]
    """In UTC."""
    fetcher: Callable[[], Awaitable[Fetcher]]
    """Gets pages from public addresses only; loaded when it is first asked for."""
    max_fetch_bytes: int
    max_text_bytes: int
    """What is over is cut from the result."""


Run = Callable[[Arguments, Facilities], Awaitable[str]]
"""The text for the model. Raises: ToolFailure, which the model is told. Others watch the time."""


class BuiltIn(msgspec.Struct, frozen=True, kw_only=True):
    """A tool: what the model reads of it, and what it does."""

    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema, an object."""
    run: Run

    def offered(self) -> ServerTool:
        """As models see it."""
        raw = msgspec.Raw(msgspec.json.encode(self.parameters))
        return ServerTool(name=self.name, description=self.description, parameters=raw)
