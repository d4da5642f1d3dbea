"""What a gateway reads of its database while it serves, through the standard library's driver.

SQLAlchemy takes some 0.4 s of a start and 19 MB of memory: it is loaded when something is to be changed, or
somebody opens the dashboard.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from ai_gateway.core.client import Client
from ai_gateway.store import sqlite
from ai_gateway.store.client_rows import KnownClients, server_of
from ai_gateway.store.crypto import SecretBox
from ai_gateway.store.protocols import ClientStore, SpentRow
from ai_gateway.store.tool_protocols import StoredServer, Switches

__all__ = ["SqliteServing"]

T = TypeVar("T")
_CLIENTS = """
SELECT c.*, k.key_hash, k.tail, k.created_at AS key_created_at, k.expires_at AS key_expires_at
FROM clients c
LEFT JOIN client_keys k ON k.client_id = c.id AND (k.expires_at IS NULL OR k.expires_at > ?)
ORDER BY c.name, k.created_at, k.key_hash
"""
_SPENT = """
SELECT client_id, day, sum(admitted_requests) AS requests, sum(input_tokens) AS input_tokens,
    sum(output_tokens) AS output_tokens, coalesce(sum(cost_usd), 0.0) AS cost_usd
FROM usage_daily WHERE day >= ? GROUP BY client_id, day
"""
_ADMISSIONS = """
SELECT max(started_at), count(*) FROM (
    SELECT started_at FROM requests WHERE client_id = ? AND started_at > ? AND admitted
    ORDER BY started_at DESC LIMIT ?)
GROUP BY started_at / 1000 ORDER BY 1
"""


class SqliteServing:
    """A `ServingStore`, and a `ToolReader`, of a database that `ensure_schema` has prepared. Statements run
    one after the other in a thread of their own; it connects at the first one, and again after a fault."""

    def __init__(self, path: Path, box: SecretBox) -> None:
        self._path = path
        self._box = box
        self._known = KnownClients(box)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="serving-store")
        self._connection: sqlite3.Connection | None = None
        self._changing: ClientStore | None = None

    async def close(self) -> None:
        if self._changing is not None:
            await self._changing.close()
        await self._call(self._disconnect)
        self._thread.shutdown(wait=False)

    async def version(self) -> int:
        return int((await self._rows("SELECT version FROM changes"))[0][0])

    async def list_clients(self) -> Sequence[Client]:
        """Of which those that have not changed are the objects of the last time."""
        return await self._call(self._clients)

    def _clients(self) -> list[Client]:
        return self._known.of(map(dict, self._fetch(_CLIENTS, [round(time.time() * 1000)])))

    async def spent(self, *, since_day: str) -> Sequence[SpentRow]:
        return [SpentRow(**row) for row in await self._rows(_SPENT, since_day)]

    async def admissions(self, client_id: str, *, since_ms: int, limit: int) -> Sequence[tuple[float, int]]:
        rows = await self._rows(_ADMISSIONS, client_id, since_ms, limit)
        return [(at_ms / 1000, count) for at_ms, count in rows]

    async def get_setting(self, name: str) -> str | None:
        rows = await self._rows("SELECT value FROM settings WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    async def list_servers(self) -> Sequence[StoredServer]:
        rows = await self._rows("SELECT * FROM mcp_servers ORDER BY name")
        return [server_of(dict(row), self._box) for row in rows]

    async def switches(self) -> Switches:
        rows = await self._rows("SELECT kind, name FROM tools_off")
        return Switches(
            servers=frozenset(name for kind, name in rows if kind == "server"),
            tools=frozenset(name for kind, name in rows if kind == "tool"),
        )

    async def set_models(self, client_id: str, models: Sequence[str]) -> None:
        await (await self._changer()).set_models(client_id, models)

    async def _changer(self) -> ClientStore:
        if self._changing is None:
            from ai_gateway.store.clients import SqlClientStore  # most gateways have no use for it

            self._changing = await SqlClientStore.open(self._path, self._box)
        return self._changing

    async def _rows(self, query: str, *values: str | int) -> list[sqlite3.Row]:
        """Raises: StoreError."""
        return await self._call(lambda: self._fetch(query, values))

    async def _call(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _fetch(self, query: str, values: Sequence[str | int]) -> list[sqlite3.Row]:
        try:
            if self._connection is None:
                self._connection = sqlite.connect(self._path, any_thread=True)
                self._connection.row_factory = sqlite3.Row
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._disconnect()
            raise sqlite.fault(error, self._path) from error

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
