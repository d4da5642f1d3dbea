"""Requests that need no task: a head that has been answered before, and all of the body behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from ai_gateway.call import Said
from ai_gateway.core import runs
from ai_gateway.core.rounds import COMPANY
from ai_gateway.core.runs import PAUSE, Run, as_task
from ai_gateway.dialects.endpoints import PLAIN
from ai_gateway.dialects.interface import Asked
from ai_gateway.ingress.caller import HttpCaller
from tests.unit.ingress.test_connection import App, Line

BODY = b"body"
GIVEN_UP_S = 30


class KnowingApp(App):
    """Answers a head that comes again as the API does, which has kept what it says. `/pause` waits as for an
    upstream, `/turn` for a turn of the loop, `/timeout` needs a task for what it does, `/fault` breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.paused: Run[Any] | None = None
        self.failures: list[str] = []

    async def answer(self, caller: HttpCaller) -> None:
        known = caller.known
        assert known is not None
        if known.said is None:
            known.said, known.answerer = said(caller), self
            await super().answer(caller)
        else:
            await self.again(caller, known.said, None)

    async def again(self, caller: HttpCaller, said: Said, body: bytes | None) -> None:
        if body is not None:
            caller.parts.append(body)
        if caller.path in ("/pause", "/fault"):
            await self._pause(caller)
        elif caller.path == "/turn":
            await asyncio.sleep(0)
        elif caller.path == "/timeout":
            await as_task()
            async with asyncio.timeout(GIVEN_UP_S):
                await self.go.wait()
        elif caller.path == "/late-fault":
            await asyncio.sleep(0)
        if caller.path.endswith("fault"):
            raise ValueError("a fault")
        await super().answer(caller)

    async def explain(self, caller: HttpCaller, fault: Exception) -> None:
        self.failures.append(str(fault))
        if self.go.is_set():
            await caller.reply(500, [(b"x", b"y")], b"sorry")

    async def _pause(self, caller: HttpCaller) -> None:
        self.paused = runs.current
        if self.paused is None:
            return
        try:
            await PAUSE
        except ValueError as error:
            self.failures.append(str(error))
        except asyncio.CancelledError:
            self.cancelled.append(caller.path)
            raise


def said(caller: HttpCaller) -> Said:
    return Said(
        method=caller.method,
        path=caller.path,
        label=caller.path,
        endpoint=PLAIN,
        headers=caller.headers,
        key=None,
        query="",
        asked=Asked(),
        content_type=None,
    )


def ask(path: str, body: bytes = BODY) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def arrive(line: Line, data: bytes) -> None:
    """Until the end of the loop's round in which it is read."""
    line.protocol.data_received(data)
    await asyncio.sleep(0)


@asynccontextmanager
async def busy() -> AsyncIterator[None]:
    """So much is going on that requests wait for the end of the round."""
    others = runs.going
    runs.going += COMPANY
    yield
    runs.going -= COMPANY
    assert runs.going == others


def answer(path: str, body: bytes = BODY) -> tuple[int, bytes]:
    return 200, b"POST %b %b" % (path.encode(), body)


def known(path: str) -> Callable[[Callable[[Line, KnowingApp], Awaitable[None]]], Callable[[], None]]:
    """On a line that has answered a request for `path` before."""

    def of(test: Callable[[Line, KnowingApp], Awaitable[None]]) -> Callable[[], None]:
        async def run() -> None:
            app = KnowingApp()
            line = Line(app)
            app.go.set()
            await line.say(ask(path))
            assert line.answers() == [answer(path)]
            app.go.clear()
            line.wire.written = b""
            await test(line, app)
            line.protocol.connection_lost(None)
            await asyncio.gather(*line.state.tasks, return_exceptions=True)
            assert not line.state.tasks
            assert runs.going == 0

        def outer() -> None:
            asyncio.run(run())

        outer.__name__, outer.__doc__ = test.__name__, test.__doc__
        return outer

    return of


@known("/a")
async def test_it_is_answered_in_the_round_in_which_it_is_read(line: Line, app: KnowingApp) -> None:
    for body in (b"", b"b", b"body" * 9, b"body" * 9):
        await arrive(line, ask("/a", body))
        assert line.answers() == [answer("/a", body)]
        assert not line.state.tasks
        line.wire.written = b""


@known("/pause")
async def test_it_goes_on_where_its_answer_comes(line: Line, app: KnowingApp) -> None:
    await arrive(line, ask("/pause"))
    assert app.paused is not None
    assert runs.current is None
    assert not line.answers()
    app.paused.go_on()
    assert line.answers() == [answer("/pause")]


@known("/pause")
async def test_what_it_waits_for_may_fail(line: Line, app: KnowingApp) -> None:
    await arrive(line, ask("/pause"))
    assert app.paused is not None
    app.paused.fail(ValueError("late"))
    assert app.failures == ["late"]
    assert line.answers() == [answer("/pause")]


@known("/pause")
async def test_who_hangs_up_cancels_it(line: Line, app: KnowingApp) -> None:
    await arrive(line, ask("/pause"))
    paused = app.paused
    assert paused is not None
    line.protocol.connection_lost(None)
    paused.go_on()  # too late
    await line.settle()
    assert app.cancelled == ["/pause"]
    assert not line.wire.written
    assert not line.state.tasks


