"""The process that reads the history: what it answers, and that its end is nobody's trouble."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from ai_gateway.store import reader as reader_module
from ai_gateway.store.piped import PipedProcess
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.reader import Reader
from ai_gateway.store.reads import Ask, Value, answer
from tests.harness.waiting import wait_until

LONG = Ask(
    sql="WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", values={}
)
WHO_ASKS = Ask(sql="SELECT 1", values={})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "some ?#% name.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE names (name TEXT)")
    return path


@pytest.fixture
def in_flight() -> list[int]:
    """Of the one number in it: requests."""
    return [1]


@pytest.fixture
async def reader(path: Path, in_flight: list[int]) -> AsyncIterator[Reader]:
    reader = Reader(path, lambda: in_flight[0])
    yield reader
    await reader.close()


def children() -> set[int]:
    """Processes of this one that read a history."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        for pid in map(int, (task / "children").read_text().split()):
            if b"ai_gateway.store.reads" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.add(pid)
    return found


def wait_for_the_end(pids: Iterable[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # it has ended
            select.select([os.pidfd_open(pid)], [], [])


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


linux = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
TEXTS: list[tuple[Value, str]] = [
    ("plain", "plain"),
    ("ünïcode 😀", "ünïcode 😀"),
    ("a,b", '"a,b"'),
    ('say "hi"', '"say ""hi"""'),
    ("two\nlines", '"two\nlines"'),
    ('=HYPERLINK("x")', '"\'=HYPERLINK(""x"")"'),
    ("+1", "'+1"),
    ("-1", "'-1"),
    ("@SUM(A1)", "'@SUM(A1)"),
    ("\t=1", "'\t=1"),
    ("\r=1", '"\'\r=1"'),
    (" =1", " =1"),
    (-1, "-1"),
    (0.1, "0.1"),
    (1e22, "1e+22"),
    (None, ""),
]


@pytest.mark.parametrize(("value", "cell"), TEXTS)
def test_csv_is_quoted_and_runs_no_formula(value: Value, cell: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        told = answer(connection, Ask(sql="SELECT 7, :it", values={"it": value}, form="csv"))
    assert told.text.decode() == f"7,{cell}\r\n"


async def test_each_form(reader: Reader) -> None:
    ask = Ask(sql="SELECT :a AS x, 2.5 AS y UNION ALL SELECT NULL, 1 ORDER BY 2", values={"a": "ä"}, key=(1,))
    rows = await reader.ask(ask)
    assert (rows.rows, rows.count, rows.last) == ([[None, 1], ["ä", 2.5]], 2, [2.5])
    objects = await reader.ask(replace(ask, form="json", most=1))
    assert (objects.text, objects.count) == (b'[{"x":null,"y":1}]', 2)
    none = await reader.ask(Ask(sql="SELECT name FROM names", values={}, form="json", key=(0,)))
    assert (none.text, none.count, none.last) == (b"[]", 0, [])


async def test_many_queries_see_one_moment(reader: Reader) -> None:
    rows: tuple[tuple[str, dict[str, Value]], ...] = (
        ("SELECT name FROM names", {}),
        ("SELECT :it AS cost UNION ALL SELECT NULL", {"it": 0.1 + 0.2}),
    )
    told = await reader.ask(Ask(sql="SELECT 1 AS x", values={}, more=rows))
    assert told.text == b'[[{"x":1}],[],[{"cost":0.30000000000000004},{"cost":null}]]'
    with pytest.raises(StoreError, match="no such table"):
        await reader.ask(Ask(sql="SELECT 1", values={}, more=(("SELECT 1 FROM nowhere", {}),)))
    assert (await reader.ask(WHO_ASKS)).rows == [[1]]


async def test_many_at_once_get_their_own_answers(reader: Reader) -> None:
    asks = [Ask(sql="SELECT :n", values={"n": number}) for number in range(50)]
    told = await asyncio.gather(*map(reader.ask, asks))
    assert [each.rows for each in told] == [[[number]] for number in range(50)]


async def test_it_cannot_write(reader: Reader, path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be written"):
        await reader.ask(Ask(sql="INSERT INTO names VALUES ('x')", values={}))
    assert (await reader.ask(Ask(sql="SELECT count(*) FROM names", values={}))).rows == [[0]]


async def test_a_fault_is_told_and_passes(tmp_path: Path) -> None:
    path = tmp_path / "late.db"
    reader = Reader(path, lambda: 0)
    try:
        with pytest.raises(StoreError, match="cannot be opened"):
            await reader.ask(WHO_ASKS)
        sqlite3.connect(path).close()
        assert (await reader.ask(WHO_ASKS)).rows == [[1]]
    finally:
        await reader.close()


@linux
async def test_it_knows_no_secrets(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AI_GATEWAY_SECRET_KEY", "of-the-gateway-alone")
    await reader.ask(WHO_ASKS)
    (pid,) = children()
    assert b"of-the-gateway-alone" not in environment(pid)


@linux
async def test_what_it_was_asked_is_asked_again_where_it_ends(reader: Reader) -> None:
    await reader.ask(WHO_ASKS)
    (pid,) = children()
    os.kill(pid, signal.SIGSTOP)
    asking = asyncio.create_task(reader.ask(WHO_ASKS))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    assert (await asking).rows == [[1]]
    assert children().isdisjoint({pid})


@linux
async def test_one_that_gets_no_processor_is_replaced(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reader.ask(WHO_ASKS)
    (pid,) = children()
    assert os.sched_getscheduler(pid) == os.SCHED_IDLE
    monkeypatch.setattr(reader_module, "PATIENCE_S", 0.01)
    monkeypatch.setattr(reader_module, "_progress", lambda _: (0.0, True))
    os.kill(pid, signal.SIGSTOP)
    assert (await reader.ask(WHO_ASKS)).rows == [[1]]
    (other,) = children()
    assert os.sched_getscheduler(other) == os.SCHED_OTHER
    assert os.getpriority(os.PRIO_PROCESS, other) == 10


@linux
async def test_whoever_leaves_while_it_is_replaced_takes_it_from_nobody(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    await reader.ask(WHO_ASKS)
    (pid,) = children()
    with monkeypatch.context() as patched:
        patched.setattr(reader_module, "PATIENCE_S", 0.01)
        patched.setattr(reader_module, "_progress", lambda _: (0.0, True))
        patched.setattr(PipedProcess, "kill", lambda _: None)  # it takes its time to end
        asking = asyncio.create_task(reader.ask(LONG))
        while not getattr(reader._child, "was_starved", False):  # noqa: ASYNC110 - a field, which wakes nobody
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    os.kill(pid, signal.SIGKILL)
    assert (await reader.ask(WHO_ASKS)).rows == [[1]]


@linux
async def test_it_leaves_the_processor_to_requests_once_there_are_any(
    reader: Reader, in_flight: list[int]
) -> None:
    in_flight[0] = 0
    await reader.ask(WHO_ASKS)
    (first,) = children()
    assert os.sched_getscheduler(first) == os.SCHED_OTHER
    in_flight[0] = 1
    assert (await reader.ask(WHO_ASKS)).rows == [[1]]
    (second,) = children()
    assert os.sched_getscheduler(second) == os.SCHED_IDLE
    in_flight[0] = 0
    await reader.ask(WHO_ASKS)
    assert children() == {second}


@linux
async def test_a_read_is_not_ended_for_the_sake_of_requests(reader: Reader, in_flight: list[int]) -> None:
    in_flight[0] = 0
    await reader.ask(WHO_ASKS)
    (pid,) = children()
    reading = asyncio.create_task(reader.ask(LONG))
    await asyncio.sleep(0)
    in_flight[0] = 1
    assert (await reader.ask(WHO_ASKS)).rows == [[1]]
    assert children() == {pid}
    reading.cancel()
    await asyncio.gather(reading, return_exceptions=True)


@linux
async def test_it_ends_when_nobody_asks(path: Path) -> None:
    reader = Reader(path, lambda: 0, idle_s=0.0)
    await reader.ask(WHO_ASKS)
    await asyncio.to_thread(wait_for_the_end, children())
    assert (await reader.ask(WHO_ASKS)).rows == [[1]]
    await reader.close()
    assert not children()


@linux
async def test_it_ends_when_whoever_asked_is_gone(path: Path) -> None:
    reader = Reader(path, lambda: 0, idle_s=0.0)
    await reader.ask(WHO_ASKS)
    await asyncio.to_thread(wait_for_the_end, children())
    asked = asyncio.create_task(reader.ask(LONG))
    started = await asyncio.to_thread(wait_until, children)
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)
    await reader.ask(WHO_ASKS)
    await asyncio.to_thread(wait_for_the_end, started)
    await reader.close()


@linux
async def test_once_closed_it_starts_nothing(path: Path) -> None:
    reader = Reader(path, lambda: 0)
    asked = asyncio.create_task(reader.ask(LONG))
    await asyncio.to_thread(wait_until, children)
    await reader.close()
    with pytest.raises(StoreError, match="the gateway stops"):
        await asked
    assert not children()


@linux
async def test_the_signals_of_a_terminal_do_not_end_it(reader: Reader) -> None:
    await reader.ask(WHO_ASKS)
    (pid,) = children()
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    await reader.ask(WHO_ASKS)
    assert children() == {pid}
