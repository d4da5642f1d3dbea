"""Spools of several processes: read by one, in order, while they grow and after their processes have died."""

from __future__ import annotations

import os
import signal
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from ai_gateway.core.record import RequestRecord
from ai_gateway.store import spool as spools
from ai_gateway.store.shared_spool import CollectingSpool, SharedSpool, Together, new_token
from tests.unit.store.support import row as made

SLOTS = 4
BIG = 10**9


def together() -> Together:
    columns = [memoryview(array("q", [0] * SLOTS)) for _ in range(5)]
    return Together(
        token=new_token(),
        rows_in=columns[0],
        bytes_in=columns[1],
        dropped=columns[2],
        rows_out=columns[3],
        bytes_out=columns[4],
        adopted=memoryview(array("q", [0, 0])),
    )


class Group:
    """A control process' spool in slot 0, and others'."""

    def __init__(self, folder: Path, *, max_bytes: int = BIG) -> None:
        self.folder, self.max_bytes = folder, max_bytes
        self.common = together()
        self.control = CollectingSpool(folder, self.common, 0, max_bytes=max_bytes)
        self.workers: list[SharedSpool] = []

    def worker(self, slot: int) -> SharedSpool:
        self.workers.append(SharedSpool(self.folder, self.common, slot, max_bytes=self.max_bytes))
        return self.workers[-1]

    def close(self) -> None:
        for worker in self.workers:
            worker.close()
        self.control.close()

    def collect(self) -> list[tuple[str, bool]]:
        """What is there: ids, and whether they had not been seen before."""
        found = []
        self.control._look_at_s = 0.0
        while (read := self.control.read()) is not None:
            batch, is_new = read
            self.control.commit(batch)
            found += [(record.id, is_new) for record in batch.records]
        return found


def row(number: int, size: int = 0) -> RequestRecord:
    return made(id=f"req_{number:03}", endpoint="x" * size, attempts=0)


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    made = Group(tmp_path / "spool")
    yield made
    made.close()


def test_rows_of_all_come_as_they_are_written(group: Group) -> None:
    workers = [group.worker(1), group.worker(2)]
    for number in range(6):
        (*workers, group.control)[number % 3].append(row(number))
    assert sorted(group.collect()) == [(f"req_{number:03}", True) for number in range(6)]
    assert group.control.depth == workers[0].depth == group.control.backlog_bytes == 0
    workers[0].append(row(7))
    assert group.control.depth == workers[1].depth == 1
    assert group.collect() == [("req_007", True)]
    assert group.collect() == []


def test_segments_that_follow_each_other(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spools, "SEGMENT_BYTES", 2000)
    worker = group.worker(1)
    worker._rotate_at = 2000
    ids = []
    for number in range(40):
        worker.append(row(number, 300))
        if number % 7 == 0:
            ids += [name for name, _ in group.collect()]
    ids += [name for name, _ in group.collect()]
    assert ids == [f"req_{number:03}" for number in range(40)]
    assert len(list(group.folder.glob("*/*.jsonl"))) <= 3, "those that are read go"


def test_rows_that_are_seen_before_they_can_be_stored_are_not_new_again(group: Group) -> None:
    worker = group.worker(1)
    worker.append(row(1))
    assert group.collect() == [("req_001", True)]
    worker.append(row(2))
    batch = group.control.read_ahead()
    assert batch is not None
    assert [record.id for record in batch.records] == ["req_002"]
    worker.append(row(3))
    assert group.collect() == [("req_002", False), ("req_003", True)]


def test_the_folder_of_a_dead_process_is_drained_and_removed(group: Group) -> None:
    worker = group.worker(1)
    worker.append(row(1))
    assert group.control.left([1, 2]) == [1]
    assert not group.control.is_drained
    group.collect()
    worker.append(row(2))
    worker.close()
    assert group.collect() == [("req_002", True)]
    group.collect()
    assert group.control.left([1, 2]) == []
    assert group.control.is_drained


def test_a_process_that_was_killed(group: Group) -> None:
    ready, tell = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            worker = group.worker(3)
            for number in range(500):
                worker.append(row(number))
            os.write(tell, b"x")
            signal.pause()
        finally:
            os._exit(1)
    os.read(ready, 1)
    first = group.collect()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    found = first + group.collect()
    assert [name for name, _ in found] == [f"req_{number:03}" for number in range(500)]
    group.collect()
    assert group.control.left([3]) == []


def test_the_next_control_process_goes_on(group: Group) -> None:
    worker = group.worker(1)
    worker.append(row(1))
    group.control.append(row(2))
    read = group.control.read()
    assert read is not None
    group.control.commit(read[0])
    group.control.close()
    group.control = CollectingSpool(group.folder, group.common, 2, max_bytes=BIG)
    assert len(group.collect()) == 1
    worker.append(row(3))
    assert group.collect() == [("req_003", True)]


def test_the_bound_is_that_of_all_together(tmp_path: Path) -> None:
    group = Group(tmp_path / "spool", max_bytes=20_000)
    one, other = group.worker(1), group.worker(2)
    number = 0
    while not other.is_full():
        one.append(row(number := number + 1, 500))
        other.measure()
    other.append(row(0))
    assert other.dropped == group.common.dropped[2] == 1
    group.collect()
    assert other.backlog_bytes == group.control.backlog_bytes == 0
    group.close()


def test_who_fills_it_finds_out_by_itself(tmp_path: Path) -> None:
    group = Group(tmp_path / "spool", max_bytes=20_000)
    one, other = group.worker(1), group.worker(2)
    number = 0
    while not one.is_full():
        one.append(row(number := number + 1, 500))
    assert one.dropped == 0
    assert 20_000 <= one.backlog_bytes < 22_000
    other.append(row(0))
    assert other.dropped == 1
    group.close()


def test_rows_that_had_to_wait_for_the_disk_are_found(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were counted before they were written."""
    worker = group.worker(1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", _refuse)
        worker.append(row(1))
    assert group.collect() == []
    worker.retry()
    group.control._list_at_s = 0.0
    assert group.collect() == [("req_001", True)]


def _refuse(*_: object) -> int:
    raise OSError("no space left")


def test_another_gateway_on_the_same_folder_leaves_them_alone(group: Group) -> None:
    other = Group(group.folder)
    worker = group.worker(1)
    worker.append(row(1))
    other.control.adopt()
    assert other.collect() == []
    worker.close()
    group.control.adopt()
    assert group.collect() == [("req_001", True)]
    other.close()


def test_rows_of_an_earlier_gateway_are_adopted(group: Group) -> None:
    group.worker(1).append(row(1))
    group.close()
    later = Group(group.folder)
    later.control.adopt()
    assert later.common.adopted[0] == later.control.depth == 1
    assert later.collect() == [("req_001", False)]
    assert later.common.adopted[0] == 0
    later.close()
