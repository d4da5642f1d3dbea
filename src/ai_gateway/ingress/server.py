"""The HTTP server: uvicorn's way from the first socket to the last signal, with connections of our own and a
drain that drops nothing."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.server import ServerState

from ai_gateway.ingress.connection import GatewayProtocol
from ai_gateway.ingress.process_wide import PROCESS

__all__ = ["GatewayProtocol", "GatewayServer"]

WATCH_TICKS = 5
"""Tenths of a second from one look at the connections to the next."""
DRAIN_GRACE_S = 0.5
"""After the signal, kept connections may still bring a request that was already on its way."""

_log = logging.getLogger("ai_gateway.server")


class PlainProtocol(GatewayProtocol):
    """On a port where nothing is upgraded."""

    websocket_paths = frozenset()


class GatewayServer(uvicorn.Server):
    """A server that exits with 0 on SIGTERM and SIGINT, after the requests in flight."""

    def __init__(
        self,
        config: uvicorn.Config,
        *,
        on_started: Callable[[], None],
        on_drain: Callable[[], None],
        read_timeout_s: float,
        write_timeout_s: float,
        plain: uvicorn.Config | None = None,
        plain_sockets: Sequence[socket.socket] = (),
    ) -> None:
        """`plain` answers on `plain_sockets`, without TLS and what belongs to it."""
        super().__init__(config)
        self._on_started = on_started
        self._on_drain = on_drain
        self._read_timeout_s = read_timeout_s
        self._write_timeout_s = write_timeout_s
        self._plain = plain
        self._plain_sockets = plain_sockets

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            self._captured_signals.clear()  # handled: not to be raised again at the end

    async def startup(self, sockets: list[Any] | None = None) -> None:  # Any: as in the base class
        PROCESS.now_s = asyncio.get_running_loop().time()
        await super().startup(sockets)
        if self._plain is not None:
            await self._listen_plainly(self._plain)
        self._on_started()

    async def _listen_plainly(self, config: uvicorn.Config) -> None:
        loop = asyncio.get_running_loop()
        config.load()
        # Its connections are drained and watched with the others; HSTS is not for plain HTTP (RFC 6797, 7.2).
        state = ServerState()
        state.connections, state.tasks = self.server_state.connections, self.server_state.tasks

        def protocol() -> GatewayProtocol:
            return PlainProtocol(config=config, server_state=state, app_state={}, _loop=loop)

        for sock in self._plain_sockets:
            self.servers.append(await loop.create_server(protocol, sock=sock, backlog=config.backlog))

    async def on_tick(self, counter: int) -> bool:
        if counter % WATCH_TICKS == 0:
            PROCESS.now_s = asyncio.get_running_loop().time()
            for connection in tuple(self.server_state.connections):
                if isinstance(connection, GatewayProtocol):
                    connection.watch(
                        read_timeout_s=self._read_timeout_s, write_timeout_s=self._write_timeout_s
                    )
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[Any] | None = None) -> None:  # Any: as in the base class
        _log.info("stopping: no new connections, requests in flight are finished")
        for server in self.servers:
            server.close()
        self._on_drain()
        PROCESS.draining = True
        for connection in self.server_state.connections:
            if isinstance(connection, GatewayProtocol):
                connection.let_go()
        if self.server_state.connections:
            await asyncio.sleep(DRAIN_GRACE_S)
        await super().shutdown(sockets)
