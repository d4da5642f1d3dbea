"""Circuit breakers: who keeps failing is left alone for a while, and then asked again by one request first.

There is one for each upstream, credential and model. Clocks are the caller's: any that never goes back.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

__all__ = ["Circuit", "CircuitKey", "CircuitState", "State"]

MIN_FAILURES = 5
"""So many failures within `WINDOW_S`, and at least half of all calls, open a circuit."""
WINDOW_S = 30.0
FIRST_OPEN_S = 5.0
LAST_OPEN_S = 60.0
"""An open circuit is probed after 5 seconds, then after twice as long each time, up to a minute."""


class State(StrEnum):
    """`half_open`: one request is on its way to find out."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitKey(msgspec.Struct, frozen=True):
    """What a circuit is of. The credential tells clients apart, and is shown nowhere."""

    provider: str
    base: str
    credential: str
    model: str

    def __repr__(self) -> str:
        return f"CircuitKey({self.provider!r}, {self.base!r}, model={self.model!r})"


class CircuitState(msgspec.Struct, frozen=True, kw_only=True):
    """A circuit as the dashboard and the metrics tell of it."""

    provider: str
    base: str
    model: str
    state: State
    failures: int
    """Within the last `WINDOW_S` seconds, or since it opened."""
    retry_in_s: float
    """Until the next probe; 0.0 where it is closed."""


class Circuit:
    """One breaker. It is made by a first failure: what never fails has none."""

    __slots__ = (
        "_calls",
        "_failures",
        "_last_calls",
        "_last_failures",
        "_open_s",
        "_since_s",
        "_until_s",
        "probing",
    )

    def __init__(self) -> None:
        self._since_s = -WINDOW_S
        self._calls = self._failures = 0
        self._last_calls = self._last_failures = 0
        self._open_s = 0.0
        self._until_s = 0.0
        self.probing = False

    def state(self, now_s: float) -> State:
        if not self._open_s:
            return State.CLOSED
        return State.HALF_OPEN if self.probing else State.OPEN

    def tells(self, key: CircuitKey, now_s: float) -> CircuitState:
        self._turn(now_s)
        return CircuitState(
            provider=key.provider,
            base=key.base,
            model=key.model,
            state=self.state(now_s),
            failures=self._failures + self._last_failures,
            retry_in_s=max(0.0, self._until_s - now_s) if self._open_s else 0.0,
        )

    def admits(self, now_s: float) -> bool:
        """Whether a request should go there: always while it is closed, and when it is time for a probe."""
        return not self._open_s or (now_s >= self._until_s and not self.probing)

    def entered(self, now_s: float) -> bool:
        """A request goes there; True where it is the probe, which `left`, `succeeded` or `failed` ends."""
        if self._open_s and now_s >= self._until_s and not self.probing:
            self.probing = True
            return True
        return False

    def left(self, *, probe: bool) -> None:
        """It ended without telling anything: its caller hung up."""
        if probe:
            self.probing = False

    def succeeded(self, now_s: float, *, probe: bool) -> None:
        """An answer. Whoever sends one while the circuit is open shows that it works, too."""
        self.left(probe=probe)
        if self._open_s:
            self._open_s = 0.0
            self._calls = self._failures = self._last_calls = self._last_failures = 0
            return
        self._turn(now_s)
        self._calls += 1

    def failed(self, now_s: float, *, probe: bool) -> None:
        self.left(probe=probe)
        self._turn(now_s)
        self._calls += 1
        self._failures += 1
        if self._open_s:
            if probe:
                self._open_for(min(2 * self._open_s, LAST_OPEN_S), now_s)
            return
        failures = self._failures + self._last_failures
        if failures >= MIN_FAILURES and 2 * failures >= self._calls + self._last_calls:
            self._open_for(FIRST_OPEN_S, now_s)

    def idle(self, now_s: float) -> bool:
        """It is closed, its failures are forgotten, and no probe is on its way still."""
        self._turn(now_s)
        return not (self._open_s or self.probing or self._failures or self._last_failures)

    def _open_for(self, seconds: float, now_s: float) -> None:
        self._open_s = seconds
        self._until_s = now_s + seconds

    def _turn(self, now_s: float) -> None:
        """The window is two halves, of which the older one is dropped whole."""
        half = WINDOW_S / 2
        age = now_s - self._since_s
        if age < half:
            return
        if age < WINDOW_S:
            self._last_calls, self._last_failures = self._calls, self._failures
            self._since_s += half
        else:
            self._last_calls = self._last_failures = 0
            self._since_s = now_s
        self._calls = self._failures = 0
