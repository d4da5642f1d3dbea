"""A process at the other end of two pipes, started beside the event loop.

To fork holds whoever does it until the new process runs its program, and makes each page of memory that is
written to afterwards a fault: through the loop's own call, some 40 ms in which no request goes on. A thread
that starts it by `subprocess`, which has vfork where there is one, takes some 2 ms from the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from subprocess import PIPE
from typing import IO

if sys.platform == "win32":
    from asyncio.windows_utils import Popen  # its pipes are such as the loop can wait for
else:
    from subprocess import Popen

__all__ = ["PipedProcess"]

_BUFFER_BYTES = 1 << 20


class PipedProcess:
    """A running process. What goes wrong with its pipes is told as their end."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        out: asyncio.StreamReader,
        pipes: tuple[asyncio.ReadTransport, asyncio.WriteTransport],
    ) -> None:
        """Use `start`."""
        self._process = process
        self._from, self._to = pipes
        self.out = out
        """Its stdout."""

    @classmethod
    async def start(
        cls, command: Sequence[str], environment: Mapping[str, str], at_once: Callable[[int], None]
    ) -> PipedProcess:
        """`at_once` is called with its id in the thread that has started it, before its program gets far.

        Not to be cancelled: a process would be left. Raises: OSError.
        """
        process = await asyncio.to_thread(_spawned, command, environment, at_once)
        loop = asyncio.get_running_loop()
        out = asyncio.StreamReader(limit=_BUFFER_BYTES)
        assert process.stdout is not None
        assert process.stdin is not None
        reading: asyncio.ReadTransport | None = None
        try:
            reading, _ = await loop.connect_read_pipe(
                lambda: asyncio.StreamReaderProtocol(out), _end(process.stdout, loop)
            )
            writing, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, _end(process.stdin, loop))
        except OSError:
            if reading is not None:
                reading.close()
            await asyncio.to_thread(_give_up, process)
            raise
        return cls(process, out, (reading, writing))

    @property
    def pid(self) -> int:
        return self._process.pid

    def write(self, data: bytes) -> None:
        """To its stdin, sooner or later; to nobody, where it has ended."""
        if not self._to.is_closing():  # uvloop raises there
            self._to.write(data)

    def kill(self) -> None:
        """Does nothing where it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def ended(self) -> None:
        """Wait for its end. Afterwards nothing of it is left: no zombie, no descriptor."""
        self._from.close()
        self._to.close()
        await asyncio.to_thread(self._process.wait)


class _End:
    """An end of a pipe, for a loop."""

    def __init__(self, descriptor: int, *, is_ours: bool) -> None:
        self._descriptor = descriptor
        self._is_ours = is_ours

    def fileno(self) -> int:
        return self._descriptor

    def close(self) -> None:
        """uvloop closes the descriptor itself before it calls this: by now, it may be that of another
        thread's file."""
        if self._is_ours:
            os.close(self._descriptor)


def _end(file: IO[bytes], loop: asyncio.AbstractEventLoop) -> IO[bytes] | _End:
    """What the loop takes instead of a file of `Popen`'s, which is closed."""
    if sys.platform == "win32":
        return file
    end = _End(os.dup(file.fileno()), is_ours=isinstance(loop, asyncio.BaseEventLoop))
    file.close()
    return end


def _spawned(
    command: Sequence[str], environment: Mapping[str, str], at_once: Callable[[int], None]
) -> subprocess.Popen[bytes]:
    process = Popen(command, stdin=PIPE, stdout=PIPE, env=environment)
    try:
        with contextlib.suppress(ProcessLookupError):
            at_once(process.pid)
    except OSError:
        _give_up(process)
        raise
    return process


def _give_up(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
    for file in (process.stdin, process.stdout):
        if file is not None:
            with contextlib.suppress(OSError):  # nobody will read what is still to be written
                file.close()
