"""Loads what is behind `/admin/api` when it is first asked for."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ai_gateway._version import build
from ai_gateway.admin.feed import Feed
from ai_gateway.admin.site import Backend
from ai_gateway.admin.state import GatewayState
from ai_gateway.config import Settings
from ai_gateway.pipeline import Pipeline
from ai_gateway.store.courtesy import giving_way
from ai_gateway.store.crypto import SecretBox
from ai_gateway.tools.toolbox import Toolbox
from ai_gateway.upstream.pool import TransportPool
from ai_gateway.upstream.proxies import Proxies

__all__ = ["Closing", "Loader", "Parts"]

Closing = Callable[[], Awaitable[None]]
SWITCH_S = 0.0005
"""How long the event loop waits for the interpreter while modules are loaded; usually 5 ms."""


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What the running gateway hands over."""

    settings: Settings
    config_path: Path
    environ: Mapping[str, str]
    version: str
    started_ms: int
    box: SecretBox
    pipeline: Pipeline
    transports: TransportPool
    proxies: Proxies | None
    toolbox: Toolbox
    reload_tools: Callable[[], Awaitable[None]]
    state: GatewayState
    feed: Feed


Opener = Callable[[Parts, Callable[[Closing], None]], Awaitable[Backend]]


class Loader:
    """Opens the backend, and closes what it has opened."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._closing: list[Closing] = []

    async def load(self) -> Backend:
        """Raises: StoreError."""
        gc.disable()  # what is loaded stays: to look through it again and again holds the interpreter
        usual_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        try:
            opened = await asyncio.to_thread(_opener, self._parts.state.in_flight)
            return await opened(self._parts, self._closing.append)
        finally:
            sys.setswitchinterval(usual_s)
            gc.freeze()  # nor is it looked through later, some 50 ms each time
            gc.enable()

    async def close(self) -> None:
        for close in self._closing:
            await close()


def _opener(in_flight: Callable[[], int]) -> Opener:
    """Imports that take some time: in a thread, so that the event loop goes on meanwhile."""
    with giving_way(in_flight):
        import anyio._backends._asyncio  # noqa: F401 - for the first answer in parts: anyio would load it then
        import argon2  # noqa: F401 - for the first password, which is hashed in a thread that others go before
        import uvicorn.protocols.websockets.websockets_sansio_impl  # noqa: F401 - for the first socket

        from ai_gateway.admin.backend import open_backend

        build()  # asks git, where this is a checkout; the dashboard shows it
        return open_backend
