"""Locks in shared memory that their holder's death opens.

Where the system has them, these are robust mutexes of its thread library (POSIX,
`pthread_mutexattr_setrobust`): who finds one free takes it without a system call. Elsewhere they are
byte-range locks of the region's file, which cost five times as much.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import mmap
import os
from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["LOCK_BYTES", "Lock", "Mutexes", "mutexes"]

LOCK_BYTES = 64
"""What a mutex may take, and its attributes: glibc's has 40 to 48 bytes, musl's 40."""
_SHARED = _ROBUST = 1
"""PTHREAD_PROCESS_SHARED, PTHREAD_MUTEX_ROBUST: the same in glibc and musl."""


class Lock(NamedTuple):
    """How to take one, and to let it go, both with `key`. One thread of each process."""

    take: Callable[[Any], int | None]  # Any: a number, or what the thread library is given
    """Waits for it. Anything but 0 and None: see `found`."""
    give: Callable[[Any], object]
    key: Any
    found: Callable[[int, Any], None]
    """To be called with what `take` has returned, where that is not nothing. Raises: OSError."""


class Mutexes:
    """The thread library's."""

    def __init__(self) -> None:
        """Raises: OSError, AttributeError where there is no such thing."""
        # The interpreter's lock is kept while one waits: that is shorter than letting it go and taking it
        # again. Nobody sleeps with such a lock in his hands.
        library = ctypes.PyDLL(None)
        self._take, self._give = library.pthread_mutex_lock, library.pthread_mutex_unlock
        self._try, self._init = library.pthread_mutex_trylock, library.pthread_mutex_init
        self._make_consistent = library.pthread_mutex_consistent
        self._attributes = ctypes.create_string_buffer(LOCK_BYTES)
        for step in (
            library.pthread_mutexattr_init(self._attributes),
            library.pthread_mutexattr_setpshared(self._attributes, _SHARED),
            library.pthread_mutexattr_setrobust(self._attributes, _ROBUST),
        ):
            _check(step)

    def make(self, memory: memoryview[int]) -> None:
        """A new one, of zeros that nobody has used yet. Raises: OSError."""
        _check(self._init(_pointer(memory), self._attributes))

    def lock(self, memory: memoryview[int]) -> Lock:
        """The one that is there."""
        return Lock(self._take, self._give, _pointer(memory), self._found)

    def outlive(self) -> bool:
        """Whether one is free again when its holder has died: not every emulation of a kernel sees to it."""
        memory = memoryview(mmap.mmap(-1, mmap.PAGESIZE))
        self.make(memory)
        pointer = _pointer(memory)
        pid = os.fork()
        if not pid:
            self._take(pointer)
            os._exit(0)
        os.waitpid(pid, 0)
        code: int = self._try(pointer)
        if code in {0, errno.EOWNERDEAD}:  # it is this thread's: its memory must not go before it is let go
            self._found(code, pointer)
            self._give(pointer)
        return code == errno.EOWNERDEAD

    def _found(self, code: int, pointer: object) -> None:
        """Its holder has died: what it guards is whole at any moment, or made whole by `release`."""
        if code == errno.EOWNERDEAD:
            _check(self._make_consistent(pointer))
        else:
            _check(code)


@functools.cache
def mutexes() -> Mutexes | None:
    """None where the system has none that outlive their holders. To be asked before there are threads."""
    try:
        found = Mutexes()
        return found if found.outlive() else None
    except (OSError, AttributeError, MemoryError):  # MemoryError: where no memory may be made executable
        return None


def _pointer(memory: memoryview[int]) -> object:
    # Any: what `byref` returns has no type of its own; it keeps the memory mapped.
    pointer: Any = ctypes.byref(ctypes.c_char.from_buffer(memory))
    return pointer


def _check(code: int) -> None:
    if code:
        raise OSError(code, os.strerror(code))
