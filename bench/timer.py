"""A precise periodic timer for the loop, whose own timers tick in milliseconds and drift."""

import ctypes
import os

from bench.errors import BenchError

_CLOCK_MONOTONIC = 1


class _Itimerspec(ctypes.Structure):
    _fields_ = (
        ("interval_s", ctypes.c_long),
        ("interval_ns", ctypes.c_long),
        ("value_s", ctypes.c_long),
        ("value_ns", ctypes.c_long),
    )


def open_timer(interval_s: float) -> int:
    """A file descriptor of timerfd_create(2) that becomes readable each `interval_s` (under 1 s)."""
    libc = ctypes.CDLL(None, use_errno=True)
    fd: int = libc.timerfd_create(_CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
    interval_ns = int(interval_s * 1e9)
    spec = _Itimerspec(0, interval_ns, 0, interval_ns)
    if fd < 0 or libc.timerfd_settime(fd, 0, ctypes.byref(spec), None) < 0:
        raise BenchError(f"timerfd: {os.strerror(ctypes.get_errno())}")
    return fd


def expirations(timer: int) -> int:
    """How many intervals have passed since the last call; for the reader callback of `timer`."""
    return int.from_bytes(os.read(timer, 8), "little")
