"""Recorded Chat Completions answers decode, however they are cut up, and come out for a Chat caller again."""

from __future__ import annotations

import json

import msgspec
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ai_gateway.core.answer import Answer, collect
from ai_gateway.core.chat import ChatRequest, DialectName, Part, Text, Thinking, ToolCall
from ai_gateway.core.events import Event, Failed, FinishReason
from ai_gateway.dialects.interface import AnswerContext
from ai_gateway.dialects.openai_chat.decode import decode_response, stream_decoder
from ai_gateway.dialects.openai_chat.encode import encode_response
from ai_gateway.dialects.openai_chat.encode_stream import stream_encoder
from ai_gateway.dialects.openai_chat.errors import parse_error
from ai_gateway.errors import UpstreamProtocolError
from ai_gateway.providers import PROVIDERS, Provider
from tests.harness.cassettes import Cassette, cassette_params

ROWS = {"azure": "azure-openai"}
COMPATIBLE = PROVIDERS["openai-compatible"]
CONTEXT = AnswerContext(
    request=ChatRequest(
        dialect=DialectName.OPENAI_CHAT, model="asked", messages=(), stream=True, include_usage=True
    ),
    id="0123456789abcdef",
    created_s=1,
)


def is_chat(cassette: Cassette) -> bool:
    return cassette.url.partition("?")[0].endswith("/chat/completions")


def is_stream(cassette: Cassette) -> bool:
    return is_chat(cassette) and cassette.status == 200 and cassette.body_text is not None


def is_answer(cassette: Cassette) -> bool:
    return is_chat(cassette) and cassette.status == 200 and isinstance(cassette.body, dict)


def is_refusal(cassette: Cassette) -> bool:
    return is_chat(cassette) and 400 <= cassette.status < 500


def row_of(cassette: Cassette) -> Provider:
    return PROVIDERS.get(ROWS.get(cassette.provider, cassette.provider), COMPATIBLE)


def decoded(wire: bytes, provider: Provider, size: int) -> list[Event]:
    decoder = stream_decoder(provider)
    found: list[Event] = []
    for start in range(0, len(wire), size):
        found += decoder.feed(wire[start : start + size])
    if not decoder.done:
        found += decoder.finish()
    assert decoder.done
    return found


def shown(events: list[Event]) -> list[object]:
    """Events as values that compare."""
    return [
        (type(event), str(event.error) if isinstance(event, Failed) else msgspec.json.encode(event))
        for event in events
    ]


def events_of(cassette: Cassette) -> list[Event]:
    wire = cassette.response_bytes()
    return decoded(wire, row_of(cassette), len(wire)) if cassette.body_text else decode_response(wire)


def gist(part: Part) -> object:
    match part:
        case Text(text=text, citations=citations):
            return "text", text, [citation.url for citation in citations]
        case Thinking(text=text, signature=signature):
            return "thinking", text, signature
        case ToolCall(id=identifier, name=name, arguments=arguments, signature=signature):
            return "call", identifier, name, arguments, signature
        case _:
            return part


def outcome(answer: Answer) -> object:
    """What was said, without empty text."""
    return [
        (choice.index, [gist(part) for part in choice.parts if part != Text("")]) for choice in answer.choices
    ]


@pytest.mark.parametrize("cassette", cassette_params(is_stream))
def test_a_stream_decodes_the_same_wherever_it_is_cut(cassette: Cassette) -> None:
    wire = cassette.response_bytes()
    row = row_of(cassette)
    whole = decoded(wire, row, len(wire))
    small = 1 if len(wire) < 20_000 else 41
    assert shown(decoded(wire, row, small)) == shown(whole)
    if isinstance(whole[-1], Failed):
        assert whole[-1].error.message == "Token limit reached"
        assert whole[-1].error.status == 400
        return
    answer = collect(whole)
    assert answer.start.model
    assert answer.choices
    for choice in answer.choices:
        assert choice.finish is not None
        assert choice.finish.reason is not FinishReason.OTHER
        assert choice.parts
        expected = FinishReason.TOOL_CALLS if choice.tool_calls else FinishReason.STOP
        assert choice.finish.reason in (expected, FinishReason.LENGTH)
    if '"usage":{' in wire.decode().replace(" ", ""):
        assert answer.usage is not None
        assert answer.usage.total_input > 0


