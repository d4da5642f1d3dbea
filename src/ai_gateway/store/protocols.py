"""What the gateway asks of its database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

import msgspec

from ai_gateway.core.client import Client, ClientSettings
from ai_gateway.core.record import RequestRecord

__all__ = [
    "AccountingStore",
    "ClientStore",
    "DuplicateName",
    "NoSuchClient",
    "SpentRow",
    "StoreError",
    "UsageRow",
]


class StoreError(Exception):
    """The database cannot be used; the message says what to do, without a traceback."""


class NoSuchClient(StoreError):
    """No client has this id or name."""


class DuplicateName(StoreError):
    """Another client has this name."""


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


class ClientStore(Protocol):
    """Clients and their keys. Every change raises `version()`, by which a running server sees it."""

    async def version(self) -> int:
        """A number that grows with every change of a client or key."""
        ...

    async def list_clients(self) -> Sequence[Client]:
        """All clients with their unexpired keys, by name."""
        ...

    async def get_client(self, id_or_name: str) -> Client:
        """Raises: NoSuchClient."""
        ...

    async def create_client(self, settings: ClientSettings, *, now: datetime) -> tuple[Client, str]:
        """The new client and its first key in clear: the only time that it exists outside the caller.

        Raises: DuplicateName.
        """
        ...

    async def update_client(self, client_id: str, settings: ClientSettings, *, now: datetime) -> Client:
        """A cached model list that belongs to another provider or address is forgotten.

        Raises: NoSuchClient, DuplicateName.
        """
        ...

    async def set_models(self, client_id: str, models: Sequence[str]) -> None:
        """Caches the provider's model list; does not count as an admin's change of `updated_at`."""
        ...

    async def delete_client(self, client_id: str) -> None:
        """Its request rows and usage stay. Raises: NoSuchClient."""
        ...

    async def rotate_key(self, client_id: str, *, now: datetime, grace_s: int = 0) -> str:
        """A new key in clear. Older keys stop at `now + grace_s` seconds. Raises: NoSuchClient."""
        ...

    async def usage(self, *, since_day: str | None = None, client: str | None = None) -> Sequence[UsageRow]:
        """Daily aggregates, oldest day first."""
        ...

    async def spent(self, *, since_day: str) -> Sequence[SpentRow]:
        """Per client and day, from `since_day` on."""
        ...

    async def admissions(self, client_id: str, *, since_ms: int, limit: int) -> Sequence[tuple[float, int]]:
        """The newest admissions of a client, at most `limit`, as (Unix time in seconds, count), oldest first.
        Those of one second stand together, at the time of the last of them."""
        ...

    async def get_setting(self, name: str) -> str | None: ...

    async def set_setting(self, name: str, value: str) -> None: ...

    async def close(self) -> None: ...


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

    def close(self) -> None: ...
