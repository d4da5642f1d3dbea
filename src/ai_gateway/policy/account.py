"""One client's use of its limits: one admission over all of them, reservation, settlement.

An admission checks everything, then takes everything: there is no await in it, so that of any number of
simultaneous requests exactly as many get in as the limits allow. What a request will use is reserved from the
start and replaced by the real figures at its end; both count for the day on which it was admitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ai_gateway.core.headroom import LimitState, Standing
from ai_gateway.policy.calendar import Calendar, Day
from ai_gateway.policy.interface import Spent
from ai_gateway.policy.limits import Limits, Used, Want, output_room
from ai_gateway.policy.refusals import refusal
from ai_gateway.policy.standing import standing, states
from ai_gateway.policy.windows import DAY_S, HOUR_S, MINUTE_S, SlidingWindow, Window

__all__ = ["EXTENSION_TOKENS", "Account", "Reservation"]

EXTENSION_TOKENS = 256
"""At least so many more are reserved at a time."""


class Reservation:
    """A request that was admitted. Settled or cancelled exactly once: later calls change nothing."""

    __slots__ = (
        "_account",
        "_at_s",
        "_held_input",
        "_limits",
        "_month",
        "_open",
        "_today",
        "_usd",
        "_want",
        "allowance",
        "capped",
        "day",
    )

    def __init__(
        self, account: Account, limits: Limits, want: Want, *, allowance: int, capped: bool, at_s: float
    ) -> None:
        self._account = account
        self._limits = limits
        self._want = want
        self._today, self._month = account.today, account.month
        self._at_s = at_s
        self._held_input = want.input_tokens
        self._usd = want.input_usd + allowance * want.output_usd
        self._open = True
        self.day = account.day.name
        """The calendar day that it counts for."""
        self.allowance = allowance
        """Output tokens reserved so far."""
        self.capped = capped
        """There is less left than the answer may take: the provider should be told."""

    @property
    def bounded(self) -> bool:
        """Whether the answer must be watched as it grows."""
        return bool(self._limits.output_tokens or (self._limits.has_budget and self._want.output_usd))

    def covers(self, output_tokens: int) -> bool:
        """Whether an answer may have grown to so many tokens; takes more of what is left where it must."""
        if output_tokens <= self.allowance:
            return True
        need = output_tokens - self.allowance
        room = output_room(self._limits, self._today, self._month, self._want.output_usd)
        if room < need or not self._open:
            return False
        more = int(min(room, max(need, EXTENSION_TOKENS)))
        self.allowance += more
        self._today.held_output += more
        self._hold_usd(more * self._want.output_usd)
        return True

    def another(self, input_tokens: int) -> bool:
        """Reserve one more upstream call of the same request, of so many input tokens; False where they, or
        the first token of an answer, are more than is left."""
        limits, want = self._limits, self._want
        if not self._open or not limits.counts_tokens:
            return self._open
        input_usd = want.input_usd / want.input_tokens * input_tokens if want.input_tokens else 0.0
        room = output_room(limits, self._today, self._month, want.output_usd, input_usd)
        if room < want.least_output or (
            limits.input_tokens and self._today.all_input + input_tokens > limits.input_tokens
        ):
            return False
        more = int(min(room, want.asked))
        self.capped = more < want.asked
        self.allowance += more
        self._held_input += input_tokens
        self._today.held_input += input_tokens
        self._today.held_output += more
        self._hold_usd(input_usd + more * want.output_usd)
        return True

    def settle(self, *, input_tokens: int, output_tokens: int, usd: float | None) -> None:
        """The real figures; `usd` None where no price is known."""
        if not self._open:
            return
        self._release()
        today = self._today
        today.input_tokens += input_tokens
        today.output_tokens += output_tokens
        if usd:
            today.usd += usd
            self._month.usd += usd

    def cancel(self) -> None:
        """It came to nothing before a provider was asked: as if it had never been admitted."""
        if not self._open:
            return
        self._release()
        self._today.requests -= 1
        for window in self._account.windows:
            window.remove(self._at_s)

    def _release(self) -> None:
        self._open = False
        self._account.in_flight -= 1
        today = self._today
        today.held_input -= self._held_input
        today.held_output -= self.allowance
        if self._usd:
            self._hold_usd(-self._usd)

    def _hold_usd(self, usd: float) -> None:
        self._usd += usd
        today, month = self._today, self._month
        today.held_usd += usd
        month.held_usd += usd
        if today.held_usd < 0.0:  # sums of floats come back to almost 0
            today.held_usd = 0.0
        if month.held_usd < 0.0:
            month.held_usd = 0.0


class Account:
    """One client's use of its limits. What is counted does not depend on them: a limit that is set later
    finds what was used before."""

    __slots__ = ("_calendar", "day", "in_flight", "month", "today", "windows")

    def __init__(self, calendar: Calendar, wall_s: float) -> None:
        self._calendar = calendar
        self.windows: tuple[Window, Window, Window] = (
            SlidingWindow(MINUTE_S),
            SlidingWindow(HOUR_S),
            SlidingWindow(DAY_S),
        )
        self.in_flight = 0
        self.day: Day = calendar.day(wall_s)
        self.today = Used()
        self.month = Used()

    @property
    def input_in_use(self) -> int:
        """Input tokens of today, those that are reserved too."""
        return self.today.input_tokens + self.today.held_input

    def standing(self, limits: Limits, *, now_s: float, wall_s: float) -> Standing:
        """What answers tell of the client's limits."""
        return standing(self, limits, now_s=now_s, wall_s=wall_s)

    def states(self, limits: Limits, *, now_s: float, wall_s: float) -> Sequence[LimitState]:
        """Every limit that the client has, in the order in which they are told."""
        return states(self, limits, now_s=now_s, wall_s=wall_s)

    def restore_day(self, spent: Spent, today: Day) -> None:
        """Take over what the database has of a day of this month."""
        if spent.day[:7] == today.month:
            self.month.usd += spent.cost_usd
        if spent.day == today.name:
            self.today.requests += spent.requests
            self.today.input_tokens += spent.input_tokens
            self.today.output_tokens += spent.output_tokens
            self.today.usd += spent.cost_usd

    def restore_admissions(
        self, moments: Iterable[tuple[float, int]], *, now_s: float, wall_s: float
    ) -> None:
        """Take over admissions of the last 24 hours, as (Unix time, count), oldest first."""
        for moment_s, count in moments:
            age_s = max(0.0, wall_s - moment_s)
            for window in self.windows:
                if age_s < window.seconds:
                    window.add(now_s - age_s, count)

    def turn(self, wall_s: float) -> None:
        """Begin a new day, or month, where it is time."""
        if wall_s < self.day.end_s:
            return  # a clock that was set back begins no day anew
        day = self._calendar.day(wall_s)
        if day.month != self.day.month:
            self.month = Used()
        self.day, self.today = day, Used()

    def admit(self, limits: Limits, want: Want, *, now_s: float, wall_s: float) -> Reservation:
        """Take a request's share of every limit, or of none.

        `now_s` is of a clock that never goes back, `wall_s` Unix time.

        Raises:
            LimitReached: with the seconds after which it would be admitted, were nothing else to come.
            ContextLengthExceeded: alone it is over what a whole day, or month, allows.
        """
        if wall_s >= self.day.end_s:
            self.turn(wall_s)
        asked = want.asked
        minute, hour, day = self.windows
        today = self.today
        allowance = asked
        if limits.counts_tokens:
            room = output_room(limits, today, self.month, want.output_usd, want.input_usd)
            fits = (room >= asked or room >= 1) and (
                not limits.input_tokens or today.all_input + want.input_tokens <= limits.input_tokens
            )
            if room < asked:
                allowance = int(room)
        else:
            fits = True
        if (
            not fits
            or (limits.minute and minute.used(now_s) >= limits.minute)
            or (limits.hour and hour.used(now_s) >= limits.hour)
            or (limits.day and day.used(now_s) >= limits.day)
            or (limits.requests and today.requests >= limits.requests)
            or (limits.concurrency and self.in_flight >= limits.concurrency)
        ):
            raise refusal(self, limits, want, now_s=now_s, wall_s=wall_s)
        return self._take(limits, want, allowance, asked, now_s)

    def _take(self, limits: Limits, want: Want, allowance: int, asked: int, now_s: float) -> Reservation:
        reservation = Reservation(
            self, limits, want, allowance=allowance, capped=allowance < asked, at_s=now_s
        )
        for window in self.windows:
            window.add(now_s)
        today = self.today
        self.in_flight += 1
        today.requests += 1
        today.held_input += want.input_tokens
        today.held_output += allowance
        usd = want.input_usd + allowance * want.output_usd
        today.held_usd += usd
        self.month.held_usd += usd
        return reservation
