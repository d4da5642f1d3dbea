"""What the gateway asks of its database about the tools that it runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from ai_gateway.core.mcp_server import McpServerSettings
from ai_gateway.store.protocols import Actor, StoreError

__all__ = [
    "CommandFromAfar",
    "NoSuchServer",
    "StoredServer",
    "SwitchKind",
    "Switches",
    "ToolStore",
]

SwitchKind = Literal["server", "tool"]


class NoSuchServer(StoreError):
    """The database has no MCP server of this name."""


class CommandFromAfar(StoreError):
    """A program to run is named on this machine only: in the config file, or by the command line."""


class StoredServer(msgspec.Struct, frozen=True, kw_only=True):
    """An MCP server of the database. Times in Unix milliseconds."""

    name: str
    settings: McpServerSettings | None
    """None: they cannot be read, and `fault` says why."""
    fault: str | None = None
    created_at: int
    updated_at: int


class Switches(msgspec.Struct, frozen=True, kw_only=True):
    """Names of what is switched off; of tools, as the gateway calls them."""

    servers: frozenset[str] = frozenset()
    tools: frozenset[str] = frozenset()


class ToolReader(Protocol):
    """MCP servers that are not in the config file, and switches."""

    async def list_servers(self) -> Sequence[StoredServer]:
        """By name."""
        ...

    async def switches(self) -> Switches: ...


class ToolStore(ToolReader, Protocol):
    """The same, to be changed. Every change raises the version by which a running server sees it, and writes
    its audit row: `by` whom; None: by the command line."""

    async def get_server(self, name: str) -> StoredServer:
        """Raises: NoSuchServer."""
        ...

    async def create_server(
        self, name: str, settings: McpServerSettings, *, now_ms: int, by: Actor | None = None
    ) -> None:
        """Raises: DuplicateName; CommandFromAfar where it is a command, and `by` is not on this machine."""
        ...

    async def update_server(
        self, name: str, settings: McpServerSettings, *, now_ms: int, by: Actor | None = None
    ) -> None:
        """Raises: NoSuchServer; CommandFromAfar where it is or was a command, and `by` is not here."""
        ...

    async def delete_server(self, name: str, *, by: Actor | None = None) -> None:
        """With the switches of it and of its tools. Raises: NoSuchServer."""
        ...

    async def switch(
        self, kind: SwitchKind, name: str, *, on: bool, now_ms: int, by: Actor | None = None
    ) -> bool:
        """Whether that changed anything. The name may be of something that is not there now."""
        ...
