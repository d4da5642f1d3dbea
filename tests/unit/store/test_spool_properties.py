"""Whatever happens in whatever order: each row whose append returned is stored once, and is never lost."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from unittest import mock

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ai_gateway.core.record import RequestRecord
from ai_gateway.store import spool as spool_module
from ai_gateway.store.spool import Spool
from tests.unit.store.support import MemoryAccounting, files, kill, row, store_all

PROCESSES = st.integers(0, 1)
SIZES = st.sampled_from([0, 10, 700])


class SpoolMachine(RuleBasedStateMachine):
    """Two processes over one folder and one database. Either dies at any point and comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.store = MemoryAccounting()
        self.room: int | None = None
        self._write = os.write
        self.patches = ExitStack()
        self.patches.enter_context(mock.patch.object(spool_module, "SEGMENT_BYTES", 600))
        self.patches.enter_context(mock.patch.object(os, "write", self._limited))
        self.durable: set[str] = set()
        """Rows that no death may lose."""
        self.in_memory: list[set[str]] = [set(), set()]
        """Rows that each process could not write yet."""
        self.seen: dict[str, int] = {}
        self.count = 0
        self.spools = [self._start(), self._start()]

    def _start(self) -> Spool:
        return Spool(self.folder / "spool", max_bytes=1 << 30)

    def _limited(self, file: int, data: bytes) -> int:
        """A disk with `room` bytes for rows; the rest is not what this is about."""
        if self.room is None or b'"id"' not in data[:6]:
            return self._write(file, data)
        if self.room == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = self._write(file, data[: self.room])
        self.room -= written
        return written

    def _settle(self, process: int) -> None:
        if self.spools[process].healthy:
            self.durable |= self.in_memory[process]
            self.in_memory[process].clear()

    @rule(process=PROCESSES, size=SIZES)
    def append(self, process: int, size: int) -> None:
        self.spools[process].append(self._row(process, size))
        self._settle(process)

    @rule(process=PROCESSES, sizes=st.lists(SIZES, min_size=1, max_size=4))
    def append_all(self, process: int, sizes: list[int]) -> None:
        self.spools[process].append_all([self._row(process, size) for size in sizes])
        self._settle(process)

    def _row(self, process: int, size: int) -> RequestRecord:
        self.count += 1
        name = f"r{self.count}"
        self.in_memory[process].add(name)
        return row(id=name, error_message="x" * size)

    @rule(process=PROCESSES, torn=st.booleans())
    def die(self, process: int, torn: bool) -> None:
        """SIGKILL, perhaps in the middle of an append."""
        spool = self.spools[process]
        if torn and spool.healthy:
            self._write(spool._file, b'{"id":"never","started_at":')
        kill(spool)
        # The disk may have taken some of them before it was full: those count when they arrive.
        self.in_memory[process].clear()
        self.spools[process] = self._start()

    @rule(process=PROCESSES)
    def stop(self, process: int) -> None:
        spool = self.spools[process]
        spool.close()
        self._settle(process)
        self.in_memory[process].clear()
        self.spools[process] = self._start()

    @rule(process=PROCESSES)
    def adopt(self, process: int) -> None:
        self.spools[process].adopt()

    @rule(process=PROCESSES, stored=st.booleans(), committed=st.booleans())
    def move_a_batch(self, process: int, stored: bool, committed: bool) -> None:
        """The writer's step. It ends anywhere, by the death of its process."""
        spool = self.spools[process]
        found = spool.read()
        if found is None:
            return
        batch, is_new = found
        if is_new:
            self._see(batch.records)
        if stored or committed:
            self.store.write(batch.records)
        if committed:
            spool.commit(batch)
        else:
            self.die(process, torn=False)

    @rule(process=PROCESSES)
    def look_ahead(self, process: int) -> None:
        while (batch := self.spools[process].read_ahead()) is not None:
            self._see(batch.records)

    def _see(self, records: Sequence[RequestRecord]) -> None:
        for record in records:
            self.seen[record.id] = self.seen.get(record.id, 0) + 1

    @rule(process=PROCESSES)
    def store_everything(self, process: int) -> None:
        store_all(self.spools[process], self.store)

    @rule(room=st.integers(0, 900))
    def fill_the_disk(self, room: int) -> None:
        self.room = room

    @precondition(lambda self: self.room is not None)
    @rule()
    def make_room(self) -> None:
        self.room = None
        for process, spool in enumerate(self.spools):
            spool.retry()
            assert spool.healthy
            self._settle(process)

    @invariant()
    def nobody_sees_a_row_twice(self) -> None:
        assert all(count == 1 for count in self.seen.values())

    def teardown(self) -> None:
        if self.room is not None:
            self.make_room()
        for spool in self.spools:
            kill(spool)
        last = self._start()
        last.adopt()
        store_all(last, self.store)
        depth = last.depth
        last.close()
        leftover = files(self.folder, "*.jsonl") + files(self.folder, "*.bad")
        self.patches.close()
        shutil.rmtree(self.folder)
        assert self.durable <= set(self.store.rows)
        assert "never" not in self.store.rows
        assert depth == 0
        assert leftover == []


SpoolMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestSpool = SpoolMachine.TestCase
