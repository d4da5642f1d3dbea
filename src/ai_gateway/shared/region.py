"""The memory that the processes of one gateway share: a file without a name, mapped by each of them.

    header      numbers of the gateway
    columns     one number for each process, a column for each kind of number
    accounts    one record for each client, in chunks that are mapped when they are first needed

Every account has a lock (`locks.py`). The directory's, and the accounts' where the system has no better
ones, are byte-range locks of that file (POSIX, `fcntl`): the system lets go of them when their holder dies.
Such a lock belongs to a process, not to a thread: everything here is of one thread in each process, the event
loop's, except where it says otherwise. The system drops a process' locks when it closes any descriptor of the
file, so nothing here is closed before the process ends.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import tempfile
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path

from ai_gateway.shared.locks import Lock, mutexes

__all__ = ["Column", "Mark", "Region", "SlotState"]

HEADER_BYTES = 4096
DIRECTORY = 0
"""The lock under which records are given to clients and taken back."""
_WORD = 8


class Mark(IntEnum):
    """Numbers of the whole gateway, by their place in the header."""

    ACCOUNTS = 0
    """Records of clients that were ever made."""
    UNUSED = 1
    """Of them, those that are nobody's: their clients are deleted."""
    GIVEN_AGAIN = 2
    """How often such a one was given to another client."""
    RESTORED = 3
    """1: the limits know what the database does."""
    ADOPTED_ROWS = 4
    ADOPTED_BYTES = 5
    """What earlier runs have left for the database. The control process'."""
    GONE_DROPPED = 6
    """Rows that were dropped by processes which are gone."""
    GONE_CPU_US = 7
    """Microseconds of CPU time of processes that are gone. The supervisor's."""
    ACCOUNTING_FAULT = 8
    """1: rows wait for the database."""
    ANNOUNCED = 9
    """1: the log has said that the gateway listens."""


class SlotState(IntEnum):
    """What a process of the gateway does."""

    FREE = 0
    STARTING = 1
    SERVING = 2
    DEAD = 3
    """It has ended, and what it held is still to be released."""


class Column(IntEnum):
    """One number for each process. Its own process writes it, unless it says otherwise."""

    STATE = 0
    """A `SlotState`: the supervisor's, but for SERVING; released by the control process."""
    PID = 1
    """The supervisor's."""
    BUSY = 2
    """The account (its index + 1) that was changed last, or is being changed."""
    IN_FLIGHT = 3
    ROWS_IN = 4
    BYTES_IN = 5
    """What was put into its spool."""
    ROWS_OUT = 6
    BYTES_OUT = 7
    """What of it is in the database. The control process'."""
    DROPPED = 8
    """Rows that were refused because the spool was full."""


class Region:
    """The file and its mappings. Made before the processes are; each has its own `Region` after the fork."""

    def __init__(self, slots: int, *, folder: Path | None = None) -> None:
        """`slots`: processes at a time, those that have just ended included. `folder`: where the file is made
        on systems that have no nameless ones. Raises: OSError."""
        self.slots = slots
        self.file = _nameless(folder)
        """Its locks are taken by the index of an account + 1, the directory's by 0."""
        self._size = _whole_pages(HEADER_BYTES + len(Column) * slots * _WORD)
        os.ftruncate(self.file, self._size)
        self._head = memoryview(mmap.mmap(self.file, self._size))
        self.marks = self._head[: len(Mark) * _WORD].cast("q")
        self._columns = [self._column(column) for column in Column]
        self._mutexes = mutexes()

    def column(self, column: Column) -> memoryview[int]:
        """A number for each slot."""
        return self._columns[column]

    def cell(self, column: Column, slot: int) -> memoryview[int]:
        """A place of one number, for its process."""
        return self._columns[column][slot : slot + 1]

    def slots_in(self, *states: SlotState) -> list[int]:
        """Slots whose processes are in one of these states."""
        return [slot for slot, state in enumerate(self._columns[Column.STATE]) if state in states]

    def chunk(self, number: int, size: int) -> memoryview[int]:
        """Map a chunk of the accounts, which are made as they are needed; new ones are zeros. `size`: of each
        chunk, in bytes, whole pages. Raises: OSError."""
        offset = self._size + number * size
        if os.fstat(self.file).st_size < offset + size:
            os.ftruncate(self.file, offset + size)
        return memoryview(mmap.mmap(self.file, size, offset=offset))

    def new_lock(self, memory: memoryview[int]) -> None:
        """Make the lock of a new account. Raises: OSError."""
        if self._mutexes is not None:
            self._mutexes.make(memory)

    def lock(self, memory: memoryview[int], number: int) -> Lock:
        """An account's, in `memory`; `number`: its index + 1. A process holds one of these at a time."""
        if self._mutexes is not None:
            return self._mutexes.lock(memory)
        return Lock(self._take, self._give, number, _unheard_of)

    @contextlib.contextmanager
    def directory(self) -> Iterator[None]:
        """Hold the directory's lock, which comes before any account's."""
        self._take(DIRECTORY)
        try:
            yield
        finally:
            self._give(DIRECTORY)

    def _take(self, number: int) -> None:
        fcntl.lockf(self.file, fcntl.LOCK_EX, 1, number)

    def _give(self, number: int) -> None:
        fcntl.lockf(self.file, fcntl.LOCK_UN, 1, number)

    def _column(self, column: Column) -> memoryview[int]:
        start = HEADER_BYTES + column * self.slots * _WORD
        return self._head[start : start + self.slots * _WORD].cast("q")


def _nameless(folder: Path | None) -> int:
    """A file that is gone with its last holder. Unlike /dev/shm, it has no bound of its own in containers."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("ai-gateway", os.MFD_CLOEXEC)
    descriptor, name = tempfile.mkstemp(prefix="shared-", dir=folder)
    Path(name).unlink()
    return descriptor


def _whole_pages(size: int) -> int:
    page = mmap.ALLOCATIONGRANULARITY
    return -(-size // page) * page


def _unheard_of(code: int, key: object) -> None:
    """Of byte-range locks: the system does not tell that the last holder has died."""
