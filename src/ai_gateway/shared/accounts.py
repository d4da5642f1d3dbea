"""Accounts of clients that several processes share, exactly.

The rules are `policy.account`'s: under the record's lock, a process loads the numbers into an account of its
own, lets it decide, and stores what has come of it. A reservation is its own process' business; what it holds
is noted in that process' row too, so that it can be released when the process dies.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from fcntl import LOCK_EX, LOCK_UN, lockf
from typing import Any

import msgspec

from ai_gateway.core.headroom import UNLIMITED, LimitState, Room
from ai_gateway.core.structs import quick_to_set
from ai_gateway.errors import Unauthenticated
from ai_gateway.policy.account import Reservation
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.interface import Spent
from ai_gateway.policy.limits import Limits, Used, Want
from ai_gateway.shared.local import LocalAccount
from ai_gateway.shared.records import HEAD_AT, ROW, STATE_BYTES, STATES_AT, SUMS, Record
from ai_gateway.shared.region import Column, Region

__all__ = ["Gone", "SharedAccount", "SharedReservation"]

_FIRST, _WORDS = (STATES_AT - HEAD_AT) // 8, STATE_BYTES // 8
"""In words of the head: where the first state begins, and its length. A state begins with its number."""
_MOST = 2**62
"""Sums stay here rather than leave their 64 bits: providers may name any figure."""


class Gone(Exception):
    """The record belongs to another client by now."""


class SharedAccount:
    """One client's account, as one process sees it."""

    __slots__ = (
        "_at",
        "_busy",
        "_calendar",
        "_changes",
        "_clock_s",
        "_day_s",
        "_file",
        "_lock",
        "_memory",
        "_month",
        "_row",
        "_row_at",
        "generation",
        "head",
        "local",
        "record",
    )

    def __init__(self, region: Region, record: Record, slot: int, calendar: Calendar, wall_s: float) -> None:
        self.record = record
        self.head = record.head()
        """The generation, which state counts; then both states."""
        self._memory = record.memory
        self._calendar = calendar
        self._file, self._lock = region.file, record.index + 1
        self._busy = region.cell(Column.BUSY, slot)
        self.generation = record.generation
        self.local = LocalAccount(record, calendar, wall_s)
        self._day_s, self._month = self.local.day.start_s, _number(self.local.day.month)
        self._clock_s = 0.0
        """The latest time that anybody has looked at it."""
        self._changes = -1
        """Of the state that `local` has."""
        self._row = record.row(slot)
        self._row_at = record.row_at(slot)

    def admit(self, limits: Limits, want: Want, now_s: float, wall_s: float) -> SharedReservation:
        """As `Account.admit`. Raises: LimitReached, ContextLengthExceeded; Unauthenticated, see `Gone`."""
        try:
            self._take()
        except Gone:
            raise Unauthenticated("this client has just been deleted") from None
        local = self.local
        try:
            if now_s < self._clock_s:  # another process read its clock later, and came first
                now_s = self._clock_s
            self._clock_s = now_s
            own = local.admit(limits, want, now_s, wall_s)
            local.keep_noted()
            self._note(own, 1, own.held_input, own.allowance, own.usd)
        finally:
            self._give()
        return SharedReservation(self, own, own.day, own.allowance, own.capped, own.bounded)

    def settle(self, own: Reservation, input_tokens: int, output_tokens: int, usd: float | None) -> None:
        """As `Reservation.settle`; a client that was deleted has no account to settle."""
        try:
            self._take()
        except Gone:
            return
        try:
            held = own.usd
            own.settle(input_tokens, output_tokens, usd)
            self._note(own, -1, -own.held_input, -own.allowance, -held)
        finally:
            self._give()

    def cancel(self, own: Reservation) -> None:
        """As `Reservation.cancel`. Raises: Gone."""
        with self.hold():
            held = own.usd
            own.cancel()
            self._note(own, -1, -own.held_input, -own.allowance, -held)

    def more(self, own: Reservation, reserve: Callable[[int], bool], tokens: int) -> bool:
        """As `Reservation.covers` or `another`, whichever `reserve` is. Raises: Gone."""
        with self.hold():
            held, allowance, usd = own.held_input, own.allowance, own.usd
            done = reserve(tokens)
            self._note(own, 0, own.held_input - held, own.allowance - allowance, own.usd - usd)
        return done

    @contextlib.contextmanager
    def hold(self) -> Iterator[LocalAccount]:
        """The account with the numbers of this moment, to be changed; what has come of it is stored.

        Raises: Gone.
        """
        self._take()
        try:
            yield self.local
        finally:
            self._give()

    def room(self, limits: Limits, now_s: float, wall_s: float) -> Room:
        """As `Account.room`."""
        local = self.local
        # Without a lock, unless somebody has to look at a window, or to begin a new day.
        if self._peek() and limits is local.measured and now_s < local.due_s and wall_s < local.day.end_s:
            return local.room(limits, now_s, wall_s)
        try:
            self._take()
        except Gone:
            return UNLIMITED
        try:
            return local.room(limits, self._later(now_s), wall_s)
        finally:
            self._give()

    def _later(self, now_s: float) -> float:
        """The time, which goes on for all processes together: at a moment before the latest look, more would
        count than is left. The lock is held."""
        self._clock_s = max(now_s, self._clock_s)
        return self._clock_s

    def states(self, limits: Limits, *, now_s: float, wall_s: float) -> Sequence[LimitState]:
        """As `Account.states`."""
        with contextlib.suppress(Gone), self.hold() as local:
            return local.states(limits, now_s=self._later(now_s), wall_s=wall_s)
        return []

    def restore_day(self, spent: Spent, wall_s: float) -> None:
        """Raises: Gone."""
        with self.hold() as local:
            local.restore_day(spent, self._calendar.day(wall_s))
            _ = local.windows  # what others have measured does not hold any more

    def restore_admissions(
        self, moments: Iterable[tuple[float, int]], *, now_s: float, wall_s: float
    ) -> None:
        """Raises: Gone."""
        with self.hold() as local:
            local.restore_admissions(moments, now_s=now_s, wall_s=wall_s)

    @property
    def input_in_use(self) -> int:
        """Input tokens of the day, those that are reserved too."""
        with contextlib.suppress(Gone), self.hold() as local:
            return local.input_in_use
        return 0

    @property
    def in_flight(self) -> int:
        """Requests of all processes."""
        with contextlib.suppress(Gone), self.hold() as local:
            return local.in_flight
        return 0

    def refused(self, reason: int) -> None:
        """Count a refusal, by its place in `REASONS`."""
        with contextlib.suppress(Gone), self.hold():
            self.record.refuse(reason)

    def release(self, slots: Iterable[int], others: Iterable[int]) -> None:
        """What dead processes hold is free again, and what one of them left half done is made whole."""
        with self.hold() as local:
            for slot in slots:
                self.record.write_row(slot, (0.0, 0, 0, 0, 0, 0.0, 0.0))
            rows = [self.record.row(slot) for slot in others]
            today = [row for row in rows if row[0] == local.day.start_s]
            local.in_flight = sum(row[2] for row in rows)
            local.today.held_input = sum(row[3] for row in today)
            local.today.held_output = sum(row[4] for row in today)
            local.today.held_usd = sum(row[5] for row in today)
            local.month.held_usd = sum(row[6] for row in rows if row[1] == self._month)
            local.mend()

    def _take(self) -> None:
        """Lock it, and load the sums. Raises: Gone."""
        lock, head = self._lock, self.head
        lockf(self._file, LOCK_EX, 1, lock)
        self._busy[0] = lock
        if head[0] != self.generation:
            self._let_go()
            raise Gone
        if head[_FIRST + head[1] * _WORDS] != self._changes:
            self._load(SUMS.unpack_from(self._memory, STATES_AT + head[1] * STATE_BYTES))

    def _peek(self) -> bool:
        """Load the sums without a lock, to tell of them; False where somebody just changes them."""
        memory, head = self._memory, self.head
        which = head[1]
        if head[_FIRST + which * _WORDS] == self._changes:
            return head[0] == self.generation
        start = STATES_AT + which * STATE_BYTES
        state = bytes(memory[start : start + STATE_BYTES])
        sums = SUMS.unpack_from(state)
        if sums[0] != sums[-1] or state != memory[start : start + STATE_BYTES]:
            return False
        if head[0] != self.generation:
            return False
        self._load(sums)
        return True

    def _load(self, sums: tuple[Any, ...]) -> None:  # Any: as `struct` has it; the types are those of `SUMS`
        local = self.local
        if sums[1] != self._day_s or sums[2] != self._month:
            self._turn(sums[1], sums[2])
        today, month, looks = local.today, local.month, local.looks
        (
            self._changes,
            _,
            _,
            local.in_flight,
            today.requests,
            today.input_tokens,
            today.output_tokens,
            today.usd,
            today.held_input,
            today.held_output,
            today.held_usd,
            month.usd,
            month.held_usd,
            local.noted,
            local.newest_s,
            local.due_s,
            local.ring_at,
            local.looks,
            self._clock_s,
            _,
        ) = sums
        if looks != local.looks:
            local.measured = None

    def _turn(self, day_s: float, month: int) -> None:
        """To another day than this process has known, or to another month."""
        local = self.local
        if day_s and day_s != self._day_s:
            local.day, local.today = self._calendar.day(day_s), Used()
            self._day_s, local.measured = day_s, None
        if month and month != self._month:
            local.month, self._month = Used(), month

    def _give(self) -> None:
        """Store the numbers, and unlock it."""
        try:
            local = self.local
            if local.touched:
                local.store_windows()
            if local.day.start_s != self._day_s:
                self._follow()
            try:
                self._store()
            except struct.error:
                _bound(local.today)
                self._store()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._busy[0] = 0
        lockf(self._file, LOCK_UN, 1, self._lock)

    def _store(self) -> None:
        local, head = self.local, self.head
        today, month = local.today, local.month
        self._changes = changes = self._changes + 1
        other = 1 - head[1]
        SUMS.pack_into(
            self._memory,
            STATES_AT + other * STATE_BYTES,
            changes,
            self._day_s,
            self._month,
            local.in_flight,
            today.requests,
            today.input_tokens,
            today.output_tokens,
            today.usd,
            today.held_input,
            today.held_output,
            today.held_usd,
            month.usd,
            month.held_usd,
            local.noted,
            local.newest_s,
            local.due_s,
            local.ring_at,
            local.looks,
            self._clock_s,
            changes,
        )
        head[1] = other

    def _note(
        self, own: Reservation, requests: int, input_tokens: int, output_tokens: int, usd: float
    ) -> None:
        """Bring a change of what is reserved into this process' row."""
        local = self.local
        if local.day.start_s != self._day_s:
            self._follow()
        day_s, month, in_flight, given, taken, of_day, of_month = self._row
        in_flight += requests
        if own.today is local.today:
            if day_s != self._day_s:
                day_s, given, taken, of_day = self._day_s, 0, 0, 0.0
            given += input_tokens
            taken += output_tokens
            of_day += usd
        if own.month is local.month:
            if month != self._month:
                month, of_month = self._month, 0.0
            of_month += usd
        if not in_flight:
            given = taken = 0
            of_day = of_month = 0.0  # sums of floats come back to almost 0
        row = self._row = (day_s, month, in_flight, given, taken, of_day, of_month)
        ROW.pack_into(self._memory, self._row_at, *row)

    def _follow(self) -> None:
        """The account has begun a new day."""
        self._day_s, self._month = self.local.day.start_s, _number(self.local.day.month)


