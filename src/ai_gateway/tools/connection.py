"""A connection to an MCP server as the rest of the package sees it: without the SDK, which loads slowly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, Protocol

import msgspec

from ai_gateway.core.server_tools import ToolOutcome
from ai_gateway.tools.configuration import Server, ToolLimits

__all__ = ["Connect", "Connection", "ConnectionLost", "Event", "RemoteTool", "SessionGone", "load_connect"]

Event = Literal["changed", "ended", "idle"]


class ConnectionLost(Exception):
    """The server cannot be reached, or went away; the message says why, without secrets."""


class SessionGone(ConnectionLost):
    """The server does not know this session any more, so it has not run the call: a new one may."""


class RemoteTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as its server tells of it."""

    name: str
    description: str
    parameters: msgspec.Raw


class Connection(Protocol):
    """An open session. Its owner's task opens and closes it; calls come from any task."""

    about: str
    """The server's own name and version, and the protocol's; may be empty."""
    warnings: Sequence[str]
    """What is wrong with the tools that were listed last."""

    async def list_tools(self) -> Sequence[RemoteTool]:
        """Raises: ConnectionLost."""
        ...

    async def call(self, tool: str, arguments: dict[str, Any]) -> ToolOutcome:
        """Unbounded in time and size; cancelling it tells the server. Raises: ConnectionLost."""
        ...

    async def wait(self, seconds: float) -> Event:
        """Until its list of tools changes, or it ends (`why` says why), or for so long."""
        ...

    def why(self) -> str:
        """Why it ended."""
        ...


Connect = Callable[[Server, ToolLimits], AbstractAsyncContextManager[Connection]]
"""Opens a session. Raises: ConnectionLost, also at its end."""


def load_connect() -> Connect:
    """The way in through the SDK, which takes a second and 35 MB to load: only where there is a server."""
    from ai_gateway.tools.mcp_client import connect

    return connect
