"""Spools of several processes, moved into the database by one of them.

    spool/4711-5f0c9001/   of the process in slot 1 of the gateway 5f0c9

Each process appends to a folder of its own, as a process alone does. The control process reads them all as
they grow; when one's process has died, it stores the rest and removes the folder.
"""

from __future__ import annotations

import logging
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import Timeout

from ai_gateway.core.record import RequestRecord
from ai_gateway.store.segments import Batch, Folder, Position, is_folder_name
from ai_gateway.store.spool import Spool, lock_of

__all__ = ["CollectingSpool", "SharedSpool", "Together", "new_token"]

LOOK_INTERVAL_S = 0.1
LOCK_INTERVAL_S = 1.0
"""A lock that is held takes some 0.2 ms to try."""
LIST_INTERVAL_S = 1.0
"""In between, the folder of all spools is read only if it was changed, and a spool only if it has grown."""
SETTLED_NS = 100_000_000
"""A folder that was changed longer ago than this says so: file systems keep coarse times."""
_TOKEN_DIGITS, _SLOT_DIGITS = 5, 3
_log = logging.getLogger("ai_gateway.store")


def new_token() -> str:
    """What the folders of one gateway have in common."""
    return secrets.token_hex(_TOKEN_DIGITS)[:_TOKEN_DIGITS]


@dataclass(frozen=True, kw_only=True)
class Together:
    """What the processes of a gateway know of each other's spools: shared memory, a number for each."""

    token: str
    rows_in: memoryview[int]
    bytes_in: memoryview[int]
    dropped: memoryview[int]
    """Each process writes its own."""
    rows_out: memoryview[int]
    bytes_out: memoryview[int]
    """What of it is in the database: written by who moves it there."""
    adopted: memoryview[int]
    """Rows and bytes that dead processes of other gateways have left."""

    def ending(self, slot: int) -> str:
        """Of a folder's name."""
        return f"-{self.token}{slot:0{_SLOT_DIGITS}x}"


class SharedSpool(Spool):
    """The spool of one process of several: the bound is that of all of them together."""

    def __init__(
        self, folder: Path, together: Together, slot: int, *, max_bytes: int, fsync: bool = False
    ) -> None:
        """Raises: StoreError where the folder cannot be used."""
        self._together, self._slot = together, slot
        super().__init__(folder, max_bytes=max_bytes, fsync=fsync)
        self._full_at = 0

    def measure(self) -> None:
        """See how much room all processes have left. To be called a few times a second: in between, this one
        looks again when it has used its part of the room."""
        self._move_bound()

    def append_all(self, records: Sequence[RequestRecord]) -> None:
        """As `Spool.append_all`."""
        super().append_all(records)
        shared, slot = self._together, self._slot
        shared.rows_in[slot], shared.bytes_in[slot] = self._rows_in, self._bytes_in
        if self.dropped:
            shared.dropped[slot] = self.dropped

    @property
    def depth(self) -> int:
        """Rows of all processes that are not yet in the database."""
        shared = self._together
        return max(0, sum(shared.rows_in) - sum(shared.rows_out)) + shared.adopted[0]

    @property
    def backlog_bytes(self) -> int:
        """Bytes of the rows of all processes that are not yet in the database."""
        shared = self._together
        return max(0, sum(shared.bytes_in) - sum(shared.bytes_out)) + shared.adopted[1]

    def is_full(self) -> bool:
        """As `Spool.is_full`, of all processes."""
        if self._bytes_in >= self._full_at:
            self._move_bound()
        return super().is_full()

    def _move_bound(self) -> None:
        """Others fill it, too: half of what is left is shared out among all."""
        room = self._max_bytes - self.backlog_bytes
        self._full_at = self._bytes_in + 1 + room // (2 * len(self._together.rows_in)) if room > 0 else 0

    def _folder_name(self) -> str:
        ending = self._together.ending(self._slot)
        names = (f"{os.getpid()}{again}{ending}" for again in ("", *range(1000)))
        return next(name for name in names if not (self._path / name).exists())


class _Followed:
    """A folder of another process of this gateway."""

    def __init__(self, path: Path, slot: int) -> None:
        """Raises: OSError."""
        self.folder = Folder(path, lock_of(path))
        self.slot = slot
        self.announced = self.folder.stored
        self.has_ended = False
        """Its process is dead: there will be no more."""
        self.read_at = -1
        """How many rows it had when all of them were read; -1: look for more."""
        self._pid = int(path.name.partition("-")[0])
        self._try_at_s = 0.0

    def look(self, now_s: float) -> None:
        """See whether its process lives. Raises: OSError."""
        if self.has_ended or (now_s < self._try_at_s and _is_another(self._pid)):
            return
        self._try_at_s = now_s + LOCK_INTERVAL_S
        try:
            self.folder.lock.acquire()
        except Timeout:
            return
        self.has_ended = True

    def live(self, start: Position) -> int | None:
        """The segment that is being written, or that of `start` where no other one follows; to be looked up
        before its lines are."""
        if self.has_ended:
            return None
        segment = self.folder.segment
        if segment(start.number).exists() and not segment(start.number + 1).exists():
            return start.number
        return max(self.folder.numbers(), default=1)


