"""What a process of the gateway needs of its operating system, before its event loop runs."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
import sys

__all__ = ["finish_undisturbed", "loop_factory", "prepare"]


YOUNG_OBJECTS = 5_000
"""Before they are looked through for cycles. Each request in flight has some hundred, which go by themselves:
with Python's own 700, a few dozen requests at once spent 4 % of the CPU time on looking through them."""


def prepare() -> None:
    """Make room for connections, and let the event loop go first."""
    _raise_descriptor_limit()
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
    sys.setswitchinterval(0.001)  # the accounting thread gives way to the event loop sooner


def _raise_descriptor_limit() -> None:
    """A stream holds two sockets; the usual soft limit of 1,024 is for programs that use select()."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # a system may refuse even its own hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def finish_undisturbed() -> None:
    """The server has ended as it was told: being told again must not end what is still to be stored. A
    service manager tells every process, and so does the supervisor."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    """uvloop, where there is one; None: asyncio's own."""
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop
