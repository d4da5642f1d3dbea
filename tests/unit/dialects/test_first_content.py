"""Which event of a stream is the first that a caller would take for an answer."""

from __future__ import annotations

import json

import pytest

from ai_gateway.core.chat import ChatRequest, DialectName
from ai_gateway.dialects.endpoints import (
    CHAT,
    COMPLETIONS,
    MESSAGES,
    PLAIN,
    RESPONSES,
    STREAM_GENERATE_CONTENT,
    Endpoint,
)
from ai_gateway.dialects.interface import AnswerContext
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.dialects.relay_answer import stream_relay
from ai_gateway.dialects.translated_stream import TranslatedStream
from ai_gateway.providers import PROVIDERS


def delta(**members: object) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": members, "finish_reason": None}]}


def block(**members: object) -> dict[str, object]:
    return {"type": "content_block_start", "index": 0, "content_block": members}


def parts(*found: dict[str, object]) -> dict[str, object]:
    return {"candidates": [{"content": {"role": "model", "parts": list(found)}, "index": 0}]}


def item(**members: object) -> dict[str, object]:
    return {"type": "response.output_item.added", "output_index": 0, "item": members}


QUIET: list[tuple[Endpoint, object]] = [
    (CHAT, {"choices": [], "model": "", "prompt_filter_results": [{"prompt_index": 0}]}),
    (CHAT, delta(role="assistant")),
    (CHAT, delta(role="assistant", content="", refusal=None)),
    (CHAT, delta(content=None, reasoning_content=None, tool_calls=None)),
    (CHAT, delta(role="assistant", content="", reasoning_details=[])),
    (CHAT, {"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 0}}),
    (CHAT, {"choices": [{"delta": {}, "content_filter_results": {}, "logprobs": None}]}),
    (COMPLETIONS, {"choices": [{"text": "", "index": 0, "finish_reason": None}]}),
    (MESSAGES, {"type": "message_start", "message": {"model": "m", "content": [], "usage": {}}}),
    (MESSAGES, {"type": "ping"}),
    (MESSAGES, block(type="text", text="")),
    (MESSAGES, block(type="text", text="", citations=None)),
    (MESSAGES, block(type="thinking", thinking="", signature="")),
    (MESSAGES, {"type": "content_block_delta", "delta": {"type": "text_delta", "text": ""}}),
    (MESSAGES, {"type": "content_block_stop", "index": 0}),
    (RESPONSES, {"type": "response.created", "response": {"output": []}}),
    (RESPONSES, {"type": "response.queued", "response": {"output": []}}),
    (RESPONSES, {"type": "response.in_progress", "response": {"output": []}}),
    (RESPONSES, item(type="message", id="msg_1", role="assistant", status="in_progress", content=[])),
    (RESPONSES, item(type="reasoning", id="rs_1", summary=[], encrypted_content="gAAA")),
    (
        RESPONSES,
        {
            "type": "response.content_part.added",
            "part": {"type": "output_text", "text": "", "annotations": []},
        },
    ),
    (
        RESPONSES,
        {"type": "response.reasoning_summary_part.added", "part": {"type": "summary_text", "text": ""}},
    ),
    (RESPONSES, {"type": "response.output_text.delta", "delta": ""}),
    (STREAM_GENERATE_CONTENT, {"usageMetadata": {"promptTokenCount": 3}, "modelVersion": "m"}),
    (STREAM_GENERATE_CONTENT, {"candidates": [{"content": {"role": "model"}, "index": 0}]}),
    (STREAM_GENERATE_CONTENT, {"candidates": [{"content": {}}]}),
    (STREAM_GENERATE_CONTENT, parts({"text": ""})),
]
CONTENT: list[tuple[Endpoint, object]] = [
    (CHAT, delta(content="hi")),
    (CHAT, delta(role="assistant", content=" ")),
    (CHAT, delta(reasoning_content="hm")),
    (CHAT, delta(reasoning="hm")),
    (CHAT, delta(refusal="no")),
    (CHAT, delta(tool_calls=[{"index": 0, "id": "1", "function": {"name": "f", "arguments": ""}}])),
    (CHAT, delta(audio={"id": "a"})),
    (CHAT, delta(images=[{"type": "image_url"}])),
    (CHAT, delta(something_new="x")),
    (CHAT, {"choices": [{"delta": {}, "finish_reason": "stop"}]}),
    (CHAT, {"choices": [{"delta": {}, "message": {"role": "assistant", "content": "hi"}}]}),
    (CHAT, {"object": "something.new"}),
    (CHAT, [1, 2]),
    (COMPLETIONS, {"choices": [{"text": "hi"}]}),
    (COMPLETIONS, {"choices": [{"text": "", "finish_reason": "length"}]}),
    (MESSAGES, block(type="tool_use", id="t", name="f", input={})),
    (MESSAGES, block(type="server_tool_use", id="t", name="web_search", input={})),
    (MESSAGES, block(type="redacted_thinking", data="x")),
    (MESSAGES, block(type="text", text="hi")),
    (MESSAGES, {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "hi"}}),
    (MESSAGES, {"type": "content_block_delta", "delta": {"type": "thinking_delta", "thinking": "hm"}}),
    (MESSAGES, {"type": "content_block_delta", "delta": {"type": "signature_delta", "signature": "x"}}),
    (MESSAGES, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
    (MESSAGES, {"type": "message_stop"}),
    (MESSAGES, {"type": "something_new"}),
    (RESPONSES, item(type="function_call", call_id="c", name="f", arguments="")),
    (RESPONSES, item(type="web_search_call", status="in_progress")),
    (RESPONSES, item(type="message", content=[{"type": "output_text", "text": "hi"}])),
    (RESPONSES, {"type": "response.output_text.delta", "delta": "hi"}),
    (RESPONSES, {"type": "response.reasoning_summary_text.delta", "delta": "hm"}),
    (RESPONSES, {"type": "response.completed", "response": {"output": []}}),
    (RESPONSES, {"type": "response.incomplete", "response": {"output": []}}),
    (RESPONSES, {"type": "something.new"}),
    (PLAIN, {"type": "image_generation.partial_image", "b64_json": "x"}),
    (STREAM_GENERATE_CONTENT, parts({"text": "hi"})),
    (STREAM_GENERATE_CONTENT, parts({"text": "hm", "thought": True})),
    (STREAM_GENERATE_CONTENT, parts({"text": "", "thoughtSignature": "x"})),
    (STREAM_GENERATE_CONTENT, parts({"functionCall": {"name": "f"}})),
    (STREAM_GENERATE_CONTENT, parts({"inlineData": {"mimeType": "image/png"}})),
    (STREAM_GENERATE_CONTENT, {"candidates": [{"finishReason": "STOP"}]}),
    (STREAM_GENERATE_CONTENT, {"promptFeedback": {"blockReason": "SAFETY"}}),
]


def event(body: object) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


@pytest.mark.parametrize(("endpoint", "body"), QUIET)
def test_what_only_prepares_an_answer_is_no_content(endpoint: Endpoint, body: object) -> None:
    watcher = stream_relay(endpoint)
    assert watcher.feed(b": still working\n\n" + event(body)) != b""
    assert not watcher.content


@pytest.mark.parametrize(("endpoint", "body"), CONTENT)
def test_an_answer_or_what_is_not_known_is_content(endpoint: Endpoint, body: object) -> None:
    watcher = stream_relay(endpoint)
    watcher.feed(event(body))
    assert watcher.content
    watcher.feed(event(body))
    assert watcher.content


def test_an_end_without_an_answer_is_content_unless_a_failure_came_first() -> None:
    empty, broken = stream_relay(CHAT), stream_relay(CHAT)
    empty.feed(b"data: [DONE]\n\n")
    assert empty.content
    failure = {
        "error": {"code": 502, "message": "down"},
        "choices": [{"delta": {}, "finish_reason": "error"}],
    }
    broken.feed(event(failure) + b"data: [DONE]\n\n")
    assert broken.done
    assert not broken.content


@pytest.mark.parametrize(
    ("bodies", "content"),
    [
        ([delta(role="assistant", content="")], False),
        ([{"choices": [], "model": "", "prompt_filter_results": [{"prompt_index": 0}]}], False),
        ([delta(content="hi")], True),
        ([delta(reasoning_content="hm")], True),
        ([{"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}, "[DONE]"], True),
    ],
)
def test_a_translated_stream_tells_it_too(bodies: list[object], content: bool) -> None:
    anthropic, chat = DIALECTS[DialectName.ANTHROPIC], DIALECTS[DialectName.OPENAI_CHAT]
    request = ChatRequest(dialect=DialectName.ANTHROPIC, model="m", messages=(), stream=True)
    watcher = TranslatedStream(
        chat.stream_decoder(PROVIDERS["openai"]),
        anthropic.stream_encoder(AnswerContext(request=request, id="0", created_s=1)),
        {},
        several=False,
    )
    for body in bodies:
        watcher.feed(b"data: [DONE]\n\n" if body == "[DONE]" else event(body))
    assert watcher.content is content


def test_a_translated_stream_tells_a_failure() -> None:
    anthropic, chat = DIALECTS[DialectName.ANTHROPIC], DIALECTS[DialectName.OPENAI_CHAT]
    request = ChatRequest(dialect=DialectName.OPENAI_CHAT, model="m", messages=(), stream=True)
    watcher = TranslatedStream(
        anthropic.stream_decoder(PROVIDERS["anthropic"]),
        chat.stream_encoder(AnswerContext(request=request, id="0", created_s=1)),
        {},
        several=True,
    )
    watcher.feed(event({"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}))
    assert watcher.fault is watcher.failure
    assert watcher.fault is not None
    assert watcher.fault.retryable
    assert not watcher.content
