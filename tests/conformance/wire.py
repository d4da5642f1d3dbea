"""What a scripted model says, written in each wire format as the recorded answers are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

Json = dict[str, Any]
"""JSON of a provider: a tree of anything."""

THOUGHT: Final = "Two tools at once. "
CALLS: Final = (("get_weather", {"city": "Paris"}), ("get_time", {"zone": "UTC"}))
CALL_IDS: Final = ("one", "two")
PIECES: Final = ("Sunny in", " Paris — ", '"déjà" noon.')
TEXT: Final = "".join(PIECES)
SIGNATURE: Final = "EqQBCkYIBxgCKkDsignature0123456789+/AA=="
"""Base64, as all providers' are; each provider gets it back untouched."""
INPUT: Final = 100
CACHED: Final = 40
"""Of the input."""
OUTPUT: Final = 20
THINKING: Final = 7
"""Of the output."""


@dataclass(frozen=True)
class Said:
    """An answer of the model."""

    pieces: tuple[str, ...] = ()
    calls: tuple[tuple[str, Json], ...] = ()
    thought: str = ""
    finish: str = "stop"
    """`stop`, `stop_sequence`, `length`, `tool_calls`, `refusal`."""
    stop_sequence: str | None = None

    @property
    def text(self) -> str:
        return "".join(self.pieces)


FIRST: Final = Said(calls=CALLS, thought=THOUGHT, finish="tool_calls")
SECOND: Final = Said(pieces=PIECES)


def sse(events: Iterable[Json], *, named: bool = False, done: bool = False) -> list[bytes]:
    """The network's pieces of a stream: cut where no event ends."""
    text = b""
    for event in events:
        name = f"event: {event['type']}\n".encode() if named else b""
        text += name + b"data: " + json.dumps(event, ensure_ascii=False).encode() + b"\n\n"
    if done:
        text += b"data: [DONE]\n\n"
    return [text[at : at + 97] for at in range(0, len(text), 97)]


