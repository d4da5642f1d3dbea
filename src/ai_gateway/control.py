"""The control path: brings changes of clients into the data path."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

from ai_gateway.background import paused
from ai_gateway.core.client import Client
from ai_gateway.gate import Admission
from ai_gateway.ingress.health import Health
from ai_gateway.pipeline import Pipeline
from ai_gateway.policy.interface import Accounts
from ai_gateway.policy.prices import Prices
from ai_gateway.policy.snapshot import Snapshot
from ai_gateway.providers import Upstream
from ai_gateway.store.protocols import ServingStore, StoreError

__all__ = ["Accounting", "Control"]

SNAPSHOT_POLL_S = 0.25
RESTORE_TIMEOUT_S = 30.0
MIN_RESTORED = 1024
"""Admissions of a client that are taken over at least: a limit may be set later."""
DAY_MS = 86_400_000

_log = logging.getLogger("ai_gateway")


class Accounting(Protocol):
    """Whoever moves rows from the spool into the database."""

    @property
    def fault(self) -> str | None:
        """Why rows wait; None while they are stored."""
        ...

    def flush(self, timeout_s: float) -> bool:
        """Wait until every row is in the database; False at the timeout."""
        ...


class _View(NamedTuple):
    """What a refresh brings."""

    snapshot: Snapshot
    ids: frozenset[str]
    last_seen: dict[str, datetime]
    upstreams: Collection[Upstream]
    """One for each of its places."""

    @classmethod
    def of(cls, clients: Sequence[Client], version: int, before: Snapshot) -> _View:
        snapshot = Snapshot.of(clients, version, before)
        upstreams = (client.upstream for client in snapshot.clients.values() if client.upstream)
        return cls(
            snapshot,
            frozenset(snapshot.clients),
            {client.id: client.last_seen for client in clients if client.last_seen},
            {(each.provider_name, each.base): each for each in upstreams}.values(),
        )


class Control:
    """Keeps the data path's view of the clients fresh."""

    def __init__(
        self,
        store: ServingStore,
        pipeline: Pipeline,
        health: Health,
        admission: Admission,
        accounting: Accounting,
        limiter: Accounts,
        prices: Prices,
    ) -> None:
        self._prices = prices
        self._limiter = limiter
        self._store = store
        self._admission = admission
        self._accounting = accounting
        self._pipeline = pipeline
        self._health = health
        self._saves: set[asyncio.Task[None]] = set()
        self._last_seen: dict[str, datetime] = {}
        """By client id, as of the last refresh."""

    async def refresh(self) -> None:
        """Swap in a new snapshot where something has changed. Raises: StoreError."""
        version = await self._store.version()
        before = self._pipeline.snapshot
        if version != before.version:
            clients = await self._store.list_clients()
            # In a thread: of 10,000 clients, even what is as it was takes some 40 ms to go through.
            seen = await asyncio.to_thread(_View.of, clients, version, before)
            self._pipeline.snapshot = seen.snapshot
            self._last_seen = seen.last_seen
            self._limiter.keep(seen.ids)
            self._prices.prepare(seen.upstreams)
        self._health.database_fault = None

    async def take_over(self) -> None:
        """See the clients, and go on counting where the last process stopped. Raises: StoreError."""
        if not await asyncio.to_thread(self._accounting.flush, RESTORE_TIMEOUT_S):
            _log.warning("rows of the last run are still in the spool: limits do not count them")
        await self.refresh()
        wall_s, now_s = time.time(), time.monotonic()
        month = self._limiter.calendar.day(wall_s).month
        self._limiter.restore_days(await self._store.spent(since_day=f"{month}-01"), wall_s=wall_s)
        since_ms = round(wall_s * 1000) - DAY_MS
        yesterday = datetime.fromtimestamp(wall_s, UTC) - timedelta(days=1)
        clients = self._pipeline.snapshot.clients
        for client in [clients[name] for name, seen in self._last_seen.items() if seen > yesterday]:
            most = max(MIN_RESTORED, client.limits.minute, client.limits.hour, client.limits.day)
            moments = await self._store.admissions(client.id, since_ms=since_ms, limit=most)
            self._limiter.restore_admissions(client.id, moments, now_s=now_s, wall_s=wall_s)

    async def watch(self, stop: asyncio.Event) -> None:
        """See every change of a client within a second, whoever made it."""
        while not await paused(stop, SNAPSHOT_POLL_S):
            self._admission.tell(self._accounting.fault, self._pipeline.in_flight)
            try:
                await self.refresh()
            except StoreError as error:
                if self._health.database_fault is None:
                    _log.error("the database is away, serving on with what is known: %s", error)
                self._health.database_fault = "the database cannot be reached"
        await asyncio.gather(*self._saves)

    def save_models(self, client_id: str, models: Sequence[str]) -> None:
        """Store a fetched list some time soon."""
        task = asyncio.create_task(self._save_models(client_id, models))
        self._saves.add(task)
        task.add_done_callback(self._saves.discard)

    async def _save_models(self, client_id: str, models: Sequence[str]) -> None:
        try:
            await self._store.set_models(client_id, models)
        except StoreError as error:
            _log.warning("the model list of client %s was not stored: %s", client_id, error)
