"""MCP servers and switches in every store."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_gateway.core.mcp_server import McpServerSettings
from ai_gateway.core.secret import Secret
from ai_gateway.store.protocols import Actor, ClientStore, DuplicateName, StoreError
from ai_gateway.store.tool_protocols import CommandFromAfar, NoSuchServer, StoredServer, Switches
from tests.contract.conftest import Database

NOW = 1_800_000_000_000
ADMIN = Actor(kind="user", name="ada", address="192.0.2.1")
STDIO = McpServerSettings(
    command="uvx",
    args=["mcp-server-é", "--x=y"],
    env={"TOKEN": Secret("sesame-token"), "EMPTY": Secret("")},
    cwd=Path("/tmp"),
    enabled=False,
    timeout_seconds=7,
    tools=["a_*"],
)
HTTP = McpServerSettings(
    url="https://mcp.example/mcp", headers={"Authorization": Secret("Bearer sesame-header")}
)


async def test_servers_are_kept_whole(store: ClientStore) -> None:
    tools = store.tools()
    assert await tools.list_servers() == []
    await tools.create_server("time", STDIO, now_ms=NOW)
    await tools.create_server("docs", HTTP, now_ms=NOW + 1, by=ADMIN)
    docs, time = await tools.list_servers()
    assert docs == StoredServer(name="docs", settings=HTTP, created_at=NOW + 1, updated_at=NOW + 1)
    assert time == StoredServer(name="time", settings=STDIO, created_at=NOW, updated_at=NOW)
    assert await tools.get_server("docs") == docs


async def test_a_change_replaces_all_of_it(store: ClientStore) -> None:
    tools = store.tools()
    await tools.create_server("docs", HTTP, now_ms=NOW)
    other = McpServerSettings(url="https://other.example/")
    await tools.update_server("docs", other, now_ms=NOW + 5, by=ADMIN)
    assert await tools.get_server("docs") == StoredServer(
        name="docs", settings=other, created_at=NOW, updated_at=NOW + 5
    )


async def test_names(store: ClientStore) -> None:
    tools = store.tools()
    await tools.create_server("docs", HTTP, now_ms=NOW)
    with pytest.raises(DuplicateName):
        await tools.create_server("docs", HTTP, now_ms=NOW)
    for change in (
        tools.get_server("x"),
        tools.delete_server("x"),
        tools.update_server("x", HTTP, now_ms=NOW),
    ):
        with pytest.raises(NoSuchServer):
            await change


async def test_a_command_comes_from_this_machine_only(store: ClientStore) -> None:
    tools = store.tools()
    with pytest.raises(CommandFromAfar):
        await tools.create_server("time", STDIO, now_ms=NOW, by=ADMIN)
    await tools.create_server("docs", HTTP, now_ms=NOW, by=ADMIN)
    await tools.create_server("time", STDIO, now_ms=NOW)
    for name, settings in (("docs", STDIO), ("time", HTTP)):
        with pytest.raises(CommandFromAfar):
            await tools.update_server(name, settings, now_ms=NOW, by=ADMIN)
    await tools.delete_server("time", by=ADMIN)


async def test_switches(store: ClientStore) -> None:
    tools = store.tools()
    await tools.create_server("docs", HTTP, now_ms=NOW)
    assert await tools.switches() == Switches()
    assert await tools.switch("tool", "docs__x", on=False, now_ms=NOW, by=ADMIN)
    assert await tools.switch("tool", "docsy", on=False, now_ms=NOW)
    assert await tools.switch("server", "docs", on=False, now_ms=NOW)
    assert not await tools.switch("server", "docs", on=False, now_ms=NOW)
    assert not await tools.switch("tool", "never", on=True, now_ms=NOW)
    off = Switches(servers=frozenset({"docs"}), tools=frozenset({"docs__x", "docsy"}))
    assert await tools.switches() == off
    assert await tools.switch("tool", "docs__x", on=True, now_ms=NOW)
    await tools.switch("tool", "docs__y", on=False, now_ms=NOW)
    await tools.delete_server("docs")
    assert await tools.switches() == Switches(tools=frozenset({"docsy"}))


async def test_every_change_raises_the_version(store: ClientStore) -> None:
    tools = store.tools()
    seen = [await store.version()]
    await tools.create_server("docs", HTTP, now_ms=NOW)
    seen.append(await store.version())
    await tools.update_server("docs", HTTP, now_ms=NOW)
    seen.append(await store.version())
    await tools.switch("server", "docs", on=False, now_ms=NOW)
    seen.append(await store.version())
    await tools.delete_server("docs")
    seen.append(await store.version())
    assert seen == sorted(set(seen))


async def test_secrets_are_sealed(database: Database, store: ClientStore) -> None:
    await store.tools().create_server("time", STDIO, now_ms=NOW)
    await store.tools().create_server("docs", HTTP, now_ms=NOW)
    await store.tools().delete_server("docs")
    assert b"sesame" not in database.raw_bytes()


async def test_another_key_costs_the_server_that_needs_it(database: Database, store: ClientStore) -> None:
    await store.tools().create_server("time", STDIO, now_ms=NOW)
    await store.tools().create_server("open", McpServerSettings(url="http://open.example/"), now_ms=NOW)
    stranger = await database.clients(key=bytes(32))
    opened, broken = await stranger.tools().list_servers()
    assert opened.settings is not None
    assert broken.settings is None
    assert "another key" in (broken.fault or "")
    with pytest.raises(StoreError):
        await stranger.reseal()
    await stranger.tools().delete_server("time")
    await stranger.close()


async def test_a_rotation_takes_their_secrets_along(database: Database, store: ClientStore) -> None:
    await store.tools().create_server("time", STDIO, now_ms=NOW)
    await store.tools().create_server("docs", HTTP, now_ms=NOW)
    rotating = await database.clients(key=bytes(32), previous=True)
    assert await rotating.reseal() == 3
    assert await rotating.reseal() == 0
    await rotating.close()
    after = await database.clients(key=bytes(32))
    assert [each.settings for each in await after.tools().list_servers()] == [HTTP, STDIO]
    await after.close()
