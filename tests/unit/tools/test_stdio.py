"""MCP servers as child processes, well-behaved and not."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from ai_gateway.core.chat import Data, Document, Image, Text
from ai_gateway.core.secret import Secret
from ai_gateway.core.server_tools import RunError
from ai_gateway.tools.configuration import Server, ToolLimits
from ai_gateway.tools.connection import load_connect
from ai_gateway.tools.toolbox import Toolbox
from ai_gateway.upstream.guard import Guard
from tests.harness import mcp_child
from tests.harness.waiting import wait_until_async
from tests.unit.tools.support import NO_PAUSE, command, configuration, said

CHILD = str(Path(mcp_child.__file__))


def child(mode: str = "", **settings: Any) -> Server:
    made = command("c", args=["-I", "-S", CHILD, mode], **settings)
    return Server(
        name="c", origin="config", settings=made.settings.model_copy(update={"command": sys.executable})
    )


class opened:  # noqa: N801 - reads as a function
    """A toolbox with one child process."""

    def __init__(self, server: Server, *, wait: bool = True, **limits: Any) -> None:
        self._server = server
        self._wait = wait
        self.box = Toolbox(ToolLimits(**limits), Guard(), backoff=NO_PAUSE, load=load_connect)

    async def __aenter__(self) -> Toolbox:
        self.box.apply(configuration(self._server))
        if self._wait:
            await self.box.settled()
        return self.box

    async def __aexit__(self, *_: object) -> None:
        await self.box.close()


def children() -> set[int]:
    """Processes of this one, and theirs."""
    found: set[int] = set()
    todo = [os.getpid()]
    while todo:
        for path in Path(f"/proc/{todo.pop()}/task").glob("*/children"):
            pids = {int(pid) for pid in path.read_text().split()} - found
            found |= pids
            todo += pids
    return found


def is_running(pid: int) -> bool:
    """One that nobody has reaped does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def eventually(condition: Any, what: str) -> None:
    async def check() -> bool:
        return bool(condition())

    await wait_until_async(check, what=what)


async def test_its_tools_are_listed_page_by_page_and_called() -> None:
    before = children()
    async with opened(child(env={"TOKEN": "t"})) as box:
        [state] = box.servers()
        assert (state.state, state.about, state.transport) == ("ready", "child 1 (MCP 2025-11-25)", "stdio")
        assert list(box.offered(("c__*",))) == [f"c__{name}" for name in mcp_child.TOOLS]
        assert said(await box.run("c__echo", '{"x": 1}')) == '{"x": 1}'
        assert len(children() - before) == 1
    assert children() == before


async def test_its_environment_is_the_safe_one_and_what_is_configured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AI_GATEWAY_SECRET_KEY", "key")
    monkeypatch.setenv("OPENAI_API_KEY", "key")
    async with opened(child(env={"TOKEN": "t"})) as box:
        found = json.loads(said(await box.run("c__env", "{}")))
        assert found["TOKEN"] == "t"
        assert set(found) <= {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "TOKEN", "LC_CTYPE"}


async def test_what_comes_back_is_parts_of_a_conversation() -> None:
    async with opened(child()) as box:
        assert (await box.run("c__image", "{}")).parts == (Image(Data("image/png", mcp_child.PNG)),)
        assert said(await box.run("c__structured", "{}")) == '{"degrees":21}'
        note, plain, pdf, unknown, link = (await box.run("c__resources", "{}")).parts
        assert note == Text("file:///note:\na note")
        assert plain == Text("file:///a.txt:\nhello")
        assert pdf == Document(Data("application/pdf", "aGVsbG8="), name="file:///a.pdf")
        assert isinstance(unknown, Text)
        assert "application/x-thing with 5 bytes was left out" in unknown.text
        assert link == Text("Resource: file:///b (b, another)")


@pytest.mark.parametrize(
    ("tool", "error", "text"),
    [("fails", RunError.FAILED, "no such city"), ("refuses", RunError.ARGUMENTS, "the city is missing")],
)
async def test_failures_are_told(tool: str, error: str, text: str) -> None:
    async with opened(child()) as box:
        outcome = await box.run(f"c__{tool}", "{}")
        assert outcome.error == error
        assert text in said(outcome)


