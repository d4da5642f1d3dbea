from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from ai_gateway.core.record import RequestRecord
from ai_gateway.store import writer as writer_module
from ai_gateway.store.accounting import SqliteAccounting
from ai_gateway.store.pace import Pace
from ai_gateway.store.protocols import AccountingStore
from ai_gateway.store.spool import Spool
from ai_gateway.store.writer import Writer
from tests.harness.databases import empty_database
from tests.harness.waiting import wait_until
from tests.unit.store.support import MemoryAccounting, files, kill, row


class Bench:
    """A spool, and writers that are stopped at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.spool = Spool(folder / "spool", max_bytes=1 << 30)
        self.seen: list[str] = []
        self.writers: list[Writer] = []

    def start(self, store: AccountingStore) -> Writer:
        writer = Writer(self.spool, store, on_read=self._see)
        self.writers.append(writer)
        writer.start()
        return writer

    def _see(self, records: Sequence[RequestRecord]) -> None:
        self.seen += [record.id for record in records]

    def append(self, count: int) -> list[str]:
        records = [row() for _ in range(count)]
        for record in records:
            self.spool.append(record)
        return [record.id for record in records]

    def wait(self, condition: Callable[[], bool], what: str) -> None:
        wait_until(condition, what=what)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for writer in bench.writers:
        writer.stop()
    bench.spool.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.db"
    empty_database(path)
    return path


def stored(database: Path) -> list[str]:
    with closing(sqlite3.connect(database)) as connection:
        return [str(name) for (name,) in connection.execute("SELECT id FROM requests ORDER BY rowid")]


def counted(database: Path) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return int(connection.execute("SELECT coalesce(sum(requests), 0) FROM usage_daily").fetchone()[0])


def test_rows_arrive_by_themselves_in_order(bench: Bench, database: Path) -> None:
    writer = bench.start(SqliteAccounting(database))
    names = bench.append(1000)
    bench.wait(lambda: bench.spool.depth == 0, "an empty spool")
    assert bench.seen == names
    assert sorted(stored(database)) == sorted(names)
    assert counted(database) == 1000
    assert writer.fault is None


def test_flush_drains_everything_even_what_a_dead_process_left(bench: Bench, database: Path) -> None:
    dead = Spool(bench.folder / "spool", max_bytes=1 << 30)
    for i in range(600):
        dead.append(row(id=f"dead{i}"))
    kill(dead)
    names = bench.append(600)
    writer = bench.start(SqliteAccounting(database))
    assert writer.flush(30.0)
    assert len(stored(database)) == counted(database) == 1200
    assert bench.seen == names  # no replays
    assert len(files(bench.folder / "spool", "*.jsonl")) == 1


def test_flush_ends_at_its_timeout_and_when_there_is_no_thread(bench: Bench) -> None:
    store = MemoryAccounting()
    store.away = True
    bench.append(1)
    writer = bench.start(store)
    assert not writer.flush(0.3)
    writer.stop()
    store.away = False
    assert not writer.flush(60.0)
    assert bench.spool.depth == 1


def test_stop_leaves_the_rest_for_the_next_start(bench: Bench, database: Path) -> None:
    store = MemoryAccounting()
    store.away = True
    names = bench.append(10)
    bench.start(store).stop()
    assert bench.spool.depth == 10
    kill(bench.spool)
    bench.spool = Spool(bench.folder / "spool", max_bytes=1 << 30)
    assert bench.start(SqliteAccounting(database)).flush(30.0)
    assert stored(database) == names


def test_a_locked_database_delays_rows_and_loses_none(
    bench: Bench, database: Path, caplog: pytest.LogCaptureFixture
) -> None:
    writer = bench.start(SqliteAccounting(database))
    names = bench.append(5)
    bench.wait(lambda: bench.spool.depth == 0, "an empty spool")
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        names += bench.append(700)
        bench.wait(lambda: writer.fault is not None, "the fault")
        names += bench.append(300)
        assert bench.spool.depth == 1000
        bench.wait(lambda: len(bench.seen) == 1005, "rows that are shown though they wait")
        assert stored(database) == names[:5]
        other.execute("ROLLBACK")
    assert "locked" in str(writer.fault)
    assert writer.flush(30.0)
    assert writer.fault is None
    assert stored(database) == bench.seen == names
    assert counted(database) == 1005
    assert sum("rows wait in the spool" in record.message for record in caplog.records) == 1


def test_a_database_that_is_missing_for_a_while(bench: Bench, database: Path) -> None:
    away = database.with_suffix(".away")
    database.rename(away)
    writer = bench.start(SqliteAccounting(database))
    names = bench.append(3)
    bench.wait(lambda: writer.fault is not None, "the fault")
    assert not database.exists()
    away.rename(database)
    assert writer.flush(30.0)
    assert stored(database) == names


def test_a_new_outage_is_told_again(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    store = MemoryAccounting()
    writer = bench.start(store)
    with caplog.at_level(logging.INFO):
        for _ in range(2):
            store.away = True
            bench.append(1)
            bench.wait(lambda: writer.fault is not None, "the fault")
            store.away = False
            assert writer.flush(30.0)
    messages = [record.message for record in caplog.records]
    assert sum("rows wait" in message for message in messages) == 2
    assert sum("stored again" in message for message in messages) == 2


def test_the_wait_grows_to_its_bound(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    store = MemoryAccounting()
    store.away = True
    writer = Writer(bench.spool, store)
    bench.append(1)
    waits = []
    for _ in range(9):
        assert not writer._step()
        waits.append(round(writer._retry_s, 3))
    assert waits == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0]
    store.away = False
    assert writer._step()
    assert writer._retry_s == 0


def test_rows_that_the_disk_refused_are_written_without_another_append(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryAccounting()
    with monkeypatch.context() as patched:
        patched.setattr("os.write", lambda file, data: 0)
        names = bench.append(2)
    assert not bench.spool.healthy
    assert bench.start(store).flush(30.0)
    assert list(store.rows) == names


def test_later_orphans_are_found_while_running(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "ADOPT_INTERVAL_S", 0.05)
    neighbour = Spool(bench.folder / "spool", max_bytes=1 << 30)
    store = MemoryAccounting()
    assert bench.start(store).flush(30.0)
    neighbour.append(row(id="orphan"))
    kill(neighbour)
    bench.wait(lambda: "orphan" in store.rows, "the neighbour's row")


def test_adoption_that_fails_does_not_hold_up_own_rows(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OSError("no descriptors left")

    monkeypatch.setattr(bench.spool, "adopt", fail)
    store = MemoryAccounting()
    names = bench.append(3)
    assert bench.start(store).flush(30.0)
    assert list(store.rows) == names
    assert "no descriptors left" in caplog.text


def test_a_writer_that_is_behind_makes_haste_until_it_has_caught_up(bench: Bench) -> None:
    pace = Pace()
    writer = Writer(bench.spool, MemoryAccounting(), pace=pace)
    bench.append(1100)
    haste = []
    while writer._step():
        haste.append((bench.spool.depth > 0, pace.in_haste))
    assert haste[0] == (True, True)
    assert haste[-1] == (False, False)
    bench.append(500)
    while writer._step():
        assert not pace.in_haste


@pytest.mark.parametrize(
    ("count", "body", "pause_s"),
    [
        (1, "", writer_module.GATHER_S),
        (600, "", writer_module.GATHER_S),
        (1024, "", writer_module.PAUSE_S),
        (20, "x" * 30_000, writer_module.PAUSE_S),
    ],
    ids=["few", "more than a batch", "two batches", "long"],
)
def test_a_writer_gathers_rows_unless_a_full_batch_waits(
    count: int, body: str, pause_s: float, bench: Bench
) -> None:
    writer = Writer(bench.spool, MemoryAccounting())
    for _ in range(count):
        bench.spool.append(row(response=body))
    assert writer._step()
    assert writer._pause_s == pause_s


def test_readers_get_a_long_batch_in_parts(bench: Bench) -> None:
    parts: list[int] = []
    writer = Writer(bench.spool, MemoryAccounting(), on_read=lambda records: parts.append(len(records)))
    bench.append(100)
    assert writer._step()
    assert sum(parts) == 100
    assert max(parts) == writer_module.SHOWN_ROWS


def test_a_batch_of_unreadable_lines_is_passed(bench: Bench) -> None:
    store = MemoryAccounting()
    line = b"garbage\n"
    os.write(bench.spool._file, line)
    bench.spool._rows_in += 1
    bench.spool._bytes_in += len(line)
    assert bench.start(store).flush(30.0)
    names = bench.append(1)
    bench.wait(lambda: list(store.rows) == names, "the row behind it")
