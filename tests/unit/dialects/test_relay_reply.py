"""What is read from answers while they pass, and what becomes of broken ones."""

from __future__ import annotations

import json

import pytest

from ai_gateway.dialects.endpoints import CHAT, PLAIN, RESPONSES, Endpoint, Family
from ai_gateway.dialects.relay_answer import read_reply, stream_relay, usage_in_tail
from ai_gateway.dialects.relay_stream import StreamRelay
from ai_gateway.errors import UpstreamError, UpstreamProtocolError


def chunk(
    content: str | None = None, *, finish: str | None = None, usage: object = None, **more: object
) -> bytes:
    delta = {} if content is None else {"content": content}
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    body: dict[str, object] = {"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": choices}
    if usage is not None:
        body["usage"] = usage
    return event({**body, **more})


def event(body: object) -> bytes:
    return b"data: " + json.dumps(body).encode() + b"\n\n"


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
DONE = b"data: [DONE]\n\n"
USAGE_CHUNK = chunk(usage=USAGE, choices=[])


def relay(
    *, endpoint: Endpoint = CHAT, hide_usage: bool = False, terminator_optional: bool = False
) -> StreamRelay:
    return stream_relay(endpoint, hide_usage=hide_usage, terminator_optional=terminator_optional)


def passed(watcher: StreamRelay, wire: bytes, size: int) -> bytes:
    out = b""
    for start in range(0, len(wire), size):
        out += watcher.feed(wire[start : start + size])
        if watcher.done or watcher.failure:
            return out
    return out + watcher.finish()


WHOLE = chunk("he") + chunk("llo") + chunk(finish="stop") + USAGE_CHUNK + DONE
SIZES = [1, 2, 7, 64, 10_000]


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_passes_as_it_came(size: int) -> None:
    watcher = relay()
    assert passed(watcher, WHOLE, size) == WHOLE
    assert watcher.done
    assert watcher.failure is None
    assert watcher.usage is not None
    assert (watcher.usage.total_input, watcher.usage.total_output) == (3, 2)
    assert watcher.model == "m"
    assert watcher.output_bytes == len("hello")


@pytest.mark.parametrize("size", SIZES)
def test_the_usage_chunk_that_only_the_gateway_asked_for_is_kept_back(size: int) -> None:
    watcher = relay(hide_usage=True)
    assert passed(watcher, WHOLE, size) == WHOLE.replace(USAGE_CHUNK, b"")
    assert watcher.usage is not None


@pytest.mark.parametrize(
    "wire",
    [
        chunk("x") + chunk(finish="stop", usage=USAGE) + DONE,  # Mistral, OpenRouter
        chunk("x", usage={"prompt_tokens": 3, "completion_tokens": 1})
        + chunk(finish="stop", usage=USAGE)
        + DONE,
        chunk("x", usage=None)
        + event({"choices": [], "prompt_filter_results": [{}]})
        + chunk(usage=USAGE)
        + DONE,
    ],
)
def test_usage_on_a_chunk_with_choices_is_counted_and_shown(wire: bytes) -> None:
    watcher = relay(hide_usage=True)
    assert passed(watcher, wire, 50) == wire
    assert watcher.usage is not None
    assert watcher.usage.total_output == 2


@pytest.mark.parametrize("end", range(len(WHOLE) - len(DONE)))
def test_a_stream_that_stops_early_is_a_failure(end: int) -> None:
    watcher = relay()
    out = passed(watcher, WHOLE[:end], 33)
    assert isinstance(watcher.failure, UpstreamProtocolError)
    assert WHOLE.startswith(out) or out.rstrip() == WHOLE[:end].rstrip()
    assert not out.endswith(DONE)


def test_the_terminator_may_be_left_out_only_by_those_known_to() -> None:
    wire = chunk("x") + chunk(finish="stop")
    strict, lenient = relay(), relay(terminator_optional=True)
    assert passed(strict, wire, 9) == wire
    assert strict.failure is not None
    assert passed(lenient, wire, 9) == wire + DONE
    assert lenient.failure is None