async def test_a_call_that_takes_too_long_is_cancelled_over_there(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ai_gateway.tools")
    async with opened(child(), timeout_s=0.1) as box:
        assert (await box.run("c__hang", "{}")).error == RunError.TIMEOUT
        await eventually(lambda: "MCP server c: cancelled" in caplog.text, "the child hearing of it")
        assert box.servers()[0].state == "ready"


async def test_a_child_that_dies_in_mid_call_is_started_again() -> None:
    async with opened(child()) as box:
        outcome = await box.run("c__die", "{}")
        assert outcome.error == RunError.UNAVAILABLE
        await eventually(lambda: "c__echo" in box.offered(()), "its return")
        assert said(await box.run("c__echo", "{}")) == "{}"


async def test_two_tools_of_one_name_in_one_server(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(child("twins")) as box:
        assert list(box.offered(("c__*",))) == [f"c__{name}" for name in mcp_child.TOOLS]
        assert box.servers()[0].warnings == ("it has two tools named 'echo': the first counts",)
        assert "two tools named 'echo'" in caplog.text


async def test_a_tool_that_comes_later() -> None:
    async with opened(child()) as box:
        await box.run("c__grow", "{}")
        await eventually(lambda: "c__grown" in box.offered(()), "the new tool")


async def test_a_flood_ends_the_server_and_nothing_else() -> None:
    async with opened(child(), max_media_bytes=0) as box:
        assert len(said(await box.run("c__flood", "{}"))) < 66_000
        outcome = await box.run("c__flood", '{"size": 5000000}')
        assert outcome.error == RunError.UNAVAILABLE
        await eventually(lambda: "c__echo" in box.offered(()), "its return")


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("flood", "it sent a message of more than"),
        ("loud", "it ended with exit code 1: the key *** is not valid"),
    ],
)
async def test_a_child_that_never_gets_ready(
    mode: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened(child(mode, env={"SECRET": "sesame"}), max_media_bytes=0) as box:
        [state] = box.servers()
        assert list(box.offered(("c__*",))) == []
    assert any(reason in record.getMessage() for record in caplog.records), state
    assert "sesame" not in caplog.text


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"command": "/nowhere/at/all"}, "cannot be started: No such file or directory"),
        ({"cwd": Path("/nowhere")}, "cannot be started: No such file or directory"),
    ],
)
async def test_a_child_that_cannot_be_started(settings: dict[str, Any], reason: str) -> None:
    server = child()
    made = Server(name="c", origin="config", settings=server.settings.model_copy(update=settings))
    async with opened(made) as box:
        await eventually(lambda: reason in (box.servers()[0].error or ""), "the failure being told")


async def test_a_child_that_does_not_end_is_ended_with_its_own_children(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ai_gateway.tools.mcp_stdio.EXIT_S", 0.1)
    before = children()
    async with opened(child("slow to end")):
        assert len(children() - before) == 1
    assert children() == before
    async with opened(child("with a child")) as box:
        [name] = [each for each in box.offered(()) if each.startswith("c__child_")]
        pid = int(name.rpartition("_")[2])
        assert pid in children()
    assert children() == before
    assert not is_running(pid)


async def test_closing_while_a_child_is_still_being_greeted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ai_gateway.tools.mcp_stdio.EXIT_S", 0.1)
    before = children()
    async with opened(child("silent"), wait=False) as box:
        await eventually(lambda: children() - before, "the child")
        assert box.servers()[0].state == "connecting"
    assert children() == before


async def test_calls_at_the_same_time_get_their_own_answers() -> None:
    async with opened(child()) as box:
        outcomes = await asyncio.gather(*(box.run("c__echo", f'{{"n": {n}}}') for n in range(50)))
        assert [said(each) for each in outcomes] == [f'{{"n": {n}}}' for n in range(50)]


def test_a_servers_settings_show_no_secret() -> None:
    settings = child(env={"SECRET": "sesame"}).settings
    assert settings.env == {"SECRET": Secret("sesame")}
    assert "sesame" not in f"{settings!r} {settings.public()}"
