"""Anthropic's answers, whole or streamed, into canonical events.

Sources: Anthropic API reference, "Create a Message"; docs, "Streaming messages", "Extended thinking".
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import Citation, DialectName, Opaque
from ai_gateway.core.events import (
    CitationAdded,
    Event,
    Failed,
    Finish,
    FinishReason,
    PartDone,
    PartEnd,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.signature import Signature
from ai_gateway.dialects.anthropic.errors import reported
from ai_gateway.dialects.anthropic.format_tool import FORMAT_TOOL
from ai_gateway.dialects.anthropic.usage import read_usage
from ai_gateway.dialects.event_decoder import BROKEN, EventDecoder, absent
from ai_gateway.dialects.interface import StreamDecoder
from ai_gateway.errors import UpstreamProtocolError
from ai_gateway.providers import Provider

__all__ = ["decode_response", "stream_decoder"]

_ME = DialectName.ANTHROPIC
_EMPTY = msgspec.Raw(b"")
_REASONS = {
    "end_turn": FinishReason.STOP,
    "max_tokens": FinishReason.LENGTH,
    "stop_sequence": FinishReason.STOP_SEQUENCE,
    "tool_use": FinishReason.TOOL_CALLS,
    "pause_turn": FinishReason.PAUSE,
    "refusal": FinishReason.REFUSAL,
    "model_context_window_exceeded": FinishReason.CONTEXT_WINDOW,
}
_Members = dict[str, msgspec.Raw]


class _Block(msgspec.Struct):
    """Of any type: the members of those that have a canonical place."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = _EMPTY
    citations: list[msgspec.Raw] | None = None


class _Delta(msgspec.Struct):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    citation: msgspec.Raw = _EMPTY
    stop_reason: str | None = None
    stop_sequence: str | None = None


class _Event(msgspec.Struct):
    type: str | None = None
    index: int | None = None
    message: msgspec.Raw = _EMPTY
    content_block: msgspec.Raw = _EMPTY
    delta: _Delta | None = None
    usage: _Members | None = None
    error: msgspec.Raw = _EMPTY


