"""A stream as Anthropic's events.

Source: Anthropic docs, "Streaming messages". One content block is open at a time: tool calls of providers
that interleave them are kept back until their turn.
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import DialectName, Part
from ai_gateway.core.events import (
    CitationAdded,
    Event,
    Extension,
    Failed,
    Finish,
    Logprobs,
    PartDone,
    PartEnd,
    RefusalDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.signature import wrap
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.anthropic.blocks import (
    Json,
    blocks_of,
    citation_of,
    own_citation,
    reason_of,
    signature_block,
)
from ai_gateway.dialects.anthropic.encode import message_id
from ai_gateway.dialects.anthropic.errors import error_body
from ai_gateway.dialects.anthropic.usage import encode_usage
from ai_gateway.dialects.extension_slot import extension_slot
from ai_gateway.dialects.interface import AnswerContext, StreamEncoder
from ai_gateway.errors import GatewayError

__all__ = ["stream_encoder"]

_encode = msgspec.json.encode
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":'
_TEXT = _DELTA + b'{"type":"text_delta","text":'
_THINKING = _DELTA + b'{"type":"thinking_delta","thinking":'
_JSON = _DELTA + b'{"type":"input_json_delta","partial_json":'
_END = b"}}\n\n"


def stream_encoder(context: AnswerContext) -> StreamEncoder:
    return _StreamEncoder(context)


def _event(body: Json) -> bytes:
    return f"event: {body['type']}\ndata: ".encode() + _encode(body) + b"\n\n"


class _Call:
    """A tool call whose block waits for its turn."""

    __slots__ = ("ended", "pieces", "start")

    def __init__(self, start: ToolCallStart) -> None:
        self.start = start
        self.pieces: list[str] = []
        self.ended = False


class _StreamEncoder:
    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._index = -1
        self._kind = ""
        """Of the block that is open: `text`, `thinking`, `call`; empty: none is."""
        self._prefix = b""
        self._call = -1
        """The call whose block is open."""
        self._queue: dict[int, _Call] = {}
        """Calls that began while another one was open."""
        self._waiting: list[Event] = []
        """What came while a call was open, and is no call."""
        self._started = False
        self._called = False
        self._refused = False
        self._finish: Finish | None = None
        self._usage: Usage | None = None
        self._extensions: list[Extension] = []
        self._parts: list[Part] = []

    def feed(self, event: Event) -> bytes:
        match event:
            case TextDelta(text) if self._kind == "text":
                return self._prefix + _encode(text) + _END
            case ThinkingDelta(text) if self._kind == "thinking":
                return self._prefix + _encode(text) + _END
            case ToolCallDelta(index, arguments):
                return self._grow_call(index, arguments)
            case ToolCallStart():
                return self._start_call(event)
            case ToolCallEnd(index):
                return self._end_call(index)
            case Start():
                return self._start(event)
            case Finish() | UsageReport() | Extension() | Logprobs() | Failed():
                self._note(event)
                return b""
            case _ if self._kind == "call":
                self._waiting.append(event)
                return b""
            case _:
                return self._shown(event)

    def _shown(self, event: Event) -> bytes:
        """An event of a block, where no call is open."""
        match event:
            case TextDelta(text):
                return (
                    self._open("text", {"type": "text", "text": ""}, _TEXT) + self.feed(event)
                    if text
                    else b""
                )
            case RefusalDelta(text):
                self._refused = True
                return self.feed(TextDelta(text))
            case ThinkingDelta():
                block: Json = {"type": "thinking", "thinking": "", "signature": ""}
                return self._open("thinking", block, _THINKING) + self.feed(event)
            case ThinkingEnd():
                return self._end_thinking(event)
            case PartEnd(signature=signature):
                out = self._close()
                return out + self._whole(signature_block(signature)) if signature else out
            case PartDone(part=part):
                self._parts.append(part)
                return b"".join(self._whole(block) for block in blocks_of(part))
            case CitationAdded():
                return self._cite(event)
            case _:
                return b""

    def _note(self, event: Event) -> None:
        match event:
            case Finish():
                self._finish = self._finish or event
            case UsageReport(usage):
                self._usage = usage
            case Extension():
                self._extensions.append(event)
            case _:
                pass

    def finish(self) -> bytes:
        out = b"" if self._started else self._start(Start())
        if self._kind == "call":
            out += self._end_call(self._call)
        for index in list(self._queue):
            self._queue[index].ended = True
        out += self._next() + self._close()
        delta = reason_of(self._finish, called=self._called, refused=self._refused)
        body: Json = {"type": "message_delta", "delta": delta, "usage": encode_usage(self._usage)}
        body |= extension_slot(DialectName.ANTHROPIC, self._extensions, self._parts)
        return out + _event(body) + _event({"type": "message_stop"})

    def error_event(self, error: GatewayError) -> bytes:
        return _event(error_body(error))

    def _start(self, start: Start) -> bytes:
        if self._started:
            return b""
        self._started = True
        message: Json = {
            "id": message_id(start.id, self._context),
            "type": "message",
            "role": "assistant",
            "model": start.model or self._context.request.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": encode_usage(self._usage),
        }
        return _event({"type": "message_start", "message": message})

    def _open(self, kind: str, block: Json | msgspec.Raw, prefix: bytes) -> bytes:
        out = b"" if self._started else self._start(Start())
        out += self._close()
        self._index += 1
        self._kind = kind
        self._prefix = prefix % self._index if prefix else b""
        body: Json = {"type": "content_block_start", "index": self._index, "content_block": block}
        return out + _event(body)

    def _close(self) -> bytes:
        """Close the block that is open."""
        if not self._kind:
            return b""
        self._kind = ""
        return _event({"type": "content_block_stop", "index": self._index})

    def _whole(self, block: Json | msgspec.Raw) -> bytes:
        """A block that comes whole: its start says it all, but for what SDKs take from deltas only."""
        if isinstance(block, dict) and block["type"] == "thinking":
            return self._end_thinking(ThinkingEnd(), value=str(block["signature"]))
        return self._open("whole", block, b"") + self._close()

    def _end_thinking(self, end: ThinkingEnd, value: str | None = None) -> bytes:
        signature = end.signature
        if end.redacted and signature is not None and signature.dialect == "anthropic":
            return (
                self._open("redacted", {"type": "redacted_thinking", "data": signature.value}, b"")
                + self._close()
            )
        out = b""
        if self._kind != "thinking":
            out = self._open("thinking", {"type": "thinking", "thinking": "", "signature": ""}, _THINKING)
        if value is None and signature is not None:
            value = wrap(signature, "anthropic")
        if value:
            delta: Json = {"type": "signature_delta", "signature": value}
            out += _event({"type": "content_block_delta", "index": self._index, "delta": delta})
        return out + self._close()

    def _cite(self, event: CitationAdded) -> bytes:
        citation = event.citation
        body = citation.raw if own_citation(citation) else citation_of(citation)
        if body is None:
            return b""
        out = b"" if self._kind == "text" else self._open("text", {"type": "text", "text": ""}, _TEXT)
        delta: Json = {"type": "citations_delta", "citation": body}
        return out + _event({"type": "content_block_delta", "index": self._index, "delta": delta})

    def _start_call(self, start: ToolCallStart) -> bytes:
        self._called = True
        if self._kind == "call":
            self._queue[start.index] = _Call(start)
            return b""
        return self._open_call(start)

    def _open_call(self, start: ToolCallStart) -> bytes:
        out = self._close()
        if start.signature is not None:
            out += self._whole(signature_block(start.signature))
        self._call = start.index
        block: Json = {"type": "tool_use", "id": start.id, "name": start.name, "input": {}}
        return out + self._open("call", block, _JSON)

    def _grow_call(self, index: int, arguments: str) -> bytes:
        if self._kind == "call" and index == self._call:
            return self._prefix + _encode(arguments) + _END
        if index in self._queue:
            self._queue[index].pieces.append(arguments)
        return b""

    def _end_call(self, index: int) -> bytes:
        if self._kind == "call" and index == self._call:
            return self._close() + self._next()
        if index in self._queue:
            self._queue[index].ended = True
        return b""

    def _next(self) -> bytes:
        """What had to wait for the call that is over: what came meanwhile, then the next calls."""
        out = b""
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            out += self.feed(event)
        while self._queue and self._kind != "call":
            index = next(iter(self._queue))
            call = self._queue.pop(index)
            out += self._open_call(call.start)
            if call.pieces:
                out += self._prefix + _encode("".join(call.pieces)) + _END
            if call.ended:
                out += self._close()
        return out
