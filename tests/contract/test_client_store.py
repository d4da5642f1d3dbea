from __future__ import annotations

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest

from ai_gateway.core.client import ClientSettings
from ai_gateway.core.keys import hash_key
from ai_gateway.store.protocols import (
    AccountingStore,
    ClientStore,
    DuplicateName,
    NoSuchClient,
    StoreError,
    UsageRow,
)
from tests.contract.conftest import Database
from tests.unit.store.support import NOON_MS, row

# However late a test begins, this is to come: keys that expire a while later are still there.
TOMORROW = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=123_000) + TOMORROW
FULL = ClientSettings.model_validate(
    {
        "name": "Ünï 'quoted' \"app\" %_",
        "description": "two\u2028lines",
        "backend": "openai-compatible",
        "backend_api_key": "sk-upstream-secret",
        "base_url": "https://llm.example/v1",
        "default_model": "m",
        "models": ["m", "n"],
        "model_whitelist": ["m*"],
        "model_aliases": {"fast": "m"},
        "extra_backends": [
            {"name": "spare", "backend": "openai", "backend_api_key": "sk-spare-secret"},
            {"name": "open", "backend": "ollama", "base_url": "http://127.0.0.1:11434"},
        ],
        "fallback_models": ["n", "spare/x"],
        "system_prompt": "Be brief.",
        "tool_mode": "gateway",
        "server_tools": ["get_time"],
        "rate_limit_minute": 1,
        "rate_limit_hour": 2,
        "rate_limit_day": 3,
        "quota_input_tokens_day": 4,
        "quota_output_tokens_day": 5,
        "quota_requests_day": 2**53,
        "max_input_tokens": 6,
        "max_output_tokens": 7,
        "max_concurrency": 8,
        "budget_usd_day": 0.1,
        "budget_usd_month": 1e9,
        "key_prefix": "sk-ant-",
        "expires_at": "2031-02-03T04:05:06.789+02:00",
        "allowed_ips": ["10.0.0.0/8", "::1"],
        "is_active": False,
        "log_bodies": True,
        "timeout_seconds": 0.5,
    }
)


def settings(name: str, **fields: object) -> ClientSettings:
    return ClientSettings.model_validate({"name": name, "backend": "openai", **fields})


def test_the_full_settings_set_every_field() -> None:
    assert FULL.model_fields_set == set(ClientSettings.model_fields)


async def test_a_client_comes_back_as_it_was_set(store: ClientStore) -> None:
    created, key = await store.create_client(FULL, now=NOW)
    assert created.settings == FULL
    assert created.created_at == created.updated_at == NOW
    assert created.last_seen is None
    assert re.fullmatch(r"cl_[0-9a-f]{16}", created.id)
    (stored,) = created.keys
    assert key.startswith("sk-ant-")
    assert (stored.key_hash, stored.tail) == (hash_key(key), key[-4:])
    assert (stored.created_at, stored.expires_at) == (NOW, None)
    assert await store.get_client(created.id) == created
    assert await store.get_client(FULL.name) == created
    assert list(await store.list_clients()) == [created]


async def test_secrets_and_keys_are_not_on_the_disk(store: ClientStore, database: Database) -> None:
    created, key = await store.create_client(FULL, now=NOW)
    rotated = await store.rotate_key(created.id, now=NOW, grace_s=60)
    raw = database.raw_bytes()
    assert b"Be brief." in raw  # we look in the right place
    for secret in ("sk-upstream-secret", "sk-spare-secret", key, rotated):
        assert secret.encode() not in raw


async def test_another_encryption_key_says_so(store: ClientStore, database: Database) -> None:
    created, _ = await store.create_client(FULL, now=NOW)
    other = await database.clients(key=bytes(32))
    with pytest.raises(StoreError, match=rf"{created.id}.*another key"):
        await other.list_clients()
    await other.delete_client(created.id)  # the way out where the key is lost for good
    assert await other.list_clients() == []
    await other.close()


async def test_clients_are_listed_by_name(store: ClientStore) -> None:
    for name in ("b", "a", "C", "ä"):
        await store.create_client(settings(name), now=NOW)
    assert [client.settings.name for client in await store.list_clients()] == ["C", "a", "b", "ä"]


