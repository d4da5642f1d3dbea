"""Sessions with MCP servers through the official SDK. Loaded only where there is a server: see `connection`.

The SDK logs what it sends and gets, which is the conversation's: its loggers are turned off, and what a user
needs to know is in the server's state.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx2
import msgspec
from mcp.client.client import Client
from mcp.client.session import IncomingMessage
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    Implementation,
    Tool,
    ToolListChangedNotification,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from ai_gateway import __version__
from ai_gateway.core.server_tools import RunError, ToolOutcome
from ai_gateway.tools.configuration import Server, ToolLimits
from ai_gateway.tools.connection import ConnectionLost, Event, RemoteTool, SessionGone
from ai_gateway.tools.mcp_content import outcome_of
from ai_gateway.tools.mcp_http import HttpTransport
from ai_gateway.tools.mcp_stdio import StdioTransport
from ai_gateway.tools.outcomes import failed

__all__ = ["connect"]

MAX_PAGES = 200
MAX_TOOLS = 5000
MAX_WARNINGS = 20
MAX_DEFINITION_BYTES = 64 * 1024
"""Of one tool: more would not fit a request beside others."""
_LISTEN_AGAIN_S = 5.0
_FAULTS = (MCPError, OSError, httpx2.HTTPError, httpx2.InvalidURL, ValueError, RuntimeError)
"""What the SDK raises for what a server or the network does; pydantic's ValidationError is a ValueError."""

_log = logging.getLogger("ai_gateway.tools.mcp")
for _name in ("mcp", "client", "httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)

Transport = StdioTransport | HttpTransport


@contextlib.asynccontextmanager
async def connect(server: Server, limits: ToolLimits) -> AsyncIterator[Session]:
    """A `Connect`."""
    transport = _transport(server, limits)
    session = Session(server, transport)
    try:
        async with Client(
            transport,
            client_info=Implementation(name="ai-gateway", version=__version__),
            message_handler=session.hear,
            cache=None,
        ) as client:
            session.begin(client)
            try:
                yield session
            finally:
                await session.close()
    except (*_FAULTS, ExceptionGroup) as error:
        reason = transport.fault or _told(error)
        if reason is None:
            raise
        raise ConnectionLost(reason) from error


def _transport(server: Server, limits: ToolLimits) -> Transport:
    most = limits.max_message_bytes
    return StdioTransport(server, most) if server.settings.command else HttpTransport(server, most)


class Session:
    """A `Connection`."""

    def __init__(self, server: Server, transport: Transport) -> None:
        self.about = ""
        self.warnings: Sequence[str] = ()
        self._server = server
        self._transport = transport
        self._client: Client | None = None
        self._event = asyncio.Event()
        self._changed = False
        self._gone = False
        self._listener: asyncio.Task[None] | None = None
        transport.on_end = self._event.set

    def begin(self, client: Client) -> None:
        self._client = client
        info = client.server_info
        names = (info.title or info.name, info.version) if info else ()
        self.about = " ".join(filter(None, (*names, f"(MCP {client.protocol_version})")))
        tools = client.server_capabilities.tools
        if client.protocol_version in MODERN_PROTOCOL_VERSIONS and tools is not None and tools.list_changed:
            self._listener = asyncio.create_task(self._listen(client))

    async def close(self) -> None:
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})

    async def hear(self, message: IncomingMessage) -> None:
        """What the server says unasked."""
        if isinstance(message, ToolListChangedNotification):
            self._note_change()

    def _note_change(self) -> None:
        self._changed = True
        self._event.set()

    async def _listen(self, client: Client) -> None:
        """Newer servers tell of changes on a stream that they are asked for."""
        while True:
            with contextlib.suppress(*_FAULTS):
                async with client.listen(tools_list_changed=True) as events:
                    async for _ in events:
                        self._note_change()
            await asyncio.sleep(_LISTEN_AGAIN_S)
            self._note_change()  # it may have changed meanwhile

    async def wait(self, seconds: float) -> Event:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._event.wait(), seconds)
        self._event.clear()
        if self._gone or self._transport.ended:
            return "ended"
        if self._changed:
            self._changed = False
            return "changed"
        return "idle"

    def why(self) -> str:
        return (
            "the server ended the session" if self._gone else self._transport.fault or "the server went away"
        )

    async def list_tools(self) -> Sequence[RemoteTool]:
        client = self._opened()
        listing = _Listing()
        cursor: str | None = None
        try:
            for _ in range(MAX_PAGES):
                page = await client.list_tools(cursor=cursor)
                listing.add(page.tools)
                cursor = page.next_cursor
                if cursor is None:
                    break
        except MCPError as error:
            if error.code != METHOD_NOT_FOUND:
                raise self._lost(error) from error
        except _FAULTS as error:
            raise self._lost(error) from error
        if cursor is not None:
            listing.warn("it has too many tools: the rest is left out")
        for warning in listing.warnings.keys() - set(self.warnings):
            _log.warning("MCP server %s: %s", self._server.name, warning)
        self.warnings = tuple(listing.warnings)
        return tuple(listing.tools.values())

    async def call(self, tool: str, arguments: dict[str, Any]) -> ToolOutcome:
        client = self._opened()
        try:
            return outcome_of(await client.call_tool(tool, arguments))
        except MCPError as error:
            return self._refused(error)
        except RuntimeError as error:  # structured content that is not what the tool promises, and the like
            return failed(RunError.FAILED, f"The tool's answer is not valid: {_cut(str(error))}")
        except ValueError:
            return failed(RunError.FAILED, "The tool's answer is not valid MCP.")
        except (OSError, httpx2.HTTPError) as error:
            raise self._lost(error) from error

    def _refused(self, error: MCPError) -> ToolOutcome:
        """Raises: ConnectionLost where it is no answer of the tool's."""
        if error.code == CONNECTION_CLOSED:
            raise self._lost(error)
        if error.code == INVALID_REQUEST and self._transport.session_gone:
            self._gone = True
            self._event.set()
            raise SessionGone("the server ended the session")
        status = self._transport.fault
        kind = RunError.ARGUMENTS if error.code == INVALID_PARAMS else RunError.FAILED
        return failed(kind, f"The tool failed: {_cut(status or error.message)}")

    def _opened(self) -> Client:
        if self._client is None or self._gone or self._transport.ended:
            raise ConnectionLost(self.why())
        return self._client

    def _lost(self, error: Exception) -> ConnectionLost:
        return ConnectionLost(self._transport.fault or _told(error) or "the connection broke")