@known("/pause")
async def test_a_server_that_stops_waits_for_it(line: Line, app: KnowingApp) -> None:
    await arrive(line, ask("/pause"))
    paused = app.paused
    assert paused is not None
    line.protocol.let_go()
    (task,) = line.state.tasks
    await line.settle()
    assert not task.done()
    paused.go_on()
    await line.settle()
    assert line.answers() == [answer("/pause")]
    assert line.wire.closed
    assert not line.state.tasks


@known("/pause")
async def test_a_server_that_stops_waits_for_what_fails(line: Line, app: KnowingApp) -> None:
    await arrive(line, ask("/pause"))
    paused = app.paused
    assert paused is not None
    line.protocol.let_go()
    paused.fail(ValueError("late"))
    await line.settle()
    assert app.failures == ["late"]
    assert line.answers() == [answer("/pause")]


@known("/pause")
async def test_a_server_that_cannot_wait_cancels_it(line: Line, app: KnowingApp) -> None:
    await arrive(line, ask("/pause"))
    line.protocol.let_go()
    (task,) = line.state.tasks
    task.cancel()
    await line.settle()
    assert app.cancelled == ["/pause"]
    assert line.wire.closed
    assert not line.state.tasks


@known("/turn")
async def test_it_takes_turns_as_a_task(line: Line, app: KnowingApp) -> None:
    await line.say(ask("/turn"), ask("/turn"))
    assert line.answers() == [answer("/turn")] * 2


@known("/timeout")
async def test_what_needs_a_task_gets_one(line: Line, app: KnowingApp) -> None:
    await line.say(ask("/timeout"))
    assert len(line.state.tasks) == 1
    app.go.set()
    await line.settle()
    assert line.answers() == [answer("/timeout")]


@known("/slow")
async def test_who_hangs_up_cancels_what_has_become_a_task(line: Line, app: KnowingApp) -> None:
    await arrive(line, ask("/slow"))
    line.protocol.connection_lost(None)  # before the task has begun
    await line.settle()
    assert app.cancelled == ["/slow"]


@known("/pause")
async def test_requests_behind_it_wait_for_their_turn(line: Line, app: KnowingApp) -> None:
    await arrive(line, ask("/pause", b"1"))
    first = app.paused
    assert first is not None
    await line.say(ask("/pause", b"2"), ask("/pause", b"3"))
    assert not line.answers()
    first.go_on()
    await line.settle()
    assert line.answers() == [answer("/pause", body) for body in (b"1", b"2", b"3")]


@known("/fault")
async def test_a_fault_is_explained(line: Line, app: KnowingApp) -> None:
    app.go.set()
    await arrive(line, ask("/fault"))
    assert app.paused is not None
    app.paused.go_on()
    assert runs.current is None
    await line.settle()
    assert app.failures == ["a fault"]
    assert line.answers() == [(500, b"sorry")]
    assert not line.state.tasks


@known("/late-fault")
async def test_a_fault_of_what_has_become_a_task_is_explained(line: Line, app: KnowingApp) -> None:
    app.go.set()
    await line.say(ask("/late-fault"))
    await line.settle()
    assert app.failures == ["a fault"]
    assert line.answers() == [(500, b"sorry")]
    assert not line.state.tasks


@known("/late-fault")
async def test_what_nobody_answers_ends_the_connection(line: Line, app: KnowingApp) -> None:
    await line.say(ask("/late-fault"))
    await line.settle()
    assert app.failures == ["a fault"]
    assert line.wire.closed
    assert not line.wire.written


@known("/pause")
async def test_who_hangs_up_before_it_begins_is_not_answered(line: Line, app: KnowingApp) -> None:
    async with busy():
        line.protocol.data_received(ask("/pause"))
        line.protocol.connection_lost(None)
        await line.settle()
    assert app.paused is None
    assert not line.wire.written


@known("/a")
async def test_a_fault_before_it_begins_ends_the_connection(line: Line, app: KnowingApp) -> None:
    def faulty(*_: object) -> Coroutine[Any, Any, None]:
        raise MemoryError

    app.again = faulty  # type: ignore[method-assign, assignment]  # of this one
    asyncio.get_running_loop().set_exception_handler(lambda *_: None)
    async with busy():
        line.protocol.data_received(ask("/a"))
        await line.settle()
    assert line.wire.closed
    assert not line.wire.written


@known("/a")
async def test_a_server_that_stops_answers_what_has_arrived(line: Line, app: KnowingApp) -> None:
    app.go.set()
    async with busy():
        line.protocol.data_received(ask("/a"))
        assert not line.answers()
        line.protocol.shutdown()
        await line.settle()
    assert line.answers() == [answer("/a")]
    assert line.wire.closed


@known("/a")
async def test_what_follows_in_the_same_round_is_answered_behind_it(line: Line, app: KnowingApp) -> None:
    app.go.set()
    async with busy():
        for body in (b"1", b"2", b"3"):
            line.protocol.data_received(ask("/a", body))
        assert not line.answers()
        await line.settle()
    assert line.answers() == [answer("/a", b"1"), answer("/a", b"2"), answer("/a", b"3")]
