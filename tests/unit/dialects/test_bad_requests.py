"""What callers get wrong is named by the path that they wrote it at, in every dialect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.chat import DialectName
from ai_gateway.dialects.interface import Asked
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.errors import BadRequest

CHAT, RESPONSES = DialectName.OPENAI_CHAT, DialectName.OPENAI_RESPONSES
ANTHROPIC, GEMINI = DialectName.ANTHROPIC, DialectName.GEMINI
Json = dict[str, Any]
ASKED = Asked(model="m", stream=False)
GOOD: dict[DialectName, Json] = {
    CHAT: {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
    RESPONSES: {"model": "m", "input": "hi"},
    ANTHROPIC: {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]},
    GEMINI: {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
}


def chat_part(part: Json) -> Json:
    return {"messages": [{"role": "user", "content": [part]}]}


def claude_part(part: Json) -> Json:
    return {"messages": [{"role": "user", "content": [part]}]}


def gemini_part(part: Json) -> Json:
    return {"contents": [{"parts": [part]}]}


# (dialect, members that replace those of a good request; None takes one away, param)
BAD: list[tuple[DialectName, Json, str]] = [
    (CHAT, {"messages": None}, "messages"),
    (CHAT, {"messages": []}, "messages"),
    (CHAT, {"messages": "hi"}, "messages"),
    (CHAT, {"messages": ["hi"]}, "messages[0]"),
    (CHAT, {"messages": [{"content": "hi"}]}, "messages[0].role"),
    (CHAT, {"messages": [{"role": "king", "content": "hi"}]}, "messages[0].role"),
    (CHAT, {"messages": [{"role": "user"}]}, "messages[0].content"),
    (CHAT, {"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    (CHAT, {"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    (CHAT, chat_part({"text": "hi"}), "messages[0].content[0].type"),
    (CHAT, chat_part({"type": "text"}), "messages[0].content[0].text"),
    (CHAT, chat_part({"type": "text", "text": 5}), "messages[0].content[0].text"),
    (CHAT, chat_part({"type": "image_url"}), "messages[0].content[0].image_url"),
    (CHAT, chat_part({"type": "file", "file": {}}), "messages[0].content[0].file.file_data"),
    (CHAT, {"model": 5}, "model"),
    (CHAT, {"temperature": "hot"}, "temperature"),
    (CHAT, {"max_tokens": 1.5}, "max_tokens"),
    (CHAT, {"stream": "yes"}, "stream"),
    (CHAT, {"stop": 5}, "stop"),
    (CHAT, {"tools": {}}, "tools"),
    (CHAT, {"tools": [{"type": "function"}]}, "tools[0].function"),
    (CHAT, {"tools": [{"type": "function", "function": {}}]}, "tools[0].function.name"),
    (
        CHAT,
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": []}}]},
        "tools[0].function.parameters",
    ),
    (CHAT, {"tool_choice": "sometimes"}, "tool_choice"),
    (CHAT, {"response_format": {"type": "xml"}}, "response_format.type"),
    (CHAT, {"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    (RESPONSES, {"input": None}, "input"),
    (RESPONSES, {"input": 5}, "input"),
    (RESPONSES, {"input": [5]}, "input[0]"),
    (RESPONSES, {"input": [{"role": "king", "content": "x"}]}, "input[0].role"),
    (RESPONSES, {"input": [{"role": "user"}]}, "input[0].content"),
    (
        RESPONSES,
        {"input": [{"role": "user", "content": [{"type": "input_text"}]}]},
        "input[0].content[0].text",
    ),
    (RESPONSES, {"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
    (RESPONSES, {"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
    (RESPONSES, {"instructions": 5}, "instructions"),
    (RESPONSES, {"tools": [{"name": "f"}]}, "tools[0].type"),
    (RESPONSES, {"tools": [{"type": "function"}]}, "tools[0].name"),
    (RESPONSES, {"text": {"format": {"type": "xml"}}}, "text.format.type"),
    (RESPONSES, {"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
    (RESPONSES, {"max_output_tokens": "5"}, "max_output_tokens"),
    (RESPONSES, {"reasoning": "much"}, "reasoning"),
    (RESPONSES, {"metadata": {"a": 1}}, "metadata"),
    (ANTHROPIC, {"max_tokens": None}, "max_tokens"),
    (ANTHROPIC, {"max_tokens": "many"}, "max_tokens"),
    (ANTHROPIC, {"messages": None}, "messages"),
    (ANTHROPIC, {"messages": []}, "messages"),
    (ANTHROPIC, {"messages": [{"content": "hi"}]}, "messages[0].role"),
    (ANTHROPIC, {"messages": [{"role": "developer", "content": "hi"}]}, "messages[0].role"),
    (ANTHROPIC, {"messages": [{"role": "user"}]}, "messages[0].content"),
    (ANTHROPIC, claude_part({"text": "hi"}), "messages[0].content[0].type"),
    (ANTHROPIC, claude_part({"type": "text"}), "messages[0].content[0].text"),
    (ANTHROPIC, claude_part({"type": "image"}), "messages[0].content[0].source"),
    (ANTHROPIC, claude_part({"type": "image", "source": {}}), "messages[0].content[0].source.type"),
    (
        ANTHROPIC,
        claude_part({"type": "image", "source": {"type": "base64", "media_type": "image/png"}}),
        "messages[0].content[0].source.data",
    ),
    (ANTHROPIC, claude_part({"type": "tool_result"}), "messages[0].content[0].tool_use_id"),
    (ANTHROPIC, claude_part({"type": "tool_use", "id": "a"}), "messages[0].content[0].name"),
    (ANTHROPIC, {"system": 5}, "system"),
    (ANTHROPIC, {"system": [{"type": "text"}]}, "system[0].text"),
    (ANTHROPIC, {"tools": [{}]}, "tools[0].name"),
    (ANTHROPIC, {"tools": [{"name": "f", "input_schema": 5}]}, "tools[0].input_schema"),
    (ANTHROPIC, {"tools": [{"name": "gateway_structured_output"}]}, "tools[0].name"),
    (ANTHROPIC, {"tool_choice": {"type": "maybe"}}, "tool_choice.type"),
    (ANTHROPIC, {"tool_choice": {"type": "tool"}}, "tool_choice.name"),
    (ANTHROPIC, {"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
    (ANTHROPIC, {"output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
    (GEMINI, {"contents": None}, "contents"),
    (GEMINI, {"contents": []}, "contents"),
    (GEMINI, {"contents": 5}, "contents"),
    (GEMINI, {"contents": [{"role": "king", "parts": []}]}, "contents[0].role"),
    (GEMINI, {"contents": [{"parts": 5}]}, "contents[0].parts"),
    (GEMINI, gemini_part({"text": 5}), "contents[0].parts[0].text"),
    (GEMINI, gemini_part({"inlineData": {}}), "contents[0].parts[0].inlineData.mimeType"),
    (GEMINI, gemini_part({"inline_data": {"mime_type": "a/b"}}), "contents[0].parts[0].inlineData.data"),
    (GEMINI, gemini_part({"functionCall": {}}), "contents[0].parts[0].functionCall.name"),
    (GEMINI, gemini_part({"functionResponse": {}}), "contents[0].parts[0].functionResponse.name"),
    (GEMINI, {"tools": [{"functionDeclarations": [{}]}]}, "tools[0].functionDeclarations[0].name"),
    (
        GEMINI,
        {"tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": 5}]}]},
        "tools[0].functionDeclarations[0].parametersJsonSchema",
    ),
    (
        GEMINI,
        {"toolConfig": {"functionCallingConfig": {"mode": "SOMETIMES"}}},
        "toolConfig.functionCallingConfig.mode",
    ),
    (GEMINI, {"generationConfig": {"temperature": "hot"}}, "generationConfig.temperature"),
    (GEMINI, {"generationConfig": {"stopSequences": "END"}}, "generationConfig.stopSequences"),
    (GEMINI, {"generationConfig": {"responseJsonSchema": 5}}, "generationConfig.responseJsonSchema"),
]


def parsed(dialect: DialectName, body: bytes) -> None:
    DIALECTS[dialect].parse_request(body, ASKED)


@pytest.mark.parametrize("dialect", DialectName)
def test_the_good_one_is_good(dialect: DialectName) -> None:
    parsed(dialect, json.dumps(GOOD[dialect]).encode())


@pytest.mark.parametrize(
    ("dialect", "members", "param"), BAD, ids=[f"{row[0].value}-{index}" for index, row in enumerate(BAD)]
)
def test_the_field_is_named(dialect: DialectName, members: Json, param: str) -> None:
    body = {**GOOD[dialect], **members}
    body = {name: value for name, value in body.items() if value is not None}
    with pytest.raises(BadRequest) as caught:
        parsed(dialect, json.dumps(body).encode())
    assert caught.value.param == param
    shown = json.loads(DIALECTS[dialect].render_error(caught.value, "req_1"))
    assert param in json.dumps(shown)


@pytest.mark.parametrize("dialect", DialectName)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"5", b'"x"', b"null", b"\xff\xfe", b'{"a": "\xff"}', b"[" * 5000, b'{"a":' * 5000],
)
def test_what_is_no_object_is_refused(dialect: DialectName, body: bytes) -> None:
    with pytest.raises(BadRequest):
        parsed(dialect, body)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "type", "text", "parts", "id", "name", "input", "source", "tool_calls"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
MEMBERS = {
    CHAT: ["messages", "tools", "tool_choice", "response_format", "stop", "reasoning", "stream_options"],
    RESPONSES: ["input", "tools", "tool_choice", "text", "reasoning", "include", "instructions"],
    ANTHROPIC: ["messages", "system", "tools", "tool_choice", "thinking", "output_config", "metadata"],
    GEMINI: ["contents", "systemInstruction", "tools", "toolConfig", "generationConfig"],
}


@given(data=st.data(), dialect=st.sampled_from(list(DialectName)))
def test_whatever_comes_is_read_or_refused(data: st.DataObject, dialect: DialectName) -> None:
    name = data.draw(st.sampled_from(MEMBERS[dialect]))
    body = {**GOOD[dialect], name: data.draw(junk)}
    try:
        parsed(dialect, json.dumps(body).encode())
    except BadRequest as error:
        shown = error.param
    else:
        shown = None
    assert shown is None or isinstance(shown, str)
