"""What a caller hears, read out of its own dialect into one form; what is out of order is an error."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from tests.conformance.wire import Json


@dataclass
class Heard:
    """An answer as the caller's program sees it."""

    text: str = ""
    thoughts: str = ""
    calls: list[tuple[str, Json]] = field(default_factory=list)
    finish: str = ""
    """In the caller's own words."""
    stop_sequence: str | None = None
    refusal: str = ""
    usage: tuple[int, int, int] = (0, 0, 0)
    """All input, of it from the cache, all output."""
    error: str = ""
    """A message, where the answer is an error or a stream ends in one."""


def read(caller: str, body: bytes, stream: bool) -> Heard:
    """Raises: AssertionError where the answer is not what the dialect demands."""
    if not stream:
        return _WHOLE[caller](json.loads(body))
    events = _events(body)
    return _STREAM[caller](events)


def error_of(caller: str, body: bytes) -> str:
    """The message of an error answer, which must have the dialect's shape."""
    error = json.loads(body)
    if caller == "anthropic":
        assert error["type"] == "error"
        assert error["request_id"]
        assert set(error["error"]) >= {"type", "message"}
    elif caller == "gemini":
        assert set(error["error"]) >= {"code", "message", "status"}
    else:
        assert set(error["error"]) >= {"message", "type", "param", "code"}
    return str(error["error"]["message"])


def _events(body: bytes) -> list[tuple[str, str]]:
    """Name and data of each event."""
    found = []
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        if not block:
            continue
        name, data = "", []
        for line in block.decode().split("\n"):
            head, _, rest = line.partition(": ")
            if head == "event":
                name = rest
            elif head == "data":
                data.append(rest)
        found.append((name, "\n".join(data)))
    assert body.endswith((b"\n\n", b"\r\n\r\n")), "the stream ends in the middle of an event"
    return found


def _chat_whole(body: Json) -> Heard:
    (choice,) = body["choices"]
    message = choice["message"]
    return Heard(
        text=message["content"] or "",
        thoughts=message.get("reasoning_content") or "",
        calls=[
            (call["function"]["name"], json.loads(call["function"]["arguments"]))
            for call in message.get("tool_calls") or ()
        ],
        finish=choice["finish_reason"],
        refusal=message.get("refusal") or "",
        usage=_chat_usage(body["usage"]),
    )


def _chat_usage(usage: Json) -> tuple[int, int, int]:
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    return usage["prompt_tokens"], cached, usage["completion_tokens"]


def _chat_stream(events: list[tuple[str, str]]) -> Heard:
    heard = Heard()
    calls: list[list[str]] = []
    for _, data in events:
        if data == "[DONE]":
            break
        chunk = json.loads(data)
        if "error" in chunk:
            heard.error = chunk["error"]["message"]
            return heard
        for choice in chunk["choices"]:
            delta = choice["delta"]
            heard.text += delta.get("content") or ""
            heard.thoughts += delta.get("reasoning_content") or ""
            heard.refusal += delta.get("refusal") or ""
            for call in delta.get("tool_calls") or ():
                if call["index"] == len(calls):
                    calls.append([call["function"]["name"], ""])
                    assert call["id"]
                calls[call["index"]][1] += call["function"].get("arguments") or ""
            heard.finish = choice["finish_reason"] or heard.finish
        if chunk.get("usage"):
            heard.usage = _chat_usage(chunk["usage"])
    assert events[-1][1] == "[DONE]"
    heard.calls = [(name, json.loads(arguments)) for name, arguments in calls]
    return heard


def _responses_whole(body: Json) -> Heard:
    heard = Heard(finish=body["status"])
    if body["status"] == "incomplete":
        heard.finish = body["incomplete_details"]["reason"]
    for item in body["output"]:
        match item["type"]:
            case "message":
                for part in item["content"]:
                    heard.text += part.get("text", "")
                    heard.refusal += part.get("refusal", "")
            case "function_call":
                heard.calls.append((item["name"], json.loads(item["arguments"])))
            case "reasoning":
                heard.thoughts += "".join(part["text"] for part in item["summary"])
            case kind:
                raise AssertionError(f"unexpected item: {kind}")
    usage = body["usage"]
    cached = usage["input_tokens_details"]["cached_tokens"]
    heard.usage = (usage["input_tokens"], cached, usage["output_tokens"])
    return heard


