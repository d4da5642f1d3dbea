"""What arrives in one round of the event loop goes on together, and in step.

The way of a request is more code than a core's first caches hold: taken through all of it, each request finds
them full of the end of the way, and leaves them so. Where several are there at once, each does one part of
its way, up to the next `TURN`, before any does the next part, which is then in the caches for all but the
first. A request that is alone goes straight through.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Protocol
from weakref import WeakKeyDictionary

from ai_gateway.core import runs
from ai_gateway.core.runs import Ready

__all__ = ["Round", "Rounds", "rounds_of"]

COMPANY = 4
"""Those that are there at once, from which on they go in step."""


class Loop(Protocol):
    """An event loop."""

    def call_soon(self, callback: Callable[[Loop], None], loop: Loop, /) -> object: ...


class Round:
    """What is ready to go on, and does so when the loop has heard of all that has come."""

    __slots__ = ("_ready",)

    def __init__(self) -> None:
        self._ready: deque[Ready] = deque()

    def add(self, ready: Ready, loop: Loop) -> None:
        """It goes on in this round, and is not to be taken on by anybody else until then; at once where too
        little is going on for a crowd."""
        queue = self._ready
        if not queue:
            if runs.going < COMPANY:
                ready.go_on()
                return
            loop.call_soon(self._take_on, loop)
        queue.append(ready)

    def _take_on(self, loop: Loop) -> None:
        ready = self._ready
        runs.crowd = ready if len(ready) >= COMPANY else None
        try:
            while ready:
                ready.popleft().go_on()
        finally:
            runs.crowd = None
            if ready:  # the process is told to end in the middle of it
                loop.call_soon(self._take_on, loop)


class Rounds:
    """Of one loop. Requests and answers go different ways, and so apart from one another."""

    __slots__ = ("answers", "requests")

    def __init__(self) -> None:
        self.requests = Round()
        self.answers = Round()


_ROUNDS: WeakKeyDictionary[Loop, Rounds] = WeakKeyDictionary()


def rounds_of(loop: Loop) -> Rounds:
    found = _ROUNDS.get(loop)
    if found is None:
        found = _ROUNDS[loop] = Rounds()
    return found
