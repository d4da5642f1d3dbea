"""How the running gateway is, for the dashboard."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ai_gateway.core.client import Client
from ai_gateway.core.headroom import LimitState
from ai_gateway.ingress.health import Health
from ai_gateway.policy.circuit import CircuitState
from ai_gateway.policy.interface import Accounts
from ai_gateway.policy.limits import Limits

__all__ = ["Gauges"]


class Gauges:
    """How the process is, for the dashboard."""

    def __init__(
        self,
        health: Health,
        limiter: Accounts,
        in_flight: Callable[[], int],
        circuits: Callable[[float], Sequence[CircuitState]],
    ) -> None:
        """`in_flight` and `circuits` (of an instant): of all processes of the gateway."""
        self._health = health
        self._limiter = limiter
        self.in_flight = in_flight
        self._circuits = circuits

    def health(self) -> tuple[str, dict[str, str | int]]:
        return self._health.report()

    def limit_states(self, client: Client) -> Sequence[LimitState]:
        wall_s = time.time()
        account = self._limiter.account(client.id, wall_s)
        return account.states(Limits.of(client.settings), now_s=time.monotonic(), wall_s=wall_s)

    def circuits(self) -> Sequence[CircuitState]:
        return self._circuits(time.monotonic())
