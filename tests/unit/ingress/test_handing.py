"""A worker's connection whose request belongs to the control process, where that takes no more."""

from __future__ import annotations

import asyncio
import errno
import socket

import pytest
from uvicorn.server import ServerState

from ai_gateway.ingress.handing import Handed, HandingProtocol
from tests.fuzz.targets import Wire, server_config


class Busy:
    """A control process that has no room."""

    asked = 0

    def hand(self, handed: Handed, end: socket.socket) -> None:
        self.asked += 1
        raise BlockingIOError(errno.EAGAIN, "no room")


async def answer_of(*parts: bytes) -> bytes:
    wire, loop = Wire(), asyncio.get_running_loop()
    protocol = HandingProtocol(config=server_config(), server_state=ServerState(), app_state={}, _loop=loop)
    protocol.connection_made(wire)
    for part in parts:
        protocol.data_received(part)
    return wire.written


HEAD = b"GET /admin/ HTTP/1.1\r\nhost: x\r\n\r\n"


@pytest.mark.parametrize(
    "parts", [[HEAD], [HEAD, HEAD], [HEAD, b"?", HEAD + HEAD], [HEAD[:9], HEAD[9:], HEAD]]
)
def test_it_is_refused_once(parts: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Busy()
    monkeypatch.setattr(HandingProtocol, "channel", busy, raising=False)
    answer = asyncio.run(answer_of(*parts))
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert b"\r\nretry-after: 1\r\n" in answer
    assert (answer.count(b"HTTP/1.1"), busy.asked) == (1, 1)


def test_it_is_refused_where_no_descriptor_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(HandingProtocol, "channel", Busy(), raising=False)
    wired = asyncio.new_event_loop()
    monkeypatch.setattr(socket, "socketpair", none_left)
    try:
        answer = wired.run_until_complete(answer_of(HEAD))
    finally:
        wired.close()
    assert answer.startswith(b"HTTP/1.1 503 ")
