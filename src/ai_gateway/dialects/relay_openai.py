"""Answers of the OpenAI dialect, relayed: what the gateway reads from them while they pass.

Source: OpenAI API reference, "The chat completion object", "The chat completion chunk object",
"The Response object", "Streaming events".
"""

from __future__ import annotations

import msgspec

from ai_gateway.dialects.bounding import Closer
from ai_gateway.dialects.cut_chat import ChatCloser
from ai_gateway.dialects.cut_responses import ResponseCloser
from ai_gateway.dialects.faults import check_reported
from ai_gateway.dialects.first_content import chat_answers, event_answers
from ai_gateway.dialects.openai_errors import render_error_event
from ai_gateway.dialects.openai_usage import read_usage
from ai_gateway.dialects.plain_usage import read_plain_usage
from ai_gateway.dialects.relay_stream import EMPTY, NOTHING, Relay, Reply, text_size
from ai_gateway.errors import GatewayError, UpstreamProtocolError

__all__ = ["ChatRelay", "EventRelay", "read_reply"]

_DONE = b"data: [DONE]\n\n"


class _Message(msgspec.Struct, gc=False):
    content: msgspec.Raw = EMPTY
    reasoning_content: msgspec.Raw = EMPTY
    reasoning: msgspec.Raw = EMPTY
    refusal: msgspec.Raw = EMPTY
    tool_calls: msgspec.Raw = EMPTY
    function_call: msgspec.Raw = EMPTY


class _Choice(msgspec.Struct, gc=False):
    delta: _Message | None = None
    message: _Message | None = None
    text: msgspec.Raw = EMPTY
    finish_reason: str | None = None
    error: msgspec.Raw = EMPTY


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = EMPTY
    service_tier: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    model: str | None = None


class _Item(msgspec.Struct, gc=False):
    type: str | None = None
    content: msgspec.Raw = EMPTY


class _Response(msgspec.Struct):
    model: str | None = None
    usage: msgspec.Raw = EMPTY
    service_tier: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    output: list[_Item] | None = None


class _Event(msgspec.Struct):
    type: str | None = None
    delta: msgspec.Raw = EMPTY
    response: _Response | None = None
    usage: msgspec.Raw = EMPTY
    model: str | None = None
    message: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    code: msgspec.Raw = EMPTY
    sequence_number: int | None = None


class _Calls(msgspec.Struct, gc=False):
    tool_calls: msgspec.Raw = EMPTY
    function_call: msgspec.Raw = EMPTY


class _Outline(msgspec.Struct, gc=False):
    """A choice without what its size is reckoned from."""

    delta: _Calls | None = None
    message: _Calls | None = None
    finish_reason: str | None = None


class _AnyReply(msgspec.Struct, gc=False):
    """A whole answer of any endpoint."""

    model: str | None = None
    choices: list[_Outline] | None = None
    usage: msgspec.Raw = EMPTY
    service_tier: msgspec.Raw = EMPTY
    output: list[_Item] | None = None
    error: msgspec.Raw = EMPTY


class _Sized(msgspec.Struct):
    """The same, where the provider says nothing of its usage."""

    choices: list[_Choice] | None = None
    output: list[_Item] | None = None


_chunk = msgspec.json.Decoder(_Chunk)
_event = msgspec.json.Decoder(_Event)
_reply = msgspec.json.Decoder(_AnyReply)
_sized = msgspec.json.Decoder(_Sized)


def read_reply(body: bytes, known: bool = True) -> Reply:
    """Read a non-streamed answer; unknown or oddly typed members are nobody's business here.

    `known`: the endpoint owes an answer, in whose place a failure may stand.

    Raises:
        UpstreamProtocolError: it is not JSON.
        UpstreamError: it reports a failure.
    """
    try:
        found = _reply.decode(body)
    except msgspec.ValidationError:
        if known:
            check_reported(body)
        return Reply()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocolError(f"the upstream's answer is not valid JSON: {error}") from error
    if found.error is not EMPTY and known:
        check_reported(body)
    raw, tier = found.usage, found.service_tier
    plain = read_plain_usage(bytes(raw)) if tier is EMPTY and raw is not EMPTY else None
    usage = plain or read_usage(raw, tier)
    tools = False
    if found.choices is not None:
        for choice in found.choices:
            message = choice.message
            if message is not None and not (message.tool_calls is EMPTY and message.function_call is EMPTY):
                tools = tools or _calls(message)
    if found.output is not None:
        tools = tools or any(item.type == "function_call" for item in found.output)
    size = _whole_size(_sized.decode(body)) if usage is None else 0
    return Reply(found.model, usage, size, tools)


def _calls(message: _Calls) -> bool:
    return bytes(message.tool_calls) not in NOTHING or bytes(message.function_call) not in NOTHING


