"""What a Chat Completions caller gets, whole or streamed, held against OpenAI's own types."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ai_gateway.core.answer import collect
from ai_gateway.core.chat import (
    Audio,
    ChatRequest,
    Citation,
    Data,
    DialectName,
    Image,
    Opaque,
    Tool,
)
from ai_gateway.core.events import (
    CitationAdded,
    Event,
    Extension,
    Finish,
    FinishReason,
    Logprobs,
    PartDone,
    PartEnd,
    RefusalDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingEnd,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.signature import Signature
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.interface import AnswerContext
from ai_gateway.dialects.openai_chat.decode import decode_response, stream_decoder
from ai_gateway.dialects.openai_chat.encode import encode_response
from ai_gateway.dialects.openai_chat.encode_stream import stream_encoder
from ai_gateway.errors import UpstreamTimeout
from ai_gateway.providers import PROVIDERS

JSON = Any  # what a caller reads

STOP = Finish(reason=FinishReason.STOP)
ANTHROPIC, GEMINI, CHAT = DialectName.ANTHROPIC, DialectName.GEMINI, DialectName.OPENAI_CHAT
CUSTOM = Tool(name="shell", custom=True)


def context(*, usage: bool = False) -> AnswerContext:
    request = ChatRequest(
        dialect=CHAT, model="asked", messages=(), stream=True, include_usage=usage, tools=(CUSTOM,)
    )
    return AnswerContext(request=request, id="abc", created_s=77)


def whole(*events: Event, strict: bool = True) -> JSON:
    body = encode_response(collect(events), context())
    if strict:
        ChatCompletion.model_validate_json(body, strict=True)
    return json.loads(body)


def chunks(*events: Event, usage: bool = False, strict: bool = True) -> list[JSON]:
    encoder = stream_encoder(context(usage=usage))
    wire = (b"".join(map(encoder.feed, events)) + encoder.finish()).decode()
    assert wire.endswith("data: [DONE]\n\n")
    found = []
    for frame in wire.removesuffix("data: [DONE]\n\n").split("\n\n")[:-1]:
        assert frame.startswith("data: ")
        if strict:
            ChatCompletionChunk.model_validate_json(frame[6:], strict=True)
        found.append(json.loads(frame[6:]))
    return found


def put_together(*events: Event) -> JSON:
    """The message as OpenAI's SDK puts it together."""
    state = ChatCompletionStreamState()
    for one in chunks(*events, strict=False):
        state.handle_chunk(ChatCompletionChunk.model_validate(one))
    return state.current_completion_snapshot.choices[0].message.to_dict()


def deltas(found: list[JSON]) -> list[JSON]:
    return [choice["delta"] for one in found for choice in one["choices"]]


def test_a_plain_stream() -> None:
    found = chunks(Start(id="msg_1", model="claude"), TextDelta("a"), TextDelta("b"), STOP, usage=False)
    assert deltas(found) == [
        {"role": "assistant", "content": "", "refusal": None},
        {"content": "a"},
        {"content": "b"},
        {},
    ]
    assert {(one["id"], one["model"], one["created"], one["object"]) for one in found} == {
        ("chatcmpl-abc", "claude", 77, "chat.completion.chunk")
    }
    assert [one["choices"][0]["finish_reason"] for one in found] == [None, None, None, "stop"]
    assert all("usage" not in one for one in found)


