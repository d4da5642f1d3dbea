"""Work that goes on beside the requests, from start to stop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

__all__ = ["complain", "finish", "paused"]

_log = logging.getLogger("ai_gateway")


async def paused(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long; True at once where the process stops."""
    try:
        async with asyncio.timeout(seconds):  # unlike `wait_for`, which makes a task each time
            await stop.wait()
    except TimeoutError:
        return False
    return True


def complain(task: asyncio.Task[None]) -> None:
    """The control path's work ends only with the process: say so at once where it does not."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.critical("changes of clients are no longer seen, restart the gateway", exc_info=error)


async def finish(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Let the control path's work end by itself: a query that is cancelled leaves its thread behind."""
    stop.set()
    await asyncio.gather(*tasks, return_exceptions=True)  # what failed has been told
