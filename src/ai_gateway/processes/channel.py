"""Messages from workers to the control process: connections, and what the dashboard wants to know of them."""

from __future__ import annotations

import array
import asyncio
import os
import socket
import sys
from collections.abc import Callable

import msgspec

from ai_gateway.ingress.handing import Handed
from ai_gateway.policy.circuit import CircuitState

__all__ = ["Channel", "CircuitReport", "Receiver", "channel_ends"]

MAX_MESSAGE_BYTES = 60_000
MAX_CIRCUITS = 100
MESSAGES_AT_ONCE = 32
"""Between so many, requests get their turn."""


class CircuitReport(msgspec.Struct, frozen=True, kw_only=True, tag="circuits"):
    """The circuits of one process."""

    pid: int
    circuits: list[CircuitState]


_decoder = msgspec.json.Decoder(Handed | CircuitReport)


def channel_ends() -> tuple[socket.socket, socket.socket]:
    """The control process' end, and the one that all workers share. Raises: OSError."""
    # Linux lets ten datagrams wait, but packets by their bytes: some hundreds. macOS has datagrams alone.
    kind = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_DGRAM
    first, second = socket.socketpair(socket.AF_UNIX, kind)
    return first, second


class Channel:
    """The workers' end. Nothing waits: what the control process has no room for is refused."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        end.setblocking(False)

    def hand(self, handed: Handed, end: socket.socket) -> None:
        """Raises: OSError."""
        rights = array.array("i", [end.fileno()])
        self._end.sendmsg([msgspec.json.encode(handed)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    def report(self, circuits: list[CircuitState]) -> None:
        """Of this process. Raises: OSError."""
        report = CircuitReport(pid=os.getpid(), circuits=circuits[:MAX_CIRCUITS])
        self._end.send(msgspec.json.encode(report))


class Receiver:
    """The control process' end."""

    def __init__(
        self,
        end: socket.socket,
        on_connection: Callable[[Handed, socket.socket], None],
        on_circuits: Callable[[CircuitReport], None],
    ) -> None:
        self._end = end
        end.setblocking(False)
        self._on_connection = on_connection
        self._on_circuits = on_circuits

    def fileno(self) -> int:
        return self._end.fileno()

    def receive(self) -> None:
        """Take what is there."""
        for _ in range(MESSAGES_AT_ONCE):
            try:
                data, descriptors, _, _ = socket.recv_fds(self._end, MAX_MESSAGE_BYTES, 1)
            except (BlockingIOError, InterruptedError):
                return
            if not data:  # nobody is left who could say anything
                asyncio.get_running_loop().remove_reader(self._end)
                return
            message = _decoder.decode(data)
            if isinstance(message, CircuitReport):
                self._on_circuits(message)
            elif descriptors:
                self._on_connection(message, socket.socket(fileno=descriptors[0]))
