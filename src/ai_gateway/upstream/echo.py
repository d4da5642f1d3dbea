"""The built-in provider: a deterministic stand-in for an LLM, so that a new gateway answers at once.

It speaks Chat Completions: it says back what the user said, calls the tools that it is offered, stops at
`max_tokens` (a token is a word here) and reports usage. Everything it says starts with `Echo: `.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from ai_gateway.upstream.transport import Take, TakeChunk, UpstreamRequest, pass_on

__all__ = ["EchoTransport"]

_MODEL = "echo"
# A JSON Schema is a tree of anything: there is no narrower type for it.
Schema = dict[str, Any]


class _Function(msgspec.Struct):
    name: str
    parameters: Schema = msgspec.field(default_factory=dict)


class _Tool(msgspec.Struct):
    function: _Function | None = None


class _Part(msgspec.Struct):
    type: str = "text"
    text: str = ""


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None

    def text(self) -> str:
        if isinstance(self.content, list):
            return " ".join(part.text if part.type == "text" else f"[{part.type}]" for part in self.content)
        return self.content or ""


class _StreamOptions(msgspec.Struct):
    include_usage: bool = False


class _Request(msgspec.Struct):
    messages: list[_Message]
    model: str = _MODEL
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    tools: list[_Tool] | None = None
    tool_choice: Literal["none", "auto", "required"] | _Tool | None = None


class _Answer(msgspec.Struct):
    text: str | None
    call: _Function | None
    arguments: str
    finish: str
    prompt_tokens: int
    completion_tokens: int


_decoder = msgspec.json.Decoder(_Request)


class EchoResponse:
    """An answer that is there at once."""

    def __init__(self, status: int, content_type: bytes, chunks: Iterator[bytes]) -> None:
        self.status = status
        self.headers = [(b"content-type", content_type)]
        self._chunks = chunks
        self.known = None

    async def chunk(self) -> bytes:
        await asyncio.sleep(0)  # a long echo takes turns with everyone else
        return next(self._chunks, b"")

    def arrived(self) -> bytes | None:
        return None

    async def pass_on(self, take: Take, take_chunk: TakeChunk | None = None) -> bool:
        return await pass_on(self, take)

    async def drain(self) -> None:
        self.close()

    def close(self) -> None:
        self._chunks = iter(())


class EchoTransport:
    """A transport that answers by itself."""

    async def send(self, request: UpstreamRequest) -> EchoResponse:
        path = request.url.removeprefix("builtin://echo").partition("?")[0]
        if request.method == "GET" and path == "/models":
            return _json(
                200, {"object": "list", "data": [{"id": _MODEL, "object": "model", "owned_by": "echo"}]}
            )
        if request.method != "POST" or path != "/chat/completions":
            return _error(
                404, f"the echo provider has no {request.method} {path}: it knows chat completions only"
            )
        try:
            asked = _decoder.decode(request.body)
        except msgspec.DecodeError as error:
            return _error(400, f"the echo provider cannot read this request: {error}")
        answer = _answer(asked)
        head = {
            "id": f"chatcmpl-echo-{time.time_ns():x}",
            "created": int(time.time()),
            "model": asked.model,
        }
        if asked.stream:
            usage = bool(asked.stream_options and asked.stream_options.include_usage)
            return EchoResponse(200, b"text/event-stream", _stream(head, answer, usage))
        return _json(200, {**head, "object": "chat.completion", **_body(answer)})

    async def close(self) -> None:
        return None


def _answer(asked: _Request) -> _Answer:
    last = asked.messages[-1] if asked.messages else _Message("user")
    prompt_tokens = sum(len(message.text().split()) for message in asked.messages)
    call = _called_tool(asked, last)
    if call is not None:
        arguments = msgspec.json.encode(_example(call.parameters, last.text())).decode()
        return _Answer(None, call, arguments, "tool_calls", prompt_tokens, len(arguments.split()))
    words = f"Echo: {last.text()}".split(" ")
    limit = asked.max_completion_tokens or asked.max_tokens or len(words)
    finish = "length" if limit < len(words) else "stop"
    return _Answer(" ".join(words[:limit]), None, "", finish, prompt_tokens, min(limit, len(words)))


def _called_tool(asked: _Request, last: _Message) -> _Function | None:
    """The demanded tool, else one that the user names, else the first; none after a tool's result."""
    offered = [tool.function for tool in asked.tools or () if tool.function]
    if not offered or asked.tool_choice == "none" or last.role == "tool":
        return None
    if isinstance(asked.tool_choice, _Tool) and asked.tool_choice.function:
        wanted = asked.tool_choice.function.name
        return next((function for function in offered if function.name == wanted), None)
    return next((function for function in offered if function.name in last.text()), offered[0])


def _example(schema: Schema, text: str) -> object:
    """The plainest value that fits a JSON Schema."""
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        kind = kind[0] if kind else "null"
    if kind == "object":
        properties = schema.get("properties") or {}
        wanted = schema.get("required") or list(properties)
        return {name: _example(properties.get(name, {"type": "string"}), text) for name in wanted}
    plain: dict[str, object] = {"string": text, "integer": 1, "number": 1, "boolean": True, "array": []}
    return plain.get(kind)


def _usage(answer: _Answer) -> dict[str, int]:
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
    }


def _calls(answer: _Answer, *, streamed: bool) -> list[dict[str, object]]:
    if answer.call is None:
        return []
    call: dict[str, object] = {
        "id": f"call_echo_{answer.call.name}",
        "type": "function",
        "function": {"name": answer.call.name, "arguments": answer.arguments},
    }
    return [{"index": 0, **call}] if streamed else [call]


def _body(answer: _Answer) -> dict[str, object]:
    message: dict[str, object] = {"role": "assistant", "content": answer.text, "refusal": None}
    if answer.call:
        message["tool_calls"] = _calls(answer, streamed=False)
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}
    return {"choices": [choice], "usage": _usage(answer)}


def _stream(head: dict[str, object], answer: _Answer, include_usage: bool) -> Iterator[bytes]:
    head = {**head, "object": "chat.completion.chunk"}

    def event(delta: dict[str, object], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _sse({**head, "choices": [choice]})

    yield event({"role": "assistant", "content": None if answer.call else ""})
    if answer.call:
        yield event({"tool_calls": _calls(answer, streamed=True)})
    for index, word in enumerate((answer.text or "").split(" ") if answer.text else ()):
        yield event({"content": f" {word}" if index else word})
    yield event({}, answer.finish)
    if include_usage:
        yield _sse({**head, "choices": [], "usage": _usage(answer)})
    yield b"data: [DONE]\n\n"


def _sse(value: object) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def _json(status: int, value: object) -> EchoResponse:
    return EchoResponse(status, b"application/json", iter((msgspec.json.encode(value),)))


def _error(status: int, message: str) -> EchoResponse:
    return _json(
        status, {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}
    )
