"""Any conversation survives the way through any dialect: words, calls, results, tools, files, figures."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.chat import (
    ChatRequest,
    Data,
    DialectName,
    Document,
    Image,
    Message,
    Part,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from ai_gateway.dialects.interface import Asked, Target
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.providers import PROVIDERS

HOMES = {
    DialectName.OPENAI_CHAT: "openai-compatible",
    DialectName.OPENAI_RESPONSES: "openai",
    DialectName.ANTHROPIC: "anthropic",
    DialectName.GEMINI: "gemini",
}
MODELS = {
    DialectName.OPENAI_CHAT: "some-model",
    DialectName.OPENAI_RESPONSES: "gpt-4.1",
    DialectName.ANTHROPIC: "claude-sonnet-4-5",
    DialectName.GEMINI: "gemini-2.5-flash",
}
words = st.text(min_size=1, max_size=12).filter(lambda text: text.strip() == text and "\x00" not in text)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
names = st.sampled_from(["get_weather", "get-time", "mcp__files__read", "f"])
arguments = st.dictionaries(words, values, max_size=3)
media: st.SearchStrategy[Part] = st.sampled_from(
    [Image(Data("image/png", "iVBORw0KGgo=")), Document(Data("application/pdf", "JVBERi0="), name="a.pdf")]
)


@st.composite
def turns(draw: st.DrawFn) -> tuple[Message, ...]:
    """User and assistant by turns; calls are answered by the turn after them, in their order."""
    messages: list[Message] = []
    for number in range(draw(st.integers(1, 3))):
        parts: list[Part] = [Text(draw(words))]
        parts += draw(st.lists(media, max_size=1))
        messages.append(Message(role=Role.USER, parts=tuple(parts)))
        calls = [
            ToolCall(f"call_{number}{index}", draw(names), json.dumps(draw(arguments)))
            for index in range(draw(st.integers(0, 2)))
        ]
        said: list[Part] = [Text(draw(words))]
        if calls:
            messages.append(Message(role=Role.ASSISTANT, parts=(*said, *calls)))
            results = tuple(ToolResult(call.id, (Text(draw(words)),), name=call.name) for call in calls)
            messages.append(Message(role=Role.USER, parts=results))
            messages.append(Message(role=Role.ASSISTANT, parts=(Text(draw(words)),)))
        else:
            messages.append(Message(role=Role.ASSISTANT, parts=tuple(said)))
    messages.append(Message(role=Role.USER, parts=(Text(draw(words)),)))
    return tuple(messages)


@st.composite
def requests(draw: st.DrawFn) -> ChatRequest:
    system = draw(st.none() | words)
    first = () if system is None else (Message(role=Role.SYSTEM, parts=(Text(system),)),)
    schema = msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}},"required":["a"]}')
    offered = draw(st.lists(names, unique=True, max_size=3))
    modes: st.SearchStrategy[ToolChoice] = st.sampled_from(
        [ToolChoice(mode="auto"), ToolChoice(mode="none"), ToolChoice(mode="required")]
    )
    choice = draw(modes) if offered else None
    return ChatRequest(
        dialect=draw(st.sampled_from(list(DialectName))),
        model="m",
        messages=(*first, *draw(turns())),
        tools=tuple(Tool(name=name, description="d", parameters=schema) for name in offered),
        tool_choice=choice,
        max_output_tokens=draw(st.integers(64, 4000)),
        temperature=draw(st.none() | st.sampled_from([0.0, 0.25, 1.0])),
    )


def gist(request: ChatRequest) -> dict[str, Any]:
    """What must survive: neighbours of one role are one turn, ids pair calls with results."""
    said: list[tuple[str, object]] = []
    calls: dict[str, str] = {}
    for message in request.messages:
        role = "system" if message.role in (Role.SYSTEM, Role.DEVELOPER) else message.role.value
        for part in message.parts:
            match part:
                case Text(text=text):
                    said.append((role, text))
                case ToolCall():
                    calls[part.id] = part.name
                    said.append(("call", (part.name, json.loads(part.arguments))))
                case ToolResult():
                    text = "".join(inner.text for inner in part.content if isinstance(inner, Text))
                    said.append(("result", (calls[part.call_id], text)))
                case Image(source=Data(media_type, data)) | Document(source=Data(media_type, data)):
                    said.append((media_type, data))
                case _:
                    said.append(("other", part))
    return {
        "said": said,
        "tools": [
            (tool.name, tool.description, json.loads(bytes(tool.parameters or b"null")))
            for tool in request.tools
            if isinstance(tool, Tool)
        ],
        "choice": request.tool_choice and request.tool_choice.mode,
        "max": request.max_output_tokens,
        "temperature": request.temperature,
    }


@given(request=requests(), target=st.sampled_from(list(DialectName)))
def test_a_conversation_survives_every_dialect(request: ChatRequest, target: DialectName) -> None:
    request = msgspec.structs.replace(request, model=MODELS[target])
    rendered = DIALECTS[target].render_request(request, Target(provider=PROVIDERS[HOMES[target]]))

    again = DIALECTS[target].parse_request(rendered.body, Asked(model=MODELS[target], stream=False))

    assert rendered.dropped == ()
    assert gist(again) == gist(request)


@given(request=requests())
def test_a_conversation_survives_a_chain_of_all(request: ChatRequest) -> None:
    told = gist(request)
    for target in DialectName:
        request = msgspec.structs.replace(request, model=MODELS[target])
        rendered = DIALECTS[target].render_request(request, Target(provider=PROVIDERS[HOMES[target]]))
        request = DIALECTS[target].parse_request(rendered.body, Asked(model=MODELS[target], stream=False))
    assert gist(request) == told