@quick_to_set
class SharedReservation(msgspec.Struct, eq=False, gc=False):
    """A request that was admitted by this process. Settled or cancelled exactly once."""

    account: SharedAccount
    own: Reservation
    day: str
    allowance: int
    capped: bool
    bounded: bool

    def covers(self, output_tokens: int) -> bool:
        """As `Reservation.covers`; what has been reserved is known without a look at the others."""
        if output_tokens <= self.allowance:
            return True
        return self._more(self.own.covers, output_tokens)

    def another(self, input_tokens: int) -> bool:
        return self._more(self.own.another, input_tokens)

    def _more(self, reserve: Callable[[int], bool], tokens: int) -> bool:
        own = self.own
        try:
            done = self.account.more(own, reserve, tokens)
        except Gone:
            return False
        self.allowance, self.capped = own.allowance, own.capped
        return done

    def settle(self, input_tokens: int, output_tokens: int, usd: float | None) -> None:
        if self.own.open:
            self.account.settle(self.own, input_tokens, output_tokens, usd)

    def cancel(self) -> None:
        if self.own.open:
            with contextlib.suppress(Gone):
                self.account.cancel(self.own)


def _number(month: str) -> int:
    """YYYY-MM as YYYYMM."""
    return int(month[:4]) * 100 + int(month[5:])


def _bound(today: Used) -> None:
    for name in today.__struct_fields__:
        value = getattr(today, name)
        if isinstance(value, int):
            setattr(today, name, max(-_MOST, min(value, _MOST)))