def test_without_a_finish_there_is_no_clean_end() -> None:
    watcher = relay(terminator_optional=True)
    passed(watcher, chunk("x"), 9)
    assert watcher.failure is not None


@pytest.mark.parametrize("garbage", [b"data: {oops\n\n", b"data: \xff\xfe\n\n", b'data: {"choices": [\n\n'])
def test_garbage_ends_the_stream_after_what_was_good(garbage: bytes) -> None:
    watcher = relay()
    assert watcher.feed(chunk("x") + garbage + chunk("y")) == chunk("x")
    assert isinstance(watcher.failure, UpstreamProtocolError)
    error = json.loads(watcher.error_event(watcher.failure).removeprefix(b"data: "))
    assert error["error"]["code"] == "upstream_error"


@pytest.mark.parametrize(
    "odd",
    [
        b": OPENROUTER PROCESSING\n\n",
        b"event: ping\ndata: {}\n\n",
        event({"choices": "unknown", "usage": 7}),
        event({"choices": [{"delta": {"content": [{"type": "thinking"}]}}]}),
        event({"choices": None, "usage": None}),
        event([1, 2]),
        b"data: 7\n\n",
    ],
)
def test_what_is_unknown_passes(odd: bytes) -> None:
    watcher = relay()
    assert watcher.feed(odd) == odd
    assert watcher.failure is None


def test_nothing_passes_after_the_last_word() -> None:
    watcher = relay()
    assert watcher.feed(chunk("x") + DONE + chunk("y")) == chunk("x") + DONE
    assert watcher.done


def test_a_failure_told_in_mid_stream_passes_and_is_noted() -> None:
    wire = chunk("x", error={"code": 400, "message": "Token limit reached"}) + DONE
    watcher = relay()
    assert passed(watcher, wire, 20) == wire
    assert watcher.error == "Token limit reached"


def test_a_failure_that_quotes_the_credential_is_noted_without_it() -> None:
    watcher = stream_relay(CHAT, hide_usage=False, terminator_optional=False, credential="sk-secret")
    watcher.feed(chunk("x", error={"message": "bad key sk-secret"}))
    assert watcher.error == "bad key ***"


def test_tools_and_older_completions_are_counted() -> None:
    tools = {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}
    watcher = relay()
    watcher.feed(event({"choices": [{"delta": tools, "finish_reason": None}]}))
    watcher.feed(event({"choices": [{"text": "abcd", "finish_reason": None}]}))
    assert watcher.tools_used
    assert watcher.output_bytes > 4


RESPONSE = {"id": "r", "model": "m", "usage": {"input_tokens": 4, "output_tokens": 6}, "output": []}
RESPONSES_WIRE = (
    b"event: response.created\n"
    + event({"type": "response.created", "sequence_number": 0, "response": {**RESPONSE, "usage": None}})
    + event({"type": "response.output_text.delta", "sequence_number": 1, "delta": "hello"})
    + event({"type": "response.completed", "sequence_number": 2, "response": RESPONSE})
)


@pytest.mark.parametrize("size", SIZES)
def test_responses_end_with_their_own_last_event(size: int) -> None:
    watcher = relay(endpoint=RESPONSES)
    assert passed(watcher, RESPONSES_WIRE, size) == RESPONSES_WIRE
    assert watcher.done
    assert watcher.usage is not None
    assert watcher.usage.total_output == 6


def test_responses_report_failure_as_their_error_event() -> None:
    watcher = relay(endpoint=RESPONSES)
    passed(watcher, RESPONSES_WIRE[: RESPONSES_WIRE.index(b"data", 200)], 30)
    assert watcher.failure is not None
    lines = watcher.error_event(watcher.failure).split(b"\n")
    assert lines[0] == b"event: error"
    body = json.loads(lines[1].removeprefix(b"data: "))
    assert body["type"] == "error"
    assert body["code"] == "upstream_error"
    assert body["sequence_number"] >= 1


def test_a_failed_response_is_noted() -> None:
    failed = {"type": "response.failed", "response": {"error": {"message": "no capacity"}}}
    watcher = relay(endpoint=RESPONSES)
    watcher.feed(event(failed))
    assert watcher.error == "no capacity"
    assert watcher.done


