"""Whether the gateway takes requests now."""

from __future__ import annotations

from collections.abc import Callable

from ai_gateway.ingress.health import Health
from ai_gateway.store.spool import Spool

__all__ = ["Admission"]


class Admission:
    """Says no while the process stops, while it serves as many requests as it may, and while accounting
    could not take another row. Each ends by itself."""

    def __init__(
        self,
        spool: Spool,
        health: Health,
        *,
        reject_when_full: bool,
        max_concurrency: int,
        total: Callable[[], int] | None = None,
    ) -> None:
        """`max_concurrency` 0: unlimited. `total`: requests in flight of all processes of the
        gateway, where it has several."""
        self._spool = spool
        self._health = health
        self._reject_when_full = reject_when_full
        self._max_concurrency = max_concurrency
        self._total = total

    def tell(self, fault: str | None, in_flight: int) -> None:
        """Bring what accounting knows of itself into the health endpoints; `fault` is the writer's."""
        health, spool = self._health, self._spool
        health.accounting_fault = fault or (None if spool.healthy else "the spool cannot be written")
        health.accounting_full = self._reject_when_full and spool.is_full()
        health.spool_depth = spool.depth
        if self._total is not None:
            in_flight = self._total()
        full = self._max_concurrency and in_flight >= self._max_concurrency
        health.overloaded = f"{in_flight} in flight, which is server.max_concurrency" if full else None

    def closed(self, in_flight: int) -> str | None:
        if self._health.draining:
            return "the gateway is stopping: try again on another connection"
        if self._max_concurrency and self._overloaded(in_flight):
            return "the gateway serves as many requests as it may: try again later"
        if self._reject_when_full and self._spool.is_full():
            return "the gateway cannot write its accounting: try again later"
        return None

    def _overloaded(self, in_flight: int) -> bool:
        return (in_flight if self._total is None else self._total()) > self._max_concurrency
