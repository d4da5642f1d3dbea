"""The `openai` Python SDK, unmodified, with strict response validation, against llama.cpp.

Every scenario runs against the model server itself too, see `conftest.WAYS`.
"""

from __future__ import annotations

import json
from typing import Final

from openai.types.chat import ChatCompletionMessageParam
from openai.types.chat.completion_create_params import ResponseFormat

from tests.harness import models
from tests.harness.openai_sdk import QUESTION, WEATHER, Target, sdk, text_of

VERDICT: Final[ResponseFormat] = {
    "type": "json_schema",
    "json_schema": {
        "name": "verdict",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"colour": {"enum": ["red", "blue"]}, "sure": {"type": "boolean"}},
            "required": ["colour", "sure"],
            "additionalProperties": False,
        },
    },
}
# The script goes on from the piece in which a raw prompt ends.
CONTINUED: Final = models.TEXT.partition(" fox")[2]


def test_chat(text_target: Target) -> None:
    with sdk(text_target) as client:
        answer = client.chat.completions.create(model=text_target.model, messages=QUESTION)
    assert answer.choices[0].message.content == models.TEXT
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == len(models.TEXT_PIECES) + 1  # and the end of the turn
    # llama.cpp's own member, unknown to the API, has come through.
    assert answer.model_extra is not None
    assert "timings" in answer.model_extra


def test_stream_with_usage(text_target: Target) -> None:
    with (
        sdk(text_target) as client,
        client.chat.completions.create(
            model=text_target.model, messages=QUESTION, stream=True, stream_options={"include_usage": True}
        ) as stream,
    ):
        chunks = list(stream)
    assert text_of(chunks) == models.TEXT
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == len(models.TEXT_PIECES) + 1
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


def test_stream_without_usage_gets_no_usage_chunk(text_target: Target) -> None:
    with (
        sdk(text_target) as client,
        client.chat.completions.create(model=text_target.model, messages=QUESTION, stream=True) as stream,
    ):
        chunks = list(stream)
    assert text_of(chunks) == models.TEXT
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)


def test_tool_call_and_its_result(tool_target: Target) -> None:
    with sdk(tool_target) as client:
        answer = client.chat.completions.create(
            model=tool_target.model, messages=QUESTION, tools=[WEATHER], tool_choice="auto"
        )
        (call,) = answer.choices[0].message.tool_calls or []
        assert call.type == "function"
        assert answer.choices[0].finish_reason == "tool_calls"
        assert call.function.name == models.TOOL_NAME
        assert json.loads(call.function.arguments) == models.TOOL_ARGUMENTS
        assert call.id
        history: list[ChatCompletionMessageParam] = [
            *QUESTION,
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": call.id,
                        "type": "function",
                        "function": {"name": call.function.name, "arguments": call.function.arguments},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": call.id, "content": "sunny, 21 degrees"},
        ]
        longer = client.chat.completions.create(model=tool_target.model, messages=history, tools=[WEATHER])
    assert answer.usage is not None
    assert longer.usage is not None
    # The scripted model says the same again; that the result reached it shows in the longer prompt.
    assert longer.usage.prompt_tokens > answer.usage.prompt_tokens


def test_tool_call_streamed(tool_target: Target) -> None:
    with (
        sdk(tool_target) as client,
        client.chat.completions.create(
            model=tool_target.model, messages=QUESTION, tools=[WEATHER], stream=True
        ) as stream,
    ):
        chunks = list(stream)
    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or []]
    assert {call.index for call in calls} == {0}
    assert [call.function.name for call in calls if call.function and call.function.name] == [
        models.TOOL_NAME
    ]
    assert len([call.id for call in calls if call.id]) == 1
    arguments = "".join(call.function.arguments or "" for call in calls if call.function)
    assert json.loads(arguments) == models.TOOL_ARGUMENTS
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


def test_json_schema_binds_the_answer(text_target: Target) -> None:
    with sdk(text_target) as client:
        answer = client.chat.completions.create(
            model=text_target.model, messages=QUESTION, response_format=VERDICT, seed=7
        )
    verdict = json.loads(answer.choices[0].message.content or "")
    assert set(verdict) == {"colour", "sure"}
    assert verdict["colour"] in ("red", "blue")
    assert isinstance(verdict["sure"], bool)


def test_models_list(text_target: Target) -> None:
    with sdk(text_target) as client:
        listed = list(client.models.list())
    assert [model.id for model in listed] == [text_target.model]
    assert listed[0].object == "model"


def test_responses(text_target: Target) -> None:
    with sdk(text_target, strict=False) as client:
        answer = client.responses.create(model=text_target.model, input="What does the fox do?")
    assert answer.output_text == models.TEXT
    assert answer.usage is not None
    assert answer.usage.output_tokens == len(models.TEXT_PIECES) + 1


def test_responses_streamed(text_target: Target) -> None:
    with (
        sdk(text_target, strict=False) as client,
        client.responses.create(model=text_target.model, input="What?", stream=True) as stream,
    ):
        events = list(stream)
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == models.TEXT


def test_embeddings(text_target: Target) -> None:
    with sdk(text_target) as client:
        answer = client.embeddings.create(
            model=text_target.model, input=["one", "two"], encoding_format="float"
        )
    assert [item.index for item in answer.data] == [0, 1]
    assert [len(item.embedding) for item in answer.data] == [models.DIMENSIONS] * 2
    assert answer.usage.prompt_tokens > 0


def test_embeddings_as_base64(text_target: Target) -> None:
    with sdk(text_target, strict=False) as client:
        answer = client.embeddings.create(model=text_target.model, input="one")
    assert len(answer.data[0].embedding) == models.DIMENSIONS


def test_legacy_completions(text_target: Target) -> None:
    with sdk(text_target) as client:
        answer = client.completions.create(model=text_target.model, prompt="The fox")
    assert answer.choices[0].text == CONTINUED


def test_legacy_completions_streamed(text_target: Target) -> None:
    with (
        sdk(text_target, strict=False) as client,
        client.completions.create(model=text_target.model, prompt="The fox", stream=True) as stream,
    ):
        chunks = list(stream)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == CONTINUED
    assert all(chunk.choices for chunk in chunks)


def test_output_cut_at_max_tokens(text_target: Target) -> None:
    with sdk(text_target) as client:
        answer = client.chat.completions.create(model=text_target.model, messages=QUESTION, max_tokens=3)
    assert answer.choices[0].message.content == "".join(models.TEXT_PIECES[:3])
    assert answer.choices[0].finish_reason == "length"
