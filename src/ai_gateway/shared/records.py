"""Where a client's numbers stand in the shared memory."""

from __future__ import annotations

import contextlib
import mmap
import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum

from ai_gateway.policy.admissions import MOST_NOTED
from ai_gateway.shared.locks import LOCK_BYTES, Lock
from ai_gateway.shared.region import Mark, Region
from ai_gateway.shared.windows import MAX_ENTRIES

__all__ = [
    "REASONS",
    "RING",
    "ROW",
    "STATES_AT",
    "STATE_BYTES",
    "SUMS",
    "WINDOWS",
    "WINDOWS_AT",
    "Record",
    "Records",
    "Word",
]

PER_CHUNK = 64
SUMS = struct.Struct("<d qqqqd qqd dd qdqd")
"""The day (its first instant); requests in flight; of the day: requests, tokens in and out, USD, then what is
reserved of those; USD of the month, and reserved; admissions that are only noted: how many, and the newest;
how often the windows were changed; the latest time at which anybody has looked at any of it."""


class Word(IntEnum):
    """Of the sums, by their place."""

    DAY_S = 0
    IN_FLIGHT = 1
    REQUESTS = 2
    INPUT = 3
    OUTPUT = 4
    USD = 5
    HELD_INPUT = 6
    HELD_OUTPUT = 7
    HELD_USD = 8
    MONTH_USD = 9
    MONTH_HELD_USD = 10
    NOTED = 11
    NEWEST_S = 12
    LOOKS = 13
    CLOCK_S = 14


WINDOWS = struct.Struct("<" + "qqqdddd" * 3 + "qd")
"""Each window's own numbers, its newest entry last; where in the ring what is noted begins, and until when
nothing leaves a window."""
ROW = struct.Struct("<dq qqqd d")
"""What one process has reserved: the day and the month that it is of; requests, tokens in and out, USD; USD
of the month."""
REASONS = (
    "minute",
    "hour",
    "day",
    "concurrency",
    "quota_requests",
    "quota_input_tokens",
    "quota_output_tokens",
    "budget_day",
    "budget_month",
)
"""`LimitReached.reason`, each with a counter."""

ID_BYTES = 64
HEAD_AT, HEAD_BYTES = ID_BYTES, 16
"""Two numbers: the record's generation, and how often its sums were stored."""
LOCK_AT = HEAD_AT + HEAD_BYTES
STATES_AT = LOCK_AT + LOCK_BYTES
STATE_BYTES = SUMS.size
"""Of the sums. There are two: those count that belong to the number of times they were stored, odd or even.
The other ones are written, then that number: `pack_into` clears what it is about to write, and a process may
be killed at any moment. In those that count, single numbers are changed: each of them at once."""
WINDOWS_AT = STATES_AT + 2 * STATE_BYTES
"""There are two of these as well: those count that belong to the sums' number of the windows' changes."""
RING_AT = WINDOWS_AT + 2 * WINDOWS.size
RING = 2 * MOST_NOTED
"""Places for the moments of admissions that are only noted. What is written is never what counted before."""
_NUMBER = struct.Struct("<q")
_REFUSALS = struct.Struct(f"<{len(REASONS)}q")
_REASONS_AT = RING_AT + RING * 8
_ROWS_AT = _REASONS_AT + _REFUSALS.size
_ENTRY_BYTES = 3 * 16
"""The three windows' entries of the same number stand together: a client that asks seldom needs one page."""


