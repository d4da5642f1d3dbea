"""A toolbox whose MCP servers are in this process: scripted connections in place of the SDK's."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from ai_gateway.core.chat import Text
from ai_gateway.core.mcp_server import McpServerSettings
from ai_gateway.core.server_tools import ToolOutcome
from ai_gateway.tools.configuration import Configuration, Server, ToolLimits
from ai_gateway.tools.connection import Connection, ConnectionLost, Event, RemoteTool
from ai_gateway.tools.server import Backoff
from ai_gateway.tools.toolbox import Toolbox
from ai_gateway.upstream.guard import Guard

__all__ = ["NO_PAUSE", "Scripted", "Session", "command", "configuration", "said", "tool", "toolbox"]

NO_PAUSE = Backoff(first_s=0.01, most_s=0.01)
ANY = {"type": "object"}
Handler = Callable[[str, dict[str, Any]], Awaitable[ToolOutcome]]


def tool(name: str, schema: dict[str, Any] | None = None) -> RemoteTool:
    raw = msgspec.Raw(msgspec.json.encode(schema or ANY))
    return RemoteTool(name=name, description=f"does {name}", parameters=raw)


def command(name: str, **settings: Any) -> Server:
    made = McpServerSettings(**{"command": name, **settings})
    return Server(name=name, settings=made, origin="config")


def configuration(*servers: Server, **more: Any) -> Configuration:
    return Configuration(servers={server.name: server for server in servers}, **more)


def said(outcome: ToolOutcome) -> str:
    return "".join(part.text for part in outcome.parts if isinstance(part, Text))


async def answer(name: str, arguments: dict[str, Any]) -> ToolOutcome:
    return ToolOutcome(parts=(Text(f"{name} {arguments}"),))


class Session(Connection):
    """An open session with a scripted server."""

    about = "scripted 1.0"
    warnings: Sequence[str] = ()

    def __init__(self, scripted: Scripted, name: str) -> None:
        self._scripted = scripted
        self._name = name
        self._events: asyncio.Queue[Event] = asyncio.Queue()

    async def list_tools(self) -> Sequence[RemoteTool]:
        return self._scripted.tools[self._name]

    async def call(self, tool: str, arguments: dict[str, Any]) -> ToolOutcome:
        return await self._scripted.handler(tool, arguments)

    async def wait(self, seconds: float) -> Event:
        return await self._events.get()

    def why(self) -> str:
        return "it fell over"

    def change(self) -> None:
        self._events.put_nowait("changed")

    def die(self) -> None:
        self._events.put_nowait("ended")


class Scripted:
    """The servers: their tools by server, how calls are answered, and which cannot be reached."""

    def __init__(self, **tools: Sequence[RemoteTool]) -> None:
        self.tools = tools
        self.handler: Handler = answer
        self.down: set[str] = set()
        self.opened: list[str] = []
        self.sessions: dict[str, Session] = {}

    def load(self) -> Callable[[Server, ToolLimits], AbstractAsyncContextManager[Connection]]:
        return self.connect

    @contextlib.asynccontextmanager
    async def connect(self, server: Server, limits: ToolLimits) -> AsyncIterator[Connection]:
        if server.name in self.down:
            raise ConnectionLost("no connection")
        self.opened.append(server.name)
        session = self.sessions[server.name] = Session(self, server.name)
        yield session


@contextlib.asynccontextmanager
async def toolbox(
    scripted: Scripted | None = None,
    wanted: Configuration | None = None,
    *,
    limits: ToolLimits | None = None,
    allowed: Sequence[str] = (),
) -> AsyncIterator[Toolbox]:
    """A toolbox whose servers have settled."""
    load = (scripted or Scripted()).load
    box = Toolbox(limits or ToolLimits(), Guard(allowed), backoff=NO_PAUSE, load=load)
    box.apply(wanted or configuration())
    try:
        async with asyncio.timeout(30):
            await box.settled()
        yield box
    finally:
        await box.close()
