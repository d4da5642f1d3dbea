"""Names that a provider refuses are shortened on the way, and given back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.chat import (
    ChatRequest,
    DialectName,
    Message,
    Role,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from ai_gateway.dialects.tool_names import fit_tool_names

ALLOWED = {
    DialectName.OPENAI_CHAT: r"[A-Za-z0-9_-]{1,64}",
    DialectName.OPENAI_RESPONSES: r"[A-Za-z0-9_-]{1,64}",
    DialectName.ANTHROPIC: r"[A-Za-z0-9_-]{1,128}",
    DialectName.GEMINI: r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}",
}


def asking(*names: str) -> ChatRequest:
    calls = tuple(ToolCall(f"c{i}", name, "{}") for i, name in enumerate(names))
    results = tuple(ToolResult(f"c{i}", name=name) for i, name in enumerate(names))
    return ChatRequest(
        dialect=DialectName.OPENAI_CHAT,
        model="m",
        messages=(Message(role=Role.ASSISTANT, parts=calls), Message(role=Role.USER, parts=results)),
        tools=tuple(Tool(name=name) for name in names),
        tool_choice=ToolChoice(mode="required", names=names),
    )


@given(
    names=st.lists(st.text(min_size=1, max_size=200), min_size=1, max_size=5, unique=True),
    target=st.sampled_from(list(ALLOWED)),
)
def test_every_name_fits_everywhere_and_comes_back(names: list[str], target: DialectName) -> None:
    fitted, back = fit_tool_names(asking(*names), target)

    on_the_wire = [tool.name for tool in fitted.tools if isinstance(tool, Tool)]
    assert all(re.fullmatch(ALLOWED[target], name) for name in on_the_wire)
    assert len(set(on_the_wire)) == len(names)
    assert [back.get(name, name) for name in on_the_wire] == names
    assert fitted.tool_choice is not None
    assert list(fitted.tool_choice.names) == on_the_wire
    calls, results = (message.parts for message in fitted.messages)
    assert [part.name for part in calls if isinstance(part, ToolCall)] == on_the_wire
    assert [part.name for part in results if isinstance(part, ToolResult)] == on_the_wire


@pytest.mark.parametrize("target", ALLOWED)
def test_names_that_fit_are_left_alone(target: DialectName) -> None:
    request = asking("get_weather", "mcp__files__read-file")
    assert fit_tool_names(request, target) == (request, {})


def test_a_name_is_fitted_alike_at_every_turn() -> None:
    first, _ = fit_tool_names(asking("a.b"), DialectName.OPENAI_CHAT)
    second, _ = fit_tool_names(asking("x y", "a.b"), DialectName.OPENAI_CHAT)
    assert first.tools[0] == second.tools[1]