class _Message(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    model: str | None = None
    content: list[msgspec.Raw] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    usage: _Members | None = None
    error: msgspec.Raw = _EMPTY


class _MessageDelta(msgspec.Struct):
    delta: _Members = {}


class _Citation(msgspec.Struct):
    url: str | None = None
    source: str | None = None
    title: str | None = None
    document_title: str | None = None
    cited_text: str | None = None


_event = msgspec.json.Decoder(_Event)
_message = msgspec.json.Decoder(_Message)
_message_delta = msgspec.json.Decoder(_MessageDelta)
_block = msgspec.json.Decoder(_Block)
_citation = msgspec.json.Decoder(_Citation)
_members = msgspec.json.Decoder(_Members)
_BLOCK_MEMBERS = frozenset(_Block.__struct_fields__)
_MESSAGE_MEMBERS = frozenset(_Message.__struct_fields__) | {"role"}


def decode_response(body: bytes) -> list[Event]:
    """The events of a whole message.

    Raises:
        UpstreamProtocolError: it is no message.
        UpstreamError: the failure that it reports.
    """
    try:
        message = _message.decode(body)
        if message.type == "error" or message.content is None:
            raise _failure(body, message)
        reader = _Reader()
        out: list[Event] = [reader.start(body)]
        for index, raw in enumerate(message.content):
            reader.open(index, bytes(raw), out)
            reader.close(index, out)
        reader.finish(message.stop_reason, message.stop_sequence, None, out)
        reader.count(message.usage, out)
    except BROKEN as error:
        raise UpstreamProtocolError(f"the upstream's answer is not a message: {error}") from error
    return out


def _failure(body: bytes, message: _Message) -> Exception:
    if not absent(message.error) or message.type == "error":
        return reported(body)
    return UpstreamProtocolError("the upstream's answer is not a message: it has no content")


def stream_decoder(provider: Provider) -> StreamDecoder:
    return _StreamDecoder()


class _StreamDecoder(EventDecoder):
    """Events of a streamed message."""

    __slots__ = ("_reader",)

    def __init__(self) -> None:
        super().__init__()
        self._reader = _Reader()

    def _take(self, data: bytes, out: list[Event]) -> None:
        event = _event.decode(data)
        reader = self._reader
        match event.type:
            case "content_block_delta":
                if event.delta is not None:
                    reader.grow(event.index or 0, event.delta, data, out)
            case "content_block_start":
                if not absent(event.content_block):
                    reader.open(event.index or 0, bytes(event.content_block), out)
            case "content_block_stop":
                reader.close(event.index or 0, out)
            case "message_start":
                self._begin(event, out)
            case "message_delta":
                self._end(data, event, out)
            case "message_stop":
                reader.stop(out)
                self.done = True
            case "error":
                out.append(Failed(reported(data)))
                self.done = True
            case _:
                pass  # ping, and what comes one day

    def _begin(self, event: _Event, out: list[Event]) -> None:
        if self._reader.started:
            return
        raw = b"{}" if absent(event.message) else bytes(event.message)
        out.append(self._reader.start(raw))
        self._reader.count(_message.decode(raw).usage, out)

    def _end(self, data: bytes, event: _Event, out: list[Event]) -> None:
        delta = event.delta
        if delta is not None and delta.stop_reason is not None:
            self._reader.finish(
                delta.stop_reason, delta.stop_sequence, _message_delta.decode(data).delta, out
            )
        self._reader.count(event.usage, out)


class _Open:
    """A block on its way."""

    __slots__ = ("call", "kind", "members", "pieces", "signature")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.signature = ""
        self.call = 0
        self.pieces: list[str] = []
        self.members: _Members = {}


class _Reader:
    """What whole messages and streams have in common."""

    def __init__(self) -> None:
        self.started = False
        self._open: dict[int, _Open] = {}
        self._calls = 0
        self._formatted = False
        self._finished = False
        self._usage: _Members = {}
        self._id = ""

    def start(self, raw: bytes) -> Start:
        self.started = True
        message = _message.decode(raw)
        self._id = message.id or ""
        extra = _kept(_members.decode(raw), _MESSAGE_MEMBERS)
        return Start(id=message.id, model=message.model, extra=extra or None)

    def open(self, index: int, raw: bytes, out: list[Event]) -> None:
        block = _block.decode(raw)
        kind = block.type or "unknown"
        opened = self._open[index] = _Open(kind)
        match kind:
            case "text":
                if block.text:
                    out.append(TextDelta(block.text))
                out.extend(_cited(citation) for citation in block.citations or ())
            case "thinking":
                if block.thinking:
                    out.append(ThinkingDelta(block.thinking))
                opened.signature = block.signature or ""
            case "redacted_thinking":
                opened.signature = block.data or ""
            case "tool_use" if block.name == FORMAT_TOOL:
                opened.kind = "format"
                self._formatted = True
                if bytes(block.input) not in (b"", b"{}", b"null"):
                    out.append(TextDelta(bytes(block.input).decode()))
            case "tool_use":
                self._open_call(opened, block, raw, out)
            case _:
                opened.members = _copied(_members.decode(raw))

    def _open_call(self, opened: _Open, block: _Block, raw: bytes, out: list[Event]) -> None:
        opened.call = index = self._calls
        self._calls += 1
        extra = _kept(_members.decode(raw), _BLOCK_MEMBERS)
        out.append(
            ToolCallStart(
                index=index,
                id=block.id or f"toolu_{self._id}_{index}",
                name=block.name or "unnamed",
                extra=extra or None,
            )
        )
        if bytes(block.input) not in (b"", b"{}", b"null"):
            out.append(ToolCallDelta(index, bytes(block.input).decode()))

    def grow(self, index: int, delta: _Delta, data: bytes, out: list[Event]) -> None:
        if delta.type == "text_delta":
            if delta.text:
                out.append(TextDelta(delta.text))
        elif delta.type == "thinking_delta":
            if delta.thinking:
                out.append(ThinkingDelta(delta.thinking))
        else:
            self._grow_other(index, delta, data, out)

    def _grow_other(self, index: int, delta: _Delta, data: bytes, out: list[Event]) -> None:
        match delta.type:
            case "signature_delta":
                if index in self._open:
                    self._open[index].signature += delta.signature or ""
            case "input_json_delta":
                self._grow_input(index, delta.partial_json, out)
            case "citations_delta":
                if not absent(delta.citation):
                    out.append(_cited(delta.citation))
            case _:
                opened = self._open.get(index)
                if opened is not None and opened.members:
                    _merge(opened.members, _message_delta.decode(data).delta)

    def _grow_input(self, index: int, piece: str | None, out: list[Event]) -> None:
        opened = self._open.get(index)
        if opened is None or not piece:
            return
        if opened.kind == "tool_use":
            out.append(ToolCallDelta(opened.call, piece))
        elif opened.kind == "format":
            out.append(TextDelta(piece))
        else:
            opened.pieces.append(piece)

    def close(self, index: int, out: list[Event]) -> None:
        opened = self._open.pop(index, None)
        if opened is None:
            return
        match opened.kind:
            case "text" | "format":
                out.append(PartEnd())
            case "thinking":
                out.append(ThinkingEnd(signature=_signature(opened.signature, "")))
            case "redacted_thinking":
                out.append(ThinkingEnd(redacted=True, signature=_signature(opened.signature, "redacted")))
            case "tool_use":
                out.append(ToolCallEnd(opened.call))
            case kind:
                if opened.pieces:
                    opened.members["input"] = msgspec.Raw("".join(opened.pieces).encode())
                raw = msgspec.Raw(msgspec.json.encode(opened.members))
                out.append(PartDone(part=Opaque(_ME, kind, raw)))

    def finish(
        self, reason: str | None, sequence: str | None, delta: _Members | None, out: list[Event]
    ) -> None:
        if self._finished:
            return
        self._finished = True
        for index in list(self._open):
            self.close(index, out)
        found = _REASONS.get(reason or "", FinishReason.OTHER)
        if found is FinishReason.TOOL_CALLS and self._formatted and not self._calls:
            found = FinishReason.STOP
        extra = _kept(delta or {}, frozenset({"stop_reason", "stop_sequence"}))
        out.append(Finish(reason=found, raw=reason, stop_sequence=sequence, extra=extra or None))

    def stop(self, out: list[Event]) -> None:
        """The last word: an answer without a reason is over as well."""
        if not self.started:
            raise UpstreamProtocolError("the upstream's stream ended before it began")
        self.finish(None, None, None, out)

    def count(self, usage: _Members | None, out: list[Event]) -> None:
        """Later figures replace earlier ones; what a later report leaves out still holds."""
        if not usage:
            return
        self._usage |= {name: msgspec.Raw(bytes(raw)) for name, raw in usage.items() if bytes(raw) != b"null"}
        found = read_usage(msgspec.json.encode(self._usage))
        if found is not None:
            out.append(UsageReport(found))


def _signature(text: str, kind: str) -> Signature | None:
    return Signature(_ME.value, text, kind) if text else None


def _cited(raw: msgspec.Raw) -> CitationAdded:
    found = _citation.decode(raw)
    return CitationAdded(
        citation=Citation(
            dialect=_ME,
            raw=msgspec.Raw(bytes(raw)),
            url=found.url or found.source,
            title=found.title or found.document_title,
            quote=found.cited_text,
        )
    )


def _kept(members: _Members, known: frozenset[str]) -> _Members:
    """What has no canonical place; null says nothing."""
    return {
        name: msgspec.Raw(bytes(raw))
        for name, raw in members.items()
        if name not in known and bytes(raw) != b"null"
    }


def _copied(members: _Members) -> _Members:
    return {name: msgspec.Raw(bytes(raw)) for name, raw in members.items()}


def _merge(members: _Members, delta: _Members) -> None:
    """Grow a block of a kind that is not known: texts are joined, anything else is replaced."""
    for name, raw in delta.items():
        if name == "type":
            continue
        own = bytes(members.get(name, _EMPTY))
        if own[:1] == b'"' and bytes(raw)[:1] == b'"':
            joined = msgspec.json.decode(own, type=str) + msgspec.json.decode(raw, type=str)
            members[name] = msgspec.Raw(msgspec.json.encode(joined))
        elif bytes(raw) != b"null":
            members[name] = msgspec.Raw(bytes(raw))