class _Listing:
    """The tools of some pages, and what is wrong with them."""

    def __init__(self) -> None:
        self.tools: dict[str, RemoteTool] = {}
        self.warnings: dict[str, None] = {}

    def warn(self, text: str) -> None:
        if len(self.warnings) < MAX_WARNINGS:
            self.warnings[text] = None

    def add(self, tools: Sequence[Tool]) -> None:
        for tool in tools:
            schema = msgspec.json.encode({"type": "object", **tool.input_schema})
            description = tool.description or tool.title or ""
            if tool.name in self.tools:
                self.warn(f"it has two tools named {tool.name[:100]!r}: the first counts")
            elif len(schema) + len(description) > MAX_DEFINITION_BYTES:
                self.warn(f"the definition of {tool.name[:100]!r} is too long: it is left out")
            elif len(self.tools) >= MAX_TOOLS:
                self.warn("it has too many tools: the rest is left out")
            else:
                self.tools[tool.name] = RemoteTool(
                    name=tool.name, description=description, parameters=msgspec.Raw(schema)
                )


def _told(error: Exception) -> str | None:
    """In words, without an address or a secret; None: it is none of the expected faults."""
    for leaf in _leaves(error):
        match leaf:
            case ConnectionLost():
                return str(leaf)
            case MCPError():
                return f"it answered: {_cut(leaf.message)}"
            case httpx2.TimeoutException() | TimeoutError():
                return "it does not answer in time"
            case httpx2.HTTPError() | OSError():
                return "no connection"
            case ValueError():
                return "its answer is not valid MCP"
            case RuntimeError():
                return _cut(str(leaf))
            case _:
                continue
    return None


def _leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [error]


def _cut(text: str) -> str:
    return text if len(text) <= 1000 else f"{text[:1000]}…"
