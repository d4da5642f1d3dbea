"""Brings changes of MCP servers and switches into the toolbox."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from ai_gateway.config import Settings
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.tool_protocols import ToolReader
from ai_gateway.tools.configuration import Configuration, merged
from ai_gateway.tools.toolbox import Toolbox

__all__ = ["ToolKeeper", "configuration_of"]

POLL_S = 0.25

_log = logging.getLogger(__name__)


async def configuration_of(settings: Settings, store: ToolReader) -> Configuration:
    """What the config file and the database want. Raises: StoreError."""
    servers, switches = await store.list_servers(), await store.switches()
    return merged(
        settings,
        {each.name: each.settings for each in servers if each.settings is not None},
        off_servers=switches.servers,
        off_tools=switches.tools,
        broken={each.name: each.fault or "it cannot be read" for each in servers if each.settings is None},
    )


class ToolKeeper:
    """Looks into the database whenever its version has changed, which others watch already."""

    def __init__(
        self, settings: Settings, store: ToolReader, toolbox: Toolbox, version: Callable[[], int]
    ) -> None:
        """`version`: the newest that is known, without I/O."""
        self._settings = settings
        self._store = store
        self._toolbox = toolbox
        self._version = version
        self._seen: int | None = None
        self._configuration: Configuration | None = None
        self._reading = asyncio.Lock()

    async def refresh(self) -> None:
        """Raises: StoreError; the tools are as before then."""
        version = self._version()
        if version == self._seen:
            return
        await self.reload()
        self._seen = version

    async def reload(self) -> None:
        """Look now: for who has just changed something. Raises: StoreError."""
        async with self._reading:
            found = await configuration_of(self._settings, self._store)
            if found != self._configuration:
                self._toolbox.apply(found)
            self._configuration = found

    async def watch(self, stop: asyncio.Event) -> None:
        """See every change within a second, until `stop`."""
        while not stop.is_set():
            try:
                await self.refresh()
            except StoreError as error:  # the next round tries again; others tell that the database is away
                _log.debug("tools are as before: %s", error)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), POLL_S)
