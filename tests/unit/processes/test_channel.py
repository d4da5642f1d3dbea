"""What workers tell the control process."""

from __future__ import annotations

import os
import socket
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from ai_gateway.ingress.handing import Handed
from ai_gateway.policy.circuit import CircuitState, State
from ai_gateway.processes.channel import Channel, CircuitReport, Receiver, channel_ends
from ai_gateway.processes.control_process import Whole
from ai_gateway.shared.region import Column, Region

CIRCUIT = CircuitState(
    provider="openai", base="http://127.0.0.1:1", model="m", state=State.OPEN, failures=5, retry_in_s=9.0
)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has the kind of socket for it")
def test_a_busy_control_process_loses_no_connection_of_a_crowd() -> None:
    theirs, ours = channel_ends()
    got: list[Handed] = []

    def connect(handed: Handed, end: socket.socket) -> None:
        got.append(handed)
        end.close()

    channel, receiver = Channel(ours), Receiver(theirs, connect, lambda report: None)
    for number in range(100):
        near, far = socket.socketpair()
        channel.hand(Handed(peer=("127.0.0.1", number), is_tls=False), far)
        near.close()
        far.close()
    while len(got) < 100:
        receiver.receive()
    assert [handed.peer for handed in got] == [("127.0.0.1", number) for number in range(100)]
    ours.close()
    theirs.close()


def test_the_circuits_of_a_process_that_has_died_are_not_told() -> None:
    region = Region(4)
    common: Any = SimpleNamespace(region=region, in_flight=lambda: 0)
    data: Any = SimpleNamespace(upkeep=SimpleNamespace(circuits=lambda now_s: []))
    whole = Whole(common, data)
    region.column(Column.PID)[1] = 4711
    whole.note_circuits(CircuitReport(pid=4711, circuits=[CIRCUIT]))
    assert whole.circuits(0.0) == [CIRCUIT]
    region.column(Column.PID)[1] = os.getpid()
    assert whole.circuits(0.0) == []
