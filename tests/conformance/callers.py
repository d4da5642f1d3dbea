"""The conversation held by each Python SDK, as its documentation says to."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import anthropic
import httpx2
import openai
from google import genai
from google.genai import types

from tests.conformance.conversation import (
    DESCRIPTIONS,
    DROPPED,
    MAX_TOKENS,
    PICTURE,
    QUESTION,
    RESULTS,
    STOP,
    SYSTEM,
    TEMPERATURE,
    TOOLS,
    Outcome,
    note_dropped,
)
from tests.harness.gateway import GatewayProcess


@dataclass(frozen=True)
class Way:
    """How to reach a model through the gateway."""

    gateway: GatewayProcess
    key: str
    model: str
    stream: bool
    outcome: Outcome
    stop: bool = True
    """Whether stop sequences are asked for."""

    @property
    def stops(self) -> list[str]:
        return STOP if self.stop else []

    def http(self) -> httpx2.Client:
        """Notes what the gateway said it dropped."""

        def note(response: httpx2.Response) -> None:
            note_dropped(self.outcome, response.headers.get(DROPPED))

        return httpx2.Client(event_hooks={"response": [note]}, trust_env=False, timeout=30)


# The SDKs type their arguments by hundreds of nested TypedDicts; here they are data.
Data = Any


def openai_chat(way: Way) -> None:
    with openai.OpenAI(
        base_url=way.gateway.base_url,
        api_key=way.key,
        max_retries=0,
        http_client=way.http(),
        _strict_response_validation=True,
    ) as client:
        messages: list[Data] = [
            {"role": "system", "content": SYSTEM},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": QUESTION},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}},
                ],
            },
        ]
        message = _chat_turn(client, way, messages)
        for call in message["tool_calls"]:
            way.outcome.calls.append((call["function"]["name"], json.loads(call["function"]["arguments"])))
            way.outcome.call_ids.append(call["id"])
        way.outcome.thoughts = message.get("reasoning_content") or ""
        messages.append(message)
        messages += [
            {"role": "tool", "tool_call_id": call["id"], "content": RESULTS[call["function"]["name"]]}
            for call in message["tool_calls"]
        ]
        way.outcome.text = _chat_turn(client, way, messages)["content"]


def _chat_turn(client: openai.OpenAI, way: Way, messages: list[Data]) -> Data:
    """The message, to be put into the next turn as it is."""
    asked: Data = {
        "model": way.model,
        "messages": messages,
        "tools": [
            {
                "type": "function",
                "function": {"name": name, "description": DESCRIPTIONS[name], "parameters": schema},
            }
            for name, schema in TOOLS.items()
        ],
        "max_completion_tokens": MAX_TOKENS,
        "temperature": TEMPERATURE,
        "stop": way.stops or openai.omit,
    }
    if not way.stream:
        answer = client.chat.completions.create(**asked)
        (choice,) = answer.choices
        way.outcome.finish.append(choice.finish_reason)
        _chat_usage(way, answer.usage)
        return {k: v for k, v in choice.message.model_dump(mode="json").items() if v is not None}
    message: Data = {"role": "assistant"}
    with client.chat.completions.create(
        **asked, stream=True, stream_options={"include_usage": True}
    ) as stream:
        for chunk in stream:
            for piece in chunk.choices:
                _merge(message, piece.delta.model_dump(mode="json", exclude_unset=True))
                if piece.finish_reason:
                    way.outcome.finish.append(piece.finish_reason)
            if chunk.usage:
                _chat_usage(way, chunk.usage)
    for call in message.get("tool_calls", ()):
        call.pop("index")
    return {k: v for k, v in message.items() if v is not None}


def _chat_usage(way: Way, usage: openai.types.CompletionUsage | None) -> None:
    assert usage is not None
    details = usage.prompt_tokens_details
    cached = (details.cached_tokens or 0) if details else 0
    way.outcome.usage.append((usage.prompt_tokens, cached, usage.completion_tokens))


def _merge(into: Data, delta: Data) -> None:
    """As every reader of streams does: texts are joined, lists are merged by index."""
    for name, value in delta.items():
        own = into.get(name)
        if own is None or name in ("role", "index", "type", "id"):
            into[name] = value if value is not None else own
        elif isinstance(value, str):
            into[name] = own + value
        elif isinstance(value, dict):
            _merge(own, value)
        elif isinstance(value, list):
            for row in value:
                same = [one for one in own if one.get("index") == row.get("index")]
                if same and "index" in row:
                    _merge(same[0], row)
                else:
                    own.append(row)


def openai_responses(way: Way) -> None:
    with openai.OpenAI(
        base_url=way.gateway.base_url,
        api_key=way.key,
        max_retries=0,
        http_client=way.http(),
        _strict_response_validation=True,
    ) as client:
        items: list[Data] = [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": QUESTION},
                    {
                        "type": "input_image",
                        "detail": "auto",
                        "image_url": f"data:image/png;base64,{PICTURE}",
                    },
                ],
            }
        ]
        first = _responses_turn(client, way, items)
        items += [item.model_dump(mode="json", exclude_none=True) for item in first.output]
        for item in first.output:
            if item.type == "function_call":
                way.outcome.calls.append((item.name, json.loads(item.arguments)))
                way.outcome.call_ids.append(item.call_id)
                items.append(
                    {"type": "function_call_output", "call_id": item.call_id, "output": RESULTS[item.name]}
                )
            elif item.type == "reasoning":
                way.outcome.thoughts += "".join(part.text for part in item.summary)
        way.outcome.text = _responses_turn(client, way, items).output_text


def _responses_turn(client: openai.OpenAI, way: Way, items: list[Data]) -> openai.types.responses.Response:
    asked: Data = {
        "model": way.model,
        "instructions": SYSTEM,
        "input": items,
        "tools": [
            {
                "type": "function",
                "name": name,
                "description": DESCRIPTIONS[name],
                "parameters": schema,
                "strict": False,
            }
            for name, schema in TOOLS.items()
        ],
        "max_output_tokens": MAX_TOKENS,
        "temperature": TEMPERATURE,
        "store": False,
        "include": ["reasoning.encrypted_content"],
    }
    if way.stream:
        with client.responses.stream(**asked) as stream:
            for _ in stream:
                pass
            answer: openai.types.responses.Response = stream.get_final_response()
    else:
        answer = client.responses.create(**asked)
    way.outcome.finish.append(str(answer.status))
    assert answer.usage is not None
    cached = answer.usage.input_tokens_details.cached_tokens
    way.outcome.usage.append((answer.usage.input_tokens, cached, answer.usage.output_tokens))
    return answer


def anthropic_messages(way: Way) -> None:
    with anthropic.Anthropic(
        base_url=way.gateway.url,
        auth_token=way.key,
        max_retries=0,
        http_client=way.http(),
        _strict_response_validation=True,
    ) as client:
        messages: list[Data] = [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": QUESTION},
                    {
                        "type": "image",
                        "source": {"type": "base64", "media_type": "image/png", "data": PICTURE},
                    },
                ],
            }
        ]
        first = _anthropic_turn(client, way, messages)
        messages.append({"role": "assistant", "content": first.content})
        results = []
        for block in first.content:
            if block.type == "tool_use":
                way.outcome.calls.append((block.name, dict(block.input)))
                way.outcome.call_ids.append(block.id)
                results.append(
                    {"type": "tool_result", "tool_use_id": block.id, "content": RESULTS[block.name]}
                )
            elif block.type == "thinking":
                way.outcome.thoughts += block.thinking
        messages.append({"role": "user", "content": results})
        last = _anthropic_turn(client, way, messages)
        way.outcome.text = "".join(block.text for block in last.content if block.type == "text")


def _anthropic_turn(client: anthropic.Anthropic, way: Way, messages: list[Data]) -> anthropic.types.Message:
    asked: Data = {
        "model": way.model,
        "system": SYSTEM,
        "messages": messages,
        "tools": [
            {"name": name, "description": DESCRIPTIONS[name], "input_schema": schema}
            for name, schema in TOOLS.items()
        ],
        "max_tokens": MAX_TOKENS,
        "extra_body": {"temperature": TEMPERATURE},  # newest models take none: the SDK has no such argument
        "stop_sequences": way.stops or anthropic.omit,
    }
    if way.stream:
        with client.messages.stream(**asked) as stream:
            answer: anthropic.types.Message = stream.get_final_message()
    else:
        answer = client.messages.create(**asked)
    way.outcome.finish.append(str(answer.stop_reason))
    usage = answer.usage
    cached = usage.cache_read_input_tokens or 0
    whole = usage.input_tokens + cached + (usage.cache_creation_input_tokens or 0)
    way.outcome.usage.append((whole, cached, usage.output_tokens))
    return answer


def google_genai(way: Way) -> None:
    with (
        way.http() as http,
        genai.Client(
            api_key=way.key,
            http_options=types.HttpOptions(base_url=way.gateway.url, httpx_client=http),
        ) as client,
    ):
        _gemini_conversation(client, way)


def _gemini_conversation(client: genai.Client, way: Way) -> None:
    contents: list[types.Content] = [
        types.Content(
            role="user",
            parts=[
                types.Part(text=QUESTION),
                types.Part.from_bytes(data=base64.b64decode(PICTURE), mime_type="image/png"),
            ],
        )
    ]
    parts = _gemini_turn(client, way, contents)
    contents.append(types.Content(role="model", parts=parts))
    results = []
    for part in parts:
        if part.function_call is not None:
            call = part.function_call
            assert call.name is not None
            way.outcome.calls.append((call.name, call.args or {}))
            way.outcome.call_ids.append(call.id or "")
            response = types.FunctionResponse(
                id=call.id, name=call.name, response={"result": RESULTS[call.name]}
            )
            results.append(types.Part(function_response=response))
        elif part.thought:
            way.outcome.thoughts += part.text or ""
    contents.append(types.Content(role="user", parts=results))
    last = _gemini_turn(client, way, contents)
    way.outcome.text = "".join(part.text or "" for part in last if not part.thought)


def _gemini_turn(client: genai.Client, way: Way, contents: list[types.Content]) -> list[types.Part]:
    config = types.GenerateContentConfig(
        system_instruction=SYSTEM,
        tools=[
            types.Tool(
                function_declarations=[
                    types.FunctionDeclaration(
                        name=name, description=DESCRIPTIONS[name], parameters_json_schema=schema
                    )
                    for name, schema in TOOLS.items()
                ]
            )
        ],
        max_output_tokens=MAX_TOKENS,
        temperature=TEMPERATURE,
        stop_sequences=way.stops or None,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    asked: Data = {"model": way.model, "contents": contents, "config": config}
    chunks = (
        list(client.models.generate_content_stream(**asked))
        if way.stream
        else [client.models.generate_content(**asked)]
    )
    parts: list[types.Part] = []
    for chunk in chunks:
        for candidate in chunk.candidates or ():
            parts += (candidate.content.parts if candidate.content else None) or []
            if candidate.finish_reason:
                way.outcome.finish.append(candidate.finish_reason.value)
    usage = chunks[-1].usage_metadata
    assert usage is not None
    out = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    way.outcome.usage.append((usage.prompt_token_count or 0, usage.cached_content_token_count or 0, out))
    return parts


CALLERS: Final[dict[str, Callable[[Way], None]]] = {
    "openai-chat": openai_chat,
    "openai-responses": openai_responses,
    "anthropic": anthropic_messages,
    "google-genai": google_genai,
}
