"""The durable queue between the data path and the database: append-only files, one folder a process.

    spool/adopt.lock                     held while folders are made, adopted or removed
    spool/4711-5f0c9a1e/lock             held by the process while it lives
    spool/4711-5f0c9a1e/00000001.jsonl   a segment: one JSON line for each row
    spool/4711-5f0c9a1e/position         up to where the rows are in the database
    spool/4711-5f0c9a1e-00000001.bad     lines that could not be read

Two threads share a spool. `append` belongs to the event loop's thread, everything that reads to the
writer's. They meet in plain integers, each of which one thread alone writes; a lock is taken only while
the disk refuses rows.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from ai_gateway.core.record import RequestRecord
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.rows import storable
from ai_gateway.store.segments import LOCK_NAME, Batch, Folder, Position, is_folder_name

__all__ = ["SEGMENT_BYTES", "Spool", "lock_of"]

SEGMENT_BYTES = 1 << 20
MAX_WAITING_BYTES = 16 << 20
"""What is kept in memory while the disk refuses rows."""
GUARD_TIMEOUT_S = 10.0

_OPEN = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_BINARY", 0)
_NO_FILE = -1
_log = logging.getLogger("ai_gateway.store")
_sync = getattr(os, "fdatasync", os.fsync)


class Spool:
    """Rows survive the death of this process from the moment that `append` returns; with `fsync`, the
    death of the machine. `max_bytes` bounds the files, see `is_full` and `append`.
    """

    def __init__(self, folder: Path, *, max_bytes: int, fsync: bool = False) -> None:
        """Raises: StoreError where the folder cannot be used."""
        self._path = folder
        self._max_bytes = max_bytes
        self._fsync = fsync
        self._lines_of = msgspec.json.Encoder().encode_lines
        self._guard = FileLock(folder / "adopt.lock", timeout=GUARD_TIMEOUT_S, mode=0o600, thread_local=False)
        # Written by the event loop's thread:
        self._file = _NO_FILE
        self._live = 0
        self._size = 0
        self._rotate_at = SEGMENT_BYTES
        self._rows_in = self._bytes_in = 0
        self.dropped = 0
        """Rows that were refused because the spool was full."""
        # Written by the writer's thread:
        self._rows_out = self._bytes_out = 0
        self._adopted: list[Folder] = []
        self._adopted_rows = self._adopted_bytes = 0
        self._full_at = max_bytes
        """From here on, `_bytes_in` is too much. 0 where other processes count, too: then it is looked up."""
        self._announced = Position(1, 0)
        self._given_up: set[Path] = set()
        # Written under the lock:
        self._trouble = threading.Lock()
        self._troubled = False
        self._torn = False
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._unsynced = False
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._own = self._make_folder()
        except OSError as error:  # a lock's Timeout is one, too
            raise StoreError(f"cannot use the spool folder {folder}: {error}") from error

    @property
    def depth(self) -> int:
        """Rows that are not yet in the database."""
        return max(0, self._rows_in - self._rows_out) + self._adopted_rows

    @property
    def backlog_bytes(self) -> int:
        """Bytes of the rows that are not yet in the database."""
        waiting = self._bytes_in - self._bytes_out
        return (waiting if waiting > 0 else 0) + self._adopted_bytes

    @property
    def is_drained(self) -> bool:
        """Whether every row is in the database, and nothing of a dead process is left."""
        return self.depth == 0 and not self._adopted

    def is_full(self) -> bool:
        """Whether no new request should be taken: it could not be accounted for."""
        return self._bytes_in >= self._full_at or 2 * self._waiting_bytes >= MAX_WAITING_BYTES

    @property
    def healthy(self) -> bool:
        """False while the disk refuses rows: those that came meanwhile are in memory only."""
        return not (self._troubled or self._unsynced)

    # The event loop's side.

    def append(self, record: RequestRecord) -> None:
        """Keep a row; never raises, never waits for the database.

        A full spool still takes rows that have cost something (those with an upstream call), up to a
        quarter more than `max_bytes`: requests in flight end in the books. Others are dropped and counted.
        """
        self.append_all((record,))

    def append_all(self, records: Sequence[RequestRecord]) -> None:
        """As `append`, of some rows that go to the disk at once."""
        lines_of = self._lines_of
        try:
            lines = lines_of(records)
        except UnicodeEncodeError:
            lines = lines_of([storable(record) for record in records])
        if (self._troubled or self._bytes_in >= self._full_at) and self._put_off(records, lines):
            return
        size = len(lines)
        try:
            written = os.write(self._file, lines)
        except OSError as error:
            self._set_aside(lines, str(error))
        else:
            if written == size:
                self._size += size
                if self._fsync:
                    self._synchronize()
                if self._size >= self._rotate_at:
                    self._rotate()
            else:
                self._set_aside(lines[self._taken(lines, written) :], "the disk took only a part of a row")
        self._rows_in += len(records)
        self._bytes_in += size

    def _taken(self, lines: bytes, written: int) -> int:
        """Bytes of the rows that are on the disk, where it took a part of these lines."""
        taken = lines.rfind(b"\n", 0, written) + 1
        self._size += taken
        self._torn = taken != written
        return taken

    def _put_off(self, records: Sequence[RequestRecord], lines: bytes) -> bool:
        """Drop rows for which there is no room, or queue them behind those that wait; False where they are to
        be written."""
        if len(records) > 1:
            for record in records:
                self.append(record)
            return True
        if self.is_full() and not self._may_overshoot(records[0]):
            self._drop()
            return True
        if not (self._troubled and self._keep(lines)):
            return False
        self._rows_in += 1
        self._bytes_in += len(lines)
        return True

    def _may_overshoot(self, record: RequestRecord) -> bool:
        room = self._max_bytes + max(self._max_bytes // 4, SEGMENT_BYTES)
        return record.attempts > 0 and self.backlog_bytes < room and self._waiting_bytes < MAX_WAITING_BYTES

    def _drop(self) -> None:
        if self.dropped % 1000 == 0:
            _log.error("the spool %s is full: rows are dropped (%d so far)", self._path, self.dropped + 1)
        self.dropped += 1

    def _synchronize(self) -> None:
        try:
            _sync(self._file)
            self._unsynced = False
        except OSError as error:
            if not self._unsynced:
                _log.error("the spool %s cannot be synchronized to disk: %s", self._path, error)
            self._unsynced = True

    def _rotate(self) -> None:
        try:
            file = self._open_segment(self._own, self._live + 1)
        except OSError as error:  # no descriptor, no inode: the old segment will do for a while
            _log.warning("cannot begin a new segment in %s: %s", self._own.path, error)
            self._rotate_at = self._size + SEGMENT_BYTES
            return
        os.close(self._file)
        self._use(file, self._live + 1)

    def _use(self, file: int, number: int) -> None:
        self._file, self._size, self._rotate_at = file, 0, SEGMENT_BYTES
        self._live = number  # the last of all: from here on, the reader takes earlier segments for complete

    def _open_segment(self, folder: Folder, number: int) -> int:
        file = os.open(folder.segment(number), _OPEN, 0o600)
        if self._fsync and os.name == "posix":
            directory = os.open(folder.path, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        return file

    # While the disk refuses rows.

    def _set_aside(self, line: bytes, reason: str) -> None:
        with self._trouble:
            if not self._troubled:
                _log.error("cannot write to the spool %s, rows wait in memory: %s", self._path, reason)
            self._troubled = True
            self._enqueue(line)
        if self._file == _NO_FILE:
            self.retry()  # a row after `close`: nobody else would write it

    def _keep(self, line: bytes) -> bool:
        """Queue a row behind those that wait; False where they have been written meanwhile."""
        with self._trouble:
            if self._troubled:
                self._enqueue(line)
            return self._troubled

    def _enqueue(self, line: bytes) -> None:
        self._waiting.append(line)
        self._waiting_bytes += len(line)

    def retry(self) -> None:
        """Write the rows that wait in memory, as far as the disk takes them. Called from any thread."""
        with self._trouble:
            if not self._troubled:
                return
            try:
                self._mend()
                while self._waiting:
                    self._write_waiting()
            except OSError as error:
                _log.debug("the spool %s still cannot be written: %s", self._path, error)
                return
            self._troubled = False
            _log.info("the spool %s can be written again", self._path)

    def _mend(self) -> None:
        """Raises: OSError."""
        if self._file == _NO_FILE:
            self._own = self._make_folder()
        if self._torn:
            os.ftruncate(self._file, self._size)
            self._torn = False

    def _write_waiting(self) -> None:
        lines = self._waiting[0]
        written = os.write(self._file, lines)
        if written != len(lines):
            taken = self._taken(lines, written)
            self._waiting[0] = lines[taken:]
            self._waiting_bytes -= taken
            raise OSError("the disk took only a part of a row")
        self._size += written
        self._waiting.popleft()
        self._waiting_bytes -= written
        if self._size >= self._rotate_at:
            self._rotate()

    # The writer's side.

    def read(self) -> tuple[Batch, bool] | None:
        """The oldest rows that are not stored, of this process first; None where there are none.

        True with them: they are this process' own, and nobody has seen them yet.

        Raises: OSError.
        """
        live = self._live
        if self._bytes_in > self._bytes_out:
            stored = self._own.stored
            behind = stored < self._announced
            batch = self._own.fetch(stored, live=live, until=self._announced if behind else None)
            if batch is not None:
                self._announced = max(self._announced, batch.end)
                return batch, not behind
        while self._adopted:
            batch = self._fetch_adopted(self._adopted[0])
            if batch is not None:
                return batch, False
        return None

    def read_ahead(self) -> Batch | None:
        """Rows of this process that nobody has seen yet; they stay to be stored. Raises: OSError."""
        live = self._live
        batch = self._own.fetch(self._announced, live=live)
        if batch is not None:
            self._announced = batch.end
        return batch

    def commit(self, batch: Batch) -> None:
        """A batch of `read` is in the database."""
        batch.folder.commit(batch)
        if batch.folder is self._own:
            self._rows_out += batch.lines
            self._bytes_out += batch.size
            self._move_bound()
        else:
            self._count_adopted()

    def adopt(self) -> None:
        """Take over the folders of dead processes. Raises: OSError."""
        known = {self._own.path, *self._given_up, *(folder.path for folder in self._adopted)}
        with self._guard:
            paths = [path for path in self._path.iterdir() if is_folder_name(path.name)]
            orphans = [
                lock
                for path in sorted(paths)
                if path not in known and self._may_adopt(path) and (lock := _take(path))
            ]
        for lock in orphans:
            path = Path(lock.lock_file).parent
            try:
                folder = Folder(path, lock)
                folder.count_pending()
            except OSError as error:
                self._give_up(path, lock, error)
                continue
            self._adopted.append(folder)
            if folder.pending_rows:
                _log.info("%d rows of a process that died are stored now", folder.pending_rows)
        self._count_adopted()

    def _may_adopt(self, path: Path) -> bool:
        """Whether a folder that is not this process' own is looked at, once it is nobody's."""
        return True

    def _give_up(self, path: Path, lock: FileLock, error: OSError) -> None:
        _log.error("cannot replay %s, the next start tries again: %s", path, error)
        self._given_up.add(path)
        lock.release(force=True)

    def _fetch_adopted(self, folder: Folder) -> Batch | None:
        """Its next rows; None once it is through, or cannot be read: then it is off the list."""
        try:
            batch = folder.fetch(folder.stored, live=None)
            if batch is not None:
                return batch
            with self._guard:
                folder.remove()
        except OSError as error:
            folder.close()
            self._give_up(folder.path, folder.lock, error)
        self._adopted.remove(folder)
        self._count_adopted()
        return None

    def _count_adopted(self) -> None:
        self._adopted_rows = sum(folder.pending_rows for folder in self._adopted)
        self._adopted_bytes = sum(folder.pending_bytes for folder in self._adopted)
        self._move_bound()

    def _move_bound(self) -> None:
        self._full_at = self._bytes_out + self._max_bytes - self._adopted_bytes

    # Beginning and end.

    def _make_folder(self) -> Folder:
        """A folder of this process, locked, with its first segment open. Raises: OSError."""
        with self._guard:  # nobody adopts it between its making and its locking
            path = self._path / self._folder_name()
            path.mkdir(mode=0o700)
            lock = lock_of(path)
            lock.acquire()
        folder = Folder(path, lock)
        self._use(self._open_segment(folder, 1), 1)
        return folder

    def _folder_name(self) -> str:
        return f"{os.getpid()}-{secrets.token_hex(4)}"

    def close(self) -> None:
        """Leave nothing behind but rows that are not stored: the next start adopts them.

        The writer has ended before. A row that comes after this is kept, too.
        """
        self.retry()
        if self._waiting:
            lost = sum(lines.count(b"\n") for lines in self._waiting)
            _log.error("%d rows are lost: the spool %s cannot be written", lost, self._path)
        if self._file != _NO_FILE:
            os.close(self._file)
            self._file = _NO_FILE
        for folder in (*self._adopted, self._own):
            folder.close()
            if folder is not self._own or self._bytes_in > self._bytes_out:
                folder.lock.release(force=True)
                continue
            try:
                with self._guard:
                    folder.remove()
            except OSError as error:
                _log.warning("cannot remove %s: %s", folder.path, error)
        self._adopted.clear()


def lock_of(folder: Path) -> FileLock:
    """The lock of a spool folder, not yet taken."""
    return FileLock(folder / LOCK_NAME, timeout=0, mode=0o600, thread_local=False)


def _take(path: Path) -> FileLock | None:
    """The lock of a folder whose process is dead; None where it lives, or the folder cannot be used."""
    lock = lock_of(path)
    try:
        lock.acquire()
    except OSError as error:
        if not isinstance(error, Timeout):
            _log.error("cannot look into %s: %s", path, error)
        return None
    return lock
