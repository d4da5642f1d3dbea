"""What arrives in one round of the loop goes on in step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ai_gateway.core import runs
from ai_gateway.core.rounds import COMPANY, rounds_of
from ai_gateway.core.runs import TURN, Ready, Run, Work


@pytest.fixture(autouse=True)
def enough_is_going_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "going", COMPANY)


class Runner(Run[str]):
    """Notes how it ends."""

    def __init__(self, name: str, way: Callable[[str], Work], ends: list[str]) -> None:
        super().__init__()
        self.name, self.way, self.ends = name, way, ends

    def go_on(self) -> None:
        if self.of is None:
            self.start(self.name, self.way(self.name))
        else:
            super().go_on()

    def over(self, of: str, error: Exception | None) -> None:
        self.ends.append(f"{of} {error}" if error else of)

    def leave(self, of: str, work: Work, awaited: object) -> None:
        self.ends.append(f"{of} as a task")
        work.close()


class Walk:
    """Three steps, a turn between each two."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.ends: list[str] = []

    async def way(self, name: str) -> None:
        for step in "123":
            self.steps.append(f"{name}{step}")
            if name == "x":
                raise ValueError("fault")
            if name == "t":
                await asyncio.sleep(0)
            if runs.crowd is not None:
                await TURN

    def go(self, names: str) -> None:
        async def main() -> None:
            loop = asyncio.get_running_loop()
            for name in names:
                rounds_of(loop).answers.add(Runner(name, self.way, self.ends), loop)
            assert not self.steps
            await asyncio.sleep(0)
            assert runs.crowd is None
            assert runs.current is None

        asyncio.run(main())


def test_a_crowd_goes_in_step() -> None:
    walk = Walk()
    walk.go("abcd")
    assert " ".join(walk.steps) == "a1 b1 c1 d1 a2 b2 c2 d2 a3 b3 c3 d3"
    assert walk.ends == list("abcd")


@pytest.mark.parametrize("names", ["a", "abc"[: COMPANY - 1]])
def test_a_few_go_one_after_the_other(names: str) -> None:
    walk = Walk()
    walk.go(names)
    assert walk.steps == [f"{name}{step}" for name in names for step in "123"]
    assert walk.ends == list(names)


def test_where_little_is_going_on_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "going", 0)
    walk = Walk()
    loop = asyncio.new_event_loop()
    for name in "abcdef":
        rounds_of(loop).answers.add(Runner(name, walk.way, walk.ends), loop)
        assert walk.ends[-1:] == [name]
    loop.close()
    assert runs.going == 0


def test_a_fault_and_a_task_are_their_own() -> None:
    walk = Walk()
    walk.go("axtb")
    assert " ".join(walk.steps) == "a1 x1 t1 b1 a2 b2 a3 b3"
    assert walk.ends == ["x fault", "t as a task", "a", "b"]


class Quits:
    def go_on(self) -> None:
        raise SystemExit


def test_an_exit_loses_nobody() -> None:
    walk = Walk()
    loop = asyncio.new_event_loop()
    ready = [Runner(name, walk.way, walk.ends) for name in "abcd"]
    crowd: tuple[Ready, ...] = (*ready[:2], Quits(), *ready[2:])
    for one in crowd:
        rounds_of(loop).requests.add(one, loop)
    with pytest.raises(SystemExit):
        loop.run_forever()
    assert runs.crowd is None
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert walk.ends == list("abcd")


def test_each_loop_has_its_own() -> None:
    first, second = asyncio.new_event_loop(), asyncio.new_event_loop()
    assert rounds_of(first) is rounds_of(first)
    assert rounds_of(first) is not rounds_of(second)
    first.close()
    second.close()
