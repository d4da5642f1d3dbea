"""One client's use of its limits: one admission over all of them, reservation, settlement.

An admission checks everything, then takes everything: there is no await in it, so that of any number of
simultaneous requests exactly as many get in as the limits allow. What a request will use is reserved from the
start and replaced by the real figures at its end; both count for the day on which it was admitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from ai_gateway.core.headroom import LimitState, Room
from ai_gateway.core.structs import quick_to_set
from ai_gateway.policy.admissions import Admissions, Windows
from ai_gateway.policy.calendar import Calendar, Day
from ai_gateway.policy.interface import Spent
from ai_gateway.policy.limits import (
    DEFAULT_OUTPUT_TOKENS,
    MOST_TOKENS,
    TINY_USD,
    Limits,
    Used,
    Want,
    output_room,
)
from ai_gateway.policy.refusals import refusal
from ai_gateway.policy.standing import states

__all__ = ["EXTENSION_TOKENS", "Account", "Reservation"]

EXTENSION_TOKENS = 256
"""At least so many more are reserved at a time."""


@quick_to_set
class Reservation(msgspec.Struct, eq=False, gc=False):
    """A request that was admitted. Settled or cancelled exactly once: later calls change nothing."""

    account: Account
    limits: Limits
    want: Want
    today: Used
    month: Used
    at_s: float
    held_input: int
    usd: float
    """Reserved, like `allowance`."""
    day: str
    """The calendar day that it counts for."""
    allowance: int
    """Output tokens reserved so far."""
    capped: bool
    """There is less left than the answer may take: the provider should be told."""
    bounded: bool
    """Whether the answer must be watched as it grows."""
    open: bool = True

    def covers(self, output_tokens: int) -> bool:
        """Whether an answer may have grown to so many tokens; takes more of what is left where it must."""
        if output_tokens <= self.allowance:
            return True
        need = output_tokens - self.allowance
        room = output_room(self.limits, self.today, self.month, self.want.output_usd)
        if room < need or not self.open:
            return False
        more = int(min(room, max(need, EXTENSION_TOKENS)))
        self.allowance += more
        self.today.held_output += more
        self._hold_usd(more * self.want.output_usd)
        return True

    def another(self, input_tokens: int) -> bool:
        """Reserve one more upstream call of the same request, of so many input tokens; False where they, or
        the first token of an answer, are more than is left."""
        limits, want = self.limits, self.want
        if not self.open or not limits.counts_tokens:
            return self.open
        input_usd = want.input_usd / want.input_tokens * input_tokens if want.input_tokens else 0.0
        room = output_room(limits, self.today, self.month, want.output_usd, input_usd)
        if room < want.least_output or (
            limits.input_tokens and self.today.all_input + input_tokens > limits.input_tokens
        ):
            return False
        more = int(min(room, want.asked))
        self.capped = more < want.asked
        self.allowance += more
        self.held_input += input_tokens
        self.today.held_input += input_tokens
        self.today.held_output += more
        self._hold_usd(input_usd + more * want.output_usd)
        return True

    def settle(self, input_tokens: int, output_tokens: int, usd: float | None) -> None:
        """The real figures; `usd` None where no price is known."""
        if not self.open:
            return
        self.open = False
        self.account.in_flight -= 1
        today = self.today
        today.held_input -= self.held_input
        today.held_output -= self.allowance
        today.input_tokens += input_tokens
        today.output_tokens += output_tokens
        if self.usd:
            self._hold_usd(-self.usd)
        if usd:
            today.usd += usd
            self.month.usd += usd

    def cancel(self) -> None:
        """It came to nothing before a provider was asked: as if it had never been admitted."""
        if not self.open:
            return
        self.settle(0, 0, None)
        self.today.requests -= 1
        self.account.take_back(self.at_s)

    def _hold_usd(self, usd: float) -> None:
        self.usd += usd
        today, month = self.today, self.month
        today.held_usd += usd
        month.held_usd += usd
        if today.held_usd < 0.0:  # sums of floats come back to almost 0
            today.held_usd = 0.0
        if month.held_usd < 0.0:
            month.held_usd = 0.0


class Account(Admissions):
    """One client's use of its limits. What is counted does not depend on them: a limit that is set later
    finds what was used before."""

    __slots__ = ("_calendar", "day", "in_flight", "month", "today")

    def __init__(self, calendar: Calendar, wall_s: float, windows: Windows | None = None) -> None:
        super().__init__(windows)
        self._calendar = calendar
        self.in_flight = 0
        self.day: Day = calendar.day(wall_s)
        self.today = Used()
        self.month = Used()

    @property
    def input_in_use(self) -> int:
        """Input tokens of today, those that are reserved too."""
        return self.today.input_tokens + self.today.held_input

    def room(self, limits: Limits, now_s: float, wall_s: float) -> Room:
        """What answers tell of the client's limits."""
        if wall_s >= self.day.end_s:
            self.turn(wall_s)
        if now_s >= self.due_s or limits is not self.measured:
            self._look(limits, self.today.requests, now_s)
        today, midnight_s = self.today, self.day.end_s - wall_s
        limit, left, reset_s = self._tight, self._room - self.noted, midnight_s
        if self._length_s:
            reset_s = self.newest_s + self._length_s - now_s if left < limit else 0.0
            if self._even and midnight_s > reset_s:
                # Of two that leave as little, answers tell the one that does so longer.
                limit, reset_s = self._even, midnight_s
        given, taken = limits.input_tokens, limits.output_tokens
        given_left = given - today.input_tokens - today.held_input if given else 0
        if given_left < 0:
            given_left = 0
        taken_left = taken - today.output_tokens - today.held_output if taken else 0
        if taken_left < 0:
            taken_left = 0
        return limit, left, reset_s, given, given_left, taken, taken_left, midnight_s

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
            self.changed()

    def restore_admissions(
        self, moments: Iterable[tuple[float, int]], *, now_s: float, wall_s: float
    ) -> None:
        """Take over admissions of the last 24 hours, as (Unix time, count), oldest first."""
        for moment_s, count in moments:
            self.put_back(count, now_s=now_s, age_s=max(0.0, wall_s - moment_s))

    def turn(self, wall_s: float) -> None:
        """Begin a new day, or month, where it is time."""
        if wall_s < self.day.end_s:
            return  # a clock that was set back begins no day anew
        day = self._calendar.day(wall_s)
        if day.month != self.day.month:
            self.month = Used()
        self.day, self.today = day, Used()
        self.changed()

    def admit(self, limits: Limits, want: Want, now_s: float, wall_s: float) -> Reservation:
        """Take a request's share of every limit, or of none.

        `now_s` is of a clock that never goes back, `wall_s` Unix time.

        Raises:
            LimitReached: with the seconds after which it would be admitted, were nothing else to come.
            ContextLengthExceeded: alone it is over what a whole day, or month, allows.
        """
        if wall_s >= self.day.end_s:
            self.turn(wall_s)
        today, month, fits = self.today, self.month, True
        if now_s >= self.due_s or self.noted >= self._stop or limits is not self.measured:
            fits = self._look(limits, today.requests, now_s)
        asked = want.output_tokens
        if asked is None:
            asked = DEFAULT_OUTPUT_TOKENS
        elif asked < 0 or asked > MOST_TOKENS:
            asked = want.asked
        allowance = asked
        usd, bounded = want.input_usd + asked * want.output_usd, False
        if limits.counts_tokens:
            bounded = limits.output_tokens > 0 or (limits.has_budget and want.output_usd > 0.0)
            # Twice as much: without a doubt, whatever sums of floats are rounded to.
            ample_usd = usd + usd + TINY_USD
            if not (
                today.input_tokens + today.held_input + want.input_tokens <= limits.most_input
                and today.output_tokens + today.held_output + asked <= limits.most_output
                and ample_usd < limits.most_usd_day - today.usd - today.held_usd
                and ample_usd < limits.most_usd_month - month.usd - month.held_usd
            ):
                allowance = self._allowance(limits, want)
                usd = want.input_usd + allowance * want.output_usd
        if not fits or allowance < 0 or self.in_flight >= limits.most_concurrency:
            raise refusal(self, limits, want, now_s=now_s, wall_s=wall_s)
        self.noted += 1
        self.moments.append(now_s)
        self.newest_s = now_s
        self.in_flight += 1
        today.requests += 1
        today.held_input += want.input_tokens
        today.held_output += allowance
        if usd:
            today.held_usd += usd
            month.held_usd += usd
        return Reservation(
            self,
            limits,
            want,
            today,
            month,
            now_s,
            want.input_tokens,
            usd,
            self.day.name,
            allowance,
            allowance < asked,
            bounded,
        )

    def _allowance(self, limits: Limits, want: Want) -> int:
        """Output tokens to reserve of those that are wanted; -1 where the request may not come in."""
        today = self.today
        if limits.input_tokens and today.all_input + want.input_tokens > limits.input_tokens:
            return -1
        room = output_room(limits, today, self.month, want.output_usd, want.input_usd)
        if room < want.least_output:
            return -1
        return int(min(room, want.asked))
