"""Answers of the OpenAI dialect, relayed: what the gateway reads from them while they pass.

Source: OpenAI API reference, "The chat completion object", "The chat completion chunk object",
"The Response object", "Streaming events".
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from ai_gateway.core.sse import SseFramer, events
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.openai_errors import render_error_event, without
from ai_gateway.dialects.openai_request import Endpoint
from ai_gateway.dialects.openai_usage import read_usage
from ai_gateway.errors import GatewayError, UpstreamProtocolError

__all__ = ["Reply", "StreamRelay", "read_reply", "stream_relay", "usage_in_tail"]

_EMPTY = msgspec.Raw(b"")
_NOTHING = (b"", b"null", b"[]", b'""')
_DONE = b"data: [DONE]\n\n"


class _Message(msgspec.Struct):
    content: msgspec.Raw = _EMPTY
    reasoning_content: msgspec.Raw = _EMPTY
    reasoning: msgspec.Raw = _EMPTY
    refusal: msgspec.Raw = _EMPTY
    tool_calls: msgspec.Raw = _EMPTY
    function_call: msgspec.Raw = _EMPTY


class _Choice(msgspec.Struct):
    delta: _Message | None = None
    message: _Message | None = None
    text: msgspec.Raw = _EMPTY
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = _EMPTY
    error: msgspec.Raw = _EMPTY
    model: str | None = None


class _Item(msgspec.Struct):
    type: str | None = None
    content: msgspec.Raw = _EMPTY


class _Response(msgspec.Struct):
    model: str | None = None
    usage: msgspec.Raw = _EMPTY
    error: msgspec.Raw = _EMPTY
    output: list[_Item] | None = None


class _Event(msgspec.Struct):
    type: str | None = None
    delta: msgspec.Raw = _EMPTY
    response: _Response | None = None
    usage: msgspec.Raw = _EMPTY
    model: str | None = None
    message: msgspec.Raw = _EMPTY
    error: msgspec.Raw = _EMPTY
    sequence_number: int | None = None


class _Fault(msgspec.Struct):
    message: str | None = None


class _AnyReply(msgspec.Struct):
    """A whole answer of any endpoint."""

    model: str | None = None
    usage: msgspec.Raw = _EMPTY
    choices: list[_Choice] | None = None
    output: list[_Item] | None = None


_chunk = msgspec.json.Decoder(_Chunk)
_event = msgspec.json.Decoder(_Event)
_reply = msgspec.json.Decoder(_AnyReply)


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole answer says of itself."""

    model: str | None = None
    usage: Usage | None = None
    output_bytes: int = 0
    tools_used: bool = False


def read_reply(body: bytes) -> Reply:
    """Read a non-streamed answer; unknown or oddly typed members are nobody's business here.

    Raises:
        UpstreamProtocolError: it is not JSON.
    """
    try:
        found = _reply.decode(body)
    except msgspec.ValidationError:
        return Reply()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UpstreamProtocolError(f"the upstream's answer is not valid JSON: {error}") from error
    sizes = [_sizes(choice.message) for choice in found.choices or () if choice.message]
    items = found.output or ()
    return Reply(
        model=found.model,
        usage=read_usage(found.usage),
        output_bytes=sum(text for text, _ in sizes)
        + sum(_text_size(choice.text) for choice in found.choices or ())
        + sum(_text_size(item.content) for item in items),
        tools_used=any(calls for _, calls in sizes) or any(item.type == "function_call" for item in items),
    )


def usage_in_tail(tail: bytes) -> Usage | None:
    """Usage from the end of an answer that is too long to keep: the last `"usage"` object in it."""
    start = tail.rfind(b'"usage"')
    if start < 0:
        return None
    opening = tail.find(b"{", start)
    closing = opening
    while opening >= 0 and (closing := tail.find(b"}", closing + 1)) >= 0:
        usage = read_usage(tail[opening : closing + 1])
        if usage is not None:
            return usage
    return None


class StreamRelay(Protocol):
    """Watches a stream pass. After each call: `failure` is set where the stream broke its protocol,
    `done` where it has said its last word, so that nothing after it is passed on."""

    usage: Usage | None
    model: str | None
    output_bytes: int
    tools_used: bool
    done: bool
    failure: GatewayError | None
    error: str | None
    """A failure that the upstream reported inside its stream, and that was passed on."""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes that may go to the caller now: whole events, as they came."""
        ...

    def finish(self) -> bytes:
        """What is still owed to the caller when the upstream has ended; may set `failure`."""
        ...

    def error_event(self, error: GatewayError) -> bytes:
        """The dialect's way to report a failure in mid-stream."""
        ...


def stream_relay(
    endpoint: Endpoint, *, hide_usage: bool, terminator_optional: bool, credential: str = ""
) -> StreamRelay:
    """The relay for a stream of `endpoint`.

    `hide_usage`: the gateway asked for the usage chunk, the caller did not.
    `terminator_optional`: this provider is known to leave `[DONE]` out after a finished answer.
    `credential` is the key that was sent: what is noted of a failure does not hold it.
    """
    if endpoint.usage_option:
        return _ChatRelay(credential, hide_usage, terminator_optional)
    return _EventRelay(credential, ends=endpoint.system == "instructions")


