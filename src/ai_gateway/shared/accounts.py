"""Accounts of clients that several processes share, exactly.

The rules are `policy.account`'s: under the record's lock, a process loads the numbers into an account of its
own, lets it decide, and stores what has come of it. A reservation is its own process' business; what it holds
is noted in that process' row too, so that it can be released when the process dies.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Iterator, Sequence
from fcntl import LOCK_EX, LOCK_UN, lockf
from typing import Any

from ai_gateway.core.headroom import UNLIMITED, LimitState, Room, Standing
from ai_gateway.errors import Unauthenticated
from ai_gateway.policy.account import Account, Reservation
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.interface import Spent
from ai_gateway.policy.limits import Limits, Used, Want
from ai_gateway.policy.windows import DAY_S, HOUR_S, MINUTE_S
from ai_gateway.shared.records import STATE_BYTES, STATES_AT, SUMS, WINDOWS, Record
from ai_gateway.shared.region import Column, Region
from ai_gateway.shared.windows import SharedWindow

__all__ = ["Gone", "SharedAccount", "SharedReservation"]

Held = tuple[Used, Used, int, int, int, float, float]
"""The day, the month; requests in flight; reserved: tokens in and out, USD of the day, USD of the month."""
_MOST = 2**62
"""Sums stay here rather than leave their 64 bits: providers may name any figure."""


class Gone(Exception):
    """The record belongs to another client by now."""


class SharedAccount:
    """One client's account, as one process sees it."""

    __slots__ = (
        "_busy",
        "_calendar",
        "_changes",
        "_file",
        "_head",
        "_lock",
        "_memory",
        "_month",
        "_newest_s",
        "_row",
        "_slot",
        "_stores_windows",
        "_was",
        "_windows",
        "generation",
        "local",
        "record",
    )

    def __init__(self, region: Region, record: Record, slot: int, calendar: Calendar, wall_s: float) -> None:
        self.record = record
        self._memory, self._head = record.memory, record.head()
        self._slot, self._calendar = slot, calendar
        self._file, self._lock = region.file, record.index + 1
        self._busy = region.cell(Column.BUSY, slot)
        self.generation = record.generation
        minute, hour, day = (
            SharedWindow(seconds, times, counts)
            for seconds, (times, counts) in zip((MINUTE_S, HOUR_S, DAY_S), record.windows(), strict=True)
        )
        self._windows = (minute, hour, day)
        self.local = Account(calendar, wall_s, self._windows)
        self._month = _number(self.local.day.month)
        self._changes = 0
        self._stores_windows = False
        self._newest_s = 0.0
        self._row = list(record.row(slot))
        self._was = self._held()

    def admit(self, limits: Limits, want: Want, *, now_s: float, wall_s: float) -> SharedReservation:
        """As `Account.admit`. Raises: LimitReached, ContextLengthExceeded; Unauthenticated, see `Gone`."""
        try:
            self._take()
        except Gone:
            raise Unauthenticated("this client has just been deleted") from None
        try:
            self._load_windows()
            if now_s < self._newest_s:  # another process read its clock later, and came first
                now_s = self._newest_s
            own = self.local.admit(limits, want, now_s=now_s, wall_s=wall_s)
            self._newest_s = now_s
            self._store_windows()
            return SharedReservation(self, own)
        finally:
            self._give()

    def settle(self, own: Reservation, input_tokens: int, output_tokens: int, usd: float | None) -> None:
        """As `Reservation.settle`. Raises: Gone."""
        self._take()
        try:
            own.settle(input_tokens=input_tokens, output_tokens=output_tokens, usd=usd)
        finally:
            self._give()

    @contextlib.contextmanager
    def hold(self) -> Iterator[Account]:
        """The account with the numbers of this moment, to be changed; what has come of it is stored.

        Raises: Gone.
        """
        self._take()
        try:
            self._load_windows()
            yield self.local
            self._store_windows()
        finally:
            self._give()

    def room(self, limits: Limits, *, now_s: float, wall_s: float) -> Room:
        """As `Account.room`."""
        local = self.local
        if self._peek() and wall_s < local.day.end_s:
            return local.room(limits, now_s=now_s, wall_s=wall_s)
        with contextlib.suppress(Gone), self.hold():
            return local.room(limits, now_s=now_s, wall_s=wall_s)
        return UNLIMITED

    def standing(self, limits: Limits, *, now_s: float, wall_s: float) -> Standing:
        """As `Account.standing`."""
        local = self.local
        if self._peek() and wall_s < local.day.end_s:
            return local.standing(limits, now_s=now_s, wall_s=wall_s)
        with contextlib.suppress(Gone), self.hold():
            return local.standing(limits, now_s=now_s, wall_s=wall_s)
        return Standing()

    def states(self, limits: Limits, *, now_s: float, wall_s: float) -> Sequence[LimitState]:
        """As `Account.states`."""
        with contextlib.suppress(Gone), self.hold() as local:
            return local.states(limits, now_s=now_s, wall_s=wall_s)
        return []

    def restore_day(self, spent: Spent, wall_s: float) -> None:
        """Raises: Gone."""
        with self.hold() as local:
            local.restore_day(spent, self._calendar.day(wall_s))

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
            for window in self._windows:
                window.mend()
            self._was = self._held()  # nothing of this is ours

    def _take(self) -> None:
        """Lock it, and load the sums. Raises: Gone."""
        lock = self._lock
        lockf(self._file, LOCK_EX, 1, lock)
        self._busy[0] = lock
        if self._head[0] != self.generation:
            self._let_go()
            raise Gone
        self._stores_windows = False
        self._load(SUMS.unpack_from(self._memory, self._state_at()))

    def _peek(self) -> bool:
        """Load all of it without a lock, to tell of it; False where somebody just changes it."""
        memory, start = self._memory, self._state_at()
        state = bytes(memory[start : start + STATE_BYTES])
        sums = SUMS.unpack_from(state)
        if sums[0] != sums[-1] or state != memory[start : start + STATE_BYTES]:
            return False
        if self._head[0] != self.generation:
            return False
        self._load(sums)
        self._load_windows(state, SUMS.size)
        for window in self._windows:
            window.tidies = False
        return True

    def _load(self, sums: tuple[Any, ...]) -> None:  # Any: as `struct` has it; the types are those of `SUMS`
        local = self.local
        self._changes, day_s, month, in_flight, requests, given, taken, usd, *held, _ = sums
        if day_s != local.day.start_s and day_s:
            local.day, local.today = self._calendar.day(day_s), Used()
        if month != self._month and month:
            local.month, self._month = Used(), month
        today, of_month = local.today, local.month
        local.in_flight = in_flight
        today.requests, today.input_tokens, today.output_tokens, today.usd = requests, given, taken, usd
        today.held_input, today.held_output, today.held_usd, of_month.usd, of_month.held_usd = held
        self._was = (
            today,
            of_month,
            in_flight,
            today.held_input,
            today.held_output,
            today.held_usd,
            of_month.held_usd,
        )

    def _state_at(self) -> int:
        """Of the one that counts."""
        return STATES_AT + self._head[1] * STATE_BYTES

    def _load_windows(self, state: bytes | None = None, start: int = 0) -> None:
        """From the record, whose lock is held, or a copy."""
        minute, hour, day = self._windows
        (
            self._newest_s,
            minute.head,
            minute.tail,
            minute.total,
            minute.gone_s,
            minute.first_s,
            hour.head,
            hour.tail,
            hour.total,
            hour.gone_s,
            hour.first_s,
            day.head,
            day.tail,
            day.total,
            day.gone_s,
            day.first_s,
        ) = WINDOWS.unpack_from(
            self._memory if state is None else state, start or self._state_at() + SUMS.size
        )
        minute.tidies = hour.tidies = day.tidies = True
        self.local.changed()

    def _store_windows(self) -> None:
        """They count with the sums, see `_store`."""
        _ = self.local.windows  # with all that is noted
        minute, hour, day = self._windows
        self._stores_windows = True
        WINDOWS.pack_into(
            self._memory,
            STATES_AT + (1 - self._head[1]) * STATE_BYTES + SUMS.size,
            self._newest_s,
            minute.head,
            minute.tail,
            minute.total,
            minute.gone_s,
            minute.first_s,
            hour.head,
            hour.tail,
            hour.total,
            hour.gone_s,
            hour.first_s,
            day.head,
            day.tail,
            day.total,
            day.gone_s,
            day.first_s,
        )

    def _give(self) -> None:
        """Store the sums, and unlock it."""
        try:
            now = self._held()
            if now[1] is not self._was[1]:
                self._month = _number(self.local.day.month)
            if now != self._was or now[0] is not self._was[0]:
                self._note_row(now)
            try:
                self._store()
            except struct.error:
                _bound(self.local.today)
                self._store()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        self._busy[0] = 0
        lockf(self._file, LOCK_UN, 1, self._lock)

    def _store(self) -> None:
        local = self.local
        today, month = local.today, local.month
        changes = self._changes + 1
        memory, other = self._memory, 1 - self._head[1]
        start = STATES_AT + other * STATE_BYTES
        if not self._stores_windows:
            now = self._state_at()
            memory[start + SUMS.size : start + STATE_BYTES] = memory[now + SUMS.size : now + STATE_BYTES]
        SUMS.pack_into(
            memory,
            start,
            changes,
            local.day.start_s,
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
            changes,
        )
        self._head[1] = other

    def _held(self) -> Held:
        local = self.local
        today, month = local.today, local.month
        return (
            today,
            month,
            local.in_flight,
            today.held_input,
            today.held_output,
            today.held_usd,
            month.held_usd,
        )

    def _note_row(self, now: Held) -> None:
        """Bring what has changed of the reservations into this process' row."""
        was, row, day_s = self._was, self._row, self.local.day.start_s
        new_day, new_month = was[0] is not now[0], was[1] is not now[1]
        if new_day or row[0] != day_s:
            row[0], row[3], row[4], row[5] = day_s, 0, 0, 0.0
        if new_month or row[1] != self._month:
            row[1], row[6] = self._month, 0.0
        row[2] += now[2] - was[2]
        row[3] += now[3] - (0 if new_day else was[3])
        row[4] += now[4] - (0 if new_day else was[4])
        row[5] += now[5] - (0.0 if new_day else was[5])
        row[6] += now[6] - (0.0 if new_month else was[6])
        self.record.write_row(self._slot, row)


