"""What the admin API asks of the running gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ai_gateway.core.client import Client
from ai_gateway.core.headroom import LimitState
from ai_gateway.policy.circuit import CircuitState

__all__ = ["GatewayState"]


class GatewayState(Protocol):
    """How the process is. Asking costs next to nothing."""

    def in_flight(self) -> int:
        """Requests of the data path that are being answered."""
        ...

    def health(self) -> tuple[str, Mapping[str, str | int]]:
        """A word, and one for each check."""
        ...

    def limit_states(self, client: Client) -> Sequence[LimitState]:
        """The limits that its settings have, and what is used of them."""
        ...

    def circuits(self) -> Sequence[CircuitState]:
        """Those that have failures to tell of."""
        ...
