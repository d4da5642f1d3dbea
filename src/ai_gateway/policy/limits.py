"""Limits, quotas and budgets: one admission over all of them, reservation, settlement.

An admission checks everything, then takes everything: there is no await in it, so that of any number of
simultaneous requests exactly as many get in as the limits allow. What a request will use is reserved from the
start and replaced by the real figures at its end; both count for the day on which it was admitted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from ai_gateway.core.client import ClientSettings
from ai_gateway.errors import LimitReached
from ai_gateway.policy.calendar import Calendar, Day
from ai_gateway.policy.windows import DAY_S, HOUR_S, MINUTE_S, SlidingWindow

__all__ = ["DEFAULT_OUTPUT_TOKENS", "Account", "Limiter", "Limits", "Reservation", "Used", "Want"]

DEFAULT_OUTPUT_TOKENS = 4096
"""Reserved where a request names no limit of its own; more is taken as its answer grows."""
EXTENSION_TOKENS = 256
"""At least so many more are reserved at a time."""
CONCURRENCY_RETRY_S = 1
"""Nobody knows when a request in flight will end."""
_TINY_USD = 1e-9
"""Rounding of sums: under a nanodollar is nothing."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may use; 0 means unlimited."""

    minute: int = 0
    hour: int = 0
    day: int = 0
    """Requests within any 60 seconds, 3,600 seconds, 24 hours."""
    concurrency: int = 0
    """Requests in flight."""
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    """In one calendar day."""
    usd_day: float = 0.0
    usd_month: float = 0.0

    @classmethod
    def of(cls, settings: ClientSettings) -> Limits:
        return cls(
            minute=settings.rate_limit_minute,
            hour=settings.rate_limit_hour,
            day=settings.rate_limit_day,
            concurrency=settings.max_concurrency,
            requests=settings.quota_requests_day,
            input_tokens=settings.quota_input_tokens_day,
            output_tokens=settings.quota_output_tokens_day,
            usd_day=settings.budget_usd_day,
            usd_month=settings.budget_usd_month,
        )

    @property
    def bounds_output(self) -> bool:
        """Whether an answer may have to end early."""
        return bool(self.output_tokens or self.usd_day or self.usd_month)


class Want(msgspec.Struct, frozen=True, kw_only=True):
    """What a request is expected to use."""

    input_tokens: int = 0
    """Estimated."""
    output_tokens: int | None = None
    """All that its answer may have; None: the caller set no limit."""
    input_usd: float = 0.0
    output_usd: float = 0.0
    """Per output token. Both are 0 where no price is known."""


