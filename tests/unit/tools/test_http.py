"""MCP servers over streamable HTTP: the SDK's own server, and an older one that misbehaves as it is told."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from aiohttp import web
from aiohttp.test_utils import TestServer
from mcp.server.mcpserver import Context, Image, MCPServer

from ai_gateway.core.chat import Data
from ai_gateway.core.chat import Image as ImagePart
from ai_gateway.core.mcp_server import McpServerSettings
from ai_gateway.core.server_tools import RunError
from ai_gateway.tools.configuration import Server, ToolLimits
from ai_gateway.tools.connection import load_connect
from ai_gateway.tools.toolbox import Toolbox
from ai_gateway.upstream.guard import Guard
from tests.harness.waiting import free_port, wait_until_async
from tests.unit.tools.support import NO_PAUSE, configuration, said

HOST = "127.0.0.1"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 8


def scripted() -> MCPServer:
    server = MCPServer("weather", version="1.2")

    @server.tool()
    def temperature(city: str) -> dict[str, int]:
        """Degrees in a city."""
        return {city: 21}

    @server.tool()
    def picture() -> Image:
        """The sky."""
        return Image(data=PNG, format="png")

    @server.tool()
    def fails() -> str:
        """Never works."""
        raise ValueError("no such city")

    @server.tool()
    async def hang() -> str:
        """Never ends."""
        await asyncio.Event().wait()
        return ""

    @server.tool()
    async def grow(ctx: Context[Any]) -> str:
        """One more tool."""
        server.add_tool(lambda: "new", name="grown", description="It was not there before.")
        await ctx.notify_tools_changed()
        return "grown"

    return server


@asynccontextmanager
async def running(server: MCPServer) -> AsyncIterator[str]:
    """Its address."""
    port = free_port()
    config = uvicorn.Config(
        server.streamable_http_app(), host=HOST, port=port, log_level="critical", timeout_graceful_shutdown=1
    )
    uvicorn_server = uvicorn.Server(config)
    task = asyncio.create_task(uvicorn_server.serve())

    async def started() -> bool:
        return uvicorn_server.started

    await wait_until_async(started, what="the server")
    try:
        yield f"http://{HOST}:{port}/mcp"
    finally:
        uvicorn_server.should_exit = True
        await task


@asynccontextmanager
async def opened(url: str, *, headers: dict[str, str] | None = None, **limits: Any) -> AsyncIterator[Toolbox]:
    settings = McpServerSettings.model_validate({"url": url, "headers": headers or {}})
    box = Toolbox(ToolLimits(**limits), Guard(), backoff=NO_PAUSE, load=load_connect)
    box.apply(configuration(Server(name="w", settings=settings, origin="config")))
    try:
        await box.settled()
        yield box
    finally:
        await box.close()


async def eventually(condition: Any, what: str) -> None:
    async def check() -> bool:
        return bool(condition())

    await wait_until_async(check, what=what)


async def test_the_sdks_own_server() -> None:
    async with running(scripted()) as url, opened(url, timeout_s=5) as box:
        [state] = box.servers()
        assert (state.state, state.transport, state.about) == (
            "ready",
            "http",
            "weather 1.2 (MCP 2026-07-28)",
        )
        assert json.loads(said(await box.run("w__temperature", '{"city": "Oslo"}'))) == {"Oslo": 21}
        assert (await box.run("w__temperature", "{}")).error == RunError.ARGUMENTS
        assert (await box.run("w__picture", "{}")).parts == (
            ImagePart(Data("image/png", base64.b64encode(PNG).decode())),
        )
        failed = await box.run("w__fails", "{}")
        assert failed.error == RunError.FAILED
        assert said(failed) == "Error executing tool fails"
        await box.run("w__grow", "{}")
        await eventually(lambda: "w__grown" in box.offered(()), "the new tool")


async def test_a_call_that_takes_too_long_leaves_the_others_alone() -> None:
    async with running(scripted()) as url, opened(url, timeout_s=0.2) as box:
        assert (await box.run("w__hang", "{}")).error == RunError.TIMEOUT
        assert (await box.run("w__temperature", '{"city": "Oslo"}')).error is None


class Older:
    """A server of the handshake's time that answers with JSON."""

    def __init__(self) -> None:
        self.sessions = 0
        self.gone: set[str] = set()
        self.seen: list[dict[str, str]] = []
        self.status = 200
        self.location = ""
        self.size = 10

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(dict(request.headers))
        if self.location:
            raise web.HTTPTemporaryRedirect(self.location)
        if self.status != 200 or request.method != "POST":
            return web.Response(status=self.status if self.status != 200 else 405)
        if request.headers.get("mcp-session-id") in self.gone:
            return web.Response(status=404)
        message = await request.json()
        if "id" not in message:
            return web.Response(status=202)
        return self.answer(message)

    def answer(self, message: dict[str, Any]) -> web.Response:
        headers = {}
        match message["method"]:
            case "initialize":
                self.sessions += 1
                headers["mcp-session-id"] = f"session-{self.sessions}"
                result: dict[str, Any] = {
                    "protocolVersion": "2025-06-18",
                    "capabilities": {"tools": {}},
                    "serverInfo": {"name": "older", "version": "1"},
                }
            case "tools/list":
                result = {"tools": [{"name": "long", "inputSchema": {"type": "object"}}]}
            case "tools/call":
                result = {"content": [{"type": "text", "text": "x" * self.size}]}
            case method:
                error = {"code": -32601, "message": f"there is no {method}"}
                return web.json_response({"jsonrpc": "2.0", "id": message["id"], "error": error})
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], "result": result}, headers=headers)


