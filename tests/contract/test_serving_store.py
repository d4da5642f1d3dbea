"""What a serving gateway reads is what the command line and the dashboard have written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from ai_gateway.core.client import ClientSettings
from ai_gateway.core.mcp_server import McpServerSettings
from ai_gateway.core.secret import Secret
from ai_gateway.store.protocols import AccountingStore, ClientStore, NoSuchClient, StoreError
from ai_gateway.store.serving import SqliteServing
from tests.contract.conftest import Database
from tests.contract.test_client_store import FULL, NOW
from tests.unit.store.support import NOON_MS, row


@pytest.fixture
async def serving(database: Database) -> AsyncIterator[SqliteServing]:
    opened = database.serving()
    yield opened
    await opened.close()


async def test_clients_with_their_keys(store: ClientStore, serving: SqliteServing) -> None:
    assert await serving.list_clients() == []
    client, _ = await store.create_client(FULL, now=NOW)
    other, _ = await store.create_client(ClientSettings(name="another", backend="echo"), now=NOW)
    await store.rotate_key(client.id, now=NOW, grace_s=3600)
    await store.rotate_key(other.id, now=NOW - timedelta(days=1))
    assert await serving.version() == await store.version()
    assert await serving.list_clients() == await store.list_clients()


async def test_a_change_of_one_client_leaves_the_others_as_they_are(
    store: ClientStore, serving: SqliteServing, accounting: AccountingStore
) -> None:
    """Each change is seen, and what has not changed is neither opened nor checked again."""
    client, _ = await store.create_client(FULL, now=NOW)
    other, _ = await store.create_client(ClientSettings(name="other", backend="echo"), now=NOW)
    (same,) = [each for each in await serving.list_clients() if each.id == other.id]
    secret = FULL.model_copy(update={"backend_api_key": Secret("sk-another")})
    changes: list[Callable[[], Awaitable[object]]] = [
        lambda: store.update_client(client.id, secret, now=NOW),
        lambda: store.set_models(client.id, ["fresh"]),
        lambda: store.rotate_key(client.id, now=NOW),
        lambda: asyncio.to_thread(accounting.write, [row(client_id=client.id)]),
        lambda: store.delete_client(client.id),
    ]
    for change in changes:
        before = await serving.list_clients()
        await change()
        found = await serving.list_clients()
        assert found == await store.list_clients() != before
        assert any(each is same for each in found)


async def test_models_that_were_fetched(store: ClientStore, serving: SqliteServing) -> None:
    client, _ = await store.create_client(FULL, now=NOW)
    await serving.set_models(client.id, ["x", "y"])
    assert (await store.get_client(client.id)).settings.models == ("x", "y")
    with pytest.raises(NoSuchClient):
        await serving.set_models("cl_none", [])


async def test_what_was_used(store: ClientStore, serving: SqliteServing, accounting: AccountingStore) -> None:
    accounting.write(
        [
            row(started_at=NOON_MS + 100 * i, admitted=i % 3 > 0, cost_usd=0.5 if i % 2 else None)
            for i in range(40)
        ]
    )
    assert await serving.spent(since_day="2025-10-01") == await store.spent(since_day="2025-10-01") != []
    assert await serving.spent(since_day="2025-10-10") == []
    for since_ms, limit in ((0, 1000), (NOON_MS + 2000, 1000), (0, 7)):
        found = await serving.admissions("cl_a", since_ms=since_ms, limit=limit)
        assert found == await store.admissions("cl_a", since_ms=since_ms, limit=limit) != []


async def test_settings_and_tools(store: ClientStore, serving: SqliteServing) -> None:
    assert await serving.get_setting("a") is None
    await store.set_setting("a", "b")
    assert await serving.get_setting("a") == "b"
    tools = store.tools()
    await tools.create_server(
        "files",
        McpServerSettings(url="https://mcp.example/", headers={"X-Key": Secret("sesame")}),
        now_ms=NOON_MS,
    )
    await tools.switch("tool", "files__read", on=False, now_ms=NOON_MS)
    await tools.switch("server", "files", on=False, now_ms=NOON_MS)
    assert await serving.list_servers() == await tools.list_servers() != []
    assert await serving.switches() == await tools.switches()


async def test_a_secret_that_does_not_open(store: ClientStore, database: Database) -> None:
    await store.create_client(FULL, now=NOW)
    other = database.serving(key=bytes(32))
    with pytest.raises(StoreError, match="key"):
        await other.list_clients()
    await other.close()


async def test_a_database_that_comes_back(serving: SqliteServing, database: Database) -> None:
    moved = database.path.with_suffix(".away")
    database.path.rename(moved)
    with pytest.raises(StoreError):
        await serving.version()
    moved.rename(database.path)
    assert await serving.version() >= 0
