"""What admins do with the gateway's tools: look, switch, add and change servers, try."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from ai_gateway.admin.problems import ApiError, invalid, validation_problem
from ai_gateway.admin.schemas.tools import NewToolServer, ToolResult, Tools, ToolServerChange
from ai_gateway.admin.services import Services
from ai_gateway.admin.tool_views import broken_server_view, result_parts, server_view, tool_view
from ai_gateway.core.mcp_server import McpServerSettings
from ai_gateway.core.secret import Secret
from ai_gateway.tools.configuration import merged
from ai_gateway.tools.naming import Patterns

__all__ = ["changed_server", "new_server", "server_of", "told", "tried"]

MAX_ARGUMENT_BYTES = 256 * 1024


async def told(services: Services) -> Tools:
    """All tools and servers as they are now."""
    stored, switches = await services.tools.list_servers(), await services.tools.switches()
    readable = {each.name: each.settings for each in stored if each.settings is not None}
    named = merged(services.settings, readable).servers
    disabled = Patterns(services.settings.tools.disabled)
    off = Patterns(switches.tools)
    tools = services.toolbox.tools()
    counts = Counter(state.tool.source for state in tools)
    servers = [
        server_view(
            state, named[state.name], on=state.name not in switches.servers, tool_count=counts[state.name]
        )
        for state in services.toolbox.servers()
        if state.name in named
    ]
    servers += [
        broken_server_view(each) for each in stored if each.settings is None and each.name not in named
    ]
    return Tools(
        tools=[tool_view(state, off=off, disabled=disabled) for state in tools],
        servers=sorted(servers, key=lambda server: server.name),
        gateway_clients=sum(
            client.runs_tools and client.settings.is_active
            for client in services.pipeline.snapshot.clients.values()
        ),
        timeout_seconds=services.settings.tools.timeout_seconds,
    )


async def server_of(services: Services, name: str) -> McpServerSettings:
    """Of the database. Raises: NoSuchServer, ApiError where it cannot be read."""
    stored = await services.tools.get_server(name)
    if stored.settings is None:
        raise ApiError(409, "unreadable", f"'{name}' cannot be changed, only removed: {stored.fault}")
    return stored.settings


async def tried(services: Services, name: str, arguments: Mapping[str, Any]) -> ToolResult:
    """Run a tool with these arguments. Raises: ApiError."""
    text = json.dumps(arguments)
    if len(text) > MAX_ARGUMENT_BYTES:
        raise invalid("arguments", f"must not be over {MAX_ARGUMENT_BYTES // 1024} KiB")
    if services.tool_tries.locked():
        raise ApiError(429, "too_many", "several tools are being tried already: wait for one to end")
    async with services.tool_tries:
        started_s = time.perf_counter()
        outcome = await services.toolbox.run(name, text)
        spent_ms = (time.perf_counter() - started_s) * 1000
    return ToolResult(error=outcome.error, duration_ms=round(spent_ms, 1), parts=result_parts(outcome.parts))


def new_server(body: NewToolServer) -> McpServerSettings:
    """Raises: ApiError."""
    return _settings(
        {
            "url": body.url.strip(),
            "headers": body.headers,
            "timeout_seconds": body.timeout_seconds,
            "tools": body.tools,
        }
    )


def changed_server(body: ToolServerChange, before: McpServerSettings) -> McpServerSettings:
    """Headers that are left out stay, but only ever go to the address that they are stored for.

    Raises: ApiError.
    """
    given = body.model_fields_set
    url = body.url.strip() if body.url is not None else before.url
    headers: dict[str, Secret | str] = dict(before.headers)
    for name, value in (body.headers or {}).items():
        if value is None:
            headers.pop(name, None)
        else:
            headers[name] = value
    kept = [name for name, value in headers.items() if isinstance(value, Secret)]
    if kept and _origin(url) != _origin(before.url):
        raise invalid(
            "headers",
            f"the stored ones ({', '.join(kept)}) belong to another address: enter or remove them",
        )
    return _settings(
        {
            "url": url,
            "headers": headers,
            "enabled": before.enabled,
            "timeout_seconds": body.timeout_seconds if "timeout_seconds" in given else before.timeout_seconds,
            "tools": before.tools if body.tools is None else body.tools,
        }
    )


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _settings(values: Mapping[str, Any]) -> McpServerSettings:
    try:
        return McpServerSettings(**values)
    except ValidationError as error:
        raise validation_problem(error) from None
