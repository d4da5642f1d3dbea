"""What the gateway asks of its database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, Protocol

import msgspec

from ai_gateway.core.client import Client, ClientSettings
from ai_gateway.core.record import RequestRecord

if TYPE_CHECKING:
    from ai_gateway.store.tool_protocols import ToolStore

__all__ = [
    "METRICS_PASSWORD",
    "AccountingStore",
    "Actor",
    "BadCursor",
    "ClientCursor",
    "ClientRow",
    "ClientStore",
    "DuplicateName",
    "NoSuchClient",
    "ServingStore",
    "SpentRow",
    "StaleClient",
    "StoreError",
    "UsageRow",
]

ClientCursor = tuple[str | int | float | None, ...]
"""Where a page of clients ends; opaque outside the store."""

METRICS_PASSWORD = "prometheus.password_sha256"  # noqa: S105 - the name of a stored setting
"""The setting that holds the SHA-256, in hex, of a generated password of the metrics."""


class StoreError(Exception):
    """The database cannot be used; the message says what to do, without a traceback."""


class BadCursor(StoreError):
    """A place in a list that is none of this list's."""


class NoSuchClient(StoreError):
    """No client has this id or name."""


class DuplicateName(StoreError):
    """Another client, or user, has this name."""


class StaleClient(StoreError):
    """The client is not as it was when the change was made up; `etag` is that of what it is now."""

    def __init__(self, etag: str) -> None:
        super().__init__("the client was changed meanwhile")
        self.etag = etag


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who makes a change, as the audit log names it."""

    kind: Literal["user", "token", "cli"]
    name: str
    address: str | None = None


class ClientRow(msgspec.Struct, frozen=True):
    """A client in a list."""

    client: Client
    key: ClientCursor


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """Daily usage of one client with one model. `cost_usd` is None while none of it could be priced."""

    day: str
    """YYYY-MM-DD, in `limits.timezone`."""
    client: str
    model: str
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float | None
    unpriced_requests: int = 0
    """Requests that the cost leaves out."""


class SpentRow(msgspec.Struct, frozen=True, kw_only=True):
    """What one client used in a day, over all models; only what limits count."""

    client_id: str
    day: str
    """YYYY-MM-DD, in `limits.timezone`."""
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float


class ServingStore(Protocol):
    """What a gateway needs of its database while it serves."""

    async def version(self) -> int:
        """A number that grows with every change of a client, key or tool."""
        ...

    async def list_clients(self) -> Sequence[Client]:
        """All clients with their unexpired keys, by name."""
        ...

    async def spent(self, *, since_day: str) -> Sequence[SpentRow]:
        """Per client and day, from `since_day` on."""
        ...

    async def admissions(self, client_id: str, *, since_ms: int, limit: int) -> Sequence[tuple[float, int]]:
        """The newest admissions of a client, at most `limit`, as (Unix time in seconds, count), oldest first.
        Those of one second stand together, at the time of the last of them."""
        ...

    async def get_setting(self, name: str) -> str | None: ...

    async def set_models(self, client_id: str, models: Sequence[str]) -> None:
        """Caches the provider's model list; does not change `updated_at`. Raises: NoSuchClient."""
        ...

    async def close(self) -> None: ...


class ClientStore(ServingStore, Protocol):
    """Clients and their keys. Every change raises `version()`, by which a running server sees it.

    A change writes its audit row in the same transaction: `by` whom; None: by the command line.
    """

    def tools(self) -> ToolStore:
        """MCP servers and switches of the same database; ends with this store."""
        ...

    async def get_client(self, id_or_name: str) -> Client:
        """Raises: NoSuchClient."""
        ...

    async def page_clients(
        self,
        *,
        q: str | None,
        backend: str | None,
        active: bool | None,
        sort: Literal["name", "last_seen", "cost_today"],
        today: str,
        after: ClientCursor | None,
        limit: int,
    ) -> Sequence[ClientRow]:
        """A part of the list: by name, or by time or today's cost with the highest first.

        Raises: BadCursor where `after` is none of this order's.
        """
        ...

    async def create_client(
        self, settings: ClientSettings, *, now: datetime, by: Actor | None = None
    ) -> tuple[Client, str]:
        """The new client and its first key in clear: the only time that it exists outside the caller.

        Raises: DuplicateName.
        """
        ...

    async def update_client(
        self,
        client_id: str,
        settings: ClientSettings,
        *,
        now: datetime,
        by: Actor | None = None,
        expected: str | None = None,
    ) -> Client:
        """A cached model list that belongs to another provider or address is forgotten.

        `expected`: the `etag` that the client must still have.
        Raises: NoSuchClient, DuplicateName, StaleClient.
        """
        ...

    async def set_models(self, client_id: str, models: Sequence[str], *, by: Actor | None = None) -> None:
        """As a `ServingStore` does. Audited only where `by` is told."""
        ...

    async def delete_client(
        self, client_id: str, *, by: Actor | None = None, expected: str | None = None
    ) -> None:
        """Its request rows and usage stay. Raises: NoSuchClient, StaleClient."""
        ...

    async def rotate_key(
        self, client_id: str, *, now: datetime, grace_s: int = 0, by: Actor | None = None
    ) -> str:
        """A new key in clear. Older keys stop at `now + grace_s` seconds. Raises: NoSuchClient."""
        ...

    async def reseal(self) -> int:
        """Encrypt again, in one transaction, every credential that is under another key than the newest.
        Returns how many there were.

        Raises: StoreError where one does not open; nothing was changed then.
        """
        ...

    async def usage(self, *, since_day: str | None = None, client: str | None = None) -> Sequence[UsageRow]:
        """Daily aggregates, oldest day first."""
        ...

    async def set_setting(self, name: str, value: str) -> None: ...


class AccountingStore(Protocol):
    """Where the accounting writer puts rows. Blocking: called from the writer's own thread."""

    def write(self, records: Sequence[RequestRecord]) -> int:
        """Insert the rows that are new and add exactly these to the daily aggregates, in one transaction.

        Returns how many were new. Also moves `last_seen` of their clients forward.
        Raises: StoreError where the database is away or locked; nothing was written then.
        """
        ...

    def purge(self, *, rows_before_ms: int, bodies_before_ms: int, limit: int = 1000) -> int:
        """Delete at most `limit` rows that are older (Unix ms); aggregates stay. Returns how many."""
        ...

    def purge_steps(self, *, now_ms: int, limit: int = 1000) -> int:
        """Delete at most `limit` sums of minutes and hours that no chart shows any more."""
        ...

    def close(self) -> None: ...