class Used(msgspec.Struct):
    """What was used in a day, or of money in a month, and what requests in flight have reserved."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    held_input: int = 0
    held_output: int = 0
    held_usd: float = 0.0

    @property
    def all_input(self) -> int:
        return self.input_tokens + self.held_input

    @property
    def all_output(self) -> int:
        return self.output_tokens + self.held_output

    @property
    def all_usd(self) -> float:
        return self.usd + self.held_usd


class Spent(Protocol):
    """What one client used in a day, as the database has it."""

    @property
    def day(self) -> str: ...
    @property
    def requests(self) -> int: ...
    @property
    def input_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def cost_usd(self) -> float: ...


class Reservation:
    """A request that was admitted. Settled or cancelled exactly once: later calls change nothing."""

    __slots__ = (
        "_account",
        "_at_s",
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
        self._usd = want.input_usd + allowance * want.output_usd
        self._open = True
        self.day = account.day.name
        """The calendar day that it counts for."""
        self.allowance = allowance
        """Output tokens reserved so far."""
        self.capped = capped
        """There is less left than the caller asked for: the provider should be told."""

    @property
    def bounded(self) -> bool:
        """Whether the answer must be watched as it grows."""
        return self._limits.bounds_output

    def covers(self, output_tokens: int) -> bool:
        """Whether an answer may have grown to so many tokens; takes more from what is left where it must."""
        if output_tokens <= self.allowance:
            return True
        need = output_tokens - self.allowance
        room = _output_room(self._limits, self._today, self._month, self._want.output_usd)
        if room < need:
            return False
        more = int(min(room, max(need, EXTENSION_TOKENS)))
        self.allowance += more
        self._today.held_output += more
        self._hold_usd(more * self._want.output_usd)
        return True

    def settle(self, *, input_tokens: int, output_tokens: int, usd: float | None) -> None:
        """The real figures; `usd` None where no price is known."""
        if not self._open:
            return
        self._release()
        self._today.input_tokens += input_tokens
        self._today.output_tokens += output_tokens
        self._today.usd += usd or 0.0
        self._month.usd += usd or 0.0

    def cancel(self, now_s: float) -> None:
        """It came to nothing before a provider was asked: as if it had never been admitted."""
        if not self._open:
            return
        self._release()
        self._today.requests -= 1
        for window in self._account.windows:
            window.remove(self._at_s, now_s)

    def _release(self) -> None:
        self._open = False
        self._account.in_flight -= 1
        self._today.held_input -= self._want.input_tokens
        self._today.held_output -= self.allowance
        self._hold_usd(-self._usd)

    def _hold_usd(self, usd: float) -> None:
        self._usd += usd
        self._today.held_usd += usd
        self._month.held_usd += usd


class Account:
    """One client's use of its limits."""

    __slots__ = ("_calendar", "day", "in_flight", "month", "today", "windows")

    def __init__(self, calendar: Calendar, wall_s: float) -> None:
        self._calendar = calendar
        self.windows = (SlidingWindow(MINUTE_S), SlidingWindow(HOUR_S), SlidingWindow(DAY_S))
        self.in_flight = 0
        self.day: Day = calendar.day(wall_s)
        self.today = Used()
        self.month = Used()

    def turn(self, wall_s: float) -> None:
        """Begin a new day, or month, where it is time."""
        if wall_s < self.day.end_s:
            return  # a clock that was set back begins no day anew
        day = self._calendar.day(wall_s)
        if day.month != self.day.month:
            self.month = Used(requests=0)
        self.day, self.today = day, Used()

    def admit(self, limits: Limits, want: Want, *, now_s: float, wall_s: float) -> Reservation:
        """Take a request's share of every limit, or of none.

        `now_s` is of a clock that never goes back, `wall_s` Unix time.

        Raises:
            LimitReached: with the seconds after which it would be admitted, were nothing else to come.
        """
        self.turn(wall_s)
        self._check_windows(limits, now_s)
        self._check_day(limits, want, wall_s)
        asked = DEFAULT_OUTPUT_TOKENS if want.output_tokens is None else want.output_tokens
        room = _output_room(limits, self.today, self.month, want.output_usd, want.input_usd)
        if room < min(asked, 1):
            raise self._no_output(limits, wall_s)
        allowance = int(min(asked, room))
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

    def _check_windows(self, limits: Limits, now_s: float) -> None:
        minute, hour, day = self.windows
        if (
            (limits.minute and minute.used(now_s) >= limits.minute)
            or (limits.hour and hour.used(now_s) >= limits.hour)
            or (limits.day and day.used(now_s) >= limits.day)
        ):
            raise self._too_many(limits, now_s)
        if limits.concurrency and self.in_flight >= limits.concurrency:
            raise LimitReached(
                f"rate limit reached: {limits.concurrency} requests of this client are in flight",
                reason="concurrency",
                retry_after_s=CONCURRENCY_RETRY_S,
            )

    def _too_many(self, limits: Limits, now_s: float) -> LimitReached:
        """For the window that is closed longest: then all of them are open."""
        waits = [
            (window.wait_s(now_s, limit), limit, name)
            for window, limit, name in zip(
                self.windows, (limits.minute, limits.hour, limits.day), ("minute", "hour", "day"), strict=True
            )
            if limit
        ]
        wait, limit, name = max(waits)
        return LimitReached(
            f"rate limit reached: {limit} requests a {name}", reason=name, retry_after_s=_whole(wait)
        )

    def _check_day(self, limits: Limits, want: Want, wall_s: float) -> None:
        today = self.today
        if limits.requests and today.requests >= limits.requests:
            raise self._quota(f"{limits.requests} requests a day", "quota_requests", self.day.end_s - wall_s)
        if limits.input_tokens and today.all_input + want.input_tokens > limits.input_tokens:
            left = max(0, limits.input_tokens - today.all_input)
            raise self._quota(
                f"{limits.input_tokens} input tokens a day, {left} are left, this request has some "
                f"{want.input_tokens}",
                "quota_input_tokens",
                self.day.end_s - wall_s,
            )

    def _no_output(self, limits: Limits, wall_s: float) -> LimitReached:
        to_midnight = self.day.end_s - wall_s
        if limits.usd_month and self.month.all_usd + _TINY_USD >= limits.usd_month:
            return self._budget(limits.usd_month, "month", self.day.month_end_s - wall_s)
        if limits.usd_day and self.today.all_usd + _TINY_USD >= limits.usd_day:
            return self._budget(limits.usd_day, "day", to_midnight)
        if limits.output_tokens and self.today.all_output >= limits.output_tokens:
            return self._quota(
                f"{limits.output_tokens} output tokens a day", "quota_output_tokens", to_midnight
            )
        month_first = limits.usd_month and (
            not limits.usd_day or _left_month(limits, self) < _left_day(limits, self)
        )
        if month_first:
            return self._budget(limits.usd_month, "month", self.day.month_end_s - wall_s)
        return self._budget(limits.usd_day, "day", to_midnight)

    def _budget(self, usd: float, period: str, wait_s: float) -> LimitReached:
        return LimitReached(
            f"budget reached: {usd:g} USD a {period}",
            reason=f"budget_{period}",
            retry_after_s=_whole(wait_s),
            quota=True,
        )

    def _quota(self, what: str, reason: str, wait_s: float) -> LimitReached:
        return LimitReached(f"quota reached: {what}", reason=reason, retry_after_s=_whole(wait_s), quota=True)


