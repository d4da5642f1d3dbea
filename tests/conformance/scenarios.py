"""The rows of the conformance matrix: what is asked, what the model says, what must come of both."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.conformance.asking import MAX_TOKENS, Asked
from tests.conformance.conversation import PICTURE, RESULTS, TOOLS
from tests.conformance.heard import Heard
from tests.conformance.told import Told
from tests.conformance.wire import CACHED, CALLS, INPUT, OUTPUT, PIECES, THOUGHT, Json, Said

PDF: Final = base64.b64encode(b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n").decode()
SCHEMA: Final[Json] = {
    "type": "object",
    "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}, "sure": {"type": "boolean"}},
    "required": ["colour", "sure"],
    "additionalProperties": False,
}
VERDICT: Final = json.dumps({"colour": "red", "sure": True})
STRANGE: Final = (("get_weather", {"city": 'A "quoted"\nname \\ with Ünïcode 🌦 and {braces}'}),)
HISTORY: Final = (("user", "My name is Ada."), ("assistant", "Hello, Ada!"), ("user", "What is my name?"))

ENDS: Final = {
    "chat": {"stop": "stop", "stop_sequence": "stop", "length": "length", "tool_calls": "tool_calls"},
    "responses": {
        "stop": "completed",
        "stop_sequence": "completed",
        "length": "max_output_tokens",
        "tool_calls": "completed",
    },
    "anthropic": {
        "stop": "end_turn",
        "stop_sequence": "stop_sequence",
        "length": "max_tokens",
        "tool_calls": "tool_use",
    },
    "gemini": {"stop": "STOP", "stop_sequence": "STOP", "length": "MAX_TOKENS", "tool_calls": "STOP"},
}
"""How each caller hears why an answer ended."""


@dataclass(frozen=True)
class Cell:
    """One place of the matrix."""

    scenario: str
    caller: str
    provider: str
    stream: bool


Check = Callable[[Cell, Told, Heard], None]


@dataclass(frozen=True)
class Scenario:
    """A row. `check` looks at what is special of it; text, calls, end and usage are always compared."""

    asked: Asked
    said: Said
    check: Check | None = None


def _tools(cell: Cell, told: Told, heard: Heard) -> None:
    assert told.tools == {name: schema["properties"] for name, schema in TOOLS.items()}


def _results(cell: Cell, told: Told, heard: Heard) -> None:
    _tools(cell, told, heard)
    assert told.calls == list(CALLS)
    assert told.results == [(name, RESULTS[name]) for name, _ in CALLS]


def _image(cell: Cell, told: Told, heard: Heard) -> None:
    assert told.images == [("image/png", PICTURE)]


def _document(cell: Cell, told: Told, heard: Heard) -> None:
    assert told.documents == [("application/pdf", PDF)]


def _schema(cell: Cell, told: Told, heard: Heard) -> None:
    assert told.schema is not None
    assert told.schema["properties"].keys() == SCHEMA["properties"].keys()
    assert told.schema["required"] == SCHEMA["required"]


def _reasoning(cell: Cell, told: Told, heard: Heard) -> None:
    assert told.reasoning
    assert heard.thoughts.strip() == THOUGHT.strip()


def _caching(cell: Cell, told: Told, heard: Heard) -> None:
    assert heard.usage[1] == CACHED
    if cell.caller == cell.provider == "anthropic":
        assert told.cache_markers == 1


def _stop(cell: Cell, told: Told, heard: Heard) -> None:
    assert told.stop == ["END"]
    if cell.caller == cell.provider == "anthropic":
        assert heard.stop_sequence == "END"


def _length(cell: Cell, told: Told, heard: Heard) -> None:
    assert told.max_tokens == MAX_TOKENS


def _refusal(cell: Cell, told: Told, heard: Heard) -> None:
    """The words arrive, and that they are a refusal shows where the caller's dialect shows it."""
    assert heard.text + heard.refusal == "I cannot help with that."
    shown = {
        "chat": bool(heard.refusal) or heard.finish == "content_filter",
        "responses": bool(heard.refusal) or heard.finish == "content_filter",
        "anthropic": heard.finish == "refusal",
        "gemini": heard.finish not in ("", "STOP", "MAX_TOKENS"),
    }
    assert shown[cell.caller], heard


SCENARIOS: Final = {
    "text": Scenario(Asked(system='Be "terse".'), Said(PIECES)),
    "multi-turn": Scenario(Asked(turns=HISTORY, system="You remember."), Said(("Ada", "."))),
    "parallel tools": Scenario(Asked(tools=True), Said(calls=CALLS, finish="tool_calls"), _tools),
    "streamed tools": Scenario(
        Asked(tools=True), Said(("Let me", " see."), calls=STRANGE, finish="tool_calls"), _tools
    ),
    "tool results": Scenario(
        Asked(tools=True, calls=CALLS, results=tuple(RESULTS.values())), Said(PIECES), _results
    ),
    "image": Scenario(Asked(image=PICTURE), Said(PIECES), _image),
    "document": Scenario(Asked(document=PDF), Said(PIECES), _document),
    "schema": Scenario(Asked(schema=SCHEMA), Said((VERDICT[:10], VERDICT[10:])), _schema),
    "reasoning": Scenario(Asked(reasoning=True), Said(PIECES, thought=THOUGHT), _reasoning),
    "caching": Scenario(Asked(system="A long text.", cache=True), Said(PIECES), _caching),
    "stop": Scenario(
        Asked(stop=("END",)), Said(("one ", "two "), finish="stop_sequence", stop_sequence="END"), _stop
    ),
    "length": Scenario(Asked(), Said(("As long", " as"), finish="length"), _length),
    "refusal": Scenario(Asked(), Said(("I cannot ", "help with that."), finish="refusal"), _refusal),
}
ERROR: Final = "error"
ROWS: Final = (*SCENARIOS, ERROR)

_NO_STOP_TO_SAY: Final = "the Responses API has no stop sequences to ask for"
_NO_STOP_TO_PASS: Final = "the Responses API has no stop sequences: refused with 400, `param` names the field"


def impossible(scenario: str, caller: str, provider: str) -> str | None:
    """Why a place of the matrix cannot be filled; None where it can."""
    if scenario == "stop" and caller == "responses":
        return _NO_STOP_TO_SAY
    if scenario == "stop" and provider == "responses":
        return _NO_STOP_TO_PASS
    return None


def check(cell: Cell, told: Told, heard: Heard) -> None:
    """What must hold of every scenario, then what is special of this one."""
    scenario = SCENARIOS[cell.scenario]
    asked, said = scenario.asked, scenario.said
    assert told.system == ([asked.system] if asked.system else [])
    assert told.user == [text for role, text in asked.turns if role == "user"]
    assert told.assistant == [text for role, text in asked.turns if role == "assistant"]
    assert heard.calls == list(said.calls)
    assert heard.usage == (INPUT, CACHED, OUTPUT)
    if said.finish != "refusal":
        assert heard.text == said.text
        ends = ENDS[cell.caller]
        wanted = {ends[said.finish]}
        if said.finish == "stop_sequence" and cell.provider != "anthropic":
            wanted = {ends["stop"]}  # only Anthropic tells a stop sequence from an end
        assert heard.finish in wanted
    if scenario.check is not None:
        scenario.check(cell, told, heard)
