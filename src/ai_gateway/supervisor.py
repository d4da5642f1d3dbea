"""The first of several processes: it starts the others, starts them again, and stops them.

It forks without ever running an event loop or a thread of its own, so that its children begin as it began:
with the same settings and the same imported modules, whose memory they share.
"""

from __future__ import annotations

import contextlib
import logging
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

from ai_gateway.shared.region import Column, Mark, Region, SlotState

__all__ = ["Role", "Start", "Supervisor"]

FIRST_DELAY_S, LAST_DELAY_S = 0.1, 10.0
"""Before a process that has died is started again; twice as long each time."""
STEADY_S = 30.0
"""Who has lived so long may die again as if for the first time."""
POLL_S = 0.5
KILL_GRACE_S = 60.0
"""After the time that requests are given to end."""

_log = logging.getLogger("ai_gateway")


@dataclass(frozen=True)
class Start:
    """What a child is told."""

    slot: int
    lifeline: int
    """A descriptor that reads its end when the supervisor is gone."""


@dataclass
class Role:
    """One child at a time: the control process, or a worker."""

    name: str
    run: Callable[[Start], int]
    """Returns the exit code."""
    on_end: Callable[[], None] = lambda: None
    pid: int = 0
    slot: int = 0
    delay_s: float = FIRST_DELAY_S
    started_s: float = 0.0
    due_s: float = 0.0
    was_ready: bool = field(default=False)


class Supervisor:
    """Runs the roles until a signal says stop."""

    def __init__(
        self, region: Region, roles: list[Role], *, on_stop: Callable[[], None], grace_s: float
    ) -> None:
        """`on_stop` is called before the children are told to stop; `grace_s`: their requests' time."""
        self._region = region
        self._roles = roles
        self._on_stop = on_stop
        self._grace_s = grace_s
        self._lifeline = os.pipe()
        self._wakeup = os.pipe()
        self._stopping = False
        self._kill_at_s = 0.0

    def run(self) -> int:
        """The exit code: 1 where a child could not even start."""
        for end in self._wakeup:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._told_to_stop)
        signal.signal(signal.SIGCHLD, _nothing)
        failed = False
        while not (self._stopping and not any(role.pid for role in self._roles)):
            self._reap()
            if not self._stopping and any(self._has_failed(role) for role in self._roles):
                failed = True
                self._stop()
            if self._stopping:
                self._insist()
            else:
                self._start_due()
            self._wait()
        return int(failed)

    def _told_to_stop(self, number: int, frame: FrameType | None) -> None:
        if self._stopping:
            return
        _log.info("stopping: no new connections, requests in flight are finished")
        self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._kill_at_s = time.monotonic() + self._grace_s + KILL_GRACE_S
        self._on_stop()
        self._signal(signal.SIGTERM)

    def _insist(self) -> None:
        if time.monotonic() > self._kill_at_s:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for role in self._roles:
            if role.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(role.pid, number)

    def _has_failed(self, role: Role) -> bool:
        """It ended before it was ever ready: what is wrong will be wrong again."""
        return not role.was_ready and not role.pid and role.started_s > 0

    def _wait(self) -> None:
        due = [role.due_s for role in self._roles if not role.pid and not self._stopping]
        wait_s = min([POLL_S, *(max(0.0, each - time.monotonic()) for each in due)])
        select.select([self._wakeup[0]], [], [], wait_s)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakeup[0], 4096)

    def _start_due(self) -> None:
        for role in self._roles:
            if not role.pid and time.monotonic() >= role.due_s:
                free = self._region.slots_in(SlotState.FREE)
                if not free:
                    return  # the control process still clears up after others
                self._start(role, free[0])

    def _start(self, role: Role, slot: int) -> None:
        states, pids = self._region.column(Column.STATE), self._region.column(Column.PID)
        states[slot] = SlotState.STARTING
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            self._become(role, slot)
        role.pid, role.slot, role.started_s = pid, slot, time.monotonic()
        pids[slot] = pid

    def _become(self, role: Role, slot: int) -> None:
        """In the child: run the role, and end."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            os.setpgid(0, 0)  # a Ctrl-C is the supervisor's to pass on
            for end in (self._lifeline[1], *self._wakeup):
                os.close(end)
            code = role.run(Start(slot, self._lifeline[0]))
        except KeyboardInterrupt:
            code = 0
        except BaseException:  # noqa: BLE001 - whatever it is, the child must not go on as its parent
            traceback.print_exc()
        finally:
            with contextlib.suppress(OSError, ValueError):
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(code)

    def _reap(self) -> None:
        for role in self._roles:
            if not role.pid:
                continue
            pid, status, used = os.wait4(role.pid, os.WNOHANG)
            states = self._region.column(Column.STATE)
            role.was_ready = role.was_ready or states[role.slot] == SlotState.SERVING
            if pid:
                self._region.marks[Mark.GONE_CPU_US] += round((used.ru_utime + used.ru_stime) * 1e6)
                self._region.column(Column.PID)[role.slot] = 0
                states[role.slot] = SlotState.DEAD
                self._note_end(role, status)

    def _note_end(self, role: Role, status: int) -> None:
        now_s = time.monotonic()
        if now_s - role.started_s > STEADY_S:
            role.delay_s = FIRST_DELAY_S
        role.on_end()
        role.pid, role.due_s = 0, now_s + role.delay_s
        role.delay_s = min(2 * role.delay_s, LAST_DELAY_S)
        if not self._stopping and role.was_ready:
            code = os.waitstatus_to_exitcode(status)
            how = f"by signal {-code}" if code < 0 else f"with code {code}"
            _log.error("%s has ended %s: it is started again", role.name, how)


def _nothing(number: int, frame: FrameType | None) -> None:
    """The signal need only wake the supervisor."""
