"""The stores under test: a further engine is a further parameter of `database`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ai_gateway.store.accounting import SqliteAccounting
from ai_gateway.store.clients import SqlClientStore
from ai_gateway.store.crypto import SecretBox
from ai_gateway.store.protocols import AccountingStore, ClientStore
from ai_gateway.store.serving import SqliteServing
from tests.harness.databases import empty_database

KEY = bytes(range(32))


@dataclass(frozen=True)
class Database:
    """An empty database of the newest schema."""

    path: Path

    async def clients(self, key: bytes = KEY, *, previous: bool = False) -> ClientStore:
        """With `previous`, what the usual key has sealed opens, too."""
        return await SqlClientStore.open(self.path, SecretBox(lambda: (key, KEY) if previous else (key,)))

    def serving(self, key: bytes = KEY) -> SqliteServing:
        return SqliteServing(self.path, SecretBox(lambda: (key,)))

    def accounting(self) -> AccountingStore:
        return SqliteAccounting(self.path)

    def raw_bytes(self) -> bytes:
        """All that is on the disk."""
        return b"".join(file.read_bytes() for file in self.path.parent.iterdir())


@pytest.fixture(params=["sqlite"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    makers: dict[str, Callable[[Path], Database]] = {"sqlite": _sqlite}
    return makers[request.param](tmp_path)


def _sqlite(folder: Path) -> Database:
    path = folder / "data 100% & #1?" / "gateway.db"
    empty_database(path)
    return Database(path)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[ClientStore]:
    store = await database.clients()
    yield store
    await store.close()


@pytest.fixture
def accounting(database: Database) -> Iterator[AccountingStore]:
    accounting = database.accounting()
    yield accounting
    accounting.close()
