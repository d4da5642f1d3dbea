"""One MCP server of the gateway: kept connected, its tools known, its failures its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from typing import Any, Literal

import msgspec

from ai_gateway.core.server_tools import RunError, ToolOutcome
from ai_gateway.tools.configuration import Server, ToolLimits
from ai_gateway.tools.connection import Connect, Connection, ConnectionLost, RemoteTool, SessionGone
from ai_gateway.tools.outcomes import failed

__all__ = ["AT_ONCE", "Backoff", "McpServer", "ServerState", "broken_state"]

State = Literal["connecting", "ready", "failed", "off"]
CONNECT_TIMEOUT_S = 60.0
"""To start a server, to greet it and to list its tools: a launcher may have to install it first."""
LIST_TIMEOUT_S = 30.0
LOOK_AGAIN_S = 300.0
"""After which the tools are listed again unasked: that also finds out whether the server is still there."""
MIN_BETWEEN_LISTS_S = 0.2
STOP_TIMEOUT_S = 3.0
AT_ONCE = 16
"""Calls of one server at a time; others wait, within their own time."""

_log = logging.getLogger(__name__)


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """Pauses between attempts, in seconds: doubled each time."""

    first_s: float = 1.0
    most_s: float = 120.0
    good_after_s: float = 30.0
    """Of a connection that lasted so long, the end counts as the first failure."""

    def pause_s(self, failures: int) -> float:
        full = min(self.most_s, self.first_s * 2.0 ** min(failures - 1, 20))
        return full * (0.75 + random.random() / 4)  # noqa: S311 - spread, not secrecy


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    """How a server is, for people. Times in Unix milliseconds."""

    name: str
    transport: str
    """`stdio` or `http`; `unknown` where it cannot be read."""
    origin: str
    """`config` or `database`."""
    state: State
    since_ms: int
    error: str | None = None
    next_try_ms: int | None = None
    about: str = ""
    tools: int = 0
    """That it has and that `tools` of its settings lets through."""
    warnings: tuple[str, ...] = ()


def broken_state(name: str, why: str) -> ServerState:
    """Of a server that the database cannot tell of."""
    return ServerState(
        name=name, transport="unknown", origin="database", state="failed", since_ms=_now_ms(), error=why
    )


class McpServer:
    """Connects, lists, calls, and connects again. `start` needs a running event loop."""

    def __init__(
        self,
        server: Server,
        limits: ToolLimits,
        *,
        on: bool,
        connect: Callable[[], Awaitable[Connect]],
        changed: Callable[[], None],
        backoff: Backoff,
    ) -> None:
        """`changed` is called whenever its tools may be others than before."""
        self.server = server
        self.on = on and server.settings.enabled
        self.tools: Sequence[RemoteTool] = ()
        self._limits = limits
        self._connect = connect
        self._changed = changed
        self._backoff = backoff
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._connection: Connection | None = None
        self._settled = asyncio.Event()
        self._again = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._failures = 0
        self._renewing = False
        self._told: str | None = None
        self._state: State = "connecting" if self.on else "off"
        self._since_ms = _now_ms()
        self._error: str | None = None
        self._next_try_ms: int | None = None
        self._about = ""
        self._warnings: tuple[str, ...] = ()

    def start(self) -> None:
        if self.on and self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"MCP server {self.server.name}")

    async def stop(self) -> None:
        """End the connection, and a child process with it."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task}, timeout=STOP_TIMEOUT_S * 3)
        self._enter("off")

    def reconnect(self) -> None:
        """Try again now, where it waits for its next try."""
        self._again.set()

    async def settled(self) -> None:
        """Until it is ready, or has failed once."""
        if self.on:
            await self._settled.wait()

    def state(self, warnings: tuple[str, ...] = ()) -> ServerState:
        return ServerState(
            name=self.server.name,
            transport=self.server.settings.transport,
            origin=self.server.origin,
            state=self._state,
            since_ms=self._since_ms,
            error=self._error,
            next_try_ms=self._next_try_ms,
            about=self._about,
            tools=len(self.tools),
            warnings=(*warnings, *self._warnings),
        )

    @property
    def is_ready(self) -> bool:
        return self._connection is not None

    async def call(self, tool: str, arguments: dict[str, Any]) -> ToolOutcome:
        """Run one of its tools; the caller bounds the time."""
        async with self._slots:
            try:
                if self._renewing:
                    await self._settled.wait()
                connection = self._connected()
                try:
                    return await connection.call(tool, arguments)
                except SessionGone:  # so it has not run
                    await self._renewed(connection)
                return await self._connected().call(tool, arguments)
            except ConnectionLost as error:
                return self._unavailable(str(error))

    def _connected(self) -> Connection:
        if self._connection is None:
            raise ConnectionLost(self._error or "it is not connected")
        return self._connection

    async def _renewed(self, gone: Connection) -> None:
        """Until there is another session than this one, or none can be had."""
        if self._connection is gone:
            self._connection = None
            self._renewing = True
            self._settled.clear()
        await self._settled.wait()

    def _unavailable(self, why: str) -> ToolOutcome:
        return failed(
            RunError.UNAVAILABLE,
            f"The tool's server {self.server.name} is not available ({why}). Go on without it, or try later.",
        )

    async def _run(self) -> None:
        while True:
            self._enter("connecting")
            # A task of its own: whatever goes wrong in the SDK ends there.
            stay = asyncio.create_task(self._stay())
            try:
                await asyncio.wait({stay})
            finally:
                await _cancelled(stay)
            reason = _reason(stay, self.server.name)
            if self._renewing:
                continue
            lasted_s = (_now_ms() - self._since_ms) / 1000
            good = self._state == "ready" and lasted_s >= self._backoff.good_after_s
            self._failures = 1 if good else self._failures + 1
            await self._pause(reason)

    async def _pause(self, reason: str) -> None:
        seconds = self._backoff.pause_s(self._failures)
        self._again.clear()
        self._enter("failed", error=reason, next_try_ms=_now_ms() + round(seconds * 1000))
        level = logging.DEBUG if reason == self._told else logging.WARNING  # once is enough
        _log.log(level, "MCP server %s: %s; trying again in %.0f s", self.server.name, reason, seconds)
        self._told = reason
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._again.wait(), seconds)

    async def _stay(self) -> None:
        """Be connected until the connection ends. Raises: whatever ended it."""
        connect = await self._connect()
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    connection = await stack.enter_async_context(connect(self.server, self._limits))
                    tools = await connection.list_tools()
            except TimeoutError as error:
                raise ConnectionLost(f"it was not ready within {CONNECT_TIMEOUT_S:.0f} seconds") from error
            self._connection, self._about = connection, connection.about
            self._take(connection, tools)
            self._enter("ready")
            self._told = None
            _log.info("MCP server %s is ready: %d tools", self.server.name, len(tools))
            try:
                await self._follow(connection)
            finally:
                self._connection = None

    async def _follow(self, connection: Connection) -> None:
        while True:
            event = await connection.wait(LOOK_AGAIN_S)
            if event == "ended":
                raise ConnectionLost(connection.why())
            try:
                async with asyncio.timeout(LIST_TIMEOUT_S):
                    tools = await connection.list_tools()
            except TimeoutError as error:
                raise ConnectionLost("it does not answer any more") from error
            self._take(connection, tools)
            self._changed()
            await asyncio.sleep(MIN_BETWEEN_LISTS_S)

    def _take(self, connection: Connection, tools: Sequence[RemoteTool]) -> None:
        self.tools = tools
        self._warnings = tuple(connection.warnings)

    def _enter(self, state: State, *, error: str | None = None, next_try_ms: int | None = None) -> None:
        self._state, self._since_ms = state, _now_ms()
        self._error, self._next_try_ms = error, next_try_ms
        if state == "connecting":
            self._settled.clear()
        else:
            self._renewing = False
            self._settled.set()
        self._changed()


async def _cancelled(task: asyncio.Task[None]) -> None:
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=STOP_TIMEOUT_S)


def _reason(task: asyncio.Task[None], name: str) -> str:
    """Why a connection ended, in a sentence without secrets."""
    error = None if task.cancelled() else task.exception()
    for leaf in _leaves(error):
        if isinstance(leaf, ConnectionLost):
            return str(leaf)
    if error is not None:
        _log.error("MCP server %s: an unexpected fault ended the connection", name, exc_info=error)
    return "the connection broke"


def _leaves(error: BaseException | None) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for inner in error.exceptions for leaf in _leaves(inner)]
    return [] if error is None else [error]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