@pytest.mark.parametrize("missing", ["", "nobody", "cl_0000000000000000", "%", "a' OR '1'='1"])
async def test_an_unknown_client(missing: str, store: ClientStore) -> None:
    await store.create_client(settings("a"), now=NOW)
    version = await store.version()
    with pytest.raises(NoSuchClient):
        await store.get_client(missing)
    with pytest.raises(NoSuchClient):
        await store.update_client(missing, settings("b"), now=NOW)
    with pytest.raises(NoSuchClient):
        await store.set_models(missing, ["m"])
    with pytest.raises(NoSuchClient):
        await store.rotate_key(missing, now=NOW)
    with pytest.raises(NoSuchClient):
        await store.delete_client(missing)
    assert await store.version() == version


async def test_a_name_that_is_anothers_id(store: ClientStore) -> None:
    first, _ = await store.create_client(settings("first"), now=NOW)
    await store.create_client(settings(first.id), now=NOW)
    assert await store.get_client(first.id) == first


async def test_a_name_is_taken_once(store: ClientStore) -> None:
    await store.create_client(settings("a"), now=NOW)
    second, _ = await store.create_client(settings("b"), now=NOW)
    version = await store.version()
    with pytest.raises(DuplicateName, match="'a'"):
        await store.create_client(settings("a"), now=NOW)
    with pytest.raises(DuplicateName, match="'a'"):
        await store.update_client(second.id, settings("a"), now=NOW)
    assert await store.version() == version
    assert [client.settings.name for client in await store.list_clients()] == ["a", "b"]
    await store.update_client(second.id, settings("b", description="its own name"), now=NOW)


async def test_an_update_replaces_all_settings(store: ClientStore) -> None:
    created, _ = await store.create_client(FULL, now=NOW)
    later = NOW + timedelta(seconds=5)
    updated = await store.update_client(created.id, settings("new"), now=later)
    assert updated.settings == settings("new")
    assert (updated.created_at, updated.updated_at) == (NOW, later)
    assert updated.keys == created.keys
    assert await store.get_client("new") == updated
    again = await store.update_client(created.id, FULL, now=later)
    assert again.settings == FULL


async def test_the_model_list_is_no_admins_change(store: ClientStore) -> None:
    created, _ = await store.create_client(FULL, now=NOW)
    version = await store.version()
    await store.set_models(created.id, ["x", "y", "x"])
    changed = await store.get_client(created.id)
    assert changed.settings == FULL.model_copy(update={"models": ("x", "y")})
    assert changed.updated_at == NOW
    assert await store.version() > version


async def test_every_change_raises_the_version_and_reading_does_not(store: ClientStore) -> None:
    seen = [await store.version()]
    client, _ = await store.create_client(settings("a"), now=NOW)
    seen.append(await store.version())
    await store.update_client(client.id, settings("b"), now=NOW)
    seen.append(await store.version())
    await store.set_models(client.id, ["m"])
    seen.append(await store.version())
    await store.rotate_key(client.id, now=NOW)
    seen.append(await store.version())
    await store.delete_client(client.id)
    seen.append(await store.version())
    assert seen == sorted(set(seen))
    await store.set_setting("x", "y")
    await store.list_clients()
    await store.usage()
    assert await store.version() == seen[-1]


async def test_rotation_ends_the_old_key_at_once(store: ClientStore) -> None:
    created, old = await store.create_client(FULL, now=NOW)
    new = await store.rotate_key(created.id, now=NOW)
    (key,) = (await store.get_client(created.id)).keys
    assert key.key_hash == hash_key(new) != hash_key(old)
    assert new.startswith("sk-ant-")


async def test_rotation_with_grace_keeps_the_old_key_for_a_while(store: ClientStore) -> None:
    created, old = await store.create_client(settings("a"), now=NOW)
    new = await store.rotate_key(created.id, now=NOW + timedelta(seconds=1), grace_s=600)
    keys = {key.key_hash: key.expires_at for key in (await store.get_client(created.id)).keys}
    assert keys == {hash_key(old): NOW + timedelta(seconds=601), hash_key(new): None}

    newest = await store.rotate_key(created.id, now=NOW + timedelta(seconds=2), grace_s=6000)
    keys = {key.key_hash: key.expires_at for key in (await store.get_client(created.id)).keys}
    assert keys == {
        hash_key(old): NOW + timedelta(seconds=601),  # no second grace
        hash_key(new): NOW + timedelta(seconds=6002),
        hash_key(newest): None,
    }


