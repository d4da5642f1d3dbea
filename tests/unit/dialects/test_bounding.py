"""Streams that may not grow past a bound: what passes, and what ends them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.chat import ChatRequest, DialectName
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.content_array import ArrayEncoder
from ai_gateway.dialects.endpoints import (
    CHAT,
    COMPLETIONS,
    MESSAGES,
    PLAIN,
    RESPONSES,
    STREAM_GENERATE_CONTENT,
    Endpoint,
    Family,
    plain,
)
from ai_gateway.dialects.interface import AnswerContext
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.dialects.relay_answer import stream_relay
from ai_gateway.dialects.relay_stream import StreamRelay
from ai_gateway.dialects.translated_stream import TranslatedStream
from ai_gateway.providers import PROVIDERS

DONE = b"data: [DONE]\n\n"
HEAD = {"id": "c1", "object": "chat.completion.chunk", "created": 5, "model": "m"}


def event(body: object) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def typed(kind: str, **members: object) -> bytes:
    return f"event: {kind}\ndata: ".encode() + json.dumps({"type": kind, **members}).encode() + b"\n\n"


def delta(text: str, index: int = 0, **more: object) -> bytes:
    choice = {"index": index, "delta": {"content": text}, "finish_reason": None, **more}
    return event({**HEAD, "choices": [choice]})


def data_of(wire: bytes) -> list[dict[str, object]]:
    """The JSON of each event."""
    found = [line[6:] for line in wire.splitlines() if line.startswith(b"data: ")]
    return [json.loads(data) for data in found if data != b"[DONE]"]


def fixed(bound: int) -> Callable[[int], int]:
    return lambda _: bound


def bounded(endpoint: Endpoint, bound: int, *, tell_usage: bool = False, array: bool = False) -> StreamRelay:
    watcher = stream_relay(endpoint, tell_usage=tell_usage, array=array)
    watcher.bound(fixed(bound), input_tokens=30)
    return watcher


# Chat Completions.


def test_a_chat_ends_with_length_and_the_terminator() -> None:
    watcher = bounded(CHAT, 5)
    out = watcher.feed(delta("hel") + delta("lo") + delta("!") + delta("more"))
    assert out == delta("hel") + delta("lo") + out[len(delta("hel") + delta("lo")) :]
    assert out.endswith(DONE)
    assert data_of(out)[2:] == [
        {**HEAD, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]}
    ]
    assert (watcher.done, watcher.cut_short, watcher.output_bytes) == (True, True, 5)
    assert watcher.usage == Usage(input=30, output=2, estimated=True)


def test_usage_is_told_to_those_who_asked_for_it() -> None:
    out = bounded(CHAT, 4, tell_usage=True).feed(delta("hell") + delta("o"))
    last = data_of(out)[-1]
    assert last["choices"] == []
    usage = last["usage"]
    assert isinstance(usage, dict)
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (30, 1, 31)


def test_only_choices_that_are_not_over_are_ended() -> None:
    wire = (
        delta("a")
        + delta("b", 1)
        + event({**HEAD, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        + delta("too much", 2)
    )
    ends = data_of(bounded(CHAT, 2).feed(wire))[3:]
    choices = [end["choices"][0] for end in ends]  # type: ignore[index]
    assert [(choice["index"], choice["delta"]) for choice in choices] == [
        (1, {}),
        (2, {"role": "assistant", "content": ""}),
    ]


def test_a_chat_that_may_say_nothing_still_ends() -> None:
    (only,) = data_of(bounded(CHAT, 0).feed(delta("hello")))
    assert only["id"] == "c1"
    assert only["choices"] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": ""},
            "logprobs": None,
            "finish_reason": "length",
        }
    ]


def test_older_completions_end_likewise() -> None:
    def piece(text: str) -> bytes:
        choice = {"index": 0, "text": text, "finish_reason": None}
        return event({**HEAD, "object": "text_completion", "choices": [choice]})

    out = bounded(COMPLETIONS, 2).feed(piece("ab") + piece("c"))
    assert data_of(out)[-1] == {
        **HEAD,
        "object": "text_completion",
        "choices": [{"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}],
    }
    assert out.endswith(DONE)


def test_what_the_provider_has_counted_stands() -> None:
    told = {
        "prompt_tokens": 9,
        "completion_tokens": 100,
        "completion_tokens_details": {"reasoning_tokens": 90},
    }
    watcher = bounded(CHAT, 4)
    watcher.feed(event({**HEAD, "choices": [], "usage": told}) + delta("hell") + delta("o"))
    assert watcher.usage == Usage(input=9, output=10, reasoning=90, estimated=True)


# The bound grows.


def test_more_is_asked_for_when_it_is_needed() -> None:
    asked: list[int] = []

    def grow(output_bytes: int) -> int:
        asked.append(output_bytes)
        return min(8, output_bytes + 2)

    watcher = stream_relay(CHAT)
    watcher.bound(grow, input_tokens=1)
    assert asked == [0]
    out = watcher.feed(delta("ab"))
    assert asked == [0]
    out += watcher.feed(delta("cd") + delta("e") + delta("f"))
    assert asked == [0, 4]
    out += watcher.feed(delta("gh"))
    before = watcher.cut_short
    out += watcher.feed(delta("i"))
    assert asked == [0, 4, 8, 9]
    assert (before, watcher.cut_short) == (False, True)
    assert out.startswith(b"".join(map(delta, ["ab", "cd", "e", "f", "gh"])))
    assert delta("i") not in out


def test_a_block_within_the_bound_passes_uncopied() -> None:
    block = delta("hello") + delta("there")
    assert bounded(CHAT, 100).feed(block) is block
    assert stream_relay(CHAT).feed(block) is block


def test_the_last_event_may_be_the_one_that_is_too_much() -> None:
    watcher = bounded(STREAM_GENERATE_CONTENT, 2)
    out = watcher.feed(event({"candidates": [{"content": {"parts": [{"text": "ab"}]}}]}))
    out += watcher.feed(event({"candidates": [{"content": {"parts": [{"text": "c"}]}}]})[:-1])
    out += watcher.finish()
    assert watcher.cut_short
    assert watcher.failure is None
    assert b"MAX_TOKENS" in out


@given(st.lists(st.text(max_size=9), max_size=9), st.integers(0, 60), st.integers(1, 400))
def test_what_passes_is_a_beginning_and_no_more_than_the_bound(
    texts: list[str], bound: int, size: int
) -> None:
    wire = (
        b"".join(map(delta, texts))
        + event({**HEAD, "choices": [{"delta": {}, "finish_reason": "stop"}]})
        + DONE
    )
    watcher = bounded(CHAT, bound)
    out = b""
    for start in range(0, len(wire), size):
        out += watcher.feed(wire[start : start + size])
        if watcher.done:
            break
    said = [choice["delta"].get("content", "") for chunk in data_of(out) for choice in chunk["choices"]]  # type: ignore[attr-defined]
    text = "".join(said)
    assert "".join(texts).startswith(text)
    assert len(text.encode()) <= watcher.output_bytes <= bound
    assert out.endswith(DONE)
    assert watcher.cut_short == (text != "".join(texts))


# Anthropic.


def message_start() -> bytes:
    usage = {"input_tokens": 11, "output_tokens": 1, "cache_read_input_tokens": 4}
    return typed("message_start", message={"id": "m1", "model": "m", "content": [], "usage": usage})


def test_anthropic_s_open_block_is_closed() -> None:
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    passed = (
        message_start()
        + typed("content_block_start", index=0, content_block={"type": "text", "text": ""})
        + typed("content_block_delta", index=0, delta={"type": "text_delta", "text": "hi"})
        + typed("content_block_stop", index=0)
        + typed("content_block_start", index=1, content_block=call)
        + typed("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '{"a'})
    )
    watcher = bounded(MESSAGES, 6)
    more = typed("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '": 1}'})
    out = watcher.feed(passed + more)
    assert out.startswith(passed)
    assert data_of(out[len(passed) :]) == [
        {"type": "content_block_stop", "index": 1},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "max_tokens", "stop_sequence": None},
            "usage": {"output_tokens": 2},
        },
        {"type": "message_stop"},
    ]
    assert watcher.usage == Usage(input=11, cache_read=4, output=2, estimated=True)


# The Responses API.


def test_a_response_ends_with_what_is_owed() -> None:
    begun = {"id": "r1", "object": "response", "status": "in_progress", "model": "m", "output": [], "x": 1}
    message = {"id": "i1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    at = {"item_id": "i1", "output_index": 0, "content_index": 0}
    part = {"type": "output_text", "text": "", "annotations": []}
    call = {"id": "i2", "type": "function_call", "name": "f", "call_id": "c", "arguments": ""}
    passed = (
        typed("response.created", response=begun, sequence_number=0)
        + typed("response.output_item.added", output_index=0, item=message, sequence_number=1)
        + typed("response.content_part.added", **at, part=part, sequence_number=2)
        + typed("response.output_text.delta", **at, delta="he", sequence_number=3)
        + typed("response.output_text.delta", **at, delta="y", sequence_number=4)
        + typed("response.output_item.added", output_index=1, item=call, sequence_number=5)
        + typed(
            "response.function_call_arguments.delta",
            item_id="i2",
            output_index=1,
            delta="{",
            sequence_number=6,
        )
    )
    watcher = bounded(RESPONSES, 4)
    more = typed("response.function_call_arguments.delta", output_index=1, delta="}", sequence_number=7)
    out = watcher.feed(passed + more)
    assert out.startswith(passed)
    ends = data_of(out[len(passed) :])
    assert [end["sequence_number"] for end in ends] == [7, 8, 9, 10, 11, 12]
    said = {**part, "text": "hey"}
    whole = {**message, "status": "incomplete", "content": [said]}
    called = {**call, "arguments": "{"}
    for end in ends:
        del end["sequence_number"]
    assert ends[:-1] == [
        {"type": "response.output_text.done", **at, "text": "hey", "logprobs": []},
        {"type": "response.content_part.done", **at, "part": said},
        {"type": "response.output_item.done", "output_index": 0, "item": whole},
        {
            "type": "response.function_call_arguments.done",
            "item_id": "i2",
            "output_index": 1,
            "arguments": "{",
            "name": "f",
        },
        {"type": "response.output_item.done", "output_index": 1, "item": called},
    ]
    last = ends[-1]
    assert last["type"] == "response.incomplete"
    response = last["response"]
    assert isinstance(response, dict)
    usage = response.pop("usage")
    assert (usage["input_tokens"], usage["output_tokens"]) == (30, 1)
    assert response == {
        **begun,
        "status": "incomplete",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [whole, called],
    }


def test_thoughts_of_a_response_are_ended_too() -> None:
    item = {"id": "i1", "type": "reasoning", "summary": []}
    at = {"item_id": "i1", "output_index": 0, "summary_index": 0}
    part = {"type": "summary_text", "text": ""}
    passed = (
        typed("response.output_item.added", output_index=0, item=item)
        + typed("response.reasoning_summary_part.added", **at, part=part)
        + typed("response.reasoning_summary_text.delta", **at, delta="hm")
    )
    out = bounded(RESPONSES, 2).feed(passed + typed("response.reasoning_summary_text.delta", **at, delta="!"))
    ends = data_of(out[len(passed) :])
    assert [end["type"] for end in ends] == [
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.incomplete",
    ]
    assert ends[2]["item"] == {**item, "summary": [{"type": "summary_text", "text": "hm"}]}


# Gemini.


def content(text: str, index: int = 0) -> dict[str, object]:
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "index": index}
    usage = {"promptTokenCount": 8, "candidatesTokenCount": 1, "totalTokenCount": 9}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m", "responseId": "r"}


CUT = {
    "candidates": [{"content": {"role": "model", "parts": []}, "finishReason": "MAX_TOKENS", "index": 0}],
    "usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 1, "totalTokenCount": 9},
    "modelVersion": "m",
    "responseId": "r",
}


def test_gemini_s_candidates_are_ended() -> None:
    watcher = bounded(STREAM_GENERATE_CONTENT, 2)
    out = watcher.feed(event(content("ab")) + event(content("c")))
    assert out == event(content("ab")) + out[len(event(content("ab"))) :]
    assert data_of(out)[1:] == [CUT]
    assert watcher.finish() == b""
    assert watcher.failure is None


def test_gemini_s_array_is_closed() -> None:
    watcher = bounded(STREAM_GENERATE_CONTENT, 2, array=True)
    out = watcher.feed(event(content("ab"))) + watcher.feed(event(content("c")))
    assert json.loads(out) == [content("ab"), CUT]


# Other paths, other dialects.


@pytest.mark.parametrize("endpoint", [PLAIN, plain(Family.ANTHROPIC), plain(Family.GEMINI)])
def test_a_stream_of_which_nothing_is_known_just_stops(endpoint: Endpoint) -> None:
    said: dict[Family, list[dict[str, object]]] = {
        Family.OPENAI: [{"delta": "ab"}, {"delta": "c"}],
        Family.ANTHROPIC: [{"delta": {"text": "ab"}}, {"delta": {"text": "c"}}],
        Family.GEMINI: [content("ab"), content("c")],
    }
    bodies = said[endpoint.family]
    watcher = bounded(endpoint, 2)
    assert watcher.feed(b"".join(map(event, bodies))) == event(bodies[0])
    assert watcher.done
    assert watcher.cut_short


def translated(caller: DialectName, bound: int, *, array: bool = False) -> StreamRelay:
    request = ChatRequest(dialect=caller, model="m", messages=(), stream=True, include_usage=True)
    encoder = DIALECTS[caller].stream_encoder(AnswerContext(request=request, id="0", created_s=1))
    watcher = TranslatedStream(
        DIALECTS[DialectName.ANTHROPIC].stream_decoder(PROVIDERS["anthropic"]),
        ArrayEncoder(encoder) if array else encoder,
        {},
        several=DIALECTS[caller].several_choices,
    )
    watcher.bound(fixed(bound), input_tokens=30)
    return watcher


CALL = (
    message_start()
    + typed("content_block_start", index=0, content_block={"type": "text", "text": ""})
    + typed("content_block_delta", index=0, delta={"type": "text_delta", "text": "né"})
    + typed("content_block_stop", index=0)
    + typed(
        "content_block_start",
        index=1,
        content_block={"type": "tool_use", "id": "t1", "name": "f", "input": {}},
    )
    + typed("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '{"a'})
    + typed("content_block_delta", index=1, delta={"type": "input_json_delta", "partial_json": '": 1}'})
)


def test_a_translated_chat_ends_with_length() -> None:
    watcher = translated(DialectName.OPENAI_CHAT, 6)
    chunks = data_of(watcher.feed(CALL))
    assert watcher.done
    assert watcher.cut_short
    assert watcher.output_bytes == 6
    assert watcher.usage == Usage(input=11, cache_read=4, output=2, estimated=True)
    *_, end, usage = chunks
    assert end["choices"][0]["finish_reason"] == "length"  # type: ignore[index]
    assert usage["usage"]["completion_tokens"] == 2  # type: ignore[index]
    assert '": 1}' not in json.dumps(chunks)


def test_a_translated_text_counts_in_bytes() -> None:
    assert "né" not in json.dumps(data_of(translated(DialectName.OPENAI_CHAT, 2).feed(CALL)))
    watcher = translated(DialectName.OPENAI_CHAT, 3)
    watcher.feed(CALL)
    assert watcher.output_bytes == 3


@pytest.mark.parametrize(
    ("caller", "end"),
    [
        (DialectName.OPENAI_RESPONSES, b'"max_output_tokens"'),
        (DialectName.ANTHROPIC, b'"max_tokens"'),
        (DialectName.GEMINI, b'"MAX_TOKENS"'),
        (DialectName.OPENAI_CHAT, b'"length"'),
    ],
)
@pytest.mark.parametrize("bound", [0, 3, 6])
def test_other_callers_are_told_in_their_words(caller: DialectName, end: bytes, bound: int) -> None:
    watcher = translated(caller, bound)
    out = watcher.feed(CALL)
    assert end in out
    assert watcher.failure is None
    assert watcher.done


def test_a_translated_array_is_closed() -> None:
    found = json.loads(translated(DialectName.GEMINI, 3, array=True).feed(CALL))
    assert found[-1]["candidates"][0]["finishReason"] == "MAX_TOKENS"
