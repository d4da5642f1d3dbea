"""The accounts of all clients. One thread: the event loop's."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import Protocol

from ai_gateway.core.headroom import Headroom, LimitState, Standing
from ai_gateway.policy.account import Account
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limits import Limits

__all__ = ["Limiter", "Spent", "standing", "states"]


class Spent(Protocol):
    """What one client used in a day, as the database has it."""

    @property
    def client_id(self) -> str: ...
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


class Limiter:
    """Accounts by client id, each opened at its first use."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self._accounts: dict[str, Account] = {}
        self._refused: dict[tuple[str, str], int] = {}

    def account(self, client_id: str, wall_s: float) -> Account:
        """The client's account, opened where there is none."""
        account = self._accounts.get(client_id)
        if account is None:
            account = self._accounts[client_id] = Account(self.calendar, wall_s)
        return account

    def restore_days(self, days: Iterable[Spent], *, wall_s: float) -> None:
        """Take over the daily sums that the database has of this month."""
        today = self.calendar.day(wall_s)
        for spent in days:
            account = self.account(spent.client_id, wall_s)
            if spent.day[:7] == today.month:
                account.month.usd += spent.cost_usd
            if spent.day == today.name:
                account.today.requests += spent.requests
                account.today.input_tokens += spent.input_tokens
                account.today.output_tokens += spent.output_tokens
                account.today.usd += spent.cost_usd

    def restore_admissions(
        self, client_id: str, moments: Iterable[tuple[float, int]], *, now_s: float, wall_s: float
    ) -> None:
        """Take over admissions of the last 24 hours, as (Unix time, count), oldest first."""
        account = self.account(client_id, wall_s)
        for moment_s, count in moments:
            age_s = max(0.0, wall_s - moment_s)
            for window in account.windows:
                if age_s < window.seconds:
                    window.add(now_s - age_s, count)

    def refused(self, client_id: str, reason: str) -> None:
        """Count a request that was not admitted, by `LimitReached.reason`."""
        key = (client_id, reason)
        self._refused[key] = self._refused.get(key, 0) + 1

    def refusals(self) -> dict[tuple[str, str], int]:
        """How many requests of this process were not admitted, by client id and reason."""
        return dict(self._refused)

    def keep(self, known: frozenset[str]) -> None:
        """Drop the accounts of clients that are deleted."""
        self._refused = {key: count for key, count in self._refused.items() if key[0] in known}
        for client_id in [name for name in self._accounts if name not in known]:
            if not self._accounts[client_id].in_flight:
                del self._accounts[client_id]

    @property
    def in_flight(self) -> int:
        return sum(account.in_flight for account in self._accounts.values())


def standing(account: Account, limits: Limits, *, now_s: float, wall_s: float) -> Standing:
    """What answers tell of the client's limits."""
    if wall_s >= account.day.end_s:
        account.turn(wall_s)
    today, to_midnight_s = account.today, account.day.end_s - wall_s
    minute, hour, day = account.windows
    limit, left, reset_s = 0, sys.maxsize, 0.0
    # Of two that leave as little, answers tell the one that does so longer: a longer window, or midnight.
    for window, bound in ((minute, limits.minute), (hour, limits.hour), (day, limits.day)):
        if bound and (room := max(0, bound - window.used(now_s))) <= left:
            limit, left, reset_s = bound, room, window.empty_s(now_s)
    if limits.requests:
        room = max(0, limits.requests - today.requests)
        if room < left or (room == left and to_midnight_s > reset_s):
            limit, left, reset_s = limits.requests, room, to_midnight_s
    return Standing(
        requests=Headroom(limit, left, reset_s) if limit else None,
        input_tokens=_tokens(limits.input_tokens, today.input_tokens + today.held_input, to_midnight_s),
        output_tokens=_tokens(limits.output_tokens, today.output_tokens + today.held_output, to_midnight_s),
    )


def _tokens(limit: int, used: int, reset_s: float) -> Headroom | None:
    return Headroom(limit, max(0, limit - used), reset_s) if limit else None


def states(account: Account, limits: Limits, *, now_s: float, wall_s: float) -> Sequence[LimitState]:
    """Every limit that the client has, in the order in which they are told."""
    account.turn(wall_s)
    today, month = account.today, account.month
    day_s = account.day.end_s - wall_s
    minute, hour, day = account.windows
    rows = (
        _state("requests_minute", limits.minute, minute.used(now_s), 0, minute.empty_s(now_s)),
        _state("requests_hour", limits.hour, hour.used(now_s), 0, hour.empty_s(now_s)),
        _state("requests_day", limits.day, day.used(now_s), 0, day.empty_s(now_s)),
        _state("concurrency", limits.concurrency, account.in_flight, 0, None),
        _state("quota_requests_day", limits.requests, today.requests, 0, day_s),
        _state("quota_input_tokens_day", limits.input_tokens, today.input_tokens, today.held_input, day_s),
        _state(
            "quota_output_tokens_day", limits.output_tokens, today.output_tokens, today.held_output, day_s
        ),
        _state("budget_usd_day", limits.usd_day, today.usd, today.held_usd, day_s),
        _state(
            "budget_usd_month", limits.usd_month, month.usd, month.held_usd, account.day.month_end_s - wall_s
        ),
    )
    return [row for row in rows if row.limit]


def _state(name: str, limit: float, used: float, held: float, resets_in_s: float | None) -> LimitState:
    return LimitState(name=name, limit=limit, used=used, held=held, resets_in_s=resets_in_s)
