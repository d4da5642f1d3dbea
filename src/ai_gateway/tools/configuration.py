"""What tools there shall be: limits, MCP servers and switches, out of the config file and the database."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from ai_gateway.config import Settings
from ai_gateway.core.mcp_server import McpServerSettings

__all__ = ["Configuration", "Origin", "Server", "ToolLimits", "limits_of", "merged"]

Origin = Literal["config", "database"]
_MESSAGE_BYTES = 4 * 1024 * 1024


class ToolLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a run may take, and bring back."""

    timeout_s: float = 30.0
    max_output_bytes: int = 64 * 1024
    """Of text, in UTF-8."""
    max_media_bytes: int = 5 * 1024 * 1024
    """Of images and other files together, decoded."""
    max_fetch_bytes: int = 2 * 1024 * 1024
    """That `http_get` reads of a page."""

    @property
    def max_message_bytes(self) -> int:
        """Of one message of an MCP server: files are in it as base64."""
        return _MESSAGE_BYTES + self.max_media_bytes * 3 // 2


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """An MCP server and where it was named."""

    name: str
    settings: McpServerSettings
    origin: Origin


class Configuration(msgspec.Struct, frozen=True, kw_only=True):
    """MCP servers by name, and what is switched off."""

    servers: Mapping[str, Server] = {}
    off_servers: frozenset[str] = frozenset()
    off_tools: frozenset[str] = frozenset()
    """Names or `*` patterns."""
    broken: Mapping[str, str] = {}
    """Servers that the database cannot tell of, and why."""
    shadowed: frozenset[str] = frozenset()
    """Servers of the database that the config file has under the same name: the file's count."""


def merged(
    settings: Settings,
    stored: Mapping[str, McpServerSettings],
    *,
    off_servers: frozenset[str] = frozenset(),
    off_tools: frozenset[str] = frozenset(),
    broken: Mapping[str, str] | None = None,
) -> Configuration:
    """Servers of the config file, then those of the database; `off_*` are the database's switches."""
    named = settings.tools.mcp_servers
    servers = {name: Server(name=name, settings=each, origin="database") for name, each in stored.items()}
    servers |= {name: Server(name=name, settings=each, origin="config") for name, each in named.items()}
    return Configuration(
        servers=servers,
        off_servers=off_servers,
        off_tools=off_tools | frozenset(settings.tools.disabled),
        broken={name: why for name, why in (broken or {}).items() if name not in named},
        shadowed=frozenset(named).intersection(stored),
    )


def limits_of(settings: Settings) -> ToolLimits:
    tools = settings.tools
    return ToolLimits(
        timeout_s=tools.timeout_seconds,
        max_output_bytes=tools.max_output_bytes,
        max_media_bytes=tools.max_media_bytes,
        max_fetch_bytes=tools.http_get.max_bytes,
    )
