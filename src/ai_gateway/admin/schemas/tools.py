"""The gateway's own tools, and the MCP servers that bring some of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from ai_gateway.admin.schemas.base import Input, Model
from ai_gateway.core.mcp_server import McpServerName

__all__ = [
    "NewToolServer",
    "Tool",
    "ToolCall",
    "ToolCalls",
    "ToolPart",
    "ToolResult",
    "ToolServer",
    "ToolServerChange",
    "ToolSwitch",
    "ToolTry",
    "Tools",
]

# JSON Schema and the arguments it is for are trees of anything.
JsonObject = dict[str, Any]
Header = Annotated[str, Field(max_length=8192)]
Patterns = Annotated[list[str], Field(max_length=200)]
_STDIO = ("command", "args", "env", "cwd")


class Tool(Model):
    """A tool as models see it."""

    name: str
    description: str
    parameters: Annotated[JsonObject, Field(description="JSON Schema of its arguments")]
    server: Annotated[str | None, Field(description="the MCP server that has it; null: built in")]
    on: Annotated[bool, Field(description="its own switch")]
    available: Annotated[bool, Field(description="offered to models: on, and its server is on and ready")]
    fixed: Annotated[bool, Field(description="the configuration switches it off: so it stays")]


class ToolServer(Model):
    """An MCP server, without the values of its secrets."""

    name: str
    transport: Literal["stdio", "http"]
    origin: Annotated[Literal["config", "database"], Field(description="where it is named")]
    on: bool
    fixed: Annotated[bool, Field(description="the configuration switches it off: so it stays")]
    editable: Annotated[bool, Field(description="may be changed and removed here")]
    state: Literal["connecting", "ready", "failed", "off"]
    since: datetime
    error: str | None
    next_try_at: datetime | None
    about: Annotated[str, Field(description="its own name and version; may be empty")]
    url: Annotated[str | None, Field(description="of streamable HTTP")]
    command: Annotated[str | None, Field(description="of stdio, without its arguments")]
    header_names: list[str]
    timeout_seconds: Annotated[int | None, Field(description="for a call; null: tools.timeout_seconds")]
    tools: Annotated[list[str], Field(description="those that are used, exact or with *; empty: all")]
    tool_count: int
    warnings: list[str]


class Tools(Model):
    tools: list[Tool]
    servers: list[ToolServer]
    gateway_clients: Annotated[int, Field(description="active clients whose tool_mode is gateway")]
    timeout_seconds: Annotated[int, Field(description="for a call, where a server has no own time")]


class ToolSwitch(Input):
    on: bool


class _HttpServer(Input):
    """What may come over HTTP: an address. What the gateway's machine executes may not."""

    @model_validator(mode="before")
    @classmethod
    def _no_command(cls, value: object) -> object:
        for name in _STDIO:
            if isinstance(value, dict) and name in value:
                raise ValueError(
                    f"{name}: programs are set in the config file or by the command line on the gateway's "
                    "machine alone, never over HTTP; here a server has a url"
                )
        return value


class NewToolServer(_HttpServer):
    """An MCP server that speaks streamable HTTP."""

    name: McpServerName
    url: Annotated[str, Field(min_length=1, max_length=2000)]
    headers: Annotated[dict[str, Header], Field(max_length=50, description="write-only")] = Field({})
    timeout_seconds: Annotated[int | None, Field(ge=1, le=3600)] = None
    tools: Patterns = Field([])
    on: bool = True


class ToolServerChange(_HttpServer):
    """What is left out stays. Of a server of the config file `on` alone may be changed."""

    on: bool | None = None
    url: Annotated[str | None, Field(min_length=1, max_length=2000)] = None
    headers: Annotated[
        dict[str, Header | None] | None,
        Field(max_length=50, description="write-only; names that are left out stay, null removes one"),
    ] = None
    timeout_seconds: Annotated[int | None, Field(ge=1, le=3600)] = None
    tools: Patterns | None = None


class ToolTry(Input):
    arguments: JsonObject = Field({})


class ToolPart(Model):
    """A piece of a result, as the model would get it."""

    type: Literal["text", "image", "document", "audio", "video"]
    text: str | None = None
    media_type: str | None = None
    data: Annotated[str | None, Field(description="base64")] = None
    url: str | None = None


class ToolResult(Model):
    error: Annotated[str | None, Field(description="null: it worked")]
    duration_ms: float
    parts: list[ToolPart]


class ToolCall(Model):
    """A run that a model asked for."""

    request_id: str
    at: datetime
    client_id: str | None
    client_name: str | None
    name: str
    server: str | None
    round: int
    duration_ms: float
    error: str | None


class ToolCalls(Model):
    items: Annotated[list[ToolCall], Field(description="newest first")]