@pytest.mark.parametrize("cassette", cassette_params(is_answer))
def test_an_answer_decodes(cassette: Cassette) -> None:
    answer = collect(decode_response(cassette.response_bytes()))
    assert len(answer.choices) == len(cassette.body["choices"])
    for choice, recorded in zip(answer.choices, cassette.body["choices"], strict=True):
        message = recorded.get("message", {})
        if isinstance(message.get("content"), str):
            assert choice.text == message["content"]
        reasoning = message.get("reasoning_content") or message.get("reasoning") or ""
        assert reasoning in choice.thinking
        names = [(call.get("function") or call["custom"])["name"] for call in message.get("tool_calls") or []]
        assert [call.name for call in choice.tool_calls] == names or message.get("function_call")
        assert all(call.id for call in choice.tool_calls)


@pytest.mark.parametrize("cassette", cassette_params(lambda one: is_stream(one) or is_answer(one)))
def test_it_comes_out_again_for_a_caller(cassette: Cassette) -> None:
    events = events_of(cassette)
    if isinstance(events[-1], Failed):
        return
    answer = collect(events)
    whole = encode_response(answer, CONTEXT)
    encoder = stream_encoder(CONTEXT)
    stream = b"".join(map(encoder.feed, events)) + encoder.finish()
    assert stream.endswith(b"data: [DONE]\n\n")

    foreign = {"file"}  # OpenRouter's annotations, which OpenAI's SDK does not know
    kinds = {
        note["type"] for choice in json.loads(whole)["choices"] for note in choice["message"]["annotations"]
    }
    if not kinds & foreign:
        completion = ChatCompletion.model_validate_json(whole, strict=True)
        assert [choice.message.content or "" for choice in completion.choices] == [
            choice.text for choice in answer.choices
        ]
    state = ChatCompletionStreamState()
    for data in stream.decode().removesuffix("data: [DONE]\n\n").split("\n\n")[:-1]:
        state.handle_chunk(ChatCompletionChunk.model_validate_json(data.removeprefix("data: "), strict=True))
    put_together = state.current_completion_snapshot
    assert [choice.message.content or "" for choice in put_together.choices] == [
        choice.text for choice in answer.choices
    ]
    assert (put_together.usage is None) == (answer.usage is None)

    for again in (
        collect(decode_response(whole)),
        collect(decoded(stream, PROVIDERS["openai"], len(stream))),
    ):
        assert outcome(again) == outcome(answer)
        assert [one.finish and one.finish.reason for one in again.choices] == [
            FinishReason.STOP
            if one.finish is not None
            and one.finish.reason in (FinishReason.OTHER, FinishReason.STOP_SEQUENCE)
            else one.finish and one.finish.reason
            for one in answer.choices
        ]
        if answer.usage is not None:
            assert again.usage is not None
            assert again.usage.total_input == answer.usage.total_input
            assert again.usage.total_output == answer.usage.total_output


@pytest.mark.parametrize("cassette", cassette_params(is_refusal))
def test_a_refusal_keeps_its_status_and_message(cassette: Cassette) -> None:
    error = parse_error(cassette.status, cassette.response_bytes(), "", None)
    assert error.status == cassette.status
    assert not error.message.startswith("the upstream answered")


@pytest.mark.parametrize("cassette", cassette_params(is_stream)[::5])
def test_a_stream_that_stops_early_is_a_failure(cassette: Cassette) -> None:
    wire = cassette.response_bytes()
    with pytest.raises(UpstreamProtocolError):
        decoded(wire[: len(wire) // 2], PROVIDERS["openai"], len(wire))
