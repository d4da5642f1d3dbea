"""Sockets that share a port."""

from __future__ import annotations

import socket
import sys

import pytest

from ai_gateway.config.model import ServerSettings
from ai_gateway.ingress.listening import bind
from tests.harness.waiting import free_port

HOST = "127.0.0.1"


@pytest.mark.skipif(sys.platform != "linux", reason="what Linux does")
def test_who_rests_gets_no_connections_until_it_is_back() -> None:
    server = ServerSettings(host=HOST, port=free_port())
    one, other = bind(server, times=2)

    def accepted(times: int) -> int:
        """By the one that does not rest, of so many."""
        other.sockets[0].settimeout(0)
        count = 0
        for _ in range(times):
            with socket.create_connection((HOST, server.port), timeout=10):
                try:
                    other.sockets[0].accept()[0].close()
                except BlockingIOError:
                    continue
                count += 1
        return count

    one.rest()
    assert accepted(20) == 20
    one.sockets[0].listen(64)
    assert accepted(64) < 64
    one.close()
    other.close()
