"""Messages from workers to the control process: connections, and what the dashboard wants to know of them."""

from __future__ import annotations

import array
import socket
from collections.abc import Callable

import msgspec

from ai_gateway.ingress.handing import Handed
from ai_gateway.policy.circuit import CircuitState

__all__ = ["Channel", "CircuitReport", "Receiver"]

MAX_MESSAGE_BYTES = 60_000
MAX_CIRCUITS = 100
MESSAGES_AT_ONCE = 32
"""Between so many, requests get their turn."""


class CircuitReport(msgspec.Struct, frozen=True, kw_only=True, tag="circuits"):
    """The circuits of one process."""

    slot: int
    circuits: list[CircuitState]


_decoder = msgspec.json.Decoder(Handed | CircuitReport)


class Channel:
    """The workers' end. Nothing waits: what the control process has no room for is refused."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        end.setblocking(False)

    def hand(self, handed: Handed, end: socket.socket) -> None:
        """Raises: OSError."""
        rights = array.array("i", [end.fileno()])
        self._end.sendmsg([msgspec.json.encode(handed)], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])

    def report(self, slot: int, circuits: list[CircuitState]) -> None:
        """Raises: OSError."""
        self._end.send(msgspec.json.encode(CircuitReport(slot=slot, circuits=circuits[:MAX_CIRCUITS])))


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
            message = _decoder.decode(data)
            if isinstance(message, CircuitReport):
                self._on_circuits(message)
            elif descriptors:
                self._on_connection(message, socket.socket(fileno=descriptors[0]))