def test_an_unknown_stream_owes_nothing() -> None:
    wire = b"data: not json\n\n" + event({"type": "x", "usage": {"input_tokens": 1, "output_tokens": 1}})
    watcher = relay(endpoint=PLAIN)
    assert passed(watcher, wire, 5) == wire
    assert watcher.failure is None
    assert watcher.usage is not None


def test_a_whole_answer() -> None:
    answer = {
        "model": "m",
        "choices": [{"message": {"content": "hello", "tool_calls": [{}]}}],
        "usage": USAGE,
    }
    reply = read_reply(CHAT, json.dumps(answer).encode())
    assert reply.usage is not None
    assert reply.usage.total_input == 3
    assert reply.tools_used


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b'{"a":1}{', b"\xff"])
def test_a_broken_answer_is_the_upstreams_fault(body: bytes) -> None:
    with pytest.raises(UpstreamError) as caught:
        read_reply(CHAT, body)
    assert caught.value.status == 502


@pytest.mark.parametrize("body", [b"[]", b'{"usage": 7, "choices": "x"}', b"7"])
def test_an_odd_answer_is_not(body: bytes) -> None:
    assert read_reply(CHAT, body).usage is None


@pytest.mark.parametrize(
    ("tail", "tokens"),
    [
        (b'0.1,0.2]}],"model":"m","usage":{"prompt_tokens":8,"total_tokens":8}}', 8),
        (b'..."usage": {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 1}}, "id": "x"}', 5),
        (b'"usage" was said, then "usage":{"prompt_tokens":2}', 2),
        (b"nothing here", None),
        (b'"usage": null}', None),
        (b'"usage":{"prompt_tokens":', None),
    ],
)
def test_usage_in_the_tail_of_a_long_answer(tail: bytes, tokens: int | None) -> None:
    usage = usage_in_tail(Family.OPENAI, tail)
    assert (usage.total_input if usage else None) == tokens


@pytest.mark.parametrize(
    ("family", "tail"),
    [
        (Family.ANTHROPIC, b'"stop_reason":"end_turn","usage":{"input_tokens":4,"output_tokens":2}}'),
        (
            Family.GEMINI,
            b'AA"}}]}}],"usageMetadata":{"promptTokenCount":4,"details":[{"tokenCount":4}]},"modelVersion":"g"}',
        ),
    ],
)
def test_every_family_reports_usage_in_its_own_way(family: Family, tail: bytes) -> None:
    usage = usage_in_tail(family, tail)
    assert usage is not None
    assert usage.total_input == 4


@pytest.mark.parametrize(
    ("answer", "size", "tools"),
    [
        ({"choices": [{"message": {"content": "hello", "tool_calls": [], "refusal": None}}]}, 5, False),
        ({"choices": [{"message": {"content": "hello", "function_call": None}}]}, 5, False),
        (
            {"choices": [{"message": {"content": None, "tool_calls": [{"id": "1"}]}}]},
            len('[{"id": "1"}]'),
            True,
        ),
        ({"choices": [{"message": {}}, {"message": {"function_call": {"a": 1}}}]}, len('{"a": 1}'), True),
        ({"choices": [{"text": "ab"}, {"text": "c"}]}, 3, False),
        ({"output": [{"type": "message", "content": "ab"}, {"type": "function_call"}]}, 2, True),
        ({"data": []}, 0, False),
        ({"choices": [{"message": {"content": "hello", "tool_calls": [1]}, "finish_reason": 5}]}, 0, False),
    ],
)
@pytest.mark.parametrize("usage", [None, USAGE])
def test_what_a_whole_answer_says_of_itself(
    answer: dict[str, object], size: int, tools: bool, usage: dict[str, int] | None
) -> None:
    reply = read_reply(CHAT, json.dumps({"model": "m", **answer, "usage": usage}).encode())
    assert reply.tools_used is tools
    if reply.usage is None:
        assert reply.output_bytes == size
    else:
        assert (reply.model, reply.usage.total_input, reply.usage.total_output) == ("m", 3, 2)
