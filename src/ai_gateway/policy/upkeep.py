"""How each upstream does: its circuits, and how many retries it may still be sent.

A retry helps one request and harms a provider that is going down: each upstream has a budget of them, which
retries empty and answers fill again. What never fails costs a look into empty dictionaries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ai_gateway.policy.circuit import Circuit, CircuitKey, CircuitState
from ai_gateway.policy.targets import Target

__all__ = ["RETRY_BUDGET", "RETRY_REFILL", "Upkeep"]

RETRY_BUDGET = 10.0
"""Retries that may follow each other without any answer in between."""
RETRY_REFILL = 0.1
"""What an answer adds: in the long run, one retry for each ten answers."""
MAX_CIRCUITS = 10_000
"""Model names come from callers: past this, those that do well are forgotten, then no new ones are kept."""


class Upkeep:
    """All upstreams, of all clients. One thread: the event loop's."""

    def __init__(self) -> None:
        self._circuits: dict[CircuitKey, Circuit] = {}
        self.failing: Mapping[CircuitKey, Circuit] = self._circuits
        """What has failed lately."""
        self._budgets: dict[str, float] = {}
        self.retried: Mapping[str, float] = self._budgets
        """What of them is left, where that is not all."""

    def admits(self, target: Target, now_s: float) -> bool:
        """Whether a request should go there rather than elsewhere."""
        if not self._circuits:
            return True
        circuit = self._circuits.get(target.key)
        return circuit is None or circuit.admits(now_s)

    def entered(self, target: Target, now_s: float) -> bool:
        """A request goes there; True where it is a probe."""
        circuit = self._circuits.get(target.key) if self._circuits else None
        return circuit is not None and circuit.entered(now_s)

    def left(self, target: Target, *, probe: bool) -> None:
        """It ended without telling anything of the upstream."""
        circuit = self._circuits.get(target.key)
        if circuit is not None:
            circuit.left(probe=probe)

    def succeeded(self, target: Target, now_s: float, *, probe: bool) -> None:
        if self._circuits:
            circuit = self._circuits.get(target.key)
            if circuit is not None:
                circuit.succeeded(now_s, probe=probe)
                if circuit.idle(now_s):
                    del self._circuits[target.key]
        if self._budgets:
            base = target.upstream.base
            left = self._budgets.get(base)
            if left is not None:
                if left + RETRY_REFILL >= RETRY_BUDGET:
                    del self._budgets[base]
                else:
                    self._budgets[base] = left + RETRY_REFILL

    def failed(self, target: Target, now_s: float, *, probe: bool) -> None:
        circuit = self._circuits.get(target.key)
        if circuit is None:
            if len(self._circuits) >= MAX_CIRCUITS:
                self._sweep(now_s)
            if len(self._circuits) >= MAX_CIRCUITS:
                return
            circuit = self._circuits[target.key] = Circuit()
        circuit.failed(now_s, probe=probe)

    def take_retry(self, target: Target) -> bool:
        """Spend one retry of the upstream's budget; False where it has none left."""
        left = self._budgets.get(target.upstream.base, RETRY_BUDGET)
        if left < 1.0:
            return False
        self._budgets[target.upstream.base] = left - 1.0
        return True

    def circuits(self, now_s: float) -> Sequence[CircuitState]:
        """Those that have failures to tell of."""
        self._sweep(now_s)
        return [circuit.tells(key, now_s) for key, circuit in self._circuits.items()]

    def _sweep(self, now_s: float) -> None:
        for key in [key for key, circuit in self._circuits.items() if circuit.idle(now_s)]:
            del self._circuits[key]
