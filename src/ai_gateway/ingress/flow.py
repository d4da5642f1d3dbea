"""How a connection and its caller wait for one another."""

from __future__ import annotations

import asyncio

__all__ = ["Flow"]


class Flow(asyncio.Protocol):
    """Writes wait while the caller does not read; nothing is read while there is enough to answer."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.write_paused = False
        self.read_paused = False
        self.lost = False
        self._writable: asyncio.Future[None] | None = None

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    async def drain(self) -> None:
        """Until the caller takes what was written, or is gone."""
        while self.write_paused and not self.lost:
            self._writable = self.loop.create_future()
            await self._writable

    def pause_reading(self) -> None:
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
