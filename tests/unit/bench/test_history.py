"""A history that is written for the bench is one that the gateway reads."""

from __future__ import annotations

from pathlib import Path

from bench.history import fill

from ai_gateway.store.admin_protocols import RequestFilter
from ai_gateway.store.database import Database
from ai_gateway.store.history import SqlHistoryStore
from ai_gateway.store.migrate import ensure_schema
from ai_gateway.store.usage import SqlUsageStore
from tests.unit.store.support import InThread


async def test_the_gateway_reads_what_was_filled_in(tmp_path: Path) -> None:
    file = tmp_path / "gateway.db"
    ensure_schema(file)
    fill(file, rows=500)
    database = Database.open(file)
    try:
        reads = InThread(file)
        history = SqlHistoryStore(database, reads)
        page = await history.page(RequestFilter(status="error"), before=None, limit=200)
        assert len(page.rows) == 10
        usage = SqlUsageStore(database, reads)
        lines = usage.export(first_day=None, last_day=None, client=None, model=None)
        assert sum([chunk.count(b"\n") async for chunk in lines]) == 500
    finally:
        await database.close()