def _left_day(limits: Limits, account: Account) -> float:
    return limits.usd_day - account.today.all_usd


def _left_month(limits: Limits, account: Account) -> float:
    return limits.usd_month - account.month.all_usd


def _output_room(
    limits: Limits, today: Used, month: Used, output_usd: float, input_usd: float = 0.0
) -> float:
    """Output tokens that are left; below 1 where there are none, or the input alone is too dear."""
    room = math.inf
    if limits.output_tokens:
        room = limits.output_tokens - today.all_output
    if limits.usd_day or limits.usd_month:
        left = math.inf
        if limits.usd_day:
            left = limits.usd_day - today.all_usd
        if limits.usd_month:
            left = min(left, limits.usd_month - month.all_usd)
        if left <= _TINY_USD or left - input_usd < -_TINY_USD:
            return -1
        if output_usd:
            room = min(room, math.floor((left - input_usd + _TINY_USD) / output_usd))
    return room


def _whole(seconds: float) -> int:
    """Seconds to tell: never too few."""
    return max(1, math.ceil(seconds))


class Limiter:
    """All accounts, by client id. One thread: the event loop's."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self._accounts: dict[str, Account] = {}

    def account(self, client_id: str, wall_s: float) -> Account:
        """The client's account, opened where there is none."""
        account = self._accounts.get(client_id)
        if account is None:
            account = self._accounts[client_id] = Account(self.calendar, wall_s)
        return account

    def restore(
        self,
        spent: Mapping[str, Iterable[Spent]],
        admissions: Mapping[str, Iterable[tuple[float, int]]],
        *,
        now_s: float,
        wall_s: float,
    ) -> None:
        """Take over what the database knows: daily sums of this month by client, and admissions of the last
        24 hours as (Unix time, count), oldest first."""
        today = self.calendar.day(wall_s)
        for client_id, days in spent.items():
            account = self.account(client_id, wall_s)
            for day in days:
                if day.day[:7] == today.month:
                    account.month.usd += day.cost_usd
                if day.day == today.name:
                    account.today.requests += day.requests
                    account.today.input_tokens += day.input_tokens
                    account.today.output_tokens += day.output_tokens
                    account.today.usd += day.cost_usd
        for client_id, moments in admissions.items():
            account = self.account(client_id, wall_s)
            for moment_s, count in moments:
                age_s = max(0.0, wall_s - moment_s)
                for window in account.windows:
                    if age_s < window.seconds:
                        window.add(now_s - age_s, count)

    def forget(self, known: frozenset[str]) -> None:
        """Drop the accounts of clients that are deleted."""
        for client_id in [name for name in self._accounts if name not in known]:
            if not self._accounts[client_id].in_flight:
                del self._accounts[client_id]
