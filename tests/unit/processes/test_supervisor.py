"""The first of several processes: whoever ends is started again, and nobody is left behind at the end."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks")

PRELUDE = """
import os, signal, sys, time
from ai_gateway.processes import supervisor
from ai_gateway.shared.region import Column, Region, SlotState
from ai_gateway.processes.supervisor import Role, Start, Supervisor

supervisor.FIRST_DELAY_S, supervisor.LAST_DELAY_S, supervisor.POLL_S = 0.001, 0.002, 0.02
region = Region(int(sys.argv[1]))
counts = region.marks  # shared, and nobody else's here

def serve(start):
    region.column(Column.STATE)[start.slot] = SlotState.SERVING
    os.read(start.lifeline, 1)  # until a signal, or for as long as there is a supervisor

def supervise(*runs):
    roles = [Role(f"role {number}", run) for number, run in enumerate(runs)]
    sys.exit(Supervisor(region, roles, on_stop=lambda: None, grace_s=5.0).run())
"""


def run(slots: int, program: str) -> subprocess.CompletedProcess[str]:
    """A supervisor of its own process group; whoever it leaves behind keeps stdout open, which fails."""
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + textwrap.dedent(program), str(slots)],
        capture_output=True,
        text=True,
        timeout=30,
        start_new_session=True,
    )


@pytest.mark.parametrize("which", [1, 2, 3])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_signal_while_processes_are_being_made_reaches_those_too(which: int, when: str) -> None:
    ended = run(
        6,
        f"""
        fork, forks = os.fork, []

        def interrupted():
            forks.append(1)
            told = len(forks) == {which}
            if told and "{when}" == "before":
                os.kill(os.getpid(), signal.SIGTERM)
            parent, pid = os.getpid(), fork()
            if told and "{when}" == "after" and pid:
                os.kill(parent, signal.SIGTERM)
                os.kill(pid, signal.SIGTERM)
            return pid

        os.fork = interrupted
        supervise(serve, serve, serve)
        """,
    )
    assert ended.returncode == 0, ended.stderr


def test_starts_that_fail_do_not_use_up_all_places() -> None:
    ended = run(
        4,
        """
        def control(start):
            counts[0] += 1
            if 1 < counts[0] < 12:
                return 1  # its database is away
            region.column(Column.STATE)[start.slot] = SlotState.SERVING
            if counts[0] == 12:
                os.kill(os.getppid(), signal.SIGTERM)
                os.read(start.lifeline, 1)
            while region.slots_in(SlotState.STARTING) or len(region.slots_in(SlotState.SERVING)) < 2:
                time.sleep(0.001)  # between two looks: shared memory wakes nobody
            return 1

        supervise(control, serve)
        """,
    )
    assert ended.returncode == 0, ended.stderr
    assert "role 0 has ended with code 1: it is started again" in ended.stderr


def test_it_ends_where_nobody_is_left_to_clear_up() -> None:
    ended = run(
        3,
        """
        def dies(start):
            region.column(Column.STATE)[start.slot] = SlotState.SERVING
            return 1

        supervise(dies, serve)
        """,
    )
    assert ended.returncode == 1
    assert "too many processes have died" in ended.stderr


def test_one_that_is_killed_before_it_serves_ends_all_with_a_word() -> None:
    ended = run(4, "supervise(lambda start: os.kill(os.getpid(), signal.SIGKILL), serve)")
    assert ended.returncode == 1
    assert f"role 0 has ended by signal {int(signal.SIGKILL)} before it served" in ended.stderr


def test_who_presses_ctrl_c_twice_does_not_wait() -> None:
    ended = run(
        4,
        """
        def finishes(start):
            signal.signal(signal.SIGTERM, lambda *_: os.kill(os.getppid(), signal.SIGINT))
            region.column(Column.STATE)[start.slot] = SlotState.SERVING
            os.kill(os.getppid(), signal.SIGINT)
            os.read(start.lifeline, 1)

        supervise(finishes)
        """,
    )
    assert ended.returncode == 0, ended.stderr


def test_it_is_said_when_one_stays_away_for_long() -> None:
    ended = run(
        6,
        """
        supervisor.LAST_DELAY_S = supervisor.LONG_S = 0.004

        def control(start):
            region.column(Column.STATE)[start.slot] = SlotState.SERVING
            while not counts[1]:
                for slot in region.slots_in(SlotState.DEAD):
                    region.column(Column.STATE)[slot] = SlotState.FREE
                time.sleep(0.001)  # between two looks: shared memory wakes nobody
            os.kill(os.getppid(), signal.SIGTERM)
            os.read(start.lifeline, 1)

        def dies(start):
            counts[0] += 1
            region.column(Column.STATE)[start.slot] = SlotState.SERVING
            return 1

        def away():
            counts[1] = counts[1] or counts[0]  # the first time

        roles = [Role("control", control), Role("worker", dies, on_wait=away, delay_s=0.001)]
        code = Supervisor(region, roles, on_stop=lambda: None, grace_s=5.0).run()
        print(counts[1])
        sys.exit(code)
        """,
    )
    assert (ended.returncode, ended.stdout) == (0, "3\n"), ended.stderr
