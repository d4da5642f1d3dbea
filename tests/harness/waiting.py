"""Waiting for a condition with a deadline, and free ports: what tests do instead of sleeping."""

from __future__ import annotations

import asyncio
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

T = TypeVar("T")

POLL_S: Final = 0.02
# Below the range from which Linux gives ports to outgoing connections: a port found free here is
# not taken by somebody's connection before the server under test binds it.
PORTS: Final = range(12_000, 30_000)

_ports = random.Random(f"{os.getpid()}-{time.monotonic_ns()}")
_handed_out: set[int] = set()


def wait_until(
    predicate: Callable[[], T | None], timeout_s: float = 10.0, *, what: str = "the condition"
) -> T:
    """Call `predicate` until it returns something truthy, and return that.

    Raises:
        TimeoutError: it stayed falsy for `timeout_s` seconds; the message names `what` and the last value.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what} did not come true within {timeout_s:g} s; last value: {value!r}")
        time.sleep(POLL_S)  # between two looks at the condition: it is in another process, which wakes nobody


async def wait_until_async(
    predicate: Callable[[], Awaitable[T | None]], timeout_s: float = 10.0, *, what: str = "the condition"
) -> T:
    """`wait_until` for a coroutine function. Raises: TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = await predicate()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"{what} did not come true within {timeout_s:g} s; last value: {value!r}")
        await asyncio.sleep(POLL_S)  # likewise


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nothing listens on, not given out before by this process.

    Raises:
        RuntimeError: a thousand candidates were taken.
    """
    for _ in range(1000):
        port = _ports.choice(PORTS)
        if port in _handed_out:
            continue
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        _handed_out.add(port)
        return port
    raise RuntimeError("no free port found")


def can_connect(port: int, host: str = "127.0.0.1") -> bool:
    """Whether something accepts TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout=1.0):
            return True
    except OSError:
        return False
