"""A process beside the event loop: who starts it, and what is left of it."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

import pytest
import uvloop

from ai_gateway.store.piped import PipedProcess

LOOPS = pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
ECHO = [sys.executable, "-c", "import sys\nfor line in sys.stdin: print(line, end='', flush=True)"]
DEAF = [sys.executable, "-c", "import os, time\nos.close(0)\nprint('here', flush=True)\ntime.sleep(600)"]

linux = pytest.mark.skipif(sys.platform != "linux", reason="descriptors are looked up in /proc")


def nothing(_: int) -> None:
    pass


def is_known(pid: int) -> bool:
    """Whether there is such a process, or what is left of one."""
    return Path(f"/proc/{pid}").exists()


def open_files() -> set[str]:
    """Pipes of this process, as its descriptors name them."""
    found = set()
    for link in Path("/proc/self/fd").iterdir():
        try:
            found.add(f"{link.name} {link.readlink()}")
        except FileNotFoundError:  # the one that lists them
            continue
    return {name for name in found if "pipe:" in name}


def run(loop: Callable[[], asyncio.AbstractEventLoop], inside: Callable[[], object]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(inside())  # type: ignore[arg-type]  # a coroutine function, whatever it returns


@linux
@LOOPS
def test_nothing_is_left_of_it(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def inside() -> None:
        await asyncio.to_thread(nothing, 0)
        before = open_files()
        for command, said in ((ECHO, b"here\n"), (DEAF, b"here\n")):
            process = await PipedProcess.start(command, dict(os.environ), nothing)
            process.write(b"here\n")
            assert await process.out.readline() == said
            process.kill()
            assert await process.out.read() == b""
            process.write(b"to nobody\n")
            await process.ended()
            process.kill()
            assert not is_known(process.pid)
        await asyncio.sleep(0)
        gc.collect()
        assert open_files() == before

    run(loop, inside)


@LOOPS
def test_it_is_started_in_another_thread(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def inside() -> None:
        threads: dict[int, threading.Thread] = {}
        process = await PipedProcess.start(
            ECHO, dict(os.environ), lambda pid: threads.update({pid: threading.current_thread()})
        )
        assert threads.keys() == {process.pid}
        assert threads[process.pid] is not threading.current_thread()
        process.kill()
        await process.ended()

    run(loop, inside)


@LOOPS
def test_a_program_that_is_not_there(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def inside() -> None:
        with pytest.raises(FileNotFoundError):
            await PipedProcess.start(["/nowhere/at/all"], {}, nothing)

    run(loop, inside)


@linux
@LOOPS
def test_a_descriptor_is_closed_once(
    loop: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """uvloop closes it in C: what is closed after that may be another thread's file."""
    closed: list[int] = []
    close = os.close

    def note(descriptor: int) -> None:
        closed.append(descriptor)
        close(descriptor)  # raises where nobody has it any more

    async def inside() -> None:
        process = await PipedProcess.start(ECHO, dict(os.environ), nothing)
        process.kill()
        await process.out.read()
        monkeypatch.setattr(os, "close", note)
        await process.ended()
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    run(loop, inside)
    monkeypatch.undo()
    assert len(closed) == len(set(closed))


@linux
@LOOPS
def test_a_second_pipe_for_which_there_is_no_room(
    loop: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_room(_: object, end: IO[bytes]) -> None:
        os.close(end.fileno())  # as the loops do
        raise OSError(errno.ENOSPC, "No space left on device")

    async def inside() -> None:
        pids: list[int] = []
        await asyncio.to_thread(nothing, 0)
        before = open_files()
        with monkeypatch.context() as patched:
            patched.setattr(asyncio.get_running_loop(), "connect_write_pipe", no_room)
            with pytest.raises(OSError, match="No space left"):
                await PipedProcess.start(ECHO, dict(os.environ), pids.append)
        assert not is_known(pids[0])
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert open_files() == before
        process = await PipedProcess.start(ECHO, dict(os.environ), nothing)
        process.write(b"here\n")
        assert await process.out.readline() == b"here\n"
        process.kill()
        await process.ended()

    run(loop, inside)


@linux
async def test_one_that_cannot_give_way_is_not_left_behind() -> None:
    pids = []

    def fail(pid: int) -> None:
        pids.append(pid)
        raise PermissionError(1, "not allowed")

    before = open_files()
    with pytest.raises(PermissionError):
        await PipedProcess.start(DEAF, dict(os.environ), fail)
    assert not is_known(pids[0])
    assert open_files() == before