def test_a_plain_answer() -> None:
    found = whole(Start(), TextDelta("a"), STOP, UsageReport(Usage(input=1, output=2)))
    assert found["model"] == "asked"
    assert found["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "a", "refusal": None, "annotations": []},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]


def test_usage_is_whole_and_comes_only_when_asked() -> None:
    usage = Usage(input=5, cache_read=3, cache_write=2, output=4, reasoning=6)
    events: tuple[Event, ...] = (Start(), TextDelta("a"), UsageReport(Usage()), STOP, UsageReport(usage))
    expected = {
        "prompt_tokens": 10,
        "completion_tokens": 10,
        "total_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 6,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }
    assert whole(*events)["usage"] == expected
    asked = chunks(*events, usage=True)
    assert [one["usage"] for one in asked[:-1]] == [None] * (len(asked) - 1)
    assert (asked[-1]["choices"], asked[-1]["usage"]) == ([], expected)
    assert all(one["choices"] and "usage" not in one for one in chunks(*events))


CALLS: tuple[Event, ...] = (
    Start(),
    ToolCallStart(index=0, id="a", name="f", signature=Signature("gemini", "sig", "tool_call")),
    ToolCallStart(index=1, id="b", name="g"),
    ToolCallDelta(0, '{"x"'),
    ToolCallDelta(0, ":1}"),
    ToolCallEnd(0),
    ToolCallEnd(1),
    Finish(reason=FinishReason.STOP),
)


def test_tool_calls() -> None:
    message = whole(*CALLS)["choices"][0]
    assert message["finish_reason"] == "tool_calls"
    assert message["message"]["content"] is None
    first, second = message["message"]["tool_calls"]
    assert first.pop("extra_content")["google"]["thought_signature"]
    assert first == {"id": "a", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    assert second["function"] == {"name": "g", "arguments": "{}"}

    found = chunks(*CALLS)
    entries = [entry for delta in deltas(found) for entry in delta.get("tool_calls", [])]
    assert [(entry["index"], entry.get("id"), entry.get("type")) for entry in entries] == [
        (0, "a", "function"),
        (1, "b", "function"),
        (0, None, None),
        (0, None, None),
        (1, None, None),
    ]
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"
    assembled = put_together(*CALLS)["tool_calls"]
    assert [entry["function"]["arguments"] for entry in assembled] == ['{"x":1}', "{}"]


def test_the_caller_s_custom_tools_get_text() -> None:
    events: tuple[Event, ...] = (
        Start(),
        ToolCallStart(index=0, id="a", name="shell"),
        ToolCallDelta(0, '{"input": "l'),
        ToolCallDelta(0, 's \\"x\\""}'),
        ToolCallEnd(0),
        Finish(reason=FinishReason.TOOL_CALLS),
    )
    expected = {"id": "a", "type": "custom", "custom": {"name": "shell", "input": 'ls "x"'}}
    assert whole(*events)["choices"][0]["message"]["tool_calls"] == [expected]
    entries = [entry for one in deltas(chunks(*events, strict=False)) for entry in one.get("tool_calls", [])]
    assert entries == [
        {"index": 0, "id": "a", "type": "custom", "custom": {"name": "shell", "input": ""}},
        {"index": 0, "custom": {"input": 'ls "x"'}},
    ]


THOUGHTS: tuple[Event, ...] = (
    Start(),
    ThinkingDelta("a"),
    ThinkingDelta("b"),
    ThinkingEnd(signature=Signature("anthropic", "s1")),
    ThinkingEnd(signature=Signature("anthropic", "s2", "redacted"), redacted=True),
    ThinkingDelta("c"),
    TextDelta("d"),
    STOP,
)


def test_thoughts_and_their_signatures_come_back() -> None:
    message = whole(*THOUGHTS)["choices"][0]["message"]
    assert message["reasoning_content"] == "abc"
    kinds = [(entry["type"], entry.get("text"), entry["index"]) for entry in message["reasoning_details"]]
    assert kinds == [
        ("reasoning.text", "ab", 0),
        ("reasoning.encrypted", None, 1),
        ("reasoning.text", "c", 2),
    ]

    encoder = stream_encoder(context())
    wire = b"".join(map(encoder.feed, THOUGHTS)) + encoder.finish()
    streamed = collect(stream_decoder(PROVIDERS["openai"]).feed(wire)).choices[0]
    answered = collect(decode_response(msgspec.json.encode(whole(*THOUGHTS)))).choices[0]
    asked = collect(THOUGHTS).choices[0]
    for again in (streamed, answered):
        assert [
            (
                type(part),
                getattr(part, "text", None),
                getattr(part, "signature", None),
                getattr(part, "redacted", 0),
            )
            for part in again.parts
        ] == [
            (
                type(part),
                getattr(part, "text", None),
                getattr(part, "signature", None),
                getattr(part, "redacted", 0),
            )
            for part in asked.parts
        ]


def test_the_sdk_puts_thoughts_together() -> None:
    message = put_together(*THOUGHTS)
    assert message["reasoning_content"] == "abc"
    assert [entry.get("text") for entry in message["reasoning_details"]] == ["ab", None, "c"]
    assert message["reasoning_details"][0]["signature"]


def test_unsigned_thoughts_need_no_details() -> None:
    message = whole(Start(), ThinkingDelta("a"), TextDelta("b"), STOP)["choices"][0]["message"]
    assert message["reasoning_content"] == "a"
    assert "reasoning_details" not in message


def citation(url: str | None, start: int | None = None, end: int | None = None) -> CitationAdded:
    raw = msgspec.Raw(b'{"type":"web_search_result_location"}')
    return CitationAdded(
        citation=Citation(dialect=ANTHROPIC, raw=raw, url=url, title="T", quote="Q", start=start, end=end)
    )


def test_citations_are_annotations() -> None:
    events: tuple[Event, ...] = (
        Start(),
        TextDelta("abc"),
        PartEnd(),
        TextDelta("de"),
        citation("https://a.test"),
        citation("https://b.test", 0, 2),
        citation(None),
        STOP,
    )
    found = whole(*events)
    notes = [note["url_citation"] for note in found["choices"][0]["message"]["annotations"]]
    assert [(note["url"], note["start_index"], note["end_index"]) for note in notes] == [
        ("https://a.test", 3, 5),
        ("https://b.test", 0, 2),
    ]
    assert found["extensions"] == {"anthropic": {"citations": [{"type": "web_search_result_location"}]}}
    stream = chunks(*events)
    (listed,) = [delta["annotations"] for delta in deltas(stream) if "annotations" in delta]
    assert [note["url_citation"] for note in listed] == notes
    assert stream[-1]["extensions"] == found["extensions"]
    assert len(put_together(*events)["annotations"]) == 2


def test_extensions_of_other_dialects_have_a_slot() -> None:
    events: tuple[Event, ...] = (
        Start(),
        TextDelta("a"),
        Extension(dialect=GEMINI, name="groundingMetadata", raw=msgspec.Raw(b'{"a":1}')),
        PartDone(part=Opaque(ANTHROPIC, "server_tool_use", msgspec.Raw(b'{"id":1}'))),
        Extension(dialect=CHAT, name="prompt_filter_results", raw=msgspec.Raw(b"[1]")),
        STOP,
    )
    for found in (whole(*events), chunks(*events)[-1], chunks(*events, usage=True)[-1]):
        assert found["extensions"] == {
            "gemini": {"groundingMetadata": {"a": 1}},
            "anthropic": {"server_tool_use": [{"id": 1}]},
        }
        assert found["prompt_filter_results"] == [1]


def test_a_blocked_prompt_still_shows_why() -> None:
    blocked = Extension(dialect=GEMINI, name="promptFeedback", raw=msgspec.Raw(b"1"))
    encoder = stream_encoder(context())
    encoder.feed(blocked)
    assert b'"extensions":{"gemini":{"promptFeedback":1}}' in encoder.finish()


def test_refusals() -> None:
    events: tuple[Event, ...] = (Start(), RefusalDelta("no"), Finish(reason=FinishReason.REFUSAL))
    choice = whole(*events)["choices"][0]
    assert (choice["message"]["refusal"], choice["message"]["content"]) == ("no", None)
    assert choice["finish_reason"] == "stop"
    assert chunks(*events)[-1]["choices"][0]["finish_reason"] == "stop"


def test_media() -> None:
    sound = Audio(Data("audio/wav", "QUI="), transcript="hi")
    events: tuple[Event, ...] = (
        Start(),
        PartDone(part=Image(Data("image/png", "QUI="))),
        PartDone(part=sound),
        STOP,
    )
    message = whole(*events)["choices"][0]["message"]
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUI="}, "index": 0}
    assert message["images"] == [image]
    assert message["audio"] == {"id": "audio_abc", "data": "QUI=", "expires_at": 77, "transcript": "hi"}
    found = deltas(chunks(*events))
    assert {"images": [image]} in found
    assert {"audio": message["audio"]} in found


def test_logprobs() -> None:
    tokens = Logprobs(tokens=(TokenLogprob("a", -0.5, [97]),))
    wanted = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": []}
    events: tuple[Event, ...] = (Start(), TextDelta("a"), tokens, STOP)
    assert whole(*events)["choices"][0]["logprobs"] == {"content": [wanted], "refusal": None}
    listed = [one["choices"][0]["logprobs"] for one in chunks(*events)]
    assert listed == [None, None, {"content": [wanted], "refusal": None}, None]


WORDS = [
    (FinishReason.STOP_SEQUENCE, "stop"),
    (FinishReason.LENGTH, "length"),
    (FinishReason.CONTEXT_WINDOW, "length"),
    (FinishReason.TOOL_CALLS, "tool_calls"),
    (FinishReason.CONTENT_FILTER, "content_filter"),
    (FinishReason.REFUSAL, "content_filter"),
    (FinishReason.PAUSE, "stop"),
    (FinishReason.OTHER, "stop"),
]


@pytest.mark.parametrize(("reason", "word"), WORDS)
def test_finish_words(reason: FinishReason, word: str) -> None:
    finish = Finish(reason=reason, raw="theirs", stop_sequence="END" if word == "stop" else None)
    events: tuple[Event, ...] = (Start(), TextDelta("a"), finish)
    for choice in (whole(*events)["choices"][0], chunks(*events)[-1]["choices"][0]):
        assert choice["finish_reason"] == word
        assert choice.get("stop_reason") == finish.stop_sequence
        told = reason in (FinishReason.PAUSE, FinishReason.OTHER)
        assert choice.get("native_finish_reason") == ("theirs" if told else None)


def test_foreign_members_do_not_leak_into_ours() -> None:
    extra = {
        "service_tier": msgspec.Raw(b'"standard"'),
        "container": msgspec.Raw(b"{}"),
        "system_fingerprint": msgspec.Raw(b'"fp"'),
    }
    found = whole(Start(id="chatcmpl-9", created_s=5, extra=extra), TextDelta("a"), STOP)
    assert found["system_fingerprint"] == "fp"
    assert (found["id"], found["created"]) == ("chatcmpl-9", 5)
    assert "service_tier" not in found
    assert "container" not in found


def test_a_failed_stream_ends_with_the_error() -> None:
    encoder = stream_encoder(context())
    encoder.feed(Start())
    error = encoder.error_event(UpstreamTimeout("too slow"))
    assert json.loads(error.removeprefix(b"data: ")) == {
        "error": {"message": "too slow", "type": "api_error", "param": None, "code": "upstream_timeout"}
    }


def test_several_choices() -> None:
    found = chunks(
        Start(), TextDelta("b", 1), TextDelta("a"), STOP, Finish(reason=FinishReason.LENGTH, choice=1)
    )
    ends = [
        (choice["index"], choice["finish_reason"])
        for one in found
        for choice in one["choices"]
        if choice["finish_reason"]
    ]
    assert ends == [(0, "stop"), (1, "length")]
    roles = [choice["index"] for one in found for choice in one["choices"] if "role" in choice["delta"]]
    assert roles == [0, 1]


@given(
    st.lists(st.tuples(st.sampled_from(["text", "thinking", "refusal"]), st.text(max_size=20)), max_size=12)
)
def test_streams_say_what_answers_say(said: list[tuple[str, str]]) -> None:
    kinds: dict[str, Callable[[str], Event]] = {
        "text": TextDelta,
        "thinking": ThinkingDelta,
        "refusal": RefusalDelta,
    }
    events: list[Event] = [Start(), *(kinds[kind](text) for kind, text in said), STOP]
    message = put_together(*events)
    found = whole(*events)["choices"][0]["message"]
    for name in ("content", "refusal", "reasoning_content"):
        assert (message.get(name) or "") == (found.get(name) or "")
