"""Tools and MCP servers as the admin API tells of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, assert_never

import msgspec

from ai_gateway.admin.schemas.base import instant
from ai_gateway.admin.schemas.tools import Tool, ToolCall, ToolPart, ToolServer
from ai_gateway.core.chat import (
    Audio,
    Data,
    Document,
    FileId,
    Image,
    Opaque,
    PlainText,
    ResultPart,
    Text,
    Url,
    Video,
)
from ai_gateway.core.record import RequestRecord
from ai_gateway.core.server_tools import runs_of
from ai_gateway.store.tool_protocols import StoredServer
from ai_gateway.tools.configuration import Server
from ai_gateway.tools.naming import Patterns
from ai_gateway.tools.server import ServerState
from ai_gateway.tools.toolbox import ToolState

__all__ = ["broken_server_view", "result_parts", "server_view", "tool_calls", "tool_view"]


def tool_view(state: ToolState, *, off: Patterns, disabled: Patterns) -> Tool:
    """`off`: by their own switches; `disabled`: by the configuration."""
    tool, fixed = state.tool, disabled.allow(state.tool.name)
    return Tool(
        name=tool.name,
        description=tool.description,
        parameters=msgspec.json.decode(tool.parameters, type=dict),
        server=tool.source or None,
        on=not fixed and not off.allow(tool.name),
        available=state.available,
        fixed=fixed,
    )


def server_view(state: ServerState, server: Server, *, on: bool, tool_count: int) -> ToolServer:
    """`on`: its switch; `tool_count`: of those that its settings let through."""
    settings, of_config = server.settings, server.origin == "config"
    return ToolServer(
        name=state.name,
        transport="stdio" if settings.command else "http",
        origin=server.origin,
        on=on and settings.enabled,
        fixed=of_config and not settings.enabled,
        editable=not of_config and not settings.command,
        state=state.state,
        since=instant(state.since_ms),
        error=state.error,
        next_try_at=None if state.next_try_ms is None else instant(state.next_try_ms),
        about=state.about,
        url=settings.url or None,
        command=settings.command or None,
        header_names=sorted(settings.headers),
        timeout_seconds=settings.timeout_seconds,
        tools=list(settings.tools),
        tool_count=tool_count,
        warnings=list(state.warnings),
    )


def broken_server_view(stored: StoredServer) -> ToolServer:
    """A server whose stored settings cannot be read: it can only be removed."""
    return ToolServer(
        name=stored.name,
        transport="http",
        origin="database",
        on=False,
        fixed=True,
        editable=True,
        state="failed",
        since=instant(stored.updated_at),
        error=stored.fault,
        next_try_at=None,
        about="",
        url=None,
        command=None,
        header_names=[],
        timeout_seconds=None,
        tools=[],
        tool_count=0,
        warnings=[],
    )


def tool_calls(rows: Iterable[RequestRecord], limit: int) -> list[ToolCall]:
    """The newest runs of these requests, which come newest first."""
    found = [
        ToolCall(
            request_id=row.id,
            at=instant(row.started_at + round(run.started_ms)),
            client_id=row.client_id,
            client_name=row.client_name,
            name=run.name,
            server=run.source or None,
            round=run.round,
            duration_ms=run.duration_ms,
            error=run.error,
        )
        for row in rows
        for run in runs_of(row.tool_log)
    ]
    found.sort(key=lambda call: call.at, reverse=True)
    return found[:limit]


def result_parts(parts: Iterable[ResultPart]) -> list[ToolPart]:
    """What a tool brought back, as the model would get it."""
    return [_part(part) for part in parts]


def _part(part: ResultPart) -> ToolPart:
    match part:
        case Text(text):
            return ToolPart(type="text", text=text)
        case Image():
            return _medium("image", part)
        case Document():
            return _medium("document", part)
        case Audio():
            return _medium("audio", part)
        case Video():
            return _medium("video", part)
        case Opaque():
            return ToolPart(type="text", text=f"({part.kind})")
        case _:
            assert_never(part)


def _medium(
    kind: Literal["image", "document", "audio", "video"], part: Image | Document | Audio | Video
) -> ToolPart:
    match part.source:
        case Data(media_type, data):
            return ToolPart(type=kind, media_type=media_type, data=data)
        case Url(url, media_type):
            return ToolPart(type=kind, media_type=media_type, url=url)
        case PlainText(text):
            return ToolPart(type=kind, media_type="text/plain", text=text)
        case FileId(id_):
            return ToolPart(type=kind, text=id_)
        case _:
            assert_never(part.source)
