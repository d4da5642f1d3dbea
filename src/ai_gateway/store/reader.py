"""Long reads in a process of their own, which takes only what processor time the gateway leaves.

It starts at the first read and ends when nobody has asked for a while. Where the machine has no time left at
all, so that it would never end, it is replaced by one that has a small share of it. While the gateway serves
no requests, whose way would be in, it begins with such a share.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import msgspec
from sqlalchemy import Select
from sqlalchemy.dialects import sqlite as dialect

from ai_gateway.store import sqlite
from ai_gateway.store.courtesy import is_serving
from ai_gateway.store.piped import PipedProcess
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.reads import LENGTH_BYTES, Ask, Told, Way, framed, give_way

__all__ = ["Reader", "Reads", "asked", "checked"]

IDLE_S = 60.0
"""After which the process ends: it takes some 18 MB."""
PATIENCE_S = 1.0
STARVED = 10
"""A process that would run and gets less than this part of a processor is starved."""
TRIES = 3
CACHE_KIB = 4096

_DIALECT = dialect.dialect(paramstyle="named")
_told = msgspec.msgpack.Decoder(Told)


class Reads(Protocol):
    async def ask(self, ask: Ask) -> Told:
        """Raises: StoreError."""
        ...


def asked(query: Select[Any]) -> Ask:  # Any: of whatever columns
    """The plain SQL of a query."""
    compiled = query.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
    return Ask(sql=str(compiled), values=dict(compiled.params))


def checked(told: Told, path: Path) -> Told:
    """Raises: StoreError where the read has failed."""
    if told.fault is None:
        return told
    error = sqlite3.OperationalError(told.fault)
    if told.fault_code is not None:
        error.sqlite_errorcode = told.fault_code
    raise sqlite.fault(error, path)


class Reader:
    """`Reads` of a database by such a process. Reads are repeated where it ends before it has answered."""

    def __init__(self, path: Path, in_flight: Callable[[], int], *, idle_s: float = IDLE_S) -> None:
        """`in_flight`: requests of the data path."""
        self._path = path
        self._in_flight = in_flight
        self._idle_s = idle_s
        self._closed = False
        self._child: _Child | None = None
        self._starting: asyncio.Task[_Child] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def ask(self, ask: Ask) -> Told:
        """Raises: StoreError."""
        is_starving = False
        for _ in range(TRIES):
            child = await self._ready(is_starving)
            try:
                told = await child.ask(ask)
            finally:
                self._rest(child)
            if told is not None:
                return checked(told, self._path)
            is_starving = is_starving or child.was_starved
        raise StoreError(f"the database {self._path} cannot be read: the process that does it was ended")

    async def close(self) -> None:
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._starting is not None:
            with contextlib.suppress(OSError):
                await self._starting
        if self._child is not None:
            await self._child.end()

    async def _ready(self, is_starving: bool) -> _Child:
        """Whoever waits for its start may be cancelled: it goes on for the others."""
        if self._closed:
            raise StoreError(f"the database {self._path} is not read any more: the gateway stops")
        child = self._child
        if child is not None and child.may_give_way and self._in_flight():
            child.retire()  # there are requests now: the next one leaves them the processor
        if child is not None and not child.has_ended:
            return child
        if self._starting is None:
            self._starting = asyncio.create_task(self._start(is_starving))
        try:
            return await asyncio.shield(self._starting)
        except OSError as error:
            reason = f"no process can be started for it: {error.strerror}"
            raise StoreError(f"the database {self._path} cannot be read: {reason}") from error

    async def _start(self, is_starving: bool) -> _Child:
        """Raises: OSError."""
        try:
            if self._child is not None:
                await self._child.end()
            is_free = not is_starving and not await asyncio.to_thread(is_serving, self._in_flight)
            self._child = await _Child.start(self._path, "nice" if is_starving or is_free else "idle")
            self._child.may_give_way = is_free
        finally:
            self._starting = None
        return self._child

    def _rest(self, child: _Child) -> None:
        """End it when nobody has asked for a while."""
        if self._timer is not None:
            self._timer.cancel()
        if self._closed:
            return
        self._timer = asyncio.get_running_loop().call_later(self._idle_s, child.retire)


class _Child:
    """One process, until it ends."""

    def __init__(self, process: PipedProcess, way: Way) -> None:
        """Use `start`."""
        self._process = process
        self._way = way
        self._numbers = itertools.count()
        self._waiting: dict[int, asyncio.Future[Told | None]] = {}
        self.has_ended = False
        self.was_starved = False
        self.may_give_way = False
        """Whether one that takes less would get on."""
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, path: Path, way: Way) -> _Child:
        """Raises: OSError."""
        arguments = ["-P", "-m", "ai_gateway.store.reads", sqlite.uri(path), str(CACHE_KIB), way]
        # It gives way by itself, too: its start takes 0.1 s, which is in nobody's way where it may be nice.
        at_once = partial(give_way, way) if way == "idle" else _leave
        process = await PipedProcess.start([sys.executable, *arguments], _environment(), at_once)
        return cls(process, way)

    async def ask(self, ask: Ask) -> Told | None:
        """None: it has ended."""
        if self.has_ended:
            return None
        number = next(self._numbers)
        answer: asyncio.Future[Told | None] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        self._process.write(framed(msgspec.structs.replace(ask, number=number)))
        try:
            if self._way == "idle":
                await self._watched(answer)
            told = await answer
        finally:
            self._waiting.pop(number, None)
        return told

    async def _watched(self, answer: asyncio.Future[Told | None]) -> None:
        """Until it is there, or the process has been given up."""
        if await _is_done(answer):
            return
        ran_s, _ = await asyncio.to_thread(_progress, self._process.pid)
        while not await _is_done(answer):
            before_s = ran_s
            ran_s, would_run = await asyncio.to_thread(_progress, self._process.pid)
            if would_run and (ran_s - before_s) * STARVED < PATIENCE_S:
                self.was_starved = True
                await self.end()

    def retire(self) -> None:
        """End it, if nobody waits for an answer."""
        if not self._waiting:
            self._kill()

    async def end(self) -> None:
        """It only reads: nothing is lost."""
        self._kill()
        await asyncio.wait((self._listening,))  # whoever is cancelled here does not cancel it

    def _kill(self) -> None:
        self.has_ended = True
        self._process.kill()

    async def _listen(self) -> None:
        out = self._process.out
        try:
            while True:
                length = await out.readexactly(LENGTH_BYTES)
                told = _told.decode(await out.readexactly(int.from_bytes(length, "big")))
                answer = self._waiting.get(told.number)
                if answer is not None and not answer.done():
                    answer.set_result(told)
        except asyncio.IncompleteReadError:
            pass  # it has ended
        self.has_ended = True
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_result(None)
        await self._process.ended()


def _leave(pid: int) -> None:
    """Its start as it is."""


def _environment() -> dict[str, str]:
    """Without the gateway's secrets, with the places where its modules are found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AI_GATEWAY_")}
    return {**kept, "PYTHONPATH": os.pathsep.join(place for place in sys.path if place)}


async def _is_done(answer: asyncio.Future[Told | None]) -> bool:
    done, _ = await asyncio.wait((answer,), timeout=PATIENCE_S)
    return bool(done)


def _progress(pid: int) -> tuple[float, bool]:
    """Seconds of processor time that the process has had, and whether it would take more at this moment; what
    cannot be known is 0 and False.

    Source: proc_pid_stat(5): the state is field 3, the times are fields 14 and 15.
    """
    ran_s, would_run = 0.0, False
    with contextlib.suppress(OSError, ValueError, IndexError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            fields = (task / "stat").read_text().rpartition(")")[2].split()
            ran_s += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            would_run = would_run or fields[0] == "R"
    return ran_s, would_run
