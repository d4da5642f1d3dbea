"""Rows to store, a store that can be taken away, and death without warning."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ai_gateway.core.record import RequestRecord
from ai_gateway.store import sqlite
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.reader import checked
from ai_gateway.store.reads import Ask, Told, answer
from ai_gateway.store.spool import Spool

DAY_MS = 86_400_000
NOON_MS = 1_760_000_400_000
"""2025-10-09, 09:00 UTC."""
BIG = 1 << 30
_numbers = itertools.count()


def row(**fields: Any) -> RequestRecord:
    """A finished request of client `cl_a`; `fields` override."""
    values: dict[str, Any] = {
        "id": f"req_{os.getpid()}_{next(_numbers)}",
        "started_at": NOON_MS,
        "client_id": "cl_a",
        "client_name": "app",
        "endpoint": "POST /v1/chat/completions",
        "dialect": "openai",
        "provider": "openai",
        "model_asked": "m",
        "model_served": "m",
        "status": 200,
        "input_tokens": 3,
        "output_tokens": 5,
        "attempts": 1,
        "latency_ms": 1.5,
    }
    return RequestRecord(**{**values, **fields})


class MemoryAccounting:
    """Keeps rows as a database does: it outlives the processes, knows ids, and can be away."""

    def __init__(self) -> None:
        self.rows: dict[str, RequestRecord] = {}
        self.writes: Counter[str] = Counter()
        self.away = False

    def write(self, records: Sequence[RequestRecord]) -> int:
        if self.away:
            raise StoreError("the database is away")
        new = [record for record in records if record.id not in self.rows]
        for record in records:
            self.writes[record.id] += 1
            self.rows.setdefault(record.id, record)
        return len(new)

    def purge(self, *, rows_before_ms: int, bodies_before_ms: int, limit: int = 1000) -> int:
        return 0

    def purge_steps(self, *, now_ms: int, limit: int = 1000) -> int:
        return 0

    def close(self) -> None:
        pass


def kill(spool: Spool) -> None:
    """What a kernel does at a process' death: files closed, locks gone, nothing else."""
    os.close(spool._file)
    spool._file = -1
    for folder in (spool._own, *spool._adopted):
        folder.close()
        folder.lock.release(force=True)


def store_all(spool: Spool, store: MemoryAccounting) -> None:
    """The writer's work, without its thread."""
    while (found := spool.read()) is not None:
        batch, _ = found
        store.write(batch.records)
        spool.commit(batch)


def new_spool(folder: Path, **options: int) -> Spool:
    return Spool(folder, max_bytes=options.get("max_bytes", BIG))


def full(spool: Spool) -> bool:
    return spool.is_full()


def healthy(spool: Spool) -> bool:
    return spool.healthy


def replayed(folder: Path) -> MemoryAccounting:
    """What a fresh start finds."""
    store = MemoryAccounting()
    spool = new_spool(folder)
    spool.adopt()
    store_all(spool, store)
    spool.close()
    return store


def files(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.rglob(pattern))


def run_python(script: str, *arguments: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    """Run a script in a fresh interpreter."""
    command = [sys.executable, "-W", "error", "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)


class InThread:
    """`Reads` without a process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def ask(self, ask: Ask) -> Told:
        return checked(await asyncio.to_thread(self._answer, ask), self._path)

    def _answer(self, ask: Ask) -> Told:
        with closing(sqlite.connect(self._path)) as connection:
            return answer(connection, ask)
