"""What models are offered, and what becomes of their calls."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest

from ai_gateway.core.chat import Data, Image, Text
from ai_gateway.core.server_tools import RunError, ToolOutcome
from ai_gateway.tools.configuration import ToolLimits
from ai_gateway.tools.connection import ConnectionLost, SessionGone
from tests.harness.waiting import wait_until_async
from tests.unit.tools.support import Scripted, command, configuration, said, tool, toolbox

BUILT_IN = ["get_time", "get_date", "http_get"]
SCHEMA = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}, "unit": {"enum": ["C", "F"]}},
    "required": ["n"],
}


async def eventually(condition: Any, what: str) -> None:
    async def check() -> bool:
        return bool(condition())

    await wait_until_async(check, what=what)


async def test_without_servers_there_are_the_built_in_tools() -> None:
    async with toolbox() as box:
        assert list(box.offered(())) == BUILT_IN
        assert [state.tool.name for state in box.tools()] == BUILT_IN
        assert box.servers() == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((), [*BUILT_IN, "a__one", "a__two", "b__one"]),
        (("a__*",), ["a__one", "a__two"]),
        (("get_time", "*__one"), ["get_time", "a__one", "b__one"]),
        (("nothing",), []),
        (("*",), [*BUILT_IN, "a__one", "a__two", "b__one"]),
    ],
)
async def test_a_client_is_offered_what_it_wants(wanted: tuple[str, ...], expected: list[str]) -> None:
    scripted = Scripted(a=[tool("one"), tool("two")], b=[tool("one")])
    async with toolbox(scripted, configuration(command("a"), command("b"))) as box:
        assert list(box.offered(wanted)) == expected
        assert box.offered(list(wanted)) is box.offered(wanted)  # made up once


async def test_two_servers_with_a_tool_of_one_name_both_work() -> None:
    scripted = Scripted(a=[tool("one")], b=[tool("one")])
    async with toolbox(scripted, configuration(command("a"), command("b"))) as box:
        assert {name: each.source for name, each in box.offered(("*__one",)).items()} == {
            "a__one": "a",
            "b__one": "b",
        }
        for name in ("a__one", "b__one"):
            assert said(await box.run(name, '{"x": 1}')) == "one {'x': 1}"


async def test_a_server_with_a_thousand_tools() -> None:
    scripted = Scripted(big=[tool(f"tool_{number}") for number in range(1000)])
    async with toolbox(scripted, configuration(command("big", tools=["tool_1*"]))) as box:
        assert len(box.offered(())) == 3 + 111
        assert box.servers()[0].tools == 1000


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("{", "not valid JSON"),
        ("[1]", "must be one JSON object"),
        ("null", "must be one JSON object"),
        ("\ud800", "not valid JSON"),
        ("[" * 100_000, "not valid JSON (nested too deeply)"),
        ('{"n": 1, "x": "' + "y" * 5_000_000 + '"}', "too long"),
        ("{}", "'n' is a required property"),
        ('{"n": "one"}', "n: 'one' is not of type 'integer'"),
        ('{"n": 0, "unit": "K"}', "unit: 'K' is not one of ['C', 'F']"),
    ],
    ids=lambda value: value[:20],
)
async def test_bad_arguments_are_told_and_not_sent_on(arguments: str, told: str) -> None:
    scripted = Scripted(a=[tool("one", SCHEMA)])
    async with toolbox(scripted, configuration(command("a"))) as box:
        outcome = await box.run("a__one", arguments)
        assert outcome.error == RunError.ARGUMENTS
        assert told in said(outcome)
        assert len(said(outcome)) < 2000


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"n": {"type": "no such type"}}},
        {"type": "object", "$ref": "https://elsewhere.example/schema.json"},
        {"type": "object", "$ref": "#"},
        {"type": "object", "properties": {"n": {"pattern": "("}}},
    ],
    ids=str,
)
async def test_a_broken_schema_asks_for_nothing(schema: dict[str, Any]) -> None:
    async with toolbox(Scripted(a=[tool("one", schema)]), configuration(command("a"))) as box:
        assert (await box.run("a__one", '{"n": "x"}')).error is None


async def test_no_arguments_at_all_are_an_empty_object() -> None:
    async with toolbox(Scripted(a=[tool("one")]), configuration(command("a"))) as box:
        assert said(await box.run("a__one", "")) == "one {}"


async def test_an_unknown_tool_names_those_there_are() -> None:
    async with toolbox() as box:
        outcome = await box.run("get_tme", "{}")
        assert outcome.error == RunError.UNKNOWN
        assert "get_date, get_time, http_get" in said(outcome)


async def test_a_tool_that_hangs_is_stopped() -> None:
    stopped = asyncio.Event()

    async def hang(*_: Any) -> ToolOutcome:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError

    scripted = Scripted(a=[tool("one")])
    scripted.handler = hang
    limits = ToolLimits(timeout_s=0.05)
    async with toolbox(scripted, configuration(command("a")), limits=limits) as box:
        outcome = await box.run("a__one", "{}")
        assert outcome.error == RunError.TIMEOUT
        assert "0.05 seconds" in said(outcome)
        assert stopped.is_set()


async def test_cancelling_a_run_cancels_the_tool() -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    async def hang(*_: Any) -> ToolOutcome:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError

    scripted = Scripted(a=[tool("one")])
    scripted.handler = hang
    async with toolbox(scripted, configuration(command("a"))) as box:
        run = asyncio.create_task(box.run("a__one", "{}"))
        await started.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        assert stopped.is_set()


async def test_a_tool_that_breaks_is_an_outcome_without_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def broken(*_: Any) -> ToolOutcome:
        raise KeyError("secret")

    scripted = Scripted(a=[tool("one")])
    scripted.handler = broken
    async with toolbox(scripted, configuration(command("a"))) as box:
        outcome = await box.run("a__one", "{}")
        assert outcome.error == RunError.FAILED
        assert "secret" not in said(outcome)
        assert "a__one broke" in caplog.text


async def test_a_flood_is_cut_and_the_model_is_told() -> None:
    async def flood(*_: Any) -> ToolOutcome:
        return ToolOutcome(parts=(Text("é" * 1000), Text("x" * 5000), Text("more")))

    scripted = Scripted(a=[tool("one")])
    scripted.handler = flood
    limits = ToolLimits(max_output_bytes=2001)
    async with toolbox(scripted, configuration(command("a")), limits=limits) as box:
        first, second, note = (await box.run("a__one", "{}")).parts
        assert (first, second) == (Text("é" * 1000), Text("x"))
        assert isinstance(note, Text)
        assert "5003 more bytes" in note.text


async def test_images_are_passed_on_within_their_own_bound() -> None:
    small, large = (base64.b64encode(b"x" * size).decode() for size in (600, 500))

    async def images(*_: Any) -> ToolOutcome:
        broken = Image(Data("image/png", "no base64!"))
        return ToolOutcome(parts=(Image(Data("image/png", small)), Image(Data("image/gif", large)), broken))

    scripted = Scripted(a=[tool("one")])
    scripted.handler = images
    limits = ToolLimits(max_media_bytes=1000)
    async with toolbox(scripted, configuration(command("a")), limits=limits) as box:
        kept, left, broken = (await box.run("a__one", "{}")).parts
        assert kept == Image(Data("image/png", small))
        assert isinstance(left, Text)
        assert "image/gif with 500 bytes was left out" in left.text
        assert isinstance(broken, Text)
        assert "no valid base64" in broken.text


async def test_a_server_that_dies_costs_its_tools_and_comes_back() -> None:
    scripted = Scripted(a=[tool("one")], b=[tool("one")])
    async with toolbox(scripted, configuration(command("a"), command("b"))) as box:
        scripted.down.add("a")
        scripted.sessions["a"].die()
        await eventually(lambda: "a__one" not in box.offered(()), "the loss of a")
        assert "b__one" in box.offered(())
        await eventually(lambda: box.servers()[0].error == "no connection", "the failure being told")
        assert [each.available for each in box.tools() if each.tool.source == "a"] == [False]
        outcome = await box.run("a__one", "{}")
        assert outcome.error == RunError.UNAVAILABLE
        scripted.down.clear()
        await eventually(lambda: "a__one" in box.offered(()), "a's return")


async def test_a_server_that_dies_in_mid_call() -> None:
    async def lost(*_: Any) -> ToolOutcome:
        raise ConnectionLost("it ended with exit code 1")

    scripted = Scripted(a=[tool("one")])
    scripted.handler = lost
    async with toolbox(scripted, configuration(command("a"))) as box:
        outcome = await box.run("a__one", "{}")
        assert outcome.error == RunError.UNAVAILABLE
        assert "it ended with exit code 1" in said(outcome)


async def test_a_session_that_the_server_has_forgotten_is_renewed_for_the_call() -> None:
    scripted = Scripted(a=[tool("one")])

    async def gone_once(name: str, _: dict[str, Any]) -> ToolOutcome:
        if len(scripted.opened) == 1:
            scripted.sessions["a"].die()
            raise SessionGone("the server ended the session")
        return ToolOutcome(parts=(Text("done"),))

    scripted.handler = gone_once
    async with toolbox(scripted, configuration(command("a"))) as box:
        outcomes = await asyncio.gather(*(box.run("a__one", "{}") for _ in range(3)))
        assert [said(each) for each in outcomes] == ["done"] * 3
        assert scripted.opened == ["a", "a"]


async def test_a_changed_list_is_taken_over() -> None:
    scripted = Scripted(a=[tool("one")])
    async with toolbox(scripted, configuration(command("a"))) as box:
        assert "a__two" not in box.offered(())
        scripted.tools["a"] = [tool("two")]
        scripted.sessions["a"].change()
        await eventually(lambda: "a__two" in box.offered(()), "the new tool")
        assert "a__one" not in box.offered(())
        assert scripted.opened == ["a"]


async def test_a_server_that_is_away_at_the_start_is_tried_again() -> None:
    scripted = Scripted(a=[tool("one")])
    scripted.down.add("a")
    async with toolbox(scripted, configuration(command("a"))) as box:
        [state] = box.servers()
        assert (state.state, state.error) in (("failed", "no connection"), ("connecting", None))
        scripted.down.clear()
        box.reconnect("a")
        await eventually(lambda: "a__one" in box.offered(()), "the connection")


async def test_what_is_switched_off_is_neither_offered_nor_run() -> None:
    scripted = Scripted(a=[tool("one"), tool("two")], b=[tool("one")])
    off = configuration(
        command("a"), command("b"), off_tools=frozenset({"get_*", "a__two"}), off_servers=frozenset({"b"})
    )
    async with toolbox(scripted, off) as box:
        assert list(box.offered(())) == ["http_get", "a__one"]
        assert scripted.opened == ["a"]
        for name in ("get_time", "a__two", "b__one"):
            assert (await box.run(name, "{}")).error == RunError.UNKNOWN
        assert {state.name: state.state for state in box.servers()} == {"a": "ready", "b": "off"}
        assert {each.tool.name: each.on for each in box.tools()}["a__two"] is False


async def test_changes_leave_other_servers_alone() -> None:
    scripted = Scripted(a=[tool("one")], b=[tool("one")], c=[tool("one")])
    async with toolbox(scripted, configuration(command("a"), command("b"))) as box:
        box.apply(configuration(command("a"), command("b", args=["new"]), command("c")))
        await box.settled()
        assert sorted(scripted.opened) == ["a", "b", "b", "c"]
        box.apply(configuration(command("a"), off_tools=frozenset({"a__one"})))
        assert [state.name for state in box.servers()] == ["a"]
        assert "a__one" not in box.offered(())
        box.apply(configuration(command("a")))
        assert "a__one" in box.offered(())
        assert scripted.opened.count("a") == 1


async def test_the_state_tells_of_servers_that_are_not_used() -> None:
    scripted = Scripted(a=[])
    wanted = configuration(command("a"), shadowed=frozenset({"a"}), broken={"z": "another key"})
    async with toolbox(scripted, wanted) as box:
        a, z = box.servers()
        assert a.about == "scripted 1.0"
        assert "the config file's counts" in a.warnings[0]
        assert (z.state, z.error, z.origin) == ("failed", "another key", "database")


async def test_a_tools_schema_and_description_are_the_servers() -> None:
    async with toolbox(Scripted(a=[tool("one", SCHEMA)]), configuration(command("a"))) as box:
        found = box.offered(())["a__one"]
        assert json.loads(bytes(found.parameters)) == SCHEMA
        assert found.description == "does one"


async def test_one_servers_calls_are_bounded() -> None:
    running = most = 0
    full, go = asyncio.Event(), asyncio.Event()

    async def slow(*_: Any) -> ToolOutcome:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 16:
            full.set()
        await go.wait()
        running -= 1
        return ToolOutcome(parts=(Text("done"),))

    scripted = Scripted(a=[tool("one")])
    scripted.handler = slow
    async with toolbox(scripted, configuration(command("a"))) as box:
        runs = [asyncio.create_task(box.run("a__one", "{}")) for _ in range(40)]
        await full.wait()
        go.set()
        assert {said(await run) for run in runs} == {"done"}
        assert most == 16
