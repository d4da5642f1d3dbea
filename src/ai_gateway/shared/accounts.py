"""Accounts of clients that several processes share, exactly.

The rules are `policy.account`'s: under the record's lock, a process loads the numbers into an account of its
own, lets it decide, and stores what has come of it. A reservation is its own process' business; what it holds
is noted in that process' row too, so that it can be released when the process dies.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterable, Iterator, Sequence

from ai_gateway.core.headroom import LimitState, Standing
from ai_gateway.errors import Unauthenticated
from ai_gateway.policy.account import Account, Reservation
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.interface import Spent
from ai_gateway.policy.limits import Limits, Used, Want
from ai_gateway.policy.windows import DAY_S, HOUR_S, MINUTE_S
from ai_gateway.shared.records import HEAD, HEAD_AT, Record
from ai_gateway.shared.region import Column, Region
from ai_gateway.shared.windows import SharedWindow

__all__ = ["Gone", "SharedAccount", "SharedReservation"]

_MOST = 2**62
"""Sums stay here rather than leave their 64 bits: providers may name any figure."""


class Gone(Exception):
    """The record belongs to another client by now."""


class SharedAccount:
    """One client's account, as one process sees it."""

    __slots__ = (
        "_busy",
        "_calendar",
        "_lock",
        "_month",
        "_region",
        "_row",
        "_slot",
        "_was",
        "_windows",
        "generation",
        "local",
        "newest_s",
        "record",
    )

    def __init__(self, region: Region, record: Record, slot: int, calendar: Calendar, wall_s: float) -> None:
        self.record = record
        self._region, self._slot, self._calendar = region, slot, calendar
        self._lock = record.index + 1
        self._busy = region.cell(Column.BUSY, slot)
        self.generation = record.generation
        self.local = Account(calendar, wall_s)
        self._windows = tuple(
            SharedWindow(seconds, times, counts)
            for seconds, times, counts in zip(
                (MINUTE_S, HOUR_S, DAY_S), record.times, record.counts, strict=True
            )
        )
        self.local.windows = self._windows  # type: ignore[assignment]  # three of them
        self._month = _number(self.local.day.month)
        self.newest_s = 0.0
        row = record.row(slot)
        self._row = list(row)
        self._was: tuple[Used, Used, int, int, int, float, float] = (
            self.local.today,
            self.local.month,
            0,
            0,
            0,
            0.0,
            0.0,
        )

    @contextlib.contextmanager
    def hold(self) -> Iterator[Account]:
        """The account with the numbers of this moment, to be changed; what has come of it is stored.

        Raises: Gone.
        """
        self._take()
        try:
            yield self.local
        finally:
            self._give()

    def admit(self, limits: Limits, want: Want, *, now_s: float, wall_s: float) -> SharedReservation:
        """As `Account.admit`. Raises: LimitReached, ContextLengthExceeded; Unauthenticated, see `Gone`."""
        try:
            self._take()
        except Gone:
            raise Unauthenticated("this client has just been deleted") from None
        try:
            # Another process may have read its clock later and come first.
            self.newest_s = now_s = max(now_s, self.newest_s)
            return SharedReservation(self, self.local.admit(limits, want, now_s=now_s, wall_s=wall_s))
        finally:
            self._give()

    def standing(self, limits: Limits, *, now_s: float, wall_s: float) -> Standing:
        """As `Account.standing`."""
        with contextlib.suppress(Gone), self.hold() as local:
            return local.standing(limits, now_s=max(now_s, self.newest_s), wall_s=wall_s)
        return Standing()

    def states(self, limits: Limits, *, now_s: float, wall_s: float) -> Sequence[LimitState]:
        """As `Account.states`."""
        with contextlib.suppress(Gone), self.hold() as local:
            return local.states(limits, now_s=max(now_s, self.newest_s), wall_s=wall_s)
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
            self.record.reasons[reason] += 1

    def release(self, slots: Iterable[int], alive: Iterable[int]) -> None:
        """What dead processes hold is free again, and what one of them left half done is made whole."""
        with self.hold() as local:
            for slot in slots:
                self.record.write_row(slot, (0.0, 0, 0, 0, 0, 0.0, 0.0))
            rows = [self.record.row(slot) for slot in alive]
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
        """Lock it, and load the numbers. Raises: Gone."""
        self._region.lock(self._lock)
        self._busy[0] = self._lock
        try:
            self._load()
        except BaseException:
            self._busy[0] = 0
            self._region.unlock(self._lock)
            raise

    def _load(self) -> None:
        local = self.local
        minute, hour, day = self._windows
        (
            generation,
            day_s,
            month,
            local.in_flight,
            requests,
            input_tokens,
            output_tokens,
            usd,
            held_input,
            held_output,
            held_usd,
            month_usd,
            month_held,
            self.newest_s,
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
        ) = HEAD.unpack_from(self.record.memory, HEAD_AT)
        if generation != self.generation:
            raise Gone
        if day_s != local.day.start_s and day_s:
            local.day, local.today = self._calendar.day(day_s), Used()
        if month != self._month and month:
            local.month, self._month = Used(), month
        today = local.today
        today.requests, today.usd = requests, usd
        today.input_tokens, today.output_tokens = input_tokens, output_tokens
        today.held_input, today.held_output, today.held_usd = held_input, held_output, held_usd
        local.month.usd, local.month.held_usd = month_usd, month_held
        self._was = (today, local.month, local.in_flight, held_input, held_output, held_usd, month_held)

    def _give(self) -> None:
        """Store the numbers, and unlock it."""
        try:
            local = self.local
            if local.month is not self._was[1]:
                self._month = _number(local.day.month)
            self._note_row()
            try:
                self._store()
            except struct.error:
                _bound(local)
                self._store()
        finally:
            self._busy[0] = 0
            self._region.unlock(self._lock)

    def _store(self) -> None:
        local = self.local
        today, month = local.today, local.month
        minute, hour, day = self._windows
        HEAD.pack_into(
            self.record.memory,
            HEAD_AT,
            self.generation,
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
            self.newest_s,
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

    def _held(self) -> tuple[Used, Used, int, int, int, float, float]:
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

    def _note_row(self) -> None:
        """Bring what has changed of the reservations into this process' row."""
        was, now = self._was, self._held()
        if was == now and was[0] is now[0] and was[1] is now[1]:
            return
        row, day_s = self._row, self.local.day.start_s
        if row[0] != day_s or was[0] is not now[0]:
            row[0], row[3], row[4], row[5] = day_s, 0, 0, 0.0
        if row[1] != self._month or was[1] is not now[1]:
            row[1], row[6] = self._month, 0.0
        fresh_day, fresh_month = was[0] is not now[0], was[1] is not now[1]
        row[2] += now[2] - was[2]
        row[3] += now[3] - (0 if fresh_day else was[3])
        row[4] += now[4] - (0 if fresh_day else was[4])
        row[5] += now[5] - (0.0 if fresh_day else was[5])
        row[6] += now[6] - (0.0 if fresh_month else was[6])
        self.record.write_row(self._slot, tuple(row))  # type: ignore[arg-type]  # as long as it was


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
        with contextlib.suppress(Gone), self._account.hold():
            self._own.settle(input_tokens=input_tokens, output_tokens=output_tokens, usd=usd)

    def cancel(self) -> None:
        with contextlib.suppress(Gone), self._account.hold():
            self._own.cancel()


def _number(month: str) -> int:
    """YYYY-MM as YYYYMM."""
    return int(month[:4]) * 100 + int(month[5:])


def _bound(account: Account) -> None:
    today = account.today
    for name in today.__struct_fields__:
        value = getattr(today, name)
        if isinstance(value, int):
            setattr(today, name, max(-_MOST, min(value, _MOST)))
