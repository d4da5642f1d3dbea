"""The accounts of all clients, of one process alone. One thread: the event loop's."""

from __future__ import annotations

from collections.abc import Iterable

from ai_gateway.policy.account import Account
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.interface import Spent

__all__ = ["Limiter"]


class Limiter:
    """Accounts by client id, each opened at its first use."""

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar
        self._accounts: dict[str, Account] = {}
        self._refused: dict[tuple[str, str], int] = {}

    def account(self, client_id: str, wall_s: float) -> Account:
        """The client's account, opened where there is none."""
        try:
            return self._accounts[client_id]
        except KeyError:
            account = self._accounts[client_id] = Account(self.calendar, wall_s)
            return account

    def restore_days(self, days: Iterable[Spent], *, wall_s: float) -> None:
        """Take over the daily sums that the database has of this month."""
        today = self.calendar.day(wall_s)
        for spent in days:
            self.account(spent.client_id, wall_s).restore_day(spent, today)

    def restore_admissions(
        self, client_id: str, moments: Iterable[tuple[float, int]], *, now_s: float, wall_s: float
    ) -> None:
        """Take over admissions of the last 24 hours, as (Unix time, count), oldest first."""
        self.account(client_id, wall_s).restore_admissions(moments, now_s=now_s, wall_s=wall_s)

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