class _Relay:
    """What all streams have in common: framing, and stopping at the first fault."""

    __slots__ = (
        "_credential",
        "_framer",
        "done",
        "error",
        "failure",
        "model",
        "output_bytes",
        "tools_used",
        "usage",
    )

    def __init__(self, credential: str) -> None:
        self._credential = credential
        self._framer = SseFramer()
        self.usage: Usage | None = None
        self.model: str | None = None
        self.output_bytes = 0
        self.tools_used = False
        self.done = False
        self.failure: GatewayError | None = None
        self.error: str | None = None

    def feed(self, chunk: bytes) -> bytes:
        try:
            block = self._framer.feed(chunk)
        except UpstreamProtocolError as error:
            self.failure = error
            return b""
        return self._pass(block)

    def _pass(self, block: bytes) -> bytes:
        """The block without what is not for the caller; the same bytes, uncopied, where that is nothing."""
        kept: list[bytes] = []
        start = shown_from = 0
        for end, data in events(block):
            shown = self._watch(data)
            if self.failure is not None:
                break
            if not shown:
                kept.append(block[shown_from:start])
                shown_from = end
            start = end
            if self.done:
                break
        if not kept and start == len(block):
            return block
        kept.append(block[shown_from:start])
        return b"".join(kept)

    def _watch(self, data: bytes) -> bool:
        """Look at one event; whether the caller gets to see it."""
        raise AssertionError("each relay watches in its own way")

    def _note_fault(self, raw: msgspec.Raw) -> None:
        if bytes(raw) in _NOTHING:
            return
        try:
            self.error = msgspec.json.decode(raw, type=_Fault).message
        except msgspec.DecodeError:
            self.error = None
        if not self.error:
            self.error = bytes(raw)[:500].decode("utf-8", "replace")
        self.error = without(self.error, self._credential)


class _ChatRelay(_Relay):
    """Chat completion chunks, and those of the older completions."""

    __slots__ = ("_finished", "_hide_usage", "_terminator_optional")

    def __init__(self, credential: str, hide_usage: bool, terminator_optional: bool) -> None:
        super().__init__(credential)
        self._hide_usage = hide_usage
        self._terminator_optional = terminator_optional
        self._finished = False

    def _watch(self, data: bytes) -> bool:
        if not data:
            return True
        if data[:6] == b"[DONE]":
            self.done = True
            return True
        try:
            chunk = _chunk.decode(data)
        except msgspec.ValidationError:
            return True
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self.failure = UpstreamProtocolError(f"the upstream sent a chunk that is not valid JSON: {error}")
            return False
        if chunk.choices:
            self._count(chunk.choices)
        if self.model is None:
            self.model = chunk.model or None
        if chunk.error is not _EMPTY:
            self._note_fault(chunk.error)
        if chunk.usage is not _EMPTY:
            usage = read_usage(chunk.usage)
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
            if choice.text is not _EMPTY:
                self.output_bytes += _text_size(choice.text)
            if choice.finish_reason is not None:
                self._finished = True

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


class _EventRelay(_Relay):
    """Typed events: the Responses API, and whatever else streams on other paths."""

    __slots__ = ("_ends", "_sequence")

    def __init__(self, credential: str, *, ends: bool) -> None:
        super().__init__(credential)
        self._ends = ends
        self._sequence = -1

    def _watch(self, data: bytes) -> bool:
        if not data:
            return True
        if data[:6] == b"[DONE]":
            self.done = True
            return True
        try:
            event = _event.decode(data)
        except msgspec.ValidationError:
            return True
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if not self._ends:
                return True  # an unknown stream owes us no JSON
            self.failure = UpstreamProtocolError(
                f"the upstream sent an event that is not valid JSON: {error}"
            )
            return False
        self._take(event)
        return True

    def _take(self, event: _Event) -> None:
        if event.sequence_number is not None:
            self._sequence = event.sequence_number
        self.output_bytes += _text_size(event.delta)
        self.model = self.model or event.model or (event.response.model if event.response else None)
        usage = read_usage(event.response.usage if event.response else event.usage)
        if usage is not None:
            self.usage = usage
        if event.response is not None:
            self.tools_used = self.tools_used or any(
                item.type == "function_call" for item in event.response.output or ()
            )
        if event.type in ("response.failed", "error"):
            fault = event.response.error if event.response else event.error
            self._note_fault(fault if bytes(fault) not in _NOTHING else event.message)
            self.error = self.error or "the upstream reported a failure"
        if event.type in ("response.completed", "response.incomplete", "response.failed"):
            self.done = True

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
        if part is not _EMPTY:
            size += _text_size(part)
    calls = False
    for part in (message.tool_calls, message.function_call):
        if part is not _EMPTY and bytes(part) not in _NOTHING:
            size += len(bytes(part))
            calls = True
    return size, calls


def _text_size(raw: msgspec.Raw) -> int:
    text = bytes(raw)
    return 0 if text in _NOTHING else len(text) - 2
