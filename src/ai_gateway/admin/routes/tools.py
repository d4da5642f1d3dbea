"""The gateway's own tools: switches, MCP servers, trying them, what models have called."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ai_gateway.admin.identity import Role
from ai_gateway.admin.problems import ApiError, not_found
from ai_gateway.admin.routes.users import taken
from ai_gateway.admin.routing import AppServices, Routes, Who
from ai_gateway.admin.schemas.tools import (
    NewToolServer,
    Tool,
    ToolCalls,
    ToolResult,
    Tools,
    ToolServer,
    ToolServerChange,
    ToolSwitch,
    ToolTry,
)
from ai_gateway.admin.services import Services
from ai_gateway.admin.tool_desk import changed_server, new_server, server_of, told, tried
from ai_gateway.admin.tool_views import tool_calls
from ai_gateway.store.protocols import DuplicateName
from ai_gateway.store.tool_protocols import NoSuchServer

__all__ = ["routes"]

routes = Routes("tools")


@routes.get("/tools", role=Role.VIEWER)
async def list_tools(services: AppServices) -> Tools:
    """List the gateway's own tools and the MCP servers that bring some of them."""
    return await told(services)


@routes.get("/tools/calls", role=Role.VIEWER)
async def list_tool_calls(
    services: AppServices, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> ToolCalls:
    """List the newest calls of the gateway's tools that models have made."""
    return ToolCalls(items=tool_calls(await services.history.tool_requests(limit), limit))


@routes.patch("/tools/{name}", role=Role.ADMIN)
async def switch_tool(name: str, body: ToolSwitch, services: AppServices, who: Who) -> Tool:
    """Switch a tool on or off, for every client."""
    tool = await _tool(services, name)
    if tool.fixed:
        raise ApiError(
            409, "set_in_config", f"the configuration switches '{name}' off (tools.disabled): so it stays"
        )
    await services.tools.switch("tool", name, on=body.on, now_ms=services.now_ms(), by=who.actor)
    await services.reload_tools()
    return await _tool(services, name)


@routes.post("/tools/{name}/call", role=Role.ADMIN)
async def call_tool(name: str, body: ToolTry, services: AppServices, who: Who) -> ToolResult:
    """Run a tool as a model would. What it does in the world, it does."""
    tool = await _tool(services, name)
    if not tool.available:
        raise ApiError(409, "not_available", f"'{name}' is off, or its server is not there")
    await services.audit.note("tool.call", "tool", name, name=name, by=who.actor)
    return await tried(services, name, body.arguments)


async def _tool(services: Services, name: str) -> Tool:
    for tool in (await told(services)).tools:
        if tool.name == name:
            return tool
    raise not_found(f"tool '{name}'")


@routes.post("/tools/servers", role=Role.ADMIN, status_code=201)
async def add_tool_server(body: NewToolServer, services: AppServices, who: Who) -> ToolServer:
    """Add an MCP server that speaks streamable HTTP."""
    if body.name in services.settings.tools.mcp_servers:
        raise taken("name", body.name)
    try:
        await services.tools.create_server(
            body.name, new_server(body), now_ms=services.now_ms(), by=who.actor
        )
    except DuplicateName:
        raise taken("name", body.name) from None
    await services.reload_tools()
    return await _server(services, body.name)


@routes.patch("/tools/servers/{name}", role=Role.ADMIN)
async def update_tool_server(
    name: str, body: ToolServerChange, services: AppServices, who: Who
) -> ToolServer:
    """Change an MCP server, or switch it on or off."""
    server, given = await _server(services, name), body.model_fields_set
    if not given:
        raise ApiError(422, "invalid_fields", "nothing to change: give at least one field")
    if body.on is not None and server.fixed:
        raise ApiError(409, "set_in_config", f"the configuration switches '{name}' off: so it stays")
    if given - {"on"} and not server.editable:
        raise _not_here(server)
    try:
        if given - {"on"}:
            before = await server_of(services, name)
            settings = changed_server(body, before)
            await services.tools.update_server(name, settings, now_ms=services.now_ms(), by=who.actor)
        if body.on is not None:
            await services.tools.switch("server", name, on=body.on, now_ms=services.now_ms(), by=who.actor)
    except NoSuchServer:
        raise not_found(f"MCP server '{name}'") from None
    await services.reload_tools()
    return await _server(services, name)


@routes.delete("/tools/servers/{name}", role=Role.ADMIN, status_code=204)
async def remove_tool_server(name: str, services: AppServices, who: Who) -> None:
    """Remove an MCP server and its tools."""
    server = await _server(services, name)
    if not server.editable:
        raise _not_here(server)
    try:
        await services.tools.delete_server(name, by=who.actor)
    except NoSuchServer:
        raise not_found(f"MCP server '{name}'") from None
    await services.reload_tools()


@routes.post("/tools/servers/{name}/reconnect", role=Role.ADMIN, status_code=204)
async def reconnect_tool_server(name: str, services: AppServices) -> None:
    """Try an MCP server that is away again now."""
    try:
        services.toolbox.reconnect(name)
    except KeyError:
        raise not_found(f"MCP server '{name}'") from None


def _not_here(server: ToolServer) -> ApiError:
    if server.origin == "config":
        return ApiError(409, "set_in_config", f"'{server.name}' is set in the config file: change it there")
    return ApiError(
        409,
        "stdio",
        f"'{server.name}' is a program: it is changed by the command line on the gateway's machine",
    )


async def _server(services: Services, name: str) -> ToolServer:
    for server in (await told(services)).servers:
        if server.name == name:
            return server
    raise not_found(f"MCP server '{name}'")