async def test_an_expired_key_is_not_listed(store: ClientStore) -> None:
    past = datetime.now(UTC) - timedelta(hours=1)
    created, _ = await store.create_client(settings("a"), now=past)
    new = await store.rotate_key(created.id, now=past, grace_s=60)
    (client,) = await store.list_clients()
    assert [key.key_hash for key in client.keys] == [hash_key(new)]


async def test_a_deleted_client_leaves_its_usage(store: ClientStore, accounting: AccountingStore) -> None:
    created, _ = await store.create_client(settings("gone"), now=NOW)
    accounting.write([row(client_id=created.id, client_name="gone")])
    await store.delete_client(created.id)
    assert await store.list_clients() == []
    assert [usage.client for usage in await store.usage()] == ["gone"]
    second, _ = await store.create_client(settings("gone"), now=NOW)
    assert second.id != created.id


async def test_usage_is_reported_by_day_client_and_model(
    store: ClientStore, accounting: AccountingStore
) -> None:
    client, _ = await store.create_client(settings("old name"), now=NOW)
    mine = {"client_id": client.id, "client_name": "old name"}
    accounting.write(
        [
            row(started_at=NOON_MS + 86_400_000, **mine, model_served="z", cost_usd=0.5),
            row(started_at=NOON_MS, **mine, model_served="z", cached_tokens=2),
            row(started_at=NOON_MS, **mine, model_served="y", status=500),
            row(started_at=NOON_MS, client_id="cl_b", client_name="other"),
        ]
    )
    await store.update_client(client.id, settings("new name"), now=NOW)

    def usage(**fields: object) -> UsageRow:
        base = {"day": "2025-10-09", "client": "new name", "model": "z", "requests": 1, "errors": 0}
        tokens = {"input_tokens": 3, "output_tokens": 5, "cached_tokens": 0, "cost_usd": None}
        tokens["unpriced_requests"] = 0 if "cost_usd" in fields else 1
        return UsageRow(**{**base, **tokens, **fields})  # type: ignore[arg-type]

    expected = [
        usage(model="y", errors=1),
        usage(cached_tokens=2),
        usage(client="other", model="m"),
        usage(day="2025-10-10", cost_usd=0.5),
    ]
    assert list(await store.usage()) == expected
    assert list(await store.usage(since_day="2025-10-10")) == expected[3:]
    for name in (client.id, "new name"):
        assert list(await store.usage(client=name)) == [*expected[:2], expected[3]]
    assert list(await store.usage(client="other", since_day="2025-10-09")) == [expected[2]]
    assert list(await store.usage(client="nobody")) == []


async def test_settings_by_name(store: ClientStore) -> None:
    assert await store.get_setting("a") is None
    await store.set_setting("a", "1")
    await store.set_setting("b", "")
    await store.set_setting("a", "2")
    assert (await store.get_setting("a"), await store.get_setting("b")) == ("2", "")


async def test_another_process_sees_changes_at_once(store: ClientStore, database: Database) -> None:
    other = await database.clients()
    before = await other.version()
    created, _ = await store.create_client(settings("a"), now=NOW)
    assert await other.version() > before
    assert list(await other.list_clients()) == [created]
    await other.close()


async def test_changes_from_all_sides_at_once(store: ClientStore, database: Database) -> None:
    other = await database.clients()
    before = await store.version()
    names = [f"client {i}" for i in range(20)]
    both = [(each, name) for name in names for each in (store, other)]
    results = await asyncio.gather(
        *(each.create_client(settings(name), now=NOW) for each, name in both), return_exceptions=True
    )
    failures = [result for result in results if isinstance(result, BaseException)]
    assert len(failures) == 20
    assert all(isinstance(failure, DuplicateName) for failure in failures)
    clients = await store.list_clients()
    assert sorted(client.settings.name for client in clients) == sorted(names)
    assert await other.version() == before + 20

    first = clients[0].id
    await asyncio.gather(*(each.rotate_key(first, now=NOW, grace_s=3600) for each in (store, other) * 10))
    assert len((await store.get_client(first)).keys) == 21
    await other.close()


async def test_a_cancelled_change_leaves_no_lock(store: ClientStore) -> None:
    tasks = [asyncio.create_task(store.create_client(settings(f"c{i}"), now=NOW)) for i in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await store.create_client(settings("after"), now=NOW)
    names = {client.settings.name for client in await store.list_clients()}
    assert names >= {"after", "c1", "c3", "c5", "c7", "c9"}
