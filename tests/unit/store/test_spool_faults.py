"""Full spools, full disks, and other things that a spool has to get over."""

from __future__ import annotations

import errno
import json
import logging
import os
import sys
from pathlib import Path

import pytest

from ai_gateway.store import spool as spool_module
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.spool import Spool
from tests.unit.store.support import (
    BIG,
    MemoryAccounting,
    files,
    full,
    healthy,
    kill,
    new_spool,
    replayed,
    row,
    run_python,
    store_all,
)


class Disk:
    """Stands before `os.write`, and takes at most `room` bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room = BIG
        self._really = os.write
        monkeypatch.setattr(os, "write", self._write)

    def _write(self, file: int, data: bytes) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._really(file, data[: self.room])
        self.room -= written
        return written


def test_full_at_the_bound_and_free_again(folder: Path) -> None:
    spool = new_spool(folder, max_bytes=1000)
    while not full(spool):
        spool.append(row(attempts=0))
    assert spool.backlog_bytes >= 1000
    depth = spool.depth
    spool.append(row(attempts=0))  # a refusal: it may not push out what cost something
    assert (spool.depth, spool.dropped) == (depth, 1)
    spool.append(row(attempts=1))  # it was in flight
    assert (spool.depth, spool.dropped) == (depth + 1, 1)
    spool.append_all([row(attempts=0), row(attempts=1), row(attempts=0)])
    assert (spool.depth, spool.dropped) == (depth + 2, 3)
    store_all(spool, MemoryAccounting())
    assert not full(spool)
    spool.append(row(attempts=0))
    assert spool.depth == 1
    spool.close()


def test_the_files_are_bounded_whatever_comes(folder: Path, small_segments: int) -> None:
    spool = new_spool(folder, max_bytes=1000)
    for _ in range(100):
        spool.append(row())
    assert spool.backlog_bytes < 1000 + small_segments + 1000
    assert spool.dropped + spool.depth == 100
    spool.close()


def test_an_adopted_backlog_counts_as_full(folder: Path) -> None:
    spool = new_spool(folder)
    for _ in range(10):
        spool.append(row())
    kill(spool)
    spool = new_spool(folder, max_bytes=1000)
    assert not full(spool)
    spool.adopt()
    assert full(spool)
    spool.close()


def test_rows_that_a_full_disk_has_taken_stay_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = new_spool(folder)
    spool.append(row(id="before"))
    size = spool.backlog_bytes
    disk = Disk(monkeypatch)
    disk.room = size * 5 // 2
    rows = [row(id=f"row-{number}") for number in range(5)]
    spool.append_all(rows)
    spool.retry()  # still no room
    disk.room = size * 3 // 2
    spool.retry()
    kill(spool)
    assert list(replayed(folder).rows) == ["before", "row-0", "row-1", "row-2"]


@pytest.mark.parametrize("room", [0, 1, 100])
def test_a_full_disk_keeps_rows_until_there_is_room(
    room: int, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spool = new_spool(folder)
    spool.append(row(id="before"))
    disk = Disk(monkeypatch)
    disk.room = room
    spool.append(row(id="first"))
    spool.append(row(id="second"))
    assert not healthy(spool)
    assert spool.depth == 3
    assert sum("rows wait in memory" in record.message for record in caplog.records) == 1

    store = MemoryAccounting()
    spool.retry()  # still no room
    store_all(spool, store)
    assert list(store.rows) == ["before"]
    assert spool.depth == 2

    disk.room = BIG
    spool.retry()
    assert healthy(spool)
    spool.append(row(id="third"))
    store_all(spool, store)
    assert list(store.rows) == ["before", "first", "second", "third"]
    assert spool.depth == 0
    assert not files(folder, "*.bad")
    spool.close()
    assert not files(folder, "*.jsonl")


def test_a_row_behind_waiting_ones_keeps_its_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = new_spool(folder)
    disk = Disk(monkeypatch)
    disk.room = 0
    spool.append(row(id="first"))
    disk.room = BIG
    spool.append(row(id="second"))
    assert not healthy(spool)
    spool.retry()
    store = MemoryAccounting()
    store_all(spool, store)
    assert list(store.rows) == ["first", "second"]
    spool.close()


def test_memory_is_bounded_while_the_disk_is_full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "MAX_WAITING_BYTES", 2000)
    spool = new_spool(folder)
    disk = Disk(monkeypatch)
    disk.room = 0
    for _ in range(100):
        spool.append(row())
    assert full(spool)
    assert spool._waiting_bytes < 3000
    assert spool.dropped + spool.depth == 100
    disk.room = BIG
    kept = spool.depth
    spool.close()
    assert len(replayed(folder).rows) == kept


def test_rows_that_the_disk_never_took_are_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    spool = new_spool(folder)
    disk = Disk(monkeypatch)
    disk.room = 0
    spool.append(row())
    spool.append_all([row(), row()])
    spool.close()
    assert "3 rows are lost" in caplog.text


def test_no_new_segment_is_no_reason_to_lose_a_row(
    folder: Path, small_segments: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = new_spool(folder)
    really = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if str(path).endswith(".jsonl"):
            raise OSError(errno.EMFILE, "Too many open files")
        return really(path, flags, mode)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        for _ in range(20):
            spool.append(row())
        assert healthy(spool)
        assert len(files(folder, "*.jsonl")) == 1
    for _ in range(20):
        spool.append(row())
    assert len(files(folder, "*.jsonl")) > 1
    store = MemoryAccounting()
    store_all(spool, store)
    assert len(store.rows) == 40
    spool.close()


def test_fsync_reaches_the_disk_before_append_returns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(spool_module, "_sync", lambda file: synced.append(os.fstat(file).st_size))
    spool = Spool(folder, max_bytes=BIG, fsync=True)
    spool.append(row())
    spool.append(row())
    assert synced == [spool.backlog_bytes // 2, spool.backlog_bytes]
    spool.append_all([row(), row()])  # at once
    assert synced[2:] == [spool.backlog_bytes]

    def fail(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(spool_module, "_sync", fail)
    spool.append(row())
    assert not healthy(spool)
    assert spool.depth == 5
    monkeypatch.setattr(spool_module, "_sync", os.fsync)
    spool.append(row())
    assert healthy(spool)
    spool.close()
    assert len(replayed(folder).rows) == 6


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot use the spool folder"):
        new_spool(tmp_path / "file" / "spool")


def test_a_place_for_the_position_that_fails_is_told_once(
    folder: Path, small_segments: int, caplog: pytest.LogCaptureFixture
) -> None:
    spool = new_spool(folder)
    (spool._own.path / "position").mkdir()
    store = MemoryAccounting()
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            spool.append(row())
            store_all(spool, store)
    assert len(store.rows) == 20
    assert sum("cannot tidy up" in record.message for record in caplog.records) == 1
    (spool._own.path / "position").rmdir()
    kill(spool)


FULL_DISK = """
import json, pathlib, resource, sys
from ai_gateway.store.spool import Spool
from tests.unit.store.support import MemoryAccounting, row, store_all
spool = Spool(pathlib.Path(sys.argv[1]), max_bytes=1 << 30)
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))  # in the middle of a row
for i in range(20):
    spool.append(row(id=f"r{i}"))
healthy = spool.healthy
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
spool.retry()
store = MemoryAccounting()
store_all(spool, store)
spool.close()
print(json.dumps([healthy, spool.healthy, list(store.rows)]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits on a file's size")
def test_a_real_short_write(folder: Path) -> None:
    done = run_python(FULL_DISK, str(folder))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [False, True, [f"r{i}" for i in range(20)]]
    assert not files(folder, "*.bad")