class Record:
    """One client's place."""

    __slots__ = ("_slots", "index", "memory")

    def __init__(self, memory: memoryview[int], index: int, slots: int) -> None:
        # No more than this: every process has one of these for every client.
        self.index = index
        self.memory = memory
        self._slots = slots

    def windows(self) -> list[tuple[memoryview[float], memoryview[float]]]:
        """Times and counts of the entries of each window."""
        start = self._entries_at
        entries = self.memory[start : start + MAX_ENTRIES * _ENTRY_BYTES].cast("d")
        return [(entries[2 * window :: 6], entries[2 * window + 1 :: 6]) for window in range(3)]

    @property
    def _entries_at(self) -> int:
        return _ROWS_AT + self._slots * ROW.size

    @property
    def client_id(self) -> str:
        """Empty: it is nobody's."""
        return bytes(self.memory[:ID_BYTES]).rstrip(b"\0").decode()

    @property
    def generation(self) -> int:
        """Another one: the record has been given to somebody else."""
        generation: int = _NUMBER.unpack_from(self.memory, HEAD_AT)[0]
        return generation

    def head(self) -> memoryview[int]:
        """The generation, and how often the sums were stored."""
        return self.memory[HEAD_AT:LOCK_AT].cast("q")

    def state(self, stored: int) -> tuple[memoryview[int], memoryview[float]]:
        """The sums that count when they were stored so often, as whole numbers and as others."""
        start = STATES_AT + (stored & 1) * STATE_BYTES
        state = self.memory[start : start + STATE_BYTES]
        return state.cast("q"), state.cast("d")

    def new_lock(self, region: Region) -> None:
        """Of a record that nobody has used yet. Raises: OSError."""
        region.new_lock(self.memory[LOCK_AT:STATES_AT])

    def lock(self, region: Region) -> Lock:
        return region.lock(self.memory[LOCK_AT:STATES_AT], self.index + 1)

    @contextlib.contextmanager
    def held(self, region: Region) -> Iterator[None]:
        """Hold the lock, for as long as a `with` takes."""
        lock = self.lock(region)
        if code := lock.take(lock.key):
            lock.found(code, lock.key)
        try:
            yield
        finally:
            lock.give(lock.key)

    @property
    def in_flight(self) -> int:
        """Requests of all processes; the lock is held."""
        return self.state(self.head()[1])[0][Word.IN_FLIGHT]

    def ring(self) -> memoryview[float]:
        """Moments of admissions."""
        return self.memory[RING_AT:_REASONS_AT].cast("d")

    def row_at(self, slot: int) -> int:
        """Where the row of a process stands in `memory`."""
        return _ROWS_AT + slot * ROW.size

    @property
    def refusals(self) -> tuple[int, ...]:
        """How many there were for each of `REASONS`."""
        return _REFUSALS.unpack_from(self.memory, _REASONS_AT)

    def refuse(self, reason: int) -> None:
        """Count one, by its place in `REASONS`; the account's lock is held."""
        at = _REASONS_AT + reason * _NUMBER.size
        self.memory[at : at + 8] = _NUMBER.pack(_NUMBER.unpack_from(self.memory, at)[0] + 1)

    def row(self, slot: int) -> tuple[float, int, int, int, int, float, float]:
        """What a process has reserved, as `ROW`."""
        row: tuple[float, int, int, int, int, float, float] = ROW.unpack_from(self.memory, self.row_at(slot))
        return row

    def write_row(self, slot: int, row: Sequence[float]) -> None:
        """The lock is held. Only who lives has one that counts: it may be left half written."""
        ROW.pack_into(self.memory, self.row_at(slot), *row)

    def give(self, client_id: str) -> None:
        """To a client, or with an empty id to nobody: with all numbers 0, and a generation of its own."""
        head = self.head()
        head[0] += 1
        head[1] += 1
        end = self._entries_at
        self.memory[STATES_AT:end] = bytes(end - STATES_AT)
        self.memory[:ID_BYTES] = client_id.encode().ljust(ID_BYTES, b"\0")


class Records:
    """The records of all clients, as one process sees them."""

    def __init__(self, region: Region) -> None:
        self._region = region
        size = _ROWS_AT + region.slots * ROW.size + MAX_ENTRIES * _ENTRY_BYTES
        page = mmap.ALLOCATIONGRANULARITY
        self._size = size + -size % page
        self._chunks: list[memoryview[int]] = []
        self._records: list[Record] = []
        """By their index."""
        self._known: dict[str, Record] = {}
        self._seen = self._given_again = 0

    def find(self, client_id: str) -> Record:
        """The client's record, made where there is none. Raises: OSError where there is no memory for it."""
        region = self._region
        with region.directory():
            self._look_around()
            found = self._known.get(client_id)
            if found is None:
                found = self._unused()
                with found.held(region):
                    found.give(client_id)
                self._known[client_id] = found
        return found

    def take_back(self, client_id: str) -> bool:
        """The client is deleted; False while it has requests in flight."""
        with self._region.directory():
            self._look_around()
            record = self._known.get(client_id)
            if record is None:
                return True
            with record.held(self._region):
                if record.in_flight:
                    return False
                record.give("")
            del self._known[client_id]
            self._region.marks[Mark.UNUSED] += 1
            return True

    def all(self) -> list[Record]:
        """Of every client that has one."""
        with self._region.directory():
            self._look_around()
            return list(self._known.values())

    def _look_around(self) -> None:
        """See what others have made; the directory's lock is held."""
        marks = self._region.marks
        if self._given_again != marks[Mark.GIVEN_AGAIN]:
            self._given_again = marks[Mark.GIVEN_AGAIN]
            self._known, self._seen = {}, 0
        for index in range(self._seen, marks[Mark.ACCOUNTS]):
            record = self._at(index)
            if client_id := record.client_id:
                self._known[client_id] = record
        self._seen = marks[Mark.ACCOUNTS]

    def _unused(self) -> Record:
        """One that is nobody's; the directory's lock is held."""
        marks = self._region.marks
        if marks[Mark.UNUSED]:
            for index in range(marks[Mark.ACCOUNTS]):
                record = self._at(index)
                if not record.client_id:
                    marks[Mark.UNUSED] -= 1
                    marks[Mark.GIVEN_AGAIN] += 1
                    self._given_again += 1
                    return record
            marks[Mark.UNUSED] = 0  # whoever counted it died between the two
        record = self._at(marks[Mark.ACCOUNTS])
        record.new_lock(self._region)
        marks[Mark.ACCOUNTS] += 1
        self._seen += 1
        return record

    def _at(self, index: int) -> Record:
        chunk = index // PER_CHUNK
        while chunk >= len(self._chunks):
            self._chunks.append(self._region.chunk(len(self._chunks), PER_CHUNK * self._size))
        for following in range(len(self._records), index + 1):
            chunk, place = divmod(following, PER_CHUNK)
            start = place * self._size
            memory = self._chunks[chunk][start : start + self._size]
            self._records.append(Record(memory, following, self._region.slots))
        return self._records[index]