def _responses_stream(events: list[tuple[str, str]]) -> Heard:
    bodies = [json.loads(data) for _, data in events]
    assert [body["type"] for body in bodies] == [name for name, _ in events]
    assert [body["sequence_number"] for body in bodies] == list(range(len(bodies)))
    assert bodies[0]["type"] == "response.created"
    last = bodies[-1]
    if last["type"] in ("error", "response.failed"):
        error = last.get("error") or last.get("response", {}).get("error") or last
        return Heard(error=error["message"])
    assert last["type"] in ("response.completed", "response.incomplete"), last["type"]
    heard = _responses_whole(last["response"])
    pieces: dict[str, str] = {"output_text": "", "reasoning_summary_text": "", "refusal": ""}
    for body in bodies:
        _, _, name = body["type"].partition("response.")
        if name.endswith(".delta") and name[:-6] in pieces:
            pieces[name[:-6]] += body["delta"]
    told = {"output_text": heard.text, "reasoning_summary_text": heard.thoughts, "refusal": heard.refusal}
    assert pieces == told
    done = [body["item"] for body in bodies if body["type"] == "response.output_item.done"]
    assert done == last["response"]["output"]
    return heard


def _anthropic_whole(body: Json) -> Heard:
    heard = Heard(finish=body["stop_reason"], stop_sequence=body["stop_sequence"])
    for block in body["content"]:
        match block["type"]:
            case "text":
                heard.text += block["text"]
            case "thinking":
                assert isinstance(block["signature"], str)
                heard.thoughts += block["thinking"]
            case "tool_use":
                assert block["id"]
                heard.calls.append((block["name"], block["input"]))
            case kind:
                raise AssertionError(f"unexpected block: {kind}")
    heard.usage = _anthropic_usage(body["usage"])
    return heard


def _anthropic_usage(usage: Json) -> tuple[int, int, int]:
    cached = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    return usage["input_tokens"] + cached + written, cached, usage["output_tokens"]


def _anthropic_stream(events: list[tuple[str, str]]) -> Heard:
    message: Json = {}
    blocks: list[Json] = []
    opened: int | None = None
    for name, data in events:
        body = json.loads(data)
        assert body["type"] == name
        match name:
            case "message_start":
                message = body["message"]
                assert message["content"] == []
            case "content_block_start":
                assert opened is None
                assert body["index"] == len(blocks)
                opened = body["index"]
                blocks.append({**body["content_block"], "json": ""})
            case "content_block_delta":
                assert body["index"] == opened
                _grow(blocks[-1], body["delta"])
            case "content_block_stop":
                assert body["index"] == opened
                opened = None
            case "message_delta":
                message |= body["delta"]
                message["usage"] = {**message["usage"], **body["usage"]}
            case "error":
                assert set(body["error"]) >= {"type", "message"}
                return Heard(error=body["error"]["message"])
            case _:
                assert name in ("message_stop", "ping")
    assert opened is None
    assert events[-1][0] == "message_stop"
    for block in blocks:
        arguments = block.pop("json")
        if block["type"] == "tool_use":
            block["input"] = json.loads(arguments or "{}")
    return _anthropic_whole({**message, "content": blocks})


def _grow(block: Json, delta: Json) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "input_json_delta":
            block["json"] += delta["partial_json"]
        case kind:
            raise AssertionError(f"unexpected delta: {kind}")


def _gemini_whole(body: Json) -> Heard:
    return _gemini_chunks([body])


def _gemini_stream(events: list[tuple[str, str]]) -> Heard:
    return _gemini_chunks([json.loads(data) for _, data in events])


def _gemini_chunks(chunks: list[Json]) -> Heard:
    heard = Heard()
    for chunk in chunks:
        if "error" in chunk:
            heard.error = chunk["error"]["message"]
            return heard
        for candidate in chunk.get("candidates", ()):
            for part in candidate.get("content", {}).get("parts", ()):
                _gemini_part(heard, part)
            assert not (heard.finish and "finishReason" in candidate), "finished twice"
            heard.finish = candidate.get("finishReason", heard.finish)
    assert heard.finish, "never finished"
    usage: Any = chunks[-1]["usageMetadata"]
    out = usage.get("candidatesTokenCount", 0) + usage.get("thoughtsTokenCount", 0)
    assert usage["totalTokenCount"] == usage["promptTokenCount"] + out
    heard.usage = (usage["promptTokenCount"], usage.get("cachedContentTokenCount", 0), out)
    return heard


def _gemini_part(heard: Heard, part: Json) -> None:
    if part.get("thought"):
        heard.thoughts += part.get("text", "")
    elif "functionCall" in part:
        heard.calls.append((part["functionCall"]["name"], part["functionCall"].get("args", {})))
    else:
        heard.text += part["text"]


_WHOLE = {
    "chat": _chat_whole,
    "responses": _responses_whole,
    "anthropic": _anthropic_whole,
    "gemini": _gemini_whole,
}
_STREAM = {
    "chat": _chat_stream,
    "responses": _responses_stream,
    "anthropic": _anthropic_stream,
    "gemini": _gemini_stream,
}
