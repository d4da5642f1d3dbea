"""One client's use of its limits, as one of several processes sees it.

The rules are `policy.account`'s: under the record's lock, a process loads the numbers into an account of its
own, lets it decide, and stores what has come of it. An admission that is far from every limit, and what is
settled of it, do that number by number, in the memory itself: no more than one of a process that dies is left
half done, and `release` adds up anew what it held. A reservation is its own process' business; what it holds
is noted in that process' row too, so that it can be released when the process dies.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec.structs import astuple

from ai_gateway.core.headroom import UNLIMITED, LimitState, Room
from ai_gateway.core.structs import quick_to_set
from ai_gateway.errors import Unauthenticated
from ai_gateway.policy.account import Reservation
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.interface import Spent
from ai_gateway.policy.limits import DEFAULT_OUTPUT_TOKENS, MOST_TOKENS, TINY_USD, Limits, Want
from ai_gateway.shared.local import LocalAccount
from ai_gateway.shared.records import RING, STATE_BYTES, STATES_AT, Record, Word
from ai_gateway.shared.region import Region
from ai_gateway.shared.rows import Row, month_number
from ai_gateway.shared.sums import MOST, Gone, Sums

__all__ = ["Gone", "SharedAccount", "SharedReservation"]

_TOLD = struct.Struct("<qq8xqq24xqd")
"""Of the sums, what answers tell: tokens in and out, and reserved; what is noted, and the newest."""
_TOLD_AT = 8 * Word.INPUT
# Once: members of an enumeration are looked up slowly.
_IN_FLIGHT, _REQUESTS, _INPUT, _OUTPUT, _USD = map(
    int, (Word.IN_FLIGHT, Word.REQUESTS, Word.INPUT, Word.OUTPUT, Word.USD)
)
_HELD_INPUT, _HELD_OUTPUT, _HELD_USD = map(int, (Word.HELD_INPUT, Word.HELD_OUTPUT, Word.HELD_USD))
_MONTH_USD, _MONTH_HELD_USD = int(Word.MONTH_USD), int(Word.MONTH_HELD_USD)
_NOTED, _NEWEST_S, _CLOCK_S = map(int, (Word.NOTED, Word.NEWEST_S, Word.CLOCK_S))


class SharedAccount(Sums):
    """One client's account, as one process sees it."""

    __slots__ = ("_row",)

    def __init__(self, region: Region, record: Record, slot: int, calendar: Calendar, wall_s: float) -> None:
        super().__init__(region, record, slot, calendar, wall_s)
        self._row = Row(record, slot)

    def admit(self, limits: Limits, want: Want, now_s: float, wall_s: float) -> SharedReservation:
        """As `Account.admit`. Raises: LimitReached, ContextLengthExceeded; Unauthenticated, see `Gone`."""
        try:
            self._take()
        except Gone:
            raise Unauthenticated("this client has just been deleted") from None
        local, words, asked = self.local, self._words, want.output_tokens
        try:
            reals, noted, in_flight = self._reals, words[_NOTED], words[_IN_FLIGHT]
            if now_s < (clock_s := reals[_CLOCK_S]):  # another process read its clock later, and came first
                now_s = clock_s
            if asked is None:
                asked = DEFAULT_OUTPUT_TOKENS
            if not (
                limits is local.measured
                and now_s < local.due_s
                and noted < local.stop
                and wall_s < local.day.end_s
                and in_flight < limits.most_concurrency
                and 0 <= asked <= MOST_TOKENS
                and (not limits.counts_tokens or self._has_ample(limits, want, asked))
            ):
                return self._admit_by_all_rules(limits, want, now_s, wall_s)
            row, given = self._row, want.input_tokens
            row.hold(
                1, given, asked
            )  # first of all: who dies in the midst of this has something to be released
            local.ring[(local.ring_at + noted) % RING] = reals[_NEWEST_S] = reals[_CLOCK_S] = now_s
            words[_NOTED] = noted + 1
            words[_IN_FLIGHT] = in_flight + 1
            words[_REQUESTS] += 1
            words[_HELD_INPUT] += given
            words[_HELD_OUTPUT] += asked
            if usd := want.input_usd + asked * want.output_usd:
                self._hold_usd(usd)
        finally:
            self._lock.give(self._lock.key)
        today, month, day = local.today, local.month, local.day.name
        bounded = limits.output_tokens > 0 or (limits.has_budget and want.output_usd > 0.0)
        return SharedReservation(
            local, limits, want, today, month, now_s, given, usd, day, asked, False, bounded, True, self
        )

    def _has_ample(self, limits: Limits, want: Want, asked: int) -> bool:
        """Whether each quota of tokens, and each budget, has room for all that is asked, without question."""
        words = self._words
        if (
            words[_INPUT] + words[_HELD_INPUT] + want.input_tokens > limits.most_input
            or words[_OUTPUT] + words[_HELD_OUTPUT] + asked > limits.most_output
        ):
            return False
        if not limits.has_budget:
            return True
        reals = self._reals
        # Twice as much: without a doubt, whatever sums of floats are rounded to.
        ample_usd = 2 * (want.input_usd + asked * want.output_usd) + TINY_USD
        return (
            ample_usd < limits.most_usd_day - reals[_USD] - reals[_HELD_USD]
            and ample_usd < limits.most_usd_month - reals[_MONTH_USD] - reals[_MONTH_HELD_USD]
        )

    def _admit_by_all_rules(
        self, limits: Limits, want: Want, now_s: float, wall_s: float
    ) -> SharedReservation:
        """Raises: LimitReached, ContextLengthExceeded."""
        local = self.local
        self._load()
        self._clock_s = now_s
        try:
            own = SharedReservation(*astuple(local.admit(limits, want, now_s, wall_s)))
            own.shared = self
            # Known to all with the sums that are stored next.
            local.ring[(local.ring_at + local.noted - 1) % RING] = local.moments.pop()
            if self._row.day_s != local.day.start_s:
                self._row.turn(local.day)
            self._note(own, 1, own.held_input, own.allowance, own.usd)
        finally:
            self._store()
        return own

    def settle(
        self, own: SharedReservation, input_tokens: int, output_tokens: int, usd: float | None
    ) -> None:
        """As `Reservation.settle`; a client that was deleted has no account to settle."""
        try:
            self._take()
        except Gone:
            return
        words = self._words
        try:
            given, taken = words[_INPUT] + input_tokens, words[_OUTPUT] + output_tokens
            if own.today is not self.local.today or given > MOST or taken > MOST:
                self._settle_by_all_rules(own, input_tokens, output_tokens, usd)
                return
            own.open = False
            held_input, allowance = own.held_input, own.allowance
            words[_INPUT], words[_OUTPUT] = given, taken
            words[_HELD_INPUT] -= held_input
            words[_HELD_OUTPUT] -= allowance
            words[_IN_FLIGHT] -= 1
            if own.usd:
                self._hold_usd(-own.usd)
            if usd:
                self._reals[_USD] += usd
                self._reals[_MONTH_USD] += usd
            self._row.hold(-1, -held_input, -allowance)  # last of all, as above
        finally:
            self._lock.give(self._lock.key)

    def _settle_by_all_rules(
        self, own: SharedReservation, input_tokens: int, output_tokens: int, usd: float | None
    ) -> None:
        self._load()
        held_usd = own.usd
        Reservation.settle(own, input_tokens, output_tokens, usd)
        self._store()
        self._note(own, -1, -own.held_input, -own.allowance, -held_usd)

    def _hold_usd(self, usd: float) -> None:
        """Reserve so much of today and of this month, or less."""
        reals = self._reals
        reals[_HELD_USD] = max(0.0, reals[_HELD_USD] + usd)  # sums of floats come back to almost 0
        reals[_MONTH_HELD_USD] = max(0.0, reals[_MONTH_HELD_USD] + usd)
        self._row.hold_usd(usd, usd)

    def cancel(self, own: SharedReservation) -> None:
        """As `Reservation.cancel`. Raises: Gone."""
        with self.hold() as local:
            held_usd = own.usd
            Reservation.settle(own, 0, 0, None)
            own.today.requests -= 1
            local.take_back(own.at_s)
            self._note(own, -1, -own.held_input, -own.allowance, -held_usd)

    def more(self, own: SharedReservation, reserve: Callable[[Reservation, int], bool], tokens: int) -> bool:
        """As `Reservation.covers` or `another`, whichever `reserve` is. Raises: Gone."""
        with self.hold():
            held, allowance, usd = own.held_input, own.allowance, own.usd
            done = reserve(own, tokens)
            self._note(own, 0, own.held_input - held, own.allowance - allowance, own.usd - usd)
        return done

    @contextlib.contextmanager
    def hold(self) -> Iterator[LocalAccount]:
        """The account with the numbers of this moment, to be changed; what has come of it is stored.

        Raises: Gone.
        """
        self._take()
        try:
            self._load()
            try:
                yield self.local
            finally:
                self._store()
        finally:
            self._lock.give(self._lock.key)

    def _store(self) -> None:
        # Whoever has looked at the limits of a day may admit without a further look: its row is of that day.
        super()._store()
        if self._row.day_s != self.local.day.start_s:
            self._row.turn(self.local.day)

    def room(self, limits: Limits, now_s: float, wall_s: float) -> Room:
        """As `Account.room`."""
        local, stored = self.local, self._stored
        # Without a lock, unless somebody has to look at a window, or to begin a new day.
        if (
            self.head[1] == stored
            and limits is local.measured
            and now_s < local.due_s
            and wall_s < local.day.end_s
        ):
            today = local.today
            (
                today.input_tokens,
                today.output_tokens,
                today.held_input,
                today.held_output,
                local.noted,
                local.newest_s,
            ) = _TOLD.unpack_from(self._memory, STATES_AT + (stored & 1) * STATE_BYTES + _TOLD_AT)
            if self.head[1] == stored:
                return local.room(limits, now_s, wall_s)
        try:
            with self.hold():
                return local.room(limits, self._later(now_s), wall_s)
        except Gone:
            return UNLIMITED

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
            month = month_number(local.day)
            local.month.held_usd = sum(row[6] for row in rows if row[1] == month)
            local.mend()

    def _note(
        self, own: SharedReservation, requests: int, input_tokens: int, output_tokens: int, usd: float
    ) -> None:
        """Bring a change of what is reserved into this process' row."""
        local, of_today = self.local, own.today is self.local.today
        if of_today:
            self._row.hold(requests, input_tokens, output_tokens)
        else:
            self._row.hold(requests, 0, 0)
        if usd:
            self._row.hold_usd(usd if of_today else 0.0, usd if own.month is local.month else 0.0)


@quick_to_set
class SharedReservation(Reservation, eq=False, gc=False):
    """A request that was admitted by this process. Settled or cancelled exactly once."""

    shared: SharedAccount | None = None

    def covers(self, output_tokens: int) -> bool:
        """As `Reservation.covers`; what has been reserved is known without a look at the others."""
        return output_tokens <= self.allowance or self._more(Reservation.covers, output_tokens)

    def another(self, input_tokens: int) -> bool:
        return self._more(Reservation.another, input_tokens)

    def settle(self, input_tokens: int, output_tokens: int, usd: float | None) -> None:
        if self.open and self.shared is not None:
            self.shared.settle(self, input_tokens, output_tokens, usd)

    def cancel(self) -> None:
        if self.open and self.shared is not None:
            with contextlib.suppress(Gone):
                self.shared.cancel(self)

    def _more(self, reserve: Callable[[Reservation, int], bool], tokens: int) -> bool:
        try:
            return self.shared is not None and self.shared.more(self, reserve, tokens)
        except Gone:
            return False