@pytest.fixture
async def older() -> AsyncIterator[tuple[Older, str]]:
    handler = Older()
    app = web.Application()
    app.router.add_route("*", "/mcp", handler.serve)
    server = TestServer(app, host=HOST)
    await server.start_server()
    yield handler, str(server.make_url("/mcp"))
    await server.close()


async def test_an_older_server_gets_its_headers(older: tuple[Older, str]) -> None:
    handler, url = older
    async with opened(url, headers={"Authorization": "Bearer sesame"}) as box:
        assert box.servers()[0].about == "older 1 (MCP 2025-06-18)"
        assert said(await box.run("w__long", "{}")) == "x" * 10
    assert {seen["Authorization"] for seen in handler.seen} == {"Bearer sesame"}
    assert {seen.get("mcp-session-id") for seen in handler.seen} == {None, "session-1"}


async def test_a_session_that_is_gone_is_renewed_for_the_call(older: tuple[Older, str]) -> None:
    handler, url = older
    async with opened(url) as box:
        handler.gone.add("session-1")
        assert said(await box.run("w__long", "{}")) == "x" * 10
        assert handler.sessions == 2


async def test_an_answer_without_end_is_not_read_to_its_end(older: tuple[Older, str]) -> None:
    handler, url = older
    async with opened(url, max_media_bytes=0) as box:
        handler.size = 5_000_000
        outcome = await box.run("w__long", "{}")
        assert outcome.error in (RunError.FAILED, RunError.UNAVAILABLE)
        assert len(said(outcome)) < 1000
        handler.size = 10
        await eventually(lambda: "w__long" in box.offered(()), "the server")
        assert said(await box.run("w__long", "{}")) == "x" * 10


@pytest.mark.parametrize(("status", "reason"), [(401, "HTTP status 401"), (503, "HTTP status 503")])
async def test_a_server_that_refuses(older: tuple[Older, str], status: int, reason: str) -> None:
    handler, url = older
    handler.status = status
    async with opened(url, headers={"Authorization": "Bearer sesame"}) as box:
        await eventually(lambda: reason in (box.servers()[0].error or ""), "the failure being told")
        handler.status = 200
        await eventually(lambda: "w__long" in box.offered(()), "the server's return")
        handler.status = status
        outcome = await box.run("w__long", "{}")
        assert reason in said(outcome)
        assert "sesame" not in said(outcome)


async def test_a_redirect_leads_nowhere_else(older: tuple[Older, str]) -> None:
    handler, url = older
    elsewhere = Older()
    app = web.Application()
    app.router.add_route("*", "/mcp", elsewhere.serve)
    server = TestServer(app, host=HOST)
    await server.start_server()
    handler.location = str(server.make_url("/mcp"))
    async with opened(url, headers={"Authorization": "Bearer sesame"}) as box:
        await eventually(
            lambda: "HTTP status 307" in (box.servers()[0].error or ""), "the failure being told"
        )
    await server.close()
    assert elsewhere.seen == []


async def test_nobody_listens_there() -> None:
    async with opened(f"http://{HOST}:{free_port()}/mcp") as box:
        await eventually(lambda: box.servers()[0].error == "no connection", "the failure being told")
