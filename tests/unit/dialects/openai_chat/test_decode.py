"""What Chat Completions servers send, OpenAI's own and the compatible ones', as canonical events."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.answer import Answer, Choice, collect
from ai_gateway.core.chat import Audio, Data, Image, Opaque, Refusal, Text, Thinking, ToolCall
from ai_gateway.core.events import (
    Event,
    Extension,
    Failed,
    Finish,
    FinishReason,
    Start,
    TextDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.signature import Signature, wrap
from ai_gateway.dialects.openai_chat.decode import decode_response, stream_decoder
from ai_gateway.errors import UpstreamError, UpstreamProtocolError, UpstreamRejected
from ai_gateway.providers import PROVIDERS

JSON = Any  # what a provider sends

STRICT = PROVIDERS["openai"]
LENIENT = PROVIDERS["vllm"]
DONE = b"data: [DONE]\n\n"


def chunk(delta: JSON, *, finish: str | None = None, **members: JSON) -> JSON:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 7, "model": "m"}
    return {**base, "choices": [choice], **members}


def sse(*chunks: JSON, done: bool = True) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in chunks) + (
        DONE if done else b""
    )


def decoded(wire: bytes, size: int = 1 << 30) -> list[Event]:
    decoder = stream_decoder(STRICT)
    found: list[Event] = []
    for start in range(0, len(wire), size):
        found += decoder.feed(wire[start : start + size])
    return found if decoder.done else found + decoder.finish()


def streamed(*deltas: JSON, finish: str | None = "stop") -> Choice:
    """The choice that `deltas` make up, fed whole and byte by byte."""
    wire = sse(*map(chunk, deltas), chunk({}, finish=finish))
    choice = collect(decoded(wire)).choices[0]
    assert msgspec.json.encode(collect(decoded(wire, 1)).choices[0]) == msgspec.json.encode(choice)
    return choice


def whole(message: JSON, *, finish: str | None = "stop", **members: JSON) -> Answer:
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        **members,
    }
    return collect(decode_response(json.dumps(body).encode()))


def call(index: int | None = 0, **members: JSON) -> JSON:
    function = {name: members.pop(name) for name in ("name", "arguments") if name in members}
    entry = {**members, "function": function}
    return entry if index is None else {"index": index, **entry}


def calls(*entries: JSON) -> JSON:
    return {"tool_calls": list(entries)}


def brief(choice: Choice) -> list[tuple[str, str]]:
    return [(one.name, one.arguments) for one in choice.tool_calls]


def test_plain_text_in_order() -> None:
    wire = b": comment\n\n" + sse(
        chunk({"role": "assistant", "content": ""}, service_tier="default", system_fingerprint="fp"),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}, usage=None),
        chunk({}, finish="stop"),
        {
            **chunk({}),
            "choices": [],
            "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
        },
    )
    start, first, second, report, finish = decoded(wire)
    assert isinstance(start, Start)
    assert (start.id, start.model, start.created_s) == ("chatcmpl-1", "m", 7)
    assert set(start.extra or {}) == {"service_tier", "system_fingerprint"}
    assert (first, second) == (TextDelta("Hel"), TextDelta("lo"))
    assert isinstance(report, UsageReport)
    assert (report.usage.input, report.usage.output) == (3, 2)
    assert finish == Finish(reason=FinishReason.STOP, raw="stop")


TOOL_STREAMS: list[tuple[str, list[JSON], list[tuple[str, str]]]] = [
    (
        "by index",
        [
            calls(call(0, id="a", type="function", name="f", arguments="")),
            calls(call(0, arguments='{"x"')),
            calls(call(0, arguments=":1}")),
        ],
        [("f", '{"x":1}')],
    ),
    (
        "interleaved, several in one delta",
        [
            calls(call(0, id="a", name="f", arguments=""), call(1, id="b", name="g", arguments="")),
            calls(call(1, arguments="[2]"), call(0, arguments="[1]")),
        ],
        [("f", "[1]"), ("g", "[2]")],
    ),
    (
        "id and name in every delta",
        [
            calls(call(0, id="a", name="f", arguments="{")),
            calls(call(0, id="a", name="f", arguments="}")),
        ],
        [("f", "{}")],
    ),
    (
        "empty name in later deltas",
        [calls(call(0, id="9", name="f", arguments="")), calls(call(0, id="9", name="", arguments="{}"))],
        [("f", "{}")],
    ),
    (
        "one index for all",
        [
            calls(call(0, id="a", name="f", arguments="[1]")),
            calls(call(0, id="b", name="f", arguments="[2]")),
        ],
        [("f", "[1]"), ("f", "[2]")],
    ),
    (
        "one index, no ids",
        [
            calls(call(0, id="", name="f", arguments='{"x":')),
            calls(call(0, id="", name="f", arguments="1}")),
            calls(call(0, id="", name="f", arguments="")),
            calls(call(0, id="", name="g", arguments='{"y":2}')),
        ],
        [("f", '{"x":1}'), ("g", '{"y":2}')],
    ),
    (
        "no index, no id",
        [calls(call(None, id="", name="f", arguments="[1]")), calls(call(None, name="g", arguments="[2]"))],
        [("f", "[1]"), ("g", "[2]")],
    ),
    (
        "no index, pieces by id",
        [
            calls(call(None, id="a", name="f", arguments="[")),
            calls(call(None, id="b", name="g", arguments="{")),
            calls(call(None, id="a", arguments="]")),
            calls(call(None, arguments="]")),
        ],
        [("f", "[]"), ("g", "{]")],
    ),
    (
        "arguments before the name",
        [calls(call(0, id="a", arguments="{")), calls(call(0, name="f", arguments="}"))],
        [("f", "{}")],
    ),
    (
        "arguments as an object",
        [calls(call(0, id="a", name="f", arguments={"x": 1}))],
        [("f", '{"x": 1}')],
    ),
    ("no arguments", [calls(call(0, id="a", name="f"))], [("f", "{}")]),
    (
        "null entries",
        [{"tool_calls": [None]}, calls(call(0, id="a", name="f", arguments=None))],
        [("f", "{}")],
    ),
    (
        "legacy function_call",
        [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "[1]"}}],
        [("f", "[1]")],
    ),
    (
        "custom",
        [
            calls({"index": 0, "id": "a", "type": "custom", "custom": {"name": "f", "input": ""}}),
            calls({"index": 0, "custom": {"input": 'a "quo'}}),
            calls({"index": 0, "custom": {"input": 'te"\n'}}),
        ],
        [("f", '{"input":"a \\"quote\\"\\n"}')],
    ),
]


@pytest.mark.parametrize(("name", "deltas", "expected"), TOOL_STREAMS, ids=[row[0] for row in TOOL_STREAMS])
def test_tool_calls_however_they_are_cut(
    name: str, deltas: list[JSON], expected: list[tuple[str, str]]
) -> None:
    choice = streamed(*deltas)
    assert brief(choice) == expected
    assert choice.finish is not None
    assert choice.finish.reason is FinishReason.TOOL_CALLS
    identifiers = [one.id for one in choice.tool_calls]
    assert all(identifiers)
    assert len(set(identifiers)) == len(identifiers)


def test_a_call_starts_and_ends_once() -> None:
    found = decoded(
        sse(
            chunk(calls(call(0, id="a", name="f", arguments="[1"))),
            chunk(calls(call(0, id="a", name="f", arguments="]")), finish="tool_calls"),
        )
    )
    assert found[1:] == [
        ToolCallStart(index=0, id="a", name="f"),
        ToolCallDelta(0, "[1"),
        ToolCallDelta(0, "]"),
        ToolCallEnd(0),
        Finish(reason=FinishReason.TOOL_CALLS, raw="tool_calls"),
    ]


def test_made_up_ids_are_the_same_each_time_and_differ_between_answers() -> None:
    def identifier(answer_id: str) -> str:
        wire = sse(chunk(calls(call(0, name="f", arguments="{}")), finish="stop", id=answer_id))
        return collect(decoded(wire)).choices[0].tool_calls[0].id

    assert identifier("one") == identifier("one")
    assert identifier("one") != identifier("two")


def test_arguments_without_a_name_are_a_broken_answer() -> None:
    with pytest.raises(UpstreamProtocolError, match="without a name"):
        streamed(calls(call(0, id="a", arguments="{}")))


@pytest.mark.parametrize("member", ["reasoning_content", "reasoning"])
def test_thoughts_by_either_name(member: str) -> None:
    deltas = [{member: "a", "content": None}, {member: "b", "content": ""}, {"content": "c"}]
    assert streamed(*deltas).parts == (Thinking("ab"), Text("c"))


def test_thoughts_told_twice_count_once() -> None:
    assert streamed({"reasoning_content": "a", "reasoning": "a"}).parts == (Thinking("a"),)


def detail(kind: str, **members: JSON) -> JSON:
    return {"type": f"reasoning.{kind}", **members}


def test_reasoning_details_bring_signatures() -> None:
    parts = streamed(
        {"reasoning": "a", "reasoning_details": [detail("text", text="a", format="x", index=0)]},
        {"reasoning": "b", "reasoning_details": [detail("text", text="b", format="x", index=0)]},
        {"reasoning": None, "reasoning_details": [detail("text", signature="s1", format="x", index=0)]},
        {"reasoning_details": [detail("summary", summary="c", index=1)]},
        {"reasoning_details": [detail("encrypted", data="s2", id="rs_1", index=1)]},
        {"content": "d", "reasoning_details": []},
    ).parts
    thoughts = [part for part in parts if isinstance(part, Thinking)]
    assert [(one.text, one.signature, one.redacted) for one in thoughts] == [
        ("ab", Signature("openai_chat", "s1"), False),
        ("c", None, False),
        ("", Signature("openai_chat", "s2", "redacted", "rs_1"), True),
    ]
    assert bytes((thoughts[0].extra or {})["format"]) == b'"x"'
    assert parts[-1] == Text("d")


def test_wrapped_signatures_find_home() -> None:
    theirs = Signature("anthropic", "sig")
    entry = detail("text", text="a", signature=wrap(theirs, "openai_chat"), index=0)
    (part,) = streamed({"reasoning_details": [entry]}).parts
    assert part == Thinking("a", signature=theirs)


def test_google_signs_calls_and_text() -> None:
    extra = {"extra_content": {"google": {"thought_signature": "s"}}}
    (one,) = streamed(calls({**call(0, id="a", name="f", arguments="{}"), **extra})).tool_calls
    assert one.signature == Signature("openai_chat", "s", "tool_call")
    choice = whole({"content": "a", **extra}).choices[0]
    assert choice.parts == (Text("a", signature=Signature("openai_chat", "s")),)
    older = whole({**calls(call(None, id="", name="f", arguments="{}")), **extra}).choices[0]
    assert older.tool_calls[0].signature == Signature("openai_chat", "s", "tool_call")


def test_content_arrays() -> None:
    choice = streamed(
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}]},
        {"content": [{"type": "thinking", "thinking": [], "closed": True}, {"type": "text", "text": "b"}]},
        {"content": "c"},
        {"content": [{"type": "reference", "reference_ids": [1]}, {"type": "new", "x": 1}]},
    )
    thinking, text, opaque = choice.parts
    assert thinking == Thinking("a")
    assert isinstance(text, Text)
    assert text.text == "bc"
    assert [one.url for one in text.citations] == [None]
    assert isinstance(opaque, Opaque)
    assert opaque.kind == "new"


def test_refusal_is_why_it_ended() -> None:
    choice = streamed({"refusal": "I "}, {"refusal": "won't"})
    assert choice.parts == (Refusal("I won't"),)
    assert choice.finish == Finish(reason=FinishReason.REFUSAL, raw="stop")


def test_annotations_are_citations() -> None:
    note = {"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 2}
    message = {"content": "hi", "annotations": [{"type": "url_citation", "url_citation": note}]}
    answer = whole(message, citations=["https://a.test", "https://b.test"])
    (part,) = answer.choices[0].parts
    assert isinstance(part, Text)
    found = [(one.url, one.title, one.start, one.end) for one in part.citations]
    assert found == [("https://a.test", "A", 0, 2), ("https://b.test", None, None, None)]


def test_search_results_are_told_once() -> None:
    results = [{"url": "https://a.test", "title": "A", "snippet": "words"}]
    more: JSON = {"search_results": results, "citations": ["https://a.test"]}
    found = decoded(sse(chunk({"content": "a"}, **more), chunk({"content": "b"}, finish="stop", **more)))
    names = [event.name for event in found if isinstance(event, Extension)]
    assert sorted(names) == ["citations", "search_results"]
    (part,) = collect(found).choices[0].parts
    assert isinstance(part, Text)
    assert [(one.url, one.title, one.quote) for one in part.citations] == [("https://a.test", "A", "words")]


def test_media() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUI="}, "index": 0}
    choice = streamed(
        {"content": "a", "images": [image]},
        {"audio": {"id": "audio_1", "transcript": "he"}},
        {"audio": {"data": "QQ==", "transcript": "y"}},
        {"audio": {"data": "QkM=", "expires_at": 9}},
    )
    text, picture, sound = choice.parts
    assert (text, picture) == (Text("a"), Image(Data("image/png", "QUI=")))
    assert isinstance(sound, Audio)
    assert (sound.source, sound.transcript) == (Data("audio/pcm", "QUJD"), "hey")
    assert {name: bytes(raw) for name, raw in (sound.extra or {}).items()} == {
        "id": b'"audio_1"',
        "expires_at": b"9",
    }


def test_logprobs() -> None:
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "a", "logprob": -0.5}]}
    first = chunk({"content": "a"})
    first["choices"][0]["logprobs"] = {"content": [token], "refusal": None}
    choice = collect(decoded(sse(first, chunk({}, finish="stop")))).choices[0]
    assert choice.logprobs is not None
    assert [(one.token, one.logprob, len(one.top_logprobs)) for one in choice.logprobs] == [("a", -0.5, 1)]


FINISHES = [
    ("stop", FinishReason.STOP),
    ("length", FinishReason.LENGTH),
    ("model_length", FinishReason.CONTEXT_WINDOW),
    ("content_filter", FinishReason.CONTENT_FILTER),
    ("insufficient_system_resource", FinishReason.LENGTH),
    ("MAX_TOKENS", FinishReason.LENGTH),
    ("new_word", FinishReason.OTHER),
    (None, FinishReason.OTHER),
]


@pytest.mark.parametrize(("word", "reason"), FINISHES)
def test_finish_words(word: str | None, reason: FinishReason) -> None:
    expected = Finish(reason=reason, raw=word)
    assert whole({"content": "a"}, finish=word).choices[0].finish == expected
    assert streamed({"content": "a"}, finish=word).finish == expected


def test_the_first_finish_counts_and_late_calls_are_kept() -> None:
    found = decoded(
        sse(
            chunk({"content": "a"}, finish=""),
            chunk({}, finish="length"),
            chunk(calls(call(0, id="a", name="f", arguments="{}")), finish="stop"),
        )
    )
    assert [event for event in found if isinstance(event, Finish)] == [
        Finish(reason=FinishReason.LENGTH, raw="length")
    ]
    assert isinstance(found[-1], Finish)


def test_a_stop_sequence_that_the_server_names() -> None:
    last = chunk({}, finish="stop")
    last["choices"][0]["stop_reason"] = "END"
    finish = collect(decoded(sse(chunk({"content": "a"}), last))).choices[0].finish
    assert finish == Finish(reason=FinishReason.STOP_SEQUENCE, raw="stop", stop_sequence="END")


def test_azure_begins_with_its_filter() -> None:
    filtered = {
        "id": "",
        "model": "",
        "created": 0,
        "choices": [],
        "prompt_filter_results": [{"prompt_index": 0}],
    }
    found = decoded(sse(filtered, chunk({"content": "a"}), chunk({}, finish="stop")))
    assert isinstance(found[0], Start)
    assert found[0].model == "m"
    assert isinstance(found[1], Extension)
    assert found[1].name == "prompt_filter_results"
    answer = whole({}, finish="content_filter", prompt_filter_results=[1])
    assert answer.choices[0].finish == Finish(reason=FinishReason.CONTENT_FILTER, raw="content_filter")


def test_several_choices() -> None:
    def one(index: int, delta: JSON, finish: str | None = None) -> JSON:
        return {**chunk({}), "choices": [{"index": index, "delta": delta, "finish_reason": finish}]}

    wire = sse(one(1, {"content": "b"}), one(0, {"content": "a"}), one(0, {}, "stop"), one(1, {}, "length"))
    answer = collect(decoded(wire))
    assert [(choice.text, choice.finish and choice.finish.raw) for choice in answer.choices] == [
        ("a", "stop"),
        ("b", "length"),
    ]


def test_usage_wherever_it_stands() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14}
    hits = {**usage, "prompt_cache_hit_tokens": 6}
    found = collect(
        decoded(sse(chunk({"content": "a"}, usage=usage), chunk({}, finish="stop", usage=hits)))
    ).usage
    assert found is not None
    assert (found.input, found.cache_read, found.output) == (4, 6, 4)
    groq = collect(
        decoded(sse(chunk({"content": "a"}, finish="stop", x_groq={"id": "r", "usage": usage})))
    ).usage
    assert groq is not None
    assert groq.total_input == 10


FAILURES: list[tuple[str, bytes, type[UpstreamError], int, str]] = [
    (
        "beside choices",
        sse(chunk({"content": ""}, error={"code": 400, "message": "too long"}), done=False),
        UpstreamRejected,
        400,
        "too long",
    ),
    (
        "alone",
        sse({"error": {"message": "boom", "type": "server_error"}}, done=False),
        UpstreamError,
        502,
        "boom",
    ),
    ("a string", sse({"error": "boom"}, done=False), UpstreamError, 502, "boom"),
    ("an event", b'event: error\ndata: {"code":"500","message":"boom"}\n\n', UpstreamError, 502, "boom"),
    (
        "flat",
        sse({"object": "error", "message": "slow down", "code": 429}),
        UpstreamRejected,
        429,
        "slow down",
    ),
    ("a word", sse(chunk({}, finish="error")), UpstreamError, 502, "ended its answer with an error"),
    ("no stream", b'{"error": {"message": "boom"}}', UpstreamError, 502, "boom"),
]


@pytest.mark.parametrize(
    ("name", "wire", "kind", "status", "message"), FAILURES, ids=[row[0] for row in FAILURES]
)
def test_failures_inside_a_stream(
    name: str, wire: bytes, kind: type[UpstreamError], status: int, message: str
) -> None:
    for size in (len(wire), 1):
        decoder = stream_decoder(STRICT)
        found = [event for at in range(0, len(wire), size) for event in decoder.feed(wire[at : at + size])]
        found += decoder.finish()
        assert decoder.done
        assert isinstance(found[-1], Failed)
        assert type(found[-1].error) is kind
        assert found[-1].error.status == status
        assert message in found[-1].error.message


def test_an_error_in_a_choice() -> None:
    broken = chunk({"content": ""}, finish="error")
    broken["choices"][0]["error"] = {"code": 502, "message": "gone"}
    found = decoded(sse(chunk({"content": "a"}), broken))
    assert isinstance(found[-1], Failed)
    assert found[-1].error.message == "gone"


def test_nothing_counts_after_the_end() -> None:
    decoder = stream_decoder(STRICT)
    assert decoder.feed(sse(chunk({"content": "a"}, finish="stop")))
    assert decoder.feed(sse(chunk({"content": "b"}))) == []
    assert decoder.finish() == []


@pytest.mark.parametrize(
    ("wire", "lenient"),
    [
        (sse(chunk({"content": "a"}), done=False), False),
        (sse(chunk({"content": "a"}, finish="stop"), done=False), False),
        (b"", False),
        (sse(chunk({"content": "a"}, finish="stop"), done=False), True),
        (sse(chunk({"content": "a"}, finish="stop"), done=False)[:-2], True),
    ],
)
def test_a_stream_without_its_terminator(wire: bytes, lenient: bool) -> None:
    decoder = stream_decoder(LENIENT if lenient else STRICT)
    found = decoder.feed(wire)
    if lenient:
        found += decoder.finish()
        assert collect(found).choices[0].text == "a"
    else:
        with pytest.raises(UpstreamProtocolError, match="stopped before its end"):
            decoder.finish()


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"{}", b'{"choices": 1}', b'{"choices":[{"index":-1}]}']
)
def test_what_is_no_chat_completion(body: bytes) -> None:
    with pytest.raises(UpstreamProtocolError):
        decode_response(body)


def test_an_answer_that_is_a_failure() -> None:
    with pytest.raises(UpstreamRejected, match="bad key"):
        decode_response(b'[{"error": {"code": 400, "message": "bad key"}}]')
    with pytest.raises(UpstreamError, match="boom"):
        decode_response(b'{"error": "boom"}')


def test_members_that_nobody_knows_are_kept() -> None:
    answer = whole({"content": "a"}, timings={"n": 1}, surprise=[1], usage=None)
    assert {one.name for one in answer.choices[0].extensions} == {"timings", "surprise"}


def test_no_choices_at_all() -> None:
    assert collect(decode_response(b'{"id":"x","model":"m","choices":null}')).choices == ()


@given(
    text=st.text(max_size=40),
    thought=st.text(max_size=20),
    arguments=st.text(max_size=40),
    size=st.integers(1, 200),
    crlf=st.booleans(),
)
def test_any_text_survives_any_cut(text: str, thought: str, arguments: str, size: int, crlf: bool) -> None:
    wire = sse(
        chunk({"reasoning_content": thought}),
        chunk({"content": text}),
        chunk(calls(call(0, id="a", name="f", arguments=arguments))),
        chunk({}, finish="tool_calls"),
    )
    if crlf:
        wire = wire.replace(b"\n", b"\r\n")
    choice = collect(decoded(wire, size)).choices[0]
    assert (choice.thinking, choice.text) == (thought, text)
    assert choice.tool_calls == (ToolCall("a", "f", arguments or "{}"),)


@given(st.binary(max_size=80).filter(lambda data: b"[DONE]" not in data))
def test_garbage_is_a_protocol_error_or_nothing(data: bytes) -> None:
    decoder = stream_decoder(STRICT)
    try:
        found = decoder.feed(b"data: " + data + b"\n\n") + decoder.finish()
    except UpstreamProtocolError:
        return
    assert isinstance(found[-1], Failed)


RICH = sse(
    chunk(
        {
            "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, {"type": "x"}],
            "reasoning": "a",
            "reasoning_details": [{"type": "reasoning.text", "text": "a", "signature": "s", "index": 0}],
            "refusal": "no",
            "tool_calls": [call(0, id="a", name="f", arguments={"x": "é"}), call(None, arguments="\\u00e9")],
            "annotations": [{"type": "url_citation", "url_citation": {"url": "u"}}],
            "audio": {"data": "QQ=="},
            "images": [{"image_url": {"url": "data:image/png;base64,QUI="}}],
            "extra_content": {"google": {"thought_signature": "s"}},
        },
        finish="stop",
        usage={"prompt_tokens": 1, "completion_tokens": 1},
        citations=["u"],
        x_groq={"usage": {}},
    )
)


@given(at=st.integers(6, len(RICH) - len(DONE) - 3), byte=st.integers(0, 255))
def test_a_damaged_byte_is_at_worst_a_protocol_error(at: int, byte: int) -> None:
    wire = RICH[:at] + bytes([byte]) + RICH[at + 1 :]
    with suppress(UpstreamProtocolError):
        assert decoded(wire)
