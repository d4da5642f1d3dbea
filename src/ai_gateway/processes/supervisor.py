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

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

FIRST_DELAY_S, LAST_DELAY_S = 0.1, 10.0
"""Before a process that has died is started again; twice as long each time."""
LONG_S = 1.0
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
    on_wait: Callable[[], None] = lambda: None
    """Called where it is not started again for `LONG_S` or more."""
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
        self._told = 0
        """Signals that said stop."""
        self._hurried = False
        self._stopping = False
        self._kill_at_s = 0.0

    def run(self) -> int:
        """The exit code: 1 where a child could not even start."""
        for end in self._wakeup:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._wakeup[1], warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._note_told)
        signal.signal(signal.SIGCHLD, _nothing)
        failed = False
        while not (self._stopping and not any(role.pid for role in self._roles)):
            self._reap()
            if not self._stopping and self._told:
                _log.info("stopping: no new connections, requests in flight are finished")
                self._stop()
            if not self._stopping and self._cannot_go_on():
                failed = True
                self._stop()
            if self._stopping:
                self._insist()
            else:
                self._start_due()
            self._wait()
        return int(failed)

    def _note_told(self, number: int, frame: FrameType | None) -> None:
        """Nothing more here: a child may just be in the making."""
        self._told += 1
        self._hurried = self._told > 1 and number == signal.SIGINT

    def _stop(self) -> None:
        self._stopping = True
        self._kill_at_s = time.monotonic() + self._grace_s + KILL_GRACE_S
        self._on_stop()
        self._signal(signal.SIGTERM)

    def _insist(self) -> None:
        if time.monotonic() > self._kill_at_s:
            self._signal(signal.SIGKILL)
        elif self._hurried:
            self._hurried = False
            self._signal(signal.SIGINT)  # who presses Ctrl-C again does not want to wait for requests

    def _signal(self, number: signal.Signals) -> None:
        for role in self._roles:
            if role.pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(role.pid, number)

    def _cannot_go_on(self) -> bool:
        """One ended before it was ever ready: what is wrong will be wrong again. Or whoever clears up after
        others is gone, and has no place to start in: the spool keeps the rows for a whole new start."""
        first = self._roles[0]
        if not first.pid and first.was_ready and not self._region.slots_in(SlotState.FREE):
            _log.critical("too many processes have died: the gateway ends, start it again")
            return True
        return any(not role.was_ready and not role.pid and role.started_s > 0 for role in self._roles)

    def _wait(self) -> None:
        due = [role.due_s for role in self._roles if not role.pid and not self._stopping]
        wait_s = min([POLL_S, *(max(0.0, each - time.monotonic()) for each in due)])
        select.select([self._wakeup[0]], [], [], wait_s)
        with contextlib.suppress(BlockingIOError):
            os.read(self._wakeup[0], 4096)

    def _start_due(self) -> None:
        for role in self._roles:
            if self._told:
                return
            if not role.pid and time.monotonic() >= role.due_s:
                free = self._region.slots_in(SlotState.FREE)
                if len(free) < 2 and role is not self._roles[0]:
                    return  # the first one clears up after others, and is itself never without a place
                self._start(role, free[0])

    def _start(self, role: Role, slot: int) -> None:
        states, pids = self._region.column(Column.STATE), self._region.column(Column.PID)
        states[slot] = SlotState.STARTING
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal that is meant for the child must find the child's own way to take it.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        pid = os.fork()
        if not pid:
            self._become(role, slot)
        role.pid, role.slot, role.started_s = pid, slot, time.monotonic()
        pids[slot] = pid
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def _become(self, role: Role, slot: int) -> None:
        """In the child: run the role, and end."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (*STOP_SIGNALS, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            os.setpgid(0, 0)  # a Ctrl-C is the supervisor's to pass on
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
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
                states[role.slot] = SlotState.DEAD if self._has_left_something(role.slot) else SlotState.FREE
                self._note_end(role, status)

    def _has_left_something(self, slot: int) -> bool:
        """What never came to serve has not: many such in a row must not use up all places."""
        region = self._region
        held = (Column.BUSY, Column.IN_FLIGHT, Column.ROWS_IN)
        served = region.column(Column.STATE)[slot] == SlotState.SERVING
        return served or any(region.column(column)[slot] for column in held)

    def _note_end(self, role: Role, status: int) -> None:
        now_s = time.monotonic()
        if now_s - role.started_s > STEADY_S:
            role.delay_s = FIRST_DELAY_S
        role.on_end()
        role.pid, role.due_s = 0, now_s + role.delay_s
        if role.delay_s >= LONG_S:
            role.on_wait()
        role.delay_s = min(2 * role.delay_s, LAST_DELAY_S)
        if self._stopping:
            return
        code = os.waitstatus_to_exitcode(status)
        how = f"by signal {-code}" if code < 0 else f"with code {code}"
        if role.was_ready:
            _log.error("%s has ended %s: it is started again", role.name, how)
        elif code < 0:  # else it has said itself why
            _log.error("%s has ended %s before it served", role.name, how)


def _nothing(number: int, frame: FrameType | None) -> None:
    """The signal need only wake the supervisor."""
