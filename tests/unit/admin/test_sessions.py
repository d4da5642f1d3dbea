"""Passwords are checked where that leaves the core to requests."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ai_gateway.admin import sessions as module
from ai_gateway.admin.sessions import MAX_HASHES_AT_ONCE, Sessions
from ai_gateway.store.audit import SqlAuditStore
from ai_gateway.store.courtesy import NICE
from ai_gateway.store.database import Database
from ai_gateway.store.users import SqlUserStore

LEAST = 19
"""The lowest priority that there is."""


@pytest.fixture
def in_flight() -> list[int]:
    """Of the one number in it: requests."""
    return [1]


@pytest.fixture
async def sessions(tmp_path: Path, in_flight: list[int]) -> AsyncIterator[Sessions]:
    database = Database.open(tmp_path / "gateway.db")
    users, audit = SqlUserStore(database), SqlAuditStore(database)
    yield Sessions(
        users,
        audit,
        secret="of cookies",
        now_ms=lambda: 0,
        monotonic_s=lambda: 0.0,
        in_flight=lambda: in_flight[0],
    )
    await database.close()


async def test_a_system_that_lets_nobody_be_nice(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "nice", refused, raising=False)
    monkeypatch.setattr(module, "hash_password", str.upper)
    assert await sessions.hash_password("x") == "X"


@pytest.mark.skipif(sys.platform != "linux", reason="only there has a thread a priority of its own")
async def test_threads_of_passwords_leave_the_core_to_requests(
    sessions: Sessions, in_flight: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = os.getpriority(os.PRIO_PROCESS, 0)
    found: list[tuple[int, int]] = []

    def hashed(password: str) -> str:
        lane: list[int] = []
        thread = threading.Thread(target=lambda: lane.append(os.getpriority(os.PRIO_PROCESS, 0)))
        thread.start()
        thread.join()
        found.append((os.getpriority(os.PRIO_PROCESS, 0), lane[0]))
        return password

    monkeypatch.setattr(module, "hash_password", hashed)
    await asyncio.gather(*(sessions.hash_password("x") for _ in range(3 * MAX_HASHES_AT_ONCE)))
    nice = min(mine + NICE, LEAST)
    assert set(found) == {(nice, nice)}
    found.clear()
    in_flight[0] = 0
    await sessions.hash_password("x")
    assert found == [(mine, mine)]  # nobody is kept from anything
    assert os.getpriority(os.PRIO_PROCESS, 0) == mine
