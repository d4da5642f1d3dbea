"""Deletes what is past its retention."""

from __future__ import annotations

import asyncio
import logging
import time

from ai_gateway.background import paused
from ai_gateway.config import Settings
from ai_gateway.store.accounting import SqliteAccounting
from ai_gateway.store.protocols import StoreError

__all__ = ["purge"]

PURGE_INTERVAL_S = 3600.0
PURGE_CHUNK = 1000
PURGE_PAUSE_S = 0.05
DAY_MS = 86_400_000

_log = logging.getLogger("ai_gateway")


async def purge(settings: Settings, stop: asyncio.Event) -> None:
    """Delete rows past their retention, a chunk at a time."""
    accounting = settings.accounting
    while not await paused(stop, PURGE_INTERVAL_S):
        now_ms = time.time_ns() // 1_000_000
        rows_before_ms = now_ms - accounting.retention_days * DAY_MS
        bodies_before_ms = now_ms - accounting.body_retention_days * DAY_MS
        store = SqliteAccounting(settings.database.path)
        try:
            while await asyncio.to_thread(
                store.purge,
                rows_before_ms=rows_before_ms,
                bodies_before_ms=bodies_before_ms,
                limit=PURGE_CHUNK,
            ):
                if await paused(stop, PURGE_PAUSE_S):  # the writer gets in between
                    return
            while await asyncio.to_thread(store.purge_steps, now_ms=now_ms, limit=PURGE_CHUNK):
                if await paused(stop, PURGE_PAUSE_S):
                    return
        except StoreError as error:
            _log.warning("old rows were not deleted, the next round tries again: %s", error)
        finally:
            await asyncio.to_thread(store.close)
