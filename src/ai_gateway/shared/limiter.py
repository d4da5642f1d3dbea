"""The accounts of all clients, shared by the processes of one gateway."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.interface import Spent
from ai_gateway.shared.accounts import SharedAccount
from ai_gateway.shared.records import REASONS, Records
from ai_gateway.shared.region import Column, Region

__all__ = ["SharedLimiter"]

_REASONS = {reason: place for place, reason in enumerate(REASONS)}


class SharedLimiter:
    """As `policy.limiter.Limiter`, for every process of a gateway. One thread: the event loop's."""

    def __init__(self, region: Region, slot: int, calendar: Calendar, *, is_control: bool = False) -> None:
        """`is_control`: it takes records back when their clients are deleted; one process does."""
        self.calendar = calendar
        self._region, self._slot = region, slot
        self._records = Records(region)
        self._accounts: dict[str, SharedAccount] = {}
        self._is_control = is_control
        self._known: frozenset[str] = frozenset()
        self._leaving: set[str] = set()

    def account(self, client_id: str, wall_s: float) -> SharedAccount:
        """The client's account, opened where there is none. Raises: OSError where there is no memory."""
        try:
            account = self._accounts[client_id]
            if not account.gone:
                return account
        except KeyError:
            pass
        record = self._records.find(client_id)
        account = SharedAccount(self._region, record, self._slot, self.calendar, wall_s)
        self._accounts[client_id] = account
        return account

    def restore_days(self, days: Iterable[Spent], *, wall_s: float) -> None:
        """Take over the daily sums that the database has of this month."""
        for spent in days:
            self.account(spent.client_id, wall_s).restore_day(spent, wall_s)

    def restore_admissions(
        self, client_id: str, moments: Iterable[tuple[float, int]], *, now_s: float, wall_s: float
    ) -> None:
        """Take over admissions of the last 24 hours, as (Unix time, count), oldest first."""
        self.account(client_id, wall_s).restore_admissions(moments, now_s=now_s, wall_s=wall_s)

    def refused(self, client_id: str, reason: str) -> None:
        """Count a request that was not admitted, by `LimitReached.reason`."""
        account = self._accounts.get(client_id)
        if account is not None:
            account.refused(_REASONS[reason])

    def refusals(self) -> dict[tuple[str, str], int]:
        """How many requests of this gateway were not admitted, by client id and reason."""
        return {
            (record.client_id, reason): count
            for record in self._records.all()
            for reason, count in zip(REASONS, record.refusals, strict=True)
            if count
        }

    def keep(self, known: frozenset[str]) -> None:
        """Drop the accounts of clients that are deleted."""
        for client_id in [name for name in self._accounts if name not in known]:
            del self._accounts[client_id]
        if self._is_control:
            # Whom this process has never known may be new to it: others see changes earlier.
            self._leaving |= self._known - known
            self._leaving = {
                client_id for client_id in self._leaving if not self._records.take_back(client_id)
            }
            self._known = known

    def release(self, slots: Iterable[int], wall_s: float) -> Iterator[None]:
        """Free what dead processes hold; yields now and then, so that others get their turn."""
        dead = list(slots)
        # All others, whatever they are now: one that starts meanwhile has a say, and a free one has nothing.
        others = [slot for slot in range(self._region.slots) if slot not in dead]
        for number, record in enumerate(self._records.all()):
            # Tokens without a request: it died while it took them off its row.
            if any(any(record.row(slot)[2:5]) for slot in dead) or self._was_changing(record.index, dead):
                self.account(record.client_id, wall_s).release(dead, others)
            if number % 100 == 0:
                yield

    def _was_changing(self, index: int, slots: Iterable[int]) -> bool:
        busy = self._region.column(Column.BUSY)
        return any(busy[slot] == index + 1 for slot in slots)

    @property
    def in_flight(self) -> int:
        """Requests of all clients and processes."""
        return sum(self.account(record.client_id, 0.0).in_flight for record in self._records.all())
