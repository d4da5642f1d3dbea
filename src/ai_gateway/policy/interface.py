"""What the data path asks of whoever keeps the accounts of clients: a process alone, or several together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from ai_gateway.core.headroom import LimitState, Room
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limits import Limits, Want

__all__ = ["Accounts", "ClientAccount", "Reserved", "Spent"]


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


class Reserved(Protocol):
    """A request that was admitted. Settled or cancelled exactly once: later calls change nothing."""

    @property
    def day(self) -> str:
        """The calendar day that it counts for, YYYY-MM-DD."""
        ...

    @property
    def allowance(self) -> int:
        """Output tokens reserved so far."""
        ...

    @property
    def capped(self) -> bool:
        """There is less left than the answer may take: the provider should be told."""
        ...

    @property
    def bounded(self) -> bool:
        """Whether the answer must be watched as it grows."""
        ...

    def covers(self, output_tokens: int) -> bool:
        """Whether an answer may have grown to so many tokens; takes more of what is left where it must."""
        ...

    def another(self, input_tokens: int) -> bool:
        """Reserve one more upstream call of the same request, of so many input tokens; False where they, or
        the first token of an answer, are more than is left."""
        ...

    def settle(self, input_tokens: int, output_tokens: int, usd: float | None) -> None:
        """The real figures; `usd` None where no price is known."""
        ...

    def cancel(self) -> None:
        """It came to nothing before a provider was asked: as if it had never been admitted."""
        ...


class ClientAccount(Protocol):
    """One client's use of its limits. `now_s` is of a clock that never goes back, `wall_s` Unix time."""

    @property
    def input_in_use(self) -> int:
        """Input tokens of today, those that are reserved too."""
        ...

    def admit(self, limits: Limits, want: Want, now_s: float, wall_s: float) -> Reserved:
        """Take a request's share of every limit, or of none.

        Raises:
            LimitReached: with the seconds after which it would be admitted, were nothing else to come.
            ContextLengthExceeded: alone it is over what a whole day, or month, allows.
        """
        ...

    def room(self, limits: Limits, now_s: float, wall_s: float) -> Room:
        """What answers tell of the client's limits."""
        ...

    def states(self, limits: Limits, *, now_s: float, wall_s: float) -> Sequence[LimitState]:
        """Every limit that the client has, in the order in which they are told."""
        ...


class Accounts(Protocol):
    """The accounts of all clients. One thread of each process: the event loop's."""

    @property
    def calendar(self) -> Calendar: ...

    def account(self, client_id: str, wall_s: float) -> ClientAccount:
        """The client's account, opened where there is none."""
        ...

    def restore_days(self, days: Iterable[Spent], *, wall_s: float) -> None:
        """Take over the daily sums that the database has of this month."""
        ...

    def restore_admissions(
        self, client_id: str, moments: Iterable[tuple[float, int]], *, now_s: float, wall_s: float
    ) -> None:
        """Take over admissions of the last 24 hours, as (Unix time, count), oldest first."""
        ...

    def refused(self, client_id: str, reason: str) -> None:
        """Count a request that was not admitted, by `LimitReached.reason`."""
        ...

    def refusals(self) -> dict[tuple[str, str], int]:
        """How many requests were not admitted since the start, by client id and reason."""
        ...

    def keep(self, known: frozenset[str]) -> None:
        """Drop the accounts of clients that are deleted."""
        ...
