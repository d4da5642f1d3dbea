"""One spool folder on disk: numbered files of JSON lines, a lock, and how far they have been stored."""

from __future__ import annotations

import logging
import os
import re
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import msgspec
from filelock import FileLock

from ai_gateway.core.record import RequestRecord
from ai_gateway.core.rows import Rows
from ai_gateway.store.lines import UNREADABLE, Lines

__all__ = ["BATCH_ROWS", "READ_BYTES", "Batch", "Folder", "Position", "is_folder_name"]

BATCH_ROWS = 512
READ_BYTES = 256 * 1024
LOCK_NAME = "lock"
POSITION_NAME = "position"

_SUFFIX = ".jsonl"
_FOLDER_NAME = re.compile(r"\d+-[0-9a-f]{8}")
_log = logging.getLogger("ai_gateway.store")


class Position(NamedTuple):
    """A place between two lines: the segment's number and the offset in it, in bytes."""

    number: int
    offset: int


class Batch(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """Consecutive rows of one folder."""

    folder: Folder
    records: Rows
    lines: int
    """As many as records, and those that could not be read."""
    size: int
    """Bytes of the lines."""
    end: Position


def is_folder_name(name: str) -> bool:
    return _FOLDER_NAME.fullmatch(name) is not None


class Folder:
    """The segments of one process, seen by their reader. Everything here belongs to one thread.

    Who holds `lock` owns the folder; the operating system lets go of it when its holder dies.
    """

    def __init__(self, path: Path, lock: FileLock) -> None:
        """`lock` is held. Raises: OSError."""
        self.path = path
        self.lock = lock
        self.stored = self._load_position()
        """Up to here, everything is in the database."""
        self.pending_rows = 0
        self.pending_bytes = 0
        self._reading: tuple[int, FileIO] | None = None
        self._position: FileIO | None = None
        self._untidy = False
        self._lines = Lines()

    def segment(self, number: int) -> Path:
        return self.path / f"{number:08d}{_SUFFIX}"

    def numbers(self) -> list[int]:
        """Of the segments that there are, oldest first."""
        return sorted(int(file.stem) for file in self.path.glob(f"*{_SUFFIX}") if file.stem.isdecimal())

    def fetch(
        self, start: Position, *, live: int | None, until: Position | None = None, limit: int = BATCH_ROWS
    ) -> Batch | None:
        """The next lines after `start`, none of them past `until`; None where there is no whole line.

        `live` is the segment that is still being written, None where that has ended. The caller must have
        looked it up before this call: only then is a lower segment's end known to be final.

        Raises: OSError.
        """
        while True:
            data = self._lines_at(start, until)
            if data:
                return self._batch(start, data, limit)
            if live is not None and start.number >= live:
                return None
            self._report_torn(start)
            following = next((number for number in self.numbers() if number > start.number), None)
            if following is None:
                return None
            start = Position(following, 0)

    def commit(self, batch: Batch) -> None:
        """Its rows are in the database: remember that, and delete the segments that are done with."""
        done = self.stored.number
        self.stored = batch.end
        self.pending_rows -= batch.lines
        self.pending_bytes -= batch.size
        try:
            self._save_position()
            if done != batch.end.number:
                self._delete_segments(before=batch.end.number)
        except OSError as error:
            # A row that is replayed for want of this is known to the database by its id.
            if not self._untidy:
                _log.warning("cannot tidy up the spool %s: %s", self.path, error)
            self._untidy = True

    def count_pending(self) -> None:
        """Set `pending_rows` and `pending_bytes` by reading everything once. Raises: OSError."""
        self.pending_rows = self.pending_bytes = 0
        for number in self.numbers():
            if number < self.stored.number:
                continue
            with self.segment(number).open("rb", buffering=0) as file:
                file.seek(self.stored.offset if number == self.stored.number else 0)
                while data := file.read(READ_BYTES):
                    self.pending_rows += data.count(b"\n")
                    self.pending_bytes += len(data)

    def close(self) -> None:
        """Close what is open; the lock stays."""
        self._close_segment()
        if self._position is not None:
            self._position.close()
            self._position = None

    def remove(self) -> None:
        """Delete everything, and let the lock go. Nobody may try to take it meanwhile. Raises: OSError."""
        self.close()
        self.lock.release(force=True)
        for file in self.path.iterdir():
            file.unlink()
        self.path.rmdir()

    def _lines_at(self, start: Position, until: Position | None) -> bytes:
        """Whole lines from `start` on: some 256 KiB, or a single longer one."""
        file = self._open(start.number)
        if file is None:
            return b""
        file.seek(start.offset)
        room = until.offset - start.offset if until is not None and until.number == start.number else None
        data = file.read(READ_BYTES if room is None else min(READ_BYTES, room)) or b""
        end = data.rfind(b"\n") + 1
        while not end and len(data) >= READ_BYTES:
            more = file.read(len(data)) or b""
            if not more:
                break
            found = more.find(b"\n") + 1
            end = len(data) + found if found else 0
            data += more
        return data[:end]

    def _close_segment(self) -> None:
        if self._reading is not None:
            self._reading[1].close()
            self._reading = None

    def _open(self, number: int) -> FileIO | None:
        if self._reading is not None:
            if self._reading[0] == number:
                return self._reading[1]
            self._close_segment()
        try:
            file = FileIO(self.segment(number))
        except FileNotFoundError:
            return None  # stored and deleted before this process began
        self._reading = (number, file)
        return file

    def _batch(self, start: Position, data: bytes, limit: int) -> Batch:
        lines = _lines_in(data)
        if lines > limit:
            data, lines = data[: -len(data.split(b"\n", limit)[limit])], limit
        try:
            records = self._lines.read(data)
        except UNREADABLE:
            records = self._readable(data, start.number)
        end = Position(start.number, start.offset + len(data))
        return Batch(folder=self, records=records, lines=lines, size=len(data), end=end)

    def _readable(self, data: bytes, number: int) -> Rows:
        """What can be read of these lines, the others are set aside."""
        records: list[RequestRecord] = []
        bad: list[bytes] = []
        for line in data[:-1].split(b"\n"):
            try:
                records.append(self._lines.read_one(line))
            except UNREADABLE:
                bad.append(line)
        if bad:
            self._set_aside(bad, number)
        return Rows.of(records)

    def _set_aside(self, lines: list[bytes], number: int) -> None:
        """Keep lines that nobody can read: they must not hold up the rest."""
        file = self.path.with_name(f"{self.path.name}-{number:08d}.bad")
        _log.error("%d lines of the spool cannot be read: they are set aside in %s", len(lines), file)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with FileIO(descriptor, "w") as target:
                target.write(b"\n".join(lines) + b"\n")
        except OSError as error:
            _log.error("cannot write %s: %s", file, error)

    def _report_torn(self, end: Position) -> None:
        if self._reading is not None and self._reading[0] == end.number:
            rest = os.fstat(self._reading[1].fileno()).st_size - end.offset
            if rest > 0:
                _log.warning(
                    "%s ends in half a line (%d bytes): its request was not finished when the process died",
                    self.segment(end.number),
                    rest,
                )

    def _delete_segments(self, *, before: int) -> None:
        if self._reading is not None and self._reading[0] < before:
            self._close_segment()
        for number in self.numbers():
            if number < before:
                self.segment(number).unlink(missing_ok=True)

    def _load_position(self) -> Position:
        """Where the last owner was. The very start where that is not clear: the database knows its rows."""
        try:
            number, offset = map(int, (self.path / POSITION_NAME).read_bytes().split())
            if 0 <= offset <= self.segment(number).stat().st_size:
                return Position(number, offset)
        except (FileNotFoundError, ValueError):
            pass
        return Position(1, 0)

    def _save_position(self) -> None:
        # Overwritten in place, always with the same length: no moment without one, and no new block.
        file = self._position
        if file is None:
            descriptor = os.open(self.path / POSITION_NAME, os.O_WRONLY | os.O_CREAT, 0o600)
            file = self._position = FileIO(descriptor, "w")
        file.seek(0)
        file.write(b"%010d %020d\n" % self.stored)


def _lines_in(data: bytes) -> int:
    """How many lines end in it. `count` would look at each byte, which takes as long as decoding a third of
    them; this jumps from one end to the next."""
    return len(data) - len(data.replace(b"\n", b""))
