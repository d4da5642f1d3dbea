"""Coroutines that are taken from one pause to the next by whoever has what they wait for.

A task of the event loop costs more than many a request does between two waits: a place among all tasks, and a
future and a turn of the loop for each wait. A run has none of these: it begins where its request arrives, and
goes on within the callback of the connection that has the answer. What waits for anything else than a pause
leaves the run, and goes on as a task.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Coroutine, Generator, Iterator
from types import coroutine
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

__all__ = ["DONE", "PAUSE", "PAUSED", "TURN", "Ready", "Run", "Work", "as_task"]

T = TypeVar("T")
Work = Coroutine[Any, Any, None]  # Any: nothing is sent into it, and what it waits for may be anything

PAUSED: Final = object()
"""What waits for `go_on` or `fail`, as a run sees it."""
_BEHIND: Final = object()
_OVER: Final = object()
_NOTHING: Final[Iterator[object]] = iter(())

current: Run[Any] | None = None  # Any: who pauses does not ask for whom
"""The run that is being taken on; None in a task."""
going = 0
"""Runs that have begun and neither ended nor become a task."""


class Ready(Protocol):
    def go_on(self) -> None:
        """Up to the next pause."""
        ...


crowd: deque[Ready] | None = None
"""Those that go in step, in order (see `rounds`); None where whoever goes on is alone."""


class Pause(tuple[object, ...]):
    """What is awaited is an iterator over what goes to whoever takes the coroutine on."""

    __slots__ = ()
    if TYPE_CHECKING:

        def __await__(self) -> Generator[object, None, None]: ...

    else:
        __await__ = tuple.__iter__  # as good as a generator here, and without a line of Python


PAUSE: Final = Pause((PAUSED,))
"""To be awaited in a run alone."""
TURN: Final = Pause((_BEHIND,))
"""To be awaited where there is a `crowd`: the run goes on behind all others of it."""
DONE: Final = Pause()
"""Awaited anywhere: what was asked for has been done already."""


class Run(ABC, Generic[T]):
    """Takes one coroutine after the other from pause to pause."""

    __slots__ = ("_steps", "_work", "of")

    def __init__(self) -> None:
        self.of: T | None = None
        """On whose behalf; None where nothing runs."""
        self._work: Work | None = None
        self._steps: Iterator[object] = _NOTHING

    def start(self, of: T, work: Work) -> None:
        """As `go_on`, up to the first pause."""
        global going
        going += 1
        self.of = of
        self._work = work
        self._steps = work.__await__()
        self.go_on()

    def go_on(self) -> None:
        """Up to the next pause, or to the end."""
        global current
        current = self
        try:
            got = next(self._steps, _OVER)
        except Exception as error:  # noqa: BLE001 - told to whoever this is for
            current = None
            self._stop(_OVER, error)
            return
        except BaseException:
            current = None
            self._stop(_OVER)
            raise
        current = None
        if got is _BEHIND and crowd is not None:
            crowd.append(self)
        elif got is not PAUSED:
            self._stop(got)

    def fail(self, error: Exception) -> None:
        """As `go_on`; the pause raises `error`."""
        global current
        work = self._work
        assert work is not None
        current = self
        try:
            got = work.throw(error)
        except StopIteration:
            got = _OVER
        except Exception as fault:  # noqa: BLE001 - as above
            current = None
            self._stop(_OVER, fault)
            return
        except BaseException:
            current = None
            self._stop(_OVER)
            raise
        current = None
        if got is _BEHIND and crowd is not None:
            crowd.append(self)
        elif got is not PAUSED:
            self._stop(got)

    def _stop(self, got: object, error: Exception | None = None) -> None:
        global going
        of, work = self.of, self._work
        self.of = self._work = None
        self._steps = _NOTHING
        if of is not None and work is not None:
            going -= 1
            if got is _OVER:
                self.over(of, error)
            else:
                self.leave(of, work, got)

    @abstractmethod
    def over(self, of: T, error: Exception | None) -> None:
        """The coroutine has ended, and how."""

    @abstractmethod
    def leave(self, of: T, work: Work, awaited: object) -> None:
        """It has to go on as a task, which waits for `awaited` first: what a coroutine yields to its loop."""


@coroutine
def as_task() -> Generator[None, None, None]:
    """From here on there is a task: for code that asks for it, as timeouts do."""
    if current is not None:
        yield  # as a task gives way to others: it is none of a run's pauses
