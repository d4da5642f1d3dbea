"""Which upstream a request goes to, and what follows a failure: another try, another target, or the end."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ai_gateway.core.structs import quick_to_set
from ai_gateway.errors import UpstreamError
from ai_gateway.policy.targets import Target
from ai_gateway.policy.upkeep import Upkeep

__all__ = ["BUSY", "Attempts", "backoff_s"]

BUSY = 429
_SPENT = frozenset({402, BUSY})
"""The account at this provider has no money left: another try is in vain, another provider is not."""

FIRST_BACKOFF_S = 0.25
LAST_BACKOFF_S = 8.0
MAX_WAIT_S = 10.0
"""A provider that asks for a longer wait is left to the caller, or to the next target."""


def backoff_s(retry: int, jitter: float) -> float:
    """Seconds before the retry of this number (from 1). `jitter` from 0.0 to 1.0 spreads those that failed
    together over the upper half."""
    full: float = min(FIRST_BACKOFF_S * 2 ** (retry - 1), LAST_BACKOFF_S)
    return full * (0.5 + jitter / 2)


@quick_to_set
class Attempts(msgspec.Struct, eq=False, gc=False):
    """The tries of one request. Times are of a clock that never goes back.

    `target` is where it goes now: at first the first of all, and where anything has failed lately the one
    that `choose` finds; `failed` moves on.
    """

    target: Target
    _targets: Sequence[Target]
    """In the order of preference, at least one."""
    _upkeep: Upkeep
    _deadline_s: float
    """Of all tries together, with the pauses between them, to the first content."""
    _max_retries: int
    _safe: bool = True
    """A request that perhaps was carried out may be sent again."""
    _turn: int = 1
    """The place of the target whose turn is next."""
    _retries: int = 0
    _open: bool = True
    probe: bool = False
    """The try tells whether an upstream works again: it must be heard of how that ends."""
    _passed: Target | None = None

    def choose(self, now_s: float) -> None:
        """The first that is not left alone. Where all are, the first is asked all the same: but only once."""
        targets = self._targets
        while not self._upkeep.admits(self.target, now_s):
            if self._turn == len(targets):
                self.target, self._open = targets[0], False
                break
            self.target = targets[self._turn]
            self._turn += 1
        if self.target is not targets[0]:
            self._passed = targets[0]
        self.probe = self._upkeep.entered(self.target, now_s)

    def left_s(self, now_s: float) -> float:
        """What is left of the caller's patience, in seconds."""
        left_s = self._deadline_s - now_s
        return left_s if left_s > 0.0 else 0.0

    def succeeded(self, now_s: float) -> None:
        """Content has come: this is the answer."""
        self._upkeep.succeeded(self.target, now_s, probe=self.probe)
        self.probe = False

    def abandoned(self) -> None:
        """The caller hung up, or the failure tells nothing of the upstream."""
        if self.probe:
            self._upkeep.left(self.target, probe=True)
            self.probe = False

    def failed(self, error: UpstreamError, *, now_s: float, jitter: float) -> float | None:
        """Seconds to wait before `target`, which may be another one now, is asked; None: it is over."""
        if not error.retryable:
            self.succeeded(now_s)  # it refused this request: it works
            return self._next(now_s) if error.status in _SPENT else None
        if error.status == BUSY:
            self.abandoned()  # it is busy, not broken
        else:
            self._upkeep.failed(self.target, now_s, probe=self.probe)
            self.probe = False
        if not self._safe and not _never_arrived(error):
            return None
        return self._again(error, now_s, jitter) if self._may_retry(error, now_s) else self._next(now_s)

    def skip(self, now_s: float) -> bool:
        """`target` has no form for the request: the next one, if there is any; else the first of all, where
        that was left alone, once."""
        self.abandoned()
        if self._next(now_s) is not None:
            return True
        if self._passed is None:
            return False
        self._open = False
        self._enter(self._passed, now_s)
        self._passed = None
        return True

    def _may_retry(self, error: UpstreamError, now_s: float) -> bool:
        return (
            self._open
            and self._retries < self._max_retries
            and (error.retry_after_s or 0) <= MAX_WAIT_S
            and self._upkeep.admits(self.target, now_s)
        )

    def _again(self, error: UpstreamError, now_s: float, jitter: float) -> float | None:
        pause = max(backoff_s(self._retries + 1, jitter), error.retry_after_s or 0)
        if pause >= self.left_s(now_s) or not self._upkeep.take_retry(self.target):
            return self._next(now_s)
        self._retries += 1
        self._enter(self.target, now_s + pause)
        return pause

    def _next(self, now_s: float) -> float | None:
        if self.left_s(now_s) <= 0:
            return None
        while self._turn < len(self._targets):
            target = self._targets[self._turn]
            self._turn += 1
            if self._upkeep.admits(target, now_s):
                self._retries = 0
                self._enter(target, now_s)
                return 0.0
        return None

    def _enter(self, target: Target, now_s: float) -> None:
        self.target = target
        self.probe = self._upkeep.entered(target, now_s)


def _never_arrived(error: UpstreamError) -> bool:
    """The provider has not acted on the request."""
    return error.status == BUSY or not error.arrived
