"""The tools of the gateway: what is offered to models, and how a call of theirs is run."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from ai_gateway.core.chat import Text
from ai_gateway.core.server_tools import RunError, ServerTool, ToolOutcome
from ai_gateway.tools.arguments import Schemas, parsed
from ai_gateway.tools.builtin import built_ins
from ai_gateway.tools.builtin.base import BuiltIn, Facilities
from ai_gateway.tools.configuration import Configuration, ToolLimits
from ai_gateway.tools.connection import Connect, RemoteTool, load_connect
from ai_gateway.tools.naming import Patterns, tool_names
from ai_gateway.tools.outcomes import ToolFailure, bounded, failed
from ai_gateway.tools.server import Backoff, McpServer, ServerState, broken_state
from ai_gateway.upstream.guard import Guard
from ai_gateway.upstream.proxies import Proxies

if TYPE_CHECKING:
    from ai_gateway.upstream.fetcher import Fetcher

__all__ = ["ToolState", "Toolbox"]

_KEPT_OFFERS = 512
_NAMED = 50
_log = logging.getLogger(__name__)


class ToolState(msgspec.Struct, frozen=True, kw_only=True):
    """A tool, for people."""

    tool: ServerTool
    on: bool
    """Not switched off, neither itself nor its server."""
    available: bool
    """It can be run now: `on`, and its server is there."""


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    tool: ServerTool
    on: bool
    built_in: BuiltIn | None = None
    server: McpServer | None = None
    remote: str = ""

    @property
    def available(self) -> bool:
        return self.on and (self.server is None or self.server.is_ready)


class Toolbox:
    """A `ToolBox`. MCP servers are connected by `apply`; until then there are the built-in tools."""

    def __init__(
        self,
        limits: ToolLimits,
        guard: Guard,
        proxies: Proxies | None = None,
        *,
        backoff: Backoff | None = None,
        load: Callable[[], Connect] = load_connect,
    ) -> None:
        """`load` brings the way to MCP servers; called in a thread, where there is a server."""
        self.limits = limits
        self._guard = guard
        self._proxies = proxies
        self._fetcher: Fetcher | None = None
        self._facilities = Facilities(
            now=lambda: datetime.now(UTC),
            fetcher=self._fetching,
            max_fetch_bytes=limits.max_fetch_bytes,
            max_text_bytes=limits.max_output_bytes,
        )
        self._load = load
        self._backoff = backoff or Backoff()
        self._built_ins = built_ins()
        self._configuration = Configuration()
        self._servers: dict[str, McpServer] = {}
        self._stopping: set[asyncio.Task[None]] = set()
        self._schemas = Schemas()
        self._entries: dict[str, _Entry] | None = None
        self._offers: dict[tuple[str, ...], Mapping[str, ServerTool]] = {}
        self._connect: Connect | None = None
        self._loading = asyncio.Lock()
        self._loading_fetcher = asyncio.Lock()

    # What the data path asks.

    def offered(self, wanted: Sequence[str]) -> Mapping[str, ServerTool]:
        key = tuple(wanted)
        found = self._offers.get(key)
        if found is None:
            patterns = Patterns(key or ("*",))
            found = {
                name: entry.tool
                for name, entry in self._all().items()
                if entry.available and patterns.allow(name)
            }
            if len(self._offers) >= _KEPT_OFFERS:
                self._offers.clear()
            self._offers[key] = found
        return found

    async def run(self, name: str, arguments: str) -> ToolOutcome:
        entry = self._all().get(name)
        if entry is None or not entry.on:
            return self._unknown(name)
        timeout_s = self._timeout_s(entry)
        # A task of its own: whatever goes wrong in a tool is an outcome.
        work = asyncio.create_task(self._run(entry, arguments), name=f"tool {name}")
        try:
            done, _ = await asyncio.wait({work}, timeout=timeout_s)
        except asyncio.CancelledError:
            await _cancelled(work)
            raise
        if not done:
            await _cancelled(work)
            return failed(
                RunError.TIMEOUT,
                f"The tool took longer than {timeout_s:g} seconds and was stopped. Go on without it, or ask "
                "it for less.",
            )
        return self._outcome(work, name)

    def _outcome(self, work: asyncio.Task[ToolOutcome], name: str) -> ToolOutcome:
        error = None if work.cancelled() else work.exception()
        if isinstance(error, ToolFailure):
            outcome = failed(error.error, str(error))
        elif error is not None or work.cancelled():
            _log.error("the tool %s broke", name, exc_info=error)
            outcome = failed(
                RunError.FAILED, "The tool broke: this is a fault of the gateway, not of the call."
            )
        else:
            outcome = work.result()
        limits = self.limits
        return bounded(
            outcome, max_text_bytes=limits.max_output_bytes, max_media_bytes=limits.max_media_bytes
        )

    async def _run(self, entry: _Entry, arguments: str) -> ToolOutcome:
        """Raises: ToolFailure."""
        value = parsed(arguments)
        await self._schemas.load()
        self._schemas.check(value, entry.tool.parameters)
        if entry.built_in is not None:
            return _text(await entry.built_in.run(value, self._facilities))
        assert entry.server is not None, "an entry has one of both"
        return await entry.server.call(entry.remote, value)

    def _timeout_s(self, entry: _Entry) -> float:
        own = entry.server.server.settings.timeout_seconds if entry.server else None
        return own or self.limits.timeout_s

    def _unknown(self, name: str) -> ToolOutcome:
        names = sorted(self.offered(()))
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return failed(
            RunError.UNKNOWN,
            f"There is no tool named {name[:100]!r}. There are: {', '.join(names[:_NAMED])}{more}.",
        )

    # What admins and the command line ask.

    def apply(self, configuration: Configuration) -> None:
        """Take over servers and switches. Servers whose settings are as before go on undisturbed."""
        before, self._configuration = self._servers, configuration
        servers: dict[str, McpServer] = {}
        for name, server in configuration.servers.items():
            on = name not in configuration.off_servers
            known = before.get(name)
            if known is not None and known.server == server and known.on == (on and server.settings.enabled):
                servers[name] = known
                continue
            servers[name] = McpServer(
                server,
                self.limits,
                on=on,
                connect=self._loaded,
                changed=self._forget,
                backoff=self._backoff,
            )
        self._servers = servers
        for name, old in before.items():
            if servers.get(name) is not old:
                self._begin(old.stop())
        self._forget()
        for new in servers.values():
            new.start()

    def servers(self) -> list[ServerState]:
        """By name."""
        wanted = self._configuration
        warning = ("The database has a server of this name, too: the config file's counts.",)
        found = [
            server.state(warning if name in wanted.shadowed else ()) for name, server in self._servers.items()
        ]
        found += [broken_state(name, why) for name, why in wanted.broken.items()]
        return sorted(found, key=lambda state: state.name)

    def tools(self) -> list[ToolState]:
        """Built-in ones first; of a server that is away, those that it had."""
        return [
            ToolState(tool=entry.tool, on=entry.on, available=entry.available)
            for entry in self._all().values()
        ]

    def reconnect(self, server: str) -> None:
        """Try a failed server again now. Raises: KeyError where there is none of this name."""
        self._servers[server].reconnect()

    async def settled(self) -> None:
        """Until every server is ready, or has failed once."""
        await asyncio.gather(*(server.settled() for server in self._servers.values()))

    async def close(self) -> None:
        """End all connections, and child processes with them."""
        servers, self._servers = self._servers, {}
        self._forget()
        await asyncio.gather(*(server.stop() for server in servers.values()), *self._stopping)
        if self._fetcher is not None:
            await self._fetcher.close()

    async def _loaded(self) -> Connect:
        async with self._loading:
            if self._connect is None:  # in a thread, so that requests go on meanwhile
                self._connect = await asyncio.to_thread(self._load)
            return self._connect

    async def _fetching(self) -> Fetcher:
        async with self._loading_fetcher:
            if self._fetcher is None:
                made = await asyncio.to_thread(_fetcher_type)
                self._fetcher = made(self._guard, self._proxies)
            return self._fetcher

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    def _forget(self) -> None:
        """Something has changed: what is offered is made up again when next asked for."""
        self._entries = None
        self._offers.clear()

    def _all(self) -> dict[str, _Entry]:
        if self._entries is None:
            off = Patterns(self._configuration.off_tools)
            self._entries = {
                name: _Entry(tool=tool.offered(), on=not off.allow(name), built_in=tool)
                for name, tool in self._built_ins.items()
            }
            for name, server in sorted(self._servers.items()):
                self._entries |= _entries_of(name, server, off)
        return self._entries


def _entries_of(name: str, server: McpServer, off: Patterns) -> dict[str, _Entry]:
    wanted = Patterns(server.server.settings.tools or ("*",))
    tools = {tool.name: tool for tool in server.tools if wanted.allow(tool.name)}
    return {
        own: _Entry(
            tool=_server_tool(own, name, tools[remote]),
            on=server.on and not off.allow(own),
            server=server,
            remote=remote,
        )
        for remote, own in tool_names(name, tools).items()
    }


def _server_tool(own: str, server: str, tool: RemoteTool) -> ServerTool:
    return ServerTool(name=own, description=tool.description, parameters=tool.parameters, source=server)


def _fetcher_type() -> type[Fetcher]:
    from ai_gateway.upstream.fetcher import Fetcher  # with aiohttp: most gateways never fetch anything

    return Fetcher


def _text(text: str) -> ToolOutcome:
    return ToolOutcome(parts=(Text(text),))


async def _cancelled(work: asyncio.Task[ToolOutcome]) -> None:
    """Let a cancelled tool clean up, within bounds: a tool that does not heed it is left to itself."""
    work.cancel()
    await asyncio.wait({work}, timeout=2.0)
