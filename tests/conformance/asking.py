"""A request written in each caller's dialect, as its SDK writes it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from tests.conformance.conversation import DESCRIPTIONS, TOOLS
from tests.conformance.wire import Json

CALLERS: Final = ("chat", "responses", "anthropic", "gemini")
BUDGET: Final = 4096
"""Tokens to think with, where a dialect asks by tokens; the others ask for `medium` effort."""
MAX_TOKENS: Final = 8000


@dataclass(frozen=True)
class Asked:
    """What a caller wants, in no dialect."""

    turns: tuple[tuple[str, str], ...] = (("user", 'How are you? Ünïcode \\ " matters.'),)
    """Role and text."""
    system: str = ""
    image: str = ""
    """Base64 of a PNG, in the last turn."""
    document: str = ""
    """Base64 of a PDF, in the last turn."""
    tools: bool = False
    calls: tuple[tuple[str, Json], ...] = ()
    """That the model has made, with `results`, after the turns."""
    results: tuple[str, ...] = ()
    schema: Json | None = None
    reasoning: bool = False
    stop: tuple[str, ...] = ()
    cache: bool = False
    """Mark the system instructions for the cache, where the dialect has marks."""


def request(caller: str, asked: Asked, model: str, stream: bool) -> tuple[str, Json]:
    """Path and body."""
    if caller == "gemini":
        action = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/v1beta/models/{model}:{action}", _gemini(asked)
    path, body = {
        "chat": ("/v1/chat/completions", _chat),
        "responses": ("/v1/responses", _responses),
        "anthropic": ("/v1/messages", _anthropic),
    }[caller]
    return path, {"model": model, **body(asked), **({"stream": True} if stream else {})}


def _chat(asked: Asked) -> Json:
    messages: list[Json] = [{"role": "system", "content": asked.system}] if asked.system else []
    messages += [{"role": role, "content": text} for role, text in asked.turns]
    parts: list[Json] = []
    if asked.image:
        parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{asked.image}"}})
    if asked.document:
        file = {"filename": "a.pdf", "file_data": f"data:application/pdf;base64,{asked.document}"}
        parts.append({"type": "file", "file": file})
    if parts:
        messages[-1]["content"] = [{"type": "text", "text": messages[-1]["content"]}, *parts]
    if asked.calls:
        calls = [
            {
                "id": f"call_{index}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for index, (name, arguments) in enumerate(asked.calls)
        ]
        messages.append({"role": "assistant", "content": None, "tool_calls": calls})
        messages += [
            {"role": "tool", "tool_call_id": f"call_{index}", "content": text}
            for index, text in enumerate(asked.results)
        ]
    body: Json = {"messages": messages, "max_completion_tokens": MAX_TOKENS}
    if asked.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {"name": name, "description": DESCRIPTIONS[name], "parameters": schema},
            }
            for name, schema in TOOLS.items()
        ]
    if asked.schema:
        form = {"name": "answer", "strict": True, "schema": asked.schema}
        body["response_format"] = {"type": "json_schema", "json_schema": form}
    if asked.reasoning:
        body["reasoning_effort"] = "medium"
    if asked.stop:
        body["stop"] = list(asked.stop)
    if asked.cache:
        body["prompt_cache_key"] = "key"
    return {**body, "stream_options": {"include_usage": True}}


def _responses(asked: Asked) -> Json:
    items: list[Json] = [{"role": role, "content": text} for role, text in asked.turns]
    parts: list[Json] = []
    if asked.image:
        url = f"data:image/png;base64,{asked.image}"
        parts.append({"type": "input_image", "detail": "auto", "image_url": url})
    if asked.document:
        data = f"data:application/pdf;base64,{asked.document}"
        parts.append({"type": "input_file", "filename": "a.pdf", "file_data": data})
    if parts:
        items[-1]["content"] = [{"type": "input_text", "text": items[-1]["content"]}, *parts]
    items += [
        {
            "type": "function_call",
            "call_id": f"call_{index}",
            "name": name,
            "arguments": json.dumps(arguments),
        }
        for index, (name, arguments) in enumerate(asked.calls)
    ]
    items += [
        {"type": "function_call_output", "call_id": f"call_{index}", "output": text}
        for index, text in enumerate(asked.results)
    ]
    body: Json = {"input": items, "max_output_tokens": MAX_TOKENS}
    if asked.system:
        body["instructions"] = asked.system
    if asked.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": name,
                "description": DESCRIPTIONS[name],
                "parameters": schema,
                "strict": False,
            }
            for name, schema in TOOLS.items()
        ]
    if asked.schema:
        form = {"type": "json_schema", "name": "answer", "strict": True, "schema": asked.schema}
        body["text"] = {"format": form}
    if asked.reasoning:
        body["reasoning"] = {"effort": "medium", "summary": "auto"}
    if asked.cache:
        body["prompt_cache_key"] = "key"
    return body


def _anthropic(asked: Asked) -> Json:
    messages: list[Json] = [
        {"role": role, "content": [{"type": "text", "text": text}]} for role, text in asked.turns
    ]
    if asked.image:
        source = {"type": "base64", "media_type": "image/png", "data": asked.image}
        messages[-1]["content"].append({"type": "image", "source": source})
    if asked.document:
        source = {"type": "base64", "media_type": "application/pdf", "data": asked.document}
        messages[-1]["content"].append({"type": "document", "source": source, "title": "a.pdf"})
    if asked.calls:
        calls = [
            {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": arguments}
            for index, (name, arguments) in enumerate(asked.calls)
        ]
        results = [
            {"type": "tool_result", "tool_use_id": f"toolu_{index}", "content": text}
            for index, text in enumerate(asked.results)
        ]
        messages += [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    body: Json = {"messages": messages, "max_tokens": MAX_TOKENS}
    if asked.system:
        mark: Json = {"cache_control": {"type": "ephemeral"}} if asked.cache else {}
        body["system"] = [{"type": "text", "text": asked.system, **mark}]
    if asked.tools:
        body["tools"] = [
            {"name": name, "description": DESCRIPTIONS[name], "input_schema": schema}
            for name, schema in TOOLS.items()
        ]
    if asked.schema:
        body["output_config"] = {"format": {"type": "json_schema", "schema": asked.schema}}
    if asked.reasoning:
        body["thinking"] = {"type": "enabled", "budget_tokens": BUDGET}
    if asked.stop:
        body["stop_sequences"] = list(asked.stop)
    return body


def _gemini(asked: Asked) -> Json:
    contents: list[Json] = [
        {"role": "model" if role == "assistant" else role, "parts": [{"text": text}]}
        for role, text in asked.turns
    ]
    if asked.image:
        contents[-1]["parts"].append({"inlineData": {"mimeType": "image/png", "data": asked.image}})
    if asked.document:
        contents[-1]["parts"].append({"inlineData": {"mimeType": "application/pdf", "data": asked.document}})
    if asked.calls:
        calls = [{"functionCall": {"name": name, "args": arguments}} for name, arguments in asked.calls]
        results = [
            {"functionResponse": {"name": name, "response": {"result": text}}}
            for (name, _), text in zip(asked.calls, asked.results, strict=True)
        ]
        contents += [{"role": "model", "parts": calls}, {"role": "user", "parts": results}]
    config: Json = {"maxOutputTokens": MAX_TOKENS}
    body: Json = {"contents": contents, "generationConfig": config}
    if asked.system:
        body["systemInstruction"] = {"parts": [{"text": asked.system}]}
    if asked.tools:
        functions = [
            {"name": name, "description": DESCRIPTIONS[name], "parametersJsonSchema": schema}
            for name, schema in TOOLS.items()
        ]
        body["tools"] = [{"functionDeclarations": functions}]
    if asked.schema:
        config |= {"responseMimeType": "application/json", "responseJsonSchema": asked.schema}
    if asked.reasoning:
        config["thinkingConfig"] = {"thinkingBudget": BUDGET, "includeThoughts": True}
    if asked.stop:
        config["stopSequences"] = list(asked.stop)
    return body
