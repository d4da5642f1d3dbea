"""Requests that are answered without a task, and how one gets a task in the middle of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any

from ai_gateway.core import runs
from ai_gateway.core.runs import PAUSE, Run, Work
from ai_gateway.ingress.caller import HttpCaller

__all__ = ["RequestRun"]


class RequestRun(Run[HttpCaller]):
    """Of one connection."""

    __slots__ = ()

    def over(self, of: HttpCaller, error: Exception | None) -> None:
        if error is not None or not of.finished:
            _ended(of, error)

    def leave(self, of: HttpCaller, work: Work, awaited: object) -> None:
        _go_on(of, _Rest(work, awaited))

    def leave_at_pause(self) -> None:
        """Go on as a task at once. This run is over, but for what it is still told of the pause: another one
        is to take its place."""
        of, work = self.of, self._work
        if of is None or work is None:
            return
        runs.going -= 1
        future = of.connection.loop.create_future()
        self._work = ring = _ring(future)
        self._steps = ring.__await__()
        next(self._steps)
        _go_on(of, _Rest(work, next(future.__await__())))


def _ended(caller: HttpCaller, error: Exception | None) -> None:
    """A run is at its end, perhaps as a task: there may be an answer still to be given."""
    known, connection = caller.known, caller.connection
    if error is not None and known is not None and known.answerer is not None:
        explaining = _apart(caller, known.answerer.explain(caller, error))
        explaining.add_done_callback(lambda _: connection.give_up(caller))
    else:
        connection.give_up(caller)


def _go_on(caller: HttpCaller, rest: Work) -> None:
    """As a task, with what is left of a run."""

    def over(task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        _ended(caller, error if isinstance(error, Exception) else None)

    _apart(caller, rest).add_done_callback(over)


def _apart(caller: HttpCaller, work: Work) -> asyncio.Task[None]:
    """A task that the server knows of, and that ends where the caller hangs up."""
    tasks = caller.connection.server_state.tasks
    task = caller.task = caller.connection.loop.create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    return task


async def _ring(future: asyncio.Future[None]) -> None:
    """In the place of what paused: tells `future` how the pause has ended."""
    while True:
        try:
            await PAUSE
        except Exception as error:  # noqa: BLE001 - raised where the future is waited for
            if not future.done():
                future.set_exception(error)
        else:
            if not future.done():
                future.set_result(None)


class _Rest(Coroutine[Any, Any, None]):  # Any: as in `Work`
    """A coroutine that has begun, for a task: waits for what it has asked for already, then goes on."""

    __slots__ = ("_awaited", "_work")

    def __init__(self, work: Work, awaited: object) -> None:
        self._work = work
        self._awaited: object = awaited

    def send(self, value: None) -> Any:
        awaited, self._awaited = self._awaited, None
        return self._work.send(value) if awaited is None else awaited

    def throw(self, *error: Any) -> Any:
        self._awaited = None
        return self._work.throw(*error)

    def close(self) -> None:
        self._work.close()

    def __await__(self) -> Generator[Any, Any, None]:
        return self._work.__await__()
