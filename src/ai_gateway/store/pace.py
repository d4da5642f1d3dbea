"""How the accounting thread keeps out of the way of the event loop, with which it shares a core and the GIL.

A request that comes while the thread runs waits for it: until the scheduler's slice is over (some
milliseconds), and for the GIL. So it works in pieces of a fraction of a millisecond and sleeps for a moment
after each: whoever waits is run at once, and the GIL is free.

A lower priority would do as much on a machine that has time to spare, and harm on one that has not. Where a
program beside the gateway takes the core, a thread of the idle class (or a very nice one) is not run for up
to a second, and it holds the GIL in two of five moments: the event loop would wait as long. With the weight
that any other thread has, rows never starve either, and there is nothing to give back.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

__all__ = ["PIECE_ROWS", "Pace", "never_interrupt", "rest", "set_pace"]

T = TypeVar("T")
PIECE_S = 0.00015
"""Processor time between two rests."""
REST_S = 0.0001
"""As asked for; the kernel adds its timer slack, 0.05 ms."""
PIECE_ROWS = 24
"""Rows whose INSERT takes some 0.2 ms, most of it without the GIL."""
_LOOK_ROWS = 8
_here = threading.local()


class Pace:
    """Tells one thread when to rest."""

    def __init__(self, *, in_haste: bool = False) -> None:
        """`in_haste`: never; may be changed at any time."""
        self.in_haste = in_haste
        self._rested_at_s = 0.0

    def rest(self) -> None:
        """To be called between pieces of work, as often as one likes."""
        if self.in_haste or time.thread_time() - self._rested_at_s < PIECE_S:
            return
        time.sleep(REST_S)
        self._rested_at_s = time.thread_time()

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """The same, with rests in between."""
        for number, item in enumerate(items):
            if not number % _LOOK_ROWS:
                self.rest()
            yield item


def set_pace(pace: Pace) -> None:
    """Of the calling thread: for those to whom nobody hands it."""
    _here.pace = pace


def rest() -> None:
    """As `Pace.rest`, where the calling thread has a pace."""
    pace: Pace | None = getattr(_here, "pace", None)
    if pace is not None:
        pace.rest()


def never_interrupt() -> None:
    """Let the calling thread's wake-ups interrupt nobody: it waits until whoever runs sleeps, or has had its
    slice. Its share of the processor stays as it is.

    Source: sched(7), SCHED_BATCH; needs no privilege, and is left out where a system does not have it.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            if os.sched_getscheduler(0) == os.SCHED_OTHER:  # else somebody has decided about it
                os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