class SharedReservation:
    """A request that was admitted by this process. Settled or cancelled exactly once."""

    __slots__ = ("_account", "_own", "day")

    def __init__(self, account: SharedAccount, own: Reservation) -> None:
        self._account = account
        self._own = own
        self.day = own.day

    @property
    def allowance(self) -> int:
        return self._own.allowance

    @property
    def capped(self) -> bool:
        return self._own.capped

    @property
    def bounded(self) -> bool:
        return self._own.bounded

    def covers(self, output_tokens: int) -> bool:
        """As `Reservation.covers`; what has been reserved is known without a look at the others."""
        if output_tokens <= self._own.allowance:
            return True
        try:
            with self._account.hold():
                return self._own.covers(output_tokens)
        except Gone:
            return False

    def another(self, input_tokens: int) -> bool:
        try:
            with self._account.hold():
                return self._own.another(input_tokens)
        except Gone:
            return False

    def settle(self, *, input_tokens: int, output_tokens: int, usd: float | None) -> None:
        # A client that was deleted has no account to settle.
        with contextlib.suppress(Gone):
            self._account.settle(self._own, input_tokens, output_tokens, usd)

    def cancel(self) -> None:
        with contextlib.suppress(Gone), self._account.hold():
            self._own.cancel()


def _number(month: str) -> int:
    """YYYY-MM as YYYYMM."""
    return int(month[:4]) * 100 + int(month[5:])


def _bound(today: Used) -> None:
    for name in today.__struct_fields__:
        value = getattr(today, name)
        if isinstance(value, int):
            setattr(today, name, max(-_MOST, min(value, _MOST)))
