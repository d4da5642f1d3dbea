"""The dashboard's WebSocket on a connection that was handed over. Loaded when there is one."""

from __future__ import annotations

from asyncio import BaseTransport
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from ai_gateway.ingress.handing import Handed

__all__ = ["HandedSocket"]


class HandedSocket(WebSocketsSansIOProtocol):
    """It knows the caller's side by what the worker has told."""

    def __init__(self, handed: Handed, **options: Any) -> None:  # Any: as in the base class
        super().__init__(**options)
        self._handed = handed

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.client = self._handed.peer
        self.scheme = "wss" if self._handed.is_tls else "ws"
