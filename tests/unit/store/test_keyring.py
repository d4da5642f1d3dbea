"""Changing the key of the credentials: nothing is ever without its key, whatever dies and when."""

from __future__ import annotations

import stat
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ai_gateway.core.client import ClientSettings, ExtraBackend
from ai_gateway.core.secret import Secret
from ai_gateway.store import keyring
from ai_gateway.store.clients import SqlClientStore
from ai_gateway.store.crypto import KEY_VARIABLE, SecretBox, read_key_file, replace_key_file
from ai_gateway.store.keyring import PREVIOUS_KEY_VARIABLE, KeySource, rotate_key_file
from ai_gateway.store.migrate import ensure_schema
from ai_gateway.store.protocols import StoreError

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SETTINGS = ClientSettings(
    name="app",
    backend="openai",
    backend_api_key=Secret("sk-main"),
    extra_backends=(ExtraBackend(name="b", backend="groq", backend_api_key=Secret("sk-extra")),),
)


class Place:
    """A database and its key file, opened anew by each process."""

    def __init__(self, folder: Path) -> None:
        self.database = folder / "gateway.db"
        self.key = folder / "secret.key"
        self.environ: dict[str, str] = {}
        ensure_schema(self.database)

    def source(self) -> KeySource:
        return KeySource(self.key, self.environ)

    async def store(self) -> SqlClientStore:
        return await SqlClientStore.open(self.database, self.source().box)

    async def do(self, work: Callable[[SqlClientStore], Awaitable[object]]) -> None:
        store = await self.store()
        try:
            await work(store)
        finally:
            await store.close()

    async def rotate(self) -> int:
        store = await self.store()
        try:
            return await rotate_key_file(self.key, store.reseal)
        finally:
            await store.close()

    async def secrets(self) -> list[str]:
        """What a process that starts now reads."""
        store = await self.store()
        try:
            found = [client.settings for client in await store.list_clients()]
        finally:
            await store.close()
        return [
            secret.reveal()
            for settings in found
            for secret in (settings.backend_api_key, *(e.backend_api_key for e in settings.extra_backends))
        ]


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    place = Place(tmp_path)
    await place.do(lambda store: store.create_client(SETTINGS, now=NOW))
    return place


async def test_a_rotation_changes_the_key_and_no_secret(place: Place) -> None:
    [old] = read_key_file(place.key)
    assert await place.rotate() == 2
    [new] = read_key_file(place.key)
    assert new != old
    assert stat.S_IMODE(place.key.stat().st_mode) == 0o600
    assert await place.secrets() == ["sk-main", "sk-extra"]
    stale = await SqlClientStore.open(place.database, SecretBox(old))
    with pytest.raises(StoreError, match="encrypted with another key"):
        await stale.list_clients()
    await stale.close()


async def test_the_database_keeps_no_token_of_the_old_key(place: Place) -> None:
    [old] = read_key_file(place.key)
    fingerprint = SecretBox(old).seal("x", context="").split(".")[1].encode()

    def disk() -> bytes:
        return b"".join(file.read_bytes() for file in place.database.parent.glob("gateway.db*"))

    assert b"v1." + fingerprint in disk()
    await place.rotate()
    assert b"v1." + fingerprint not in disk()


async def test_a_process_that_runs_sees_the_new_key(place: Place) -> None:
    running = await place.store()
    before = await running.version()
    await place.rotate()
    assert await running.version() > before
    [client] = await running.list_clients()
    assert client.settings == SETTINGS
    # What it seals now is under the new key, which is the only one of the file.
    await running.update_client(client.id, SETTINGS.model_copy(update={"description": "x"}), now=NOW)
    await running.close()
    assert await place.secrets() == ["sk-main", "sk-extra"]


class Killed(BaseException):
    """The process dies."""


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("before", [True, False])
async def test_a_death_at_any_step_loses_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch, at: int, before: bool
) -> None:
    steps = 0

    def dying(path: Path, keys: tuple[bytes, ...]) -> None:
        nonlocal steps
        steps += 1
        if steps == at and before:
            raise Killed
        replace_key_file(path, keys)
        if steps == at:
            raise Killed

    monkeypatch.setattr(keyring, "replace_key_file", dying)
    with pytest.raises(Killed):
        await place.rotate()
    monkeypatch.undo()
    assert await place.secrets() == ["sk-main", "sk-extra"]
    await place.do(lambda store: store.create_client(SETTINGS.model_copy(update={"name": "later"}), now=NOW))
    assert await place.rotate() == 4
    assert len(read_key_file(place.key)) == 1
    assert await place.secrets() == ["sk-main", "sk-extra"] * 2


async def test_a_credential_that_does_not_open_stops_it_and_both_keys_stay(place: Place) -> None:
    other = SecretBox(bytes(32)).seal("x", context="cl_x/backend_api_key")
    store = await place.store()
    async with store._database.writing() as connection:
        await connection.exec_driver_sql(
            "INSERT INTO clients (id, name, backend, is_active, settings, secrets, created_at, updated_at) "
            "SELECT 'cl_x', 'broken', backend, 1, settings, ?, 0, 0 FROM clients",
            (f'{{"backend_api_key": "{other}"}}',),
        )
    await store.close()
    with pytest.raises(StoreError, match="cl_x/backend_api_key was encrypted with another key"):
        await place.rotate()
    assert len(read_key_file(place.key)) == 2
    await place.do(lambda store: store.delete_client("cl_x"))
    assert await place.secrets() == ["sk-main", "sk-extra"]
    assert await place.rotate() == 2


async def test_a_key_of_the_environment_is_changed_in_three_steps(place: Place) -> None:
    place.environ = {KEY_VARIABLE: "the first passphrase", PREVIOUS_KEY_VARIABLE: ""}
    assert place.source().from_environment
    await place.do(lambda store: store.reseal())  # out of the file, which is still there
    place.key.unlink()
    assert await place.secrets() == ["sk-main", "sk-extra"]
    place.environ = {KEY_VARIABLE: "the second passphrase", PREVIOUS_KEY_VARIABLE: "the first passphrase"}
    assert await place.secrets() == ["sk-main", "sk-extra"]
    await place.do(lambda store: store.reseal())
    del place.environ[PREVIOUS_KEY_VARIABLE]
    assert await place.secrets() == ["sk-main", "sk-extra"]
    # And back into a file.
    place.environ = {PREVIOUS_KEY_VARIABLE: "the second passphrase"}
    assert await place.rotate() == 2
    place.environ = {}
    assert await place.secrets() == ["sk-main", "sk-extra"]


async def test_one_rotation_at_a_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring, "_LOCK_TIMEOUT_S", 0.01)
    with pytest.raises(StoreError, match="another rotation is under way"):
        await rotate_key_file(place.key, place.rotate)
    assert await place.secrets() == ["sk-main", "sk-extra"]