def _whole_size(answer: _Sized) -> int:
    """Bytes of text in all of an answer."""
    size = 0
    for choice in answer.choices or ():
        if choice.message is not None:
            size += _sizes(choice.message)[0]
        size += text_size(choice.text)
    return size + sum(text_size(item.content) for item in answer.output or ())


class ChatRelay(Relay[_Chunk]):
    """Chat completion chunks, and those of the older completions."""

    _texts = (b'"content":"', b'"reasoning_content":"', b'"reasoning":"', b'"text":"')

    __slots__ = ("_finished", "_hide_usage", "_tell_usage", "_terminator_optional")

    def __init__(
        self, credential: str, hide_usage: bool, terminator_optional: bool, *, tell_usage: bool = False
    ) -> None:
        super().__init__(credential, _chunk)
        self._hide_usage = hide_usage
        self._tell_usage = tell_usage
        self._terminator_optional = terminator_optional
        self._finished = False

    def _take(self, chunk: _Chunk) -> bool:
        if chunk.choices:
            self._count(chunk.choices)
        if self.model is None:
            self.model = chunk.model or None
        if chunk.error is not EMPTY:
            self._note_fault(chunk.error)
        if chunk.usage is not EMPTY:
            usage = read_usage(chunk.usage, chunk.service_tier)
            if usage is not None:
                self.usage = usage
                return not (self._hide_usage and not chunk.choices)
        return True

    def _count(self, choices: list[_Choice]) -> None:
        for choice in choices:
            if choice.delta is not None:
                size, calls = _sizes(choice.delta)
                self.output_bytes += size
                self.tools_used = self.tools_used or calls
            if choice.text is not EMPTY:
                self.output_bytes += text_size(choice.text)
            if choice.finish_reason is not None:
                self._finished = True
            if choice.error is not EMPTY:
                self._note_fault(choice.error)

    def _answers(self, data: bytes) -> bool:
        return chat_answers(data)

    def _closer(self) -> Closer:
        return ChatCloser(tell_usage=self._tell_usage)

    def finish(self) -> bytes:
        out = self._pass(self._framer.finish())
        if self.done or self.failure is not None:
            return out
        if self.error is not None:
            return out  # the caller has been told
        if self._finished and self._terminator_optional:
            self.done = True
            return out + _DONE
        self.failure = UpstreamProtocolError("the upstream's stream stopped before its end")
        return out

    def error_event(self, error: GatewayError) -> bytes:
        return render_error_event(error)


class EventRelay(Relay[_Event]):
    """Typed events: the Responses API, and whatever else streams on other paths."""

    __slots__ = ("_ends", "_sequence")

    def __init__(self, credential: str, *, ends: bool) -> None:
        super().__init__(credential, _event, lenient=not ends)
        self._ends = ends
        self._sequence = -1

    def _take(self, event: _Event) -> bool:
        if event.sequence_number is not None:
            self._sequence = event.sequence_number
        self.output_bytes += text_size(event.delta)
        self.model = self.model or event.model or (event.response.model if event.response else None)
        response = event.response
        usage = read_usage(response.usage, response.service_tier) if response else read_usage(event.usage)
        if usage is not None:
            self.usage = usage
        if event.response is not None:
            self.tools_used = self.tools_used or any(
                item.type == "function_call" for item in event.response.output or ()
            )
        if event.type in ("response.failed", "error"):
            self._take_failure(event)
        if event.type in ("response.completed", "response.incomplete", "response.failed"):
            self.done = True
        return True

    def _take_failure(self, event: _Event) -> None:
        fault = event.response.error if event.response else event.error
        if bytes(fault) not in NOTHING:
            self._note_fault(fault)
        else:
            told = b'{"code":%s}' % bytes(event.code) if event.code is not EMPTY else b""
            self._note_fault(event.message, told)
        if self.fault is None:
            self._set_fault(b"", "the upstream reported a failure")

    def _answers(self, data: bytes) -> bool:
        return event_answers(data)

    def _closer(self) -> Closer | None:
        return ResponseCloser() if self._ends else None

    def finish(self) -> bytes:
        out = self._pass(self._framer.finish())
        if self._ends and not self.done and self.failure is None and self.error is None:
            self.failure = UpstreamProtocolError("the upstream's stream stopped before its end")
        return out

    def error_event(self, error: GatewayError) -> bytes:
        data = msgspec.json.encode(
            {
                "type": "error",
                "code": error.code,
                "message": error.message,
                "param": error.param,
                "sequence_number": self._sequence + 1,
            }
        )
        return b"event: error\ndata: " + data + b"\n\n"


def _sizes(message: _Message) -> tuple[int, bool]:
    """Bytes of text in a message, and whether it calls a tool."""
    size = 0
    for part in (message.content, message.reasoning_content, message.reasoning, message.refusal):
        if part is not EMPTY:
            size += text_size(part)
    calls = False
    for part in (message.tool_calls, message.function_call):
        if part is not EMPTY and bytes(part) not in NOTHING:
            size += len(bytes(part))
            calls = True
    return size, calls