def chat(model: str, said: Said, stream: bool) -> Json | list[bytes]:
    calls = [
        {
            "id": f"call_{CALL_IDS[index]}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps(arguments)},
        }
        for index, (name, arguments) in enumerate(said.calls)
    ]
    usage = {
        "prompt_tokens": INPUT,
        "completion_tokens": OUTPUT,
        "total_tokens": INPUT + OUTPUT,
        "prompt_tokens_details": {"cached_tokens": CACHED, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": THINKING, "audio_tokens": 0},
    }
    head = {"id": "chatcmpl-1", "created": 1764000000, "model": model, "service_tier": "default"}
    finish = {"stop_sequence": "stop", "refusal": "stop"}.get(said.finish, said.finish)
    words = "refusal" if said.finish == "refusal" else "content"
    if not stream:
        message: Json = {"role": "assistant", "content": None, "refusal": None}
        message |= {words: said.text} if said.pieces else {}
        message |= {"reasoning_content": said.thought} if said.thought else {}
        message |= {"tool_calls": calls} if calls else {}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return {**head, "object": "chat.completion", "choices": [choice], "usage": usage}
    deltas: list[Json] = [{"role": "assistant", "content": None if calls else ""}]
    deltas += [{"reasoning_content": said.thought}] if said.thought else []
    deltas += [{words: piece} for piece in said.pieces]
    for index, call in enumerate(calls):
        function: Any = call["function"]
        deltas.append({"tool_calls": [{"index": index, **call, "function": {**function, "arguments": ""}}]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in _halves(function["arguments"])
        ]
    chunk = {**head, "object": "chat.completion.chunk", "usage": None}
    events = [
        {**chunk, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": None}]}
        for delta in deltas
    ]
    events.append(
        {**chunk, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": finish}]}
    )
    events.append({**chunk, "choices": [], "usage": usage})
    return sse(events, done=True)


_ANTHROPIC_REASONS: Final = {
    "stop": "end_turn",
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "refusal": "refusal",
}


def anthropic(model: str, said: Said, stream: bool) -> Json | list[bytes]:
    content: list[Json] = []
    if said.thought:
        content.append({"type": "thinking", "thinking": said.thought, "signature": SIGNATURE})
    if said.pieces:
        content.append({"type": "text", "text": said.text})
    content += [
        {"type": "tool_use", "id": f"toolu_{CALL_IDS[index]}", "name": name, "input": arguments}
        for index, (name, arguments) in enumerate(said.calls)
    ]
    usage = {
        "input_tokens": INPUT - CACHED,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": CACHED,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "output_tokens": OUTPUT,
        "service_tier": "standard",
    }
    end = {"stop_reason": _ANTHROPIC_REASONS[said.finish], "stop_sequence": said.stop_sequence}
    message = {"id": "msg_01", "type": "message", "role": "assistant", "model": model}
    if not stream:
        return {**message, "content": content, **end, "usage": usage}
    started: Json = {**message, "content": [], "stop_reason": None, "stop_sequence": None}
    events: list[Json] = [
        {"type": "message_start", "message": {**started, "usage": {**usage, "output_tokens": 1}}}
    ]
    for index, block in enumerate(content):
        events += _block(index, block, said)
        if not index:
            events.append({"type": "ping"})
    events.append({"type": "message_delta", "delta": end, "usage": usage})
    events.append({"type": "message_stop"})
    return sse(events, named=True)


def _block(index: int, block: Json, said: Said) -> Iterator[Json]:
    """The events of one content block."""
    deltas: list[Json]
    match block["type"]:
        case "thinking":
            empty = {**block, "thinking": "", "signature": ""}
            deltas = [
                {"type": "thinking_delta", "thinking": said.thought},
                {"type": "signature_delta", "signature": SIGNATURE},
            ]
        case "text":
            empty = {**block, "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in said.pieces]
        case _:
            empty = {**block, "input": {}}
            pieces = ["", *_halves(json.dumps(block["input"]))]
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    yield {"type": "content_block_start", "index": index, "content_block": empty}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


_GEMINI_REASONS: Final = {"length": "MAX_TOKENS", "refusal": "SAFETY"}


def gemini(model: str, said: Said, stream: bool) -> Json | list[bytes]:
    calls: list[Json] = [
        {"functionCall": {"name": name, "args": arguments}} for name, arguments in said.calls
    ]
    if calls and said.thought:
        calls[0]["thoughtSignature"] = SIGNATURE
    usage = {
        "promptTokenCount": INPUT,
        "cachedContentTokenCount": CACHED,
        "candidatesTokenCount": OUTPUT - THINKING,
        "thoughtsTokenCount": THINKING,
        "totalTokenCount": INPUT + OUTPUT,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": INPUT}],
    }
    finish = _GEMINI_REASONS.get(said.finish, "STOP")
    thought: list[Json] = [{"text": said.thought, "thought": True}] if said.thought else []
    if not stream:
        parts = [*thought, *([{"text": said.text}] if said.pieces else []), *calls]
        return _chunk(model, parts, finish=finish, usage=usage)
    texts: list[list[Json]] = [[{"text": piece}] for piece in said.pieces]
    filled = [row for row in (thought, *texts, calls) if row]
    last = len(filled) - 1
    return sse(
        _chunk(model, parts, finish=finish if index == last else None, usage=usage)
        for index, parts in enumerate(filled)
    )


def _chunk(model: str, parts: list[Json], *, finish: str | None, usage: Json) -> Json:
    candidate: Json = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": model,
        "responseId": "l9cEarvcAfjC7_UPtZea-Aw",
    }


def responses(model: str, said: Said, stream: bool) -> Json | list[bytes]:
    output: list[Json] = []
    if said.thought:
        summary = [{"type": "summary_text", "text": said.thought}]
        output.append({"id": "rs_1", "type": "reasoning", "summary": summary, "encrypted_content": SIGNATURE})
    if said.pieces:
        part: Json = {"type": "output_text", "text": said.text, "annotations": [], "logprobs": []}
        if said.finish == "refusal":
            part = {"type": "refusal", "refusal": said.text}
        message = {"type": "message", "status": "completed", "role": "assistant", "content": [part]}
        output.append({"id": "msg_1", **message})
    output += [
        {
            "id": f"fc_{index}",
            "type": "function_call",
            "status": "completed",
            "call_id": f"call_{CALL_IDS[index]}",
            "name": name,
            "arguments": json.dumps(arguments),
        }
        for index, (name, arguments) in enumerate(said.calls)
    ]
    body: Json = {
        "id": "resp_1",
        "object": "response",
        "created_at": 1764000000,
        "model": model,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "error": None,
        "incomplete_details": None,
    }
    usage = {
        "input_tokens": INPUT,
        "input_tokens_details": {"cached_tokens": CACHED, "cache_write_tokens": 0},
        "output_tokens": OUTPUT,
        "output_tokens_details": {"reasoning_tokens": THINKING},
        "total_tokens": INPUT + OUTPUT,
    }
    whole = {**body, "status": "completed", "output": output, "usage": usage}
    if said.finish == "length":
        whole |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    if not stream:
        return whole
    begun = {**body, "status": "in_progress", "output": [], "usage": None}
    events: list[Json] = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(output):
        events += _item(index, item, said)
    events.append({"type": f"response.{whole['status']}", "response": whole})
    return sse(({**event, "sequence_number": at} for at, event in enumerate(events)), named=True)


def _item(index: int, item: Json, said: Said) -> Iterator[Json]:
    """The events of one output item."""
    at = {"item_id": item["id"], "output_index": index}
    begun = {**item, "status": "in_progress"}
    match item["type"]:
        case "reasoning":
            begun = {**item, "summary": [], "encrypted_content": ""}
            inner = _summary({**at, "summary_index": 0}, said.thought)
        case "message":
            begun["content"] = []
            inner = _content({**at, "content_index": 0}, item["content"][0], said)
        case _:
            begun["arguments"] = ""
            inner = _arguments(at, item)
    yield {"type": "response.output_item.added", "output_index": index, "item": begun}
    yield from inner
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _summary(at: Json, thought: str) -> Iterator[Json]:
    part = {"type": "summary_text", "text": ""}
    yield {"type": "response.reasoning_summary_part.added", **at, "part": part}
    yield {"type": "response.reasoning_summary_text.delta", **at, "delta": thought}
    yield {"type": "response.reasoning_summary_text.done", **at, "text": thought}
    yield {"type": "response.reasoning_summary_part.done", **at, "part": {**part, "text": thought}}


def _content(at: Json, part: Json, said: Said) -> Iterator[Json]:
    refusal = part["type"] == "refusal"
    name, words = ("refusal", "refusal") if refusal else ("output_text", "text")
    more: Json = {} if refusal else {"logprobs": []}
    yield {"type": "response.content_part.added", **at, "part": {**part, words: ""}}
    for piece in said.pieces:
        yield {"type": f"response.{name}.delta", **at, "delta": piece, **more}
    yield {"type": f"response.{name}.done", **at, words: said.text, **more}
    yield {"type": "response.content_part.done", **at, "part": part}


def _arguments(at: Json, item: Json) -> Iterator[Json]:
    name = "response.function_call_arguments"
    for piece in _halves(item["arguments"]):
        yield {"type": f"{name}.delta", **at, "delta": piece}
    yield {"type": f"{name}.done", **at, "name": item["name"], "arguments": item["arguments"]}


def _halves(text: str) -> tuple[str, str]:
    middle = len(text) // 2
    return text[:middle], text[middle:]
