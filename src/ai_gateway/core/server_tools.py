"""Tools that the gateway runs by itself, and what is remembered of their runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from ai_gateway.core.chat import ResultPart, Text

__all__ = ["NoTools", "RunError", "ServerTool", "ToolBox", "ToolOutcome", "ToolRun", "runs_of"]


class RunError:
    """Why a run came to nothing: values of `ToolOutcome.error`, of metrics' labels and of log rows."""

    UNKNOWN = "unknown_tool"
    """No such tool, or it is switched off."""
    ARGUMENTS = "invalid_arguments"
    """No JSON object, or not what the tool's schema asks for."""
    FAILED = "failed"
    """The tool says so itself, or broke."""
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    """Its MCP server cannot be reached, or went away."""
    TOO_MANY = "too_many_calls"
    """More than one answer of a model may make; it was not run."""
    CANCELLED = "cancelled"
    """The caller hung up."""


class ServerTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as it is offered to models."""

    name: str
    """Unique among the gateway's tools: letters, digits, `_` and `-`, at most 64."""
    description: str
    parameters: msgspec.Raw
    """JSON Schema, an object."""
    source: str = ""
    """The MCP server that has it; empty: built in."""


class ToolOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to, for the model."""

    parts: tuple[ResultPart, ...]
    """Never empty; of a failure, a sentence that the model can act on."""
    error: str | None = None
    """One of `RunError`; None: it worked."""


class ToolRun(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One run in a request's log row. Its arguments and its result are the conversation's, and not kept."""

    name: str
    source: str = ""
    round: int = 1
    """Of the upstream calls of the request, the one that asked for it."""
    started_ms: float
    """After the request's start."""
    duration_ms: float
    error: str | None = None
    """One of `RunError`; None: it worked."""


class ToolBox(Protocol):
    """The tools that are there now."""

    def offered(self, wanted: Sequence[str]) -> Mapping[str, ServerTool]:
        """Those that are switched on and can be reached, by name, of those that a client wants: exact names
        or `*` patterns; empty: all. No I/O: called for every request of a client in gateway mode."""
        ...

    async def run(self, name: str, arguments: str) -> ToolOutcome:
        """Run a tool with the model's arguments (JSON, perhaps broken). Bounded in time and in what it
        brings back; every failure is an outcome. Cancelling it cancels the tool."""
        ...


class NoTools:
    """A tool box with nothing in it."""

    def offered(self, wanted: Sequence[str]) -> Mapping[str, ServerTool]:
        return {}

    async def run(self, name: str, arguments: str) -> ToolOutcome:
        return ToolOutcome(parts=(Text("There are no tools."),), error=RunError.UNKNOWN)


_runs = msgspec.json.Decoder(list[ToolRun])


def runs_of(tool_log: str | None) -> list[ToolRun]:
    """Of `RequestRecord.tool_log`."""
    return _runs.decode(tool_log) if tool_log else []