class CollectingSpool(SharedSpool):
    """The control process' spool: it reads those of all processes of its gateway."""

    def __init__(
        self, folder: Path, together: Together, slot: int, *, max_bytes: int, fsync: bool = False
    ) -> None:
        self._followed: dict[Path, _Followed] = {}
        self._look_at_s = self._list_at_s = 0.0
        self._changed_ns = -1
        """When the folder of all was changed, as it was when it was read; -1: it is to be read again."""
        super().__init__(folder, together, slot, max_bytes=max_bytes, fsync=fsync)

    @property
    def is_drained(self) -> bool:
        """Whether every row is in the database, and all other processes are gone."""
        return self.depth == 0 and not self._adopted and not self._followed

    def is_full(self) -> bool:
        """As `Spool.is_full`; it has few rows of its own, and looks each time."""
        self._move_bound()
        return super().is_full()

    def left(self, slots: Sequence[int]) -> list[int]:
        """Of slots whose processes are dead, those with rows that are still to be stored. From any thread.

        Raises: OSError.
        """
        names = [path.name for path in self._path.iterdir()]
        return [slot for slot in slots if any(name.endswith(self._together.ending(slot)) for name in names)]

    def read(self) -> tuple[Batch, bool] | None:
        """As `Spool.read`; the other processes' rows come after those of this one. Raises: OSError."""
        now_s = time.monotonic()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_INTERVAL_S
            self._look(now_s)
        if self._bytes_in > self._bytes_out and (found := super().read()) is not None:
            return found
        for followed in list(self._followed.values()):
            found = self._read_followed(followed)
            if found is not None:
                # Whoever has just been read is the last to be read again.
                self._followed[followed.folder.path] = self._followed.pop(followed.folder.path)
                return found
        return super().read()

    def read_ahead(self) -> Batch | None:
        """As `Spool.read_ahead`, of all processes. Raises: OSError."""
        batch = super().read_ahead()
        for followed in self._followed.values() if batch is None else ():
            live = followed.live(followed.announced)
            batch = followed.folder.fetch(followed.announced, live=live)
            if batch is not None:
                followed.announced = batch.end
                return batch
        return batch

    def commit(self, batch: Batch) -> None:
        """As `Spool.commit`."""
        followed = self._followed.get(batch.folder.path)
        if followed is None:
            super().commit(batch)
            slot = self._slot
            self._together.rows_out[slot], self._together.bytes_out[slot] = self._rows_out, self._bytes_out
            return
        # In this order: who dies in between has a row too few in the depth until it is stored again, not one
        # too many for as long as that other process lives.
        self._together.rows_out[followed.slot] += batch.lines
        self._together.bytes_out[followed.slot] += batch.size
        batch.folder.commit(batch)

    def close(self) -> None:
        """As `Spool.close`; who lives keeps its folder."""
        for followed in self._followed.values():
            followed.folder.close()
            if followed.has_ended:
                followed.folder.lock.release(force=True)
        super().close()

    def _read_followed(self, followed: _Followed) -> tuple[Batch, bool] | None:
        folder, stored = followed.folder, followed.folder.stored
        rows = self._together.rows_in[followed.slot]  # counted after they are written
        if rows == followed.read_at and not followed.has_ended:
            return None
        behind = stored < followed.announced
        live = followed.live(stored)
        batch = folder.fetch(stored, live=live, until=followed.announced if behind else None)
        if batch is not None:
            followed.announced = max(followed.announced, batch.end)
            return batch, not behind
        if not behind:
            followed.read_at = rows
        if followed.has_ended and not behind:
            with self._guard:
                folder.remove()
            del self._followed[folder.path]
        return None

    def _look(self, now_s: float) -> None:
        """Raises: OSError."""
        changed_ns = self._path.stat().st_mtime_ns
        if now_s >= self._list_at_s or changed_ns != self._changed_ns:
            self._list_at_s = now_s + LIST_INTERVAL_S
            self._changed_ns = changed_ns if time.time_ns() - changed_ns > SETTLED_NS else -1
            self._follow_others()
            for followed in self._followed.values():
                followed.read_at = (
                    -1
                )  # rows that had to wait for the disk were counted before they were written
        for followed in self._followed.values():
            followed.look(now_s)

    def _follow_others(self) -> None:
        """Begin to read what is new. Raises: OSError."""
        for path, slot in self._others():
            if path not in self._followed and path not in self._given_up:
                try:
                    with self._guard:  # by now, its process has locked it
                        self._followed[path] = _Followed(path, slot)
                except OSError as error:
                    _log.error("cannot read %s, the next start tries again: %s", path, error)
                    self._given_up.add(path)

    def _others(self) -> Iterator[tuple[Path, int]]:
        start = f"-{self._together.token}"
        for path in self._path.iterdir():
            _, found, slot = path.name.partition(start)
            if found and len(slot) == _SLOT_DIGITS and is_folder_name(path.name) and path != self._own.path:
                yield path, int(slot, 16)

    def _may_adopt(self, path: Path) -> bool:
        return f"-{self._together.token}" not in path.name

    def _count_adopted(self) -> None:
        super()._count_adopted()
        self._together.adopted[0], self._together.adopted[1] = self._adopted_rows, self._adopted_bytes


def _is_another(number: int) -> bool:
    """Whether a process other than this has the number that a folder's name begins with: most likely its own.
    Only its lock is sure."""
    if number == os.getpid():
        return False
    try:
        os.kill(number, 0)
    except (ProcessLookupError, PermissionError, OverflowError):
        return False
    return True
