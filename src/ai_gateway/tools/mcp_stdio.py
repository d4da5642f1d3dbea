"""The stdio transport: a child process that speaks JSON-RPC, a message a line.

Our own beside the SDK's, which bounds neither a line nor what the child writes to stderr. The child gets the
environment that the SDK deems safe and the configured variables, nothing else of ours.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.client._transport import TransportStreams
from mcp.client.stdio import get_default_environment
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from ai_gateway.tools.configuration import Server
from ai_gateway.tools.connection import ConnectionLost

__all__ = ["StdioTransport"]

EXIT_S = 1.0
"""For each step of the end: stdin closed, SIGTERM, SIGKILL."""
_POLL_S = 0.01
_CHUNK = 16 * 1024
_LINE = 500
_LINES_A_MINUTE = 600

_log = logging.getLogger("ai_gateway.tools.mcp")

Incoming = MemoryObjectSendStream[SessionMessage | Exception]
Outgoing = MemoryObjectReceiveStream[SessionMessage]


class StdioTransport:
    """A transport for the SDK's client. `fault` says why it ended, once it has."""

    session_gone = False

    def __init__(self, server: Server, max_message_bytes: int) -> None:
        self.on_end: Callable[[], None] = lambda: None
        self.ended = False
        self.fault: str | None = None
        self._server = server
        self._most = max_message_bytes
        self._stderr = _Stderr(server)
        self._process: asyncio.subprocess.Process | None = None
        self._pumps: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> TransportStreams:
        """Raises: ConnectionLost where the program cannot be started."""
        process = self._process = await self._spawn()
        incoming, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        write, outgoing = anyio.create_memory_object_stream[SessionMessage](0)
        self._pumps = [
            asyncio.create_task(pump)
            for pump in (
                self._read(process, incoming),
                self._write(process, outgoing, incoming),
                self._stderr.read(process),
            )
        ]
        return read, write

    async def _spawn(self) -> asyncio.subprocess.Process:
        settings = self._server.settings
        variables = {name: secret.reveal() for name, secret in settings.env.items()}
        try:
            return await asyncio.create_subprocess_exec(
                settings.command,
                *settings.args,
                env=get_default_environment() | variables,
                cwd=settings.cwd,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=self._most,
                start_new_session=True,  # so that what it starts can be ended with it
            )
        except OSError as error:
            raise ConnectionLost(
                f"{settings.command} cannot be started: {error.strerror or error}"
            ) from error

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ending = asyncio.create_task(self._end())
        await asyncio.shield(ending)  # who is cancelled meanwhile leaves no process behind

    async def _end(self) -> None:
        process = self._process
        assert process is not None, "it was entered"
        assert process.stdin is not None, "it is a pipe"
        with contextlib.suppress(OSError):
            process.stdin.close()
        await _ended(process)
        transport = getattr(process, "_transport", None)  # nothing public closes it, and a survivor of what
        if transport is not None:  # the child has started would keep the pipes open
            transport.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    async def _read(self, process: asyncio.subprocess.Process, incoming: Incoming) -> None:
        assert process.stdout is not None, "it is a pipe"
        async with incoming:
            try:
                while line := await process.stdout.readline():
                    with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
                        await incoming.send(_parsed(line))
                await self._note_exit(process)
            except ValueError:
                self._fail(f"it sent a message of more than {self._most} bytes")
            except OSError:
                self._fail("its output broke")

    async def _write(
        self, process: asyncio.subprocess.Process, outgoing: Outgoing, incoming: Incoming
    ) -> None:
        assert process.stdin is not None, "it is a pipe"
        try:
            async with outgoing:
                async for item in outgoing:
                    text = item.message.model_dump_json(by_alias=True, exclude_unset=True)
                    process.stdin.write(text.encode() + b"\n")
                    await process.stdin.drain()
        except OSError:
            await incoming.aclose()  # nobody waits for an answer any more

    async def _note_exit(self, process: asyncio.subprocess.Process) -> None:
        """Its output has ended: say how it did."""
        await _exits(process, EXIT_S)
        code = process.returncode
        how = "it closed its output" if code is None else _exit_text(code)
        last = self._stderr.last()
        self._fail(f"{how}: {last}" if last else how)

    def _fail(self, reason: str) -> None:
        self.fault = self.fault or reason
        self.ended = True
        self.on_end()


class _Stderr:
    """What a server writes there: logged at level debug, a bounded number of lines, secrets blotted out."""

    def __init__(self, server: Server) -> None:
        self._name = server.name
        self._secrets = sorted(server.settings.secrets(), key=len, reverse=True)
        self._tail: deque[str] = deque(maxlen=5)
        self._minute = 0.0
        self._lines = 0

    async def read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None, "it is a pipe"
        left = b""
        while chunk := await process.stderr.read(_CHUNK):
            *lines, left = (left + chunk).split(b"\n")
            for line in lines:
                self._take(line)
            if len(left) > _CHUNK:
                self._take(left)
                left = b""
        self._take(left)

    def last(self) -> str:
        """Its last words."""
        return self._tail[-1] if self._tail else ""

    def _take(self, line: bytes) -> None:
        text = line[:_CHUNK].decode(errors="replace").strip()
        for secret in self._secrets:
            text = text.replace(secret, "***")
        if not text:
            return
        text = text[:_LINE]
        self._tail.append(text)
        now = time.monotonic()
        if now - self._minute >= 60:
            self._minute, self._lines = now, 0
        self._lines += 1
        if self._lines <= _LINES_A_MINUTE:
            _log.debug("MCP server %s: %s", self._name, text)


def _parsed(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error


def _exit_text(code: int) -> str:
    if code >= 0:
        return f"it ended with exit code {code}"
    try:
        return f"it was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"it was ended by signal {-code}"


async def _exits(process: asyncio.subprocess.Process, seconds: float) -> bool:
    """Whether it ends within this time. Polled: `wait` also waits for its children to close the pipes."""
    deadline = time.monotonic() + seconds
    while process.returncode is None:
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Let it end by itself, else end it, and whatever it has started."""
    await _exits(process, EXIT_S)
    if sys.platform == "win32":
        if process.returncode is None:
            process.kill()
            await _exits(process, EXIT_S)
        return
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except (ProcessLookupError, PermissionError):
            break
        if await _group_gone(process, EXIT_S):
            break
    await _exits(process, EXIT_S)


async def _group_gone(process: asyncio.subprocess.Process, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.killpg(process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return True
        await asyncio.sleep(_POLL_S)
    return False
