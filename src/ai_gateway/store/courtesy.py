"""How long work beside the requests leaves them the core that it shares with them."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from types import FrameType

if sys.platform == "linux":
    import resource

__all__ = ["LONGEST_REST_S", "NICE", "PATIENCE_S", "RESTS", "Courtesy", "be_nice", "giving_way", "is_serving"]

RESTS = 3
"""Of a core that is shared, a quarter of what is left is taken."""
LONGEST_REST_S = 0.01
LOOK_CALLS = 256
"""Of Python functions: some 0.1 ms."""
NICE = 10
"""Takes a tenth of the core where others want all of it."""
PATIENCE_S = 2.0
"""For so long, whoever waits for the work waits for its rests too."""
SERVING_LOOKS = 10
SERVING_LOOK_S = 0.002
"""Short requests are seen at one of so many looks, though there may be none in flight at most of them."""


class Courtesy:
    """Rests of one thread that shares its core.

    Whoever wakes up is run at once, but finds the core's caches full of the history, and is slower for it: a
    request by a third. So a thread that has been interrupted, and only such a one, rests for some time: most
    requests then come to a core that nobody has used meanwhile.

    Not always at once: the scheduler owes time to whoever has had less than its part, a thread with the
    lowest priority too, and looks at the clock every 4 ms. So each look offers the core, and the interpreter
    with it where a thread holds that, to whoever waits.
    """

    def __init__(self) -> None:
        self._interruptions = 0
        self._ran_s = 0.0

    def look(self) -> int:
        """To be called now and then. Always 0: for SQLite, to go on."""
        interruptions = _interruptions()
        if interruptions != self._interruptions:
            self._interruptions = interruptions
            ran_s = time.thread_time()
            time.sleep(min(RESTS * (ran_s - self._ran_s), LONGEST_REST_S))
            self._ran_s = ran_s
        elif sys.platform == "linux":
            os.sched_yield()
        return 0


def _interruptions() -> int:
    """How often the calling thread has had to leave its core to another, where the system tells it.

    Source: getrusage(2), RUSAGE_THREAD.
    """
    if sys.platform != "linux":
        return 0
    return resource.getrusage(resource.RUSAGE_THREAD).ru_nivcsw


def is_serving(in_flight: Callable[[], int]) -> bool:
    """Whether there are requests that work beside them could hold up. Blocks for 0.02 s where there are none.

    `in_flight`: how many there are at the moment, in all processes of the gateway.
    """
    for _ in range(SERVING_LOOKS):
        if in_flight():
            return True
        time.sleep(SERVING_LOOK_S)
    return False


@contextlib.contextmanager
def giving_way(in_flight: Callable[[], int]) -> Iterator[None]:
    """Within it, whatever Python code this thread runs rests now and then, where the gateway `is_serving` at
    the beginning; not on and on, on a machine that is full of other work."""
    if not is_serving(in_flight):
        yield
        return
    courtesy, calls, begun_s = Courtesy(), 0, time.monotonic()

    def look(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += 1
        if not calls % LOOK_CALLS:
            if time.monotonic() - begun_s > PATIENCE_S:
                sys.setprofile(None)
            else:
                courtesy.look()

    sys.setprofile(look)
    try:
        yield
    finally:
        sys.setprofile(None)


def be_nice() -> None:
    """Leave most of the core to others, from now on; threads that this one starts do so too.

    For a thread that has next to nothing to do in Python: one that is not run while it holds the interpreter
    keeps it from all others.

    Source: setpriority(2), "BUGS": each thread has a nice value of its own.
    """
    if sys.platform == "linux":  # elsewhere this is about the whole process
        with contextlib.suppress(OSError):  # where a system forbids it, it is not done
            os.nice(NICE)
