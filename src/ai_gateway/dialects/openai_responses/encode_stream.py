"""A stream as the Responses API's events.

Source: OpenAI API reference, "Streaming events".
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import DialectName, Opaque, Part
from ai_gateway.core.events import (
    CitationAdded,
    Event,
    Extension,
    Finish,
    Logprobs,
    PartDone,
    PartEnd,
    RefusalDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    ThinkingEnd,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.signature import Signature
from ai_gateway.core.tool_arguments import free_text
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.extension_slot import extension_slot
from ai_gateway.dialects.interface import AnswerContext, StreamEncoder
from ai_gateway.dialects.openai_responses.echo import Frame, Json, ending
from ai_gateway.dialects.openai_responses.errors import error_members
from ai_gateway.dialects.openai_responses.items import (
    ToolTable,
    annotation,
    call_item,
    logprob_rows,
    reasoning_item,
)
from ai_gateway.errors import GatewayError

__all__ = ["stream_encoder"]

_ME = DialectName.OPENAI_RESPONSES
_encode = msgspec.json.encode
_DELTA = (
    b"event: response.output_text.delta\n"
    b'data: {"type":"response.output_text.delta","item_id":"%s","output_index":%d,"content_index":%d,'
    b'"logprobs":[],"delta":'
)


def stream_encoder(context: AnswerContext) -> StreamEncoder:
    return _StreamEncoder(context)


class _Call:
    """A tool call whose item is open."""

    __slots__ = ("id", "index", "pieces", "start")

    def __init__(self, start: ToolCallStart, index: int, identifier: str) -> None:
        self.start = start
        self.index = index
        self.id = identifier
        self.pieces: list[str] = []


class _StreamEncoder:
    """Items get their index when they open; tool calls may be open side by side."""

    def __init__(self, context: AnswerContext) -> None:
        self._frame = Frame(context)
        self._table = ToolTable(context.request)
        self._sequence = 0
        self._started = False
        self._output: list[Json | msgspec.Raw] = []
        self._kind = ""
        """Of the open item: `text` or `refusal` (in a message), `thinking`, `message` (between two contents);
        empty: none."""
        self._id = ""
        self._index = 0
        self._prefix = b""
        self._content: list[Json] = []
        self._pieces: list[str] = []
        self._annotations: list[object] = []
        self._logprobs: list[TokenLogprob] = []
        self._calls: dict[int, _Call] = {}
        self._finish: Finish | None = None
        self._usage: Usage | None = None
        self._refused = False
        self._extensions: list[Extension] = []
        self._parts: list[Part] = []

    def feed(self, event: Event) -> bytes:
        match event:
            case TextDelta(text):
                if not text:
                    return b""
                out = b"" if self._kind == "text" else self._open_content("text")
                self._pieces.append(text)
                number = self._sequence
                self._sequence += 1
                return out + self._prefix + _encode(text) + b',"sequence_number":%d}\n\n' % number
            case ThinkingDelta(text):
                return self._think(text) if text else b""
            case ToolCallDelta(index, arguments):
                return self._argue(index, arguments)
            case Start():
                return self._start(event)
            case _:
                return self._rare(event)

    def _rare(self, event: Event) -> bytes:
        match event:
            case RefusalDelta(text):
                return self._refuse(text)
            case ThinkingEnd():
                return self._end_thinking(event)
            case PartEnd(signature=signature):
                out = self._close_content()
                return out if signature is None else out + self._reasoning("", signature)
            case ToolCallStart():
                return self._start_call(event)
            case ToolCallEnd(index):
                return self._end_call(index)
            case PartDone(part=part):
                return self._part(part)
            case CitationAdded():
                return self._cite(event)
            case _:
                self._note(event)
                return b""

    def _note(self, event: Event) -> None:
        match event:
            case Finish():
                self._finish = self._finish or event
            case UsageReport(usage):
                self._usage = usage
            case Logprobs(tokens=tokens):
                self._logprobs += tokens
            case Extension():
                self._extensions.append(event)
            case _:
                pass

    def finish(self) -> bytes:
        out = self._start(Start()) + self._close_item()
        for index in list(self._calls):
            out += self._end_call(index)
        status, reason = ending(self._finish, refused=self._refused)
        more = extension_slot(_ME, self._extensions, self._parts)
        body = self._frame.write(status, self._output, usage=self._usage, reason=reason, more=more)
        return out + self._event(f"response.{status}", {"response": body})

    def error_event(self, error: GatewayError) -> bytes:
        data = _encode(error_members(error, self._sequence))
        return b"event: error\ndata: " + data + b"\n\n"

    def _event(self, kind: str, members: Json) -> bytes:
        body = {"type": kind, **members, "sequence_number": self._sequence}
        self._sequence += 1
        return f"event: {kind}\ndata: ".encode() + _encode(body) + b"\n\n"

    def _start(self, start: Start) -> bytes:
        if self._started:
            return b""
        self._started = True
        self._frame.take(start)
        begun: Json = {"response": self._frame.write("in_progress", [])}
        return self._event("response.created", begun) + self._event("response.in_progress", begun)

    # Items.

    def _open_item(self, prefix: str, item: Json) -> bytes:
        """Its place in the output is kept until it is done."""
        out = self._start(Start()) + self._close_item()
        return out + self._place(prefix, item)

    def _place(self, prefix: str, item: Json) -> bytes:
        self._index = len(self._output)
        self._id = f"{prefix}_{self._frame.tag}{self._index:02d}"
        begun: Json = {"id": self._id, **item}
        self._output.append(begun)
        members: Json = {"output_index": self._index, "item": begun}
        return self._event("response.output_item.added", members)

    def _done_item(self, index: int, item: Json | msgspec.Raw) -> bytes:
        self._output[index] = item
        return self._event("response.output_item.done", {"output_index": index, "item": item})

    def _close_item(self) -> bytes:
        """Close the message or the thoughts that are open."""
        match self._kind:
            case "":
                return b""
            case "thinking":
                return self._end_thinking(ThinkingEnd())
            case _:
                out = self._close_content()
        self._kind = ""
        item: Json = {"id": self._id, "type": "message", "status": "completed", "role": "assistant"}
        out += self._done_item(self._index, item | {"content": self._content})
        self._content = []
        return out

    # A message.

    def _at(self) -> Json:
        place = len(self._content)
        return {"item_id": self._id, "output_index": self._index, "content_index": place}

    def _open_content(self, kind: str) -> bytes:
        out = b""
        if self._kind not in ("text", "refusal", "message"):
            item: Json = {"type": "message", "status": "in_progress", "role": "assistant", "content": []}
            out = self._open_item("msg", item)
        out += self._close_content()
        self._kind = kind
        part: Json = {"type": "refusal", "refusal": ""}
        if kind == "text":
            part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
            self._prefix = _DELTA % (self._id.encode(), self._index, len(self._content))
        return out + self._event("response.content_part.added", {**self._at(), "part": part})

    def _close_content(self) -> bytes:
        if self._kind not in ("text", "refusal"):
            return b""
        words = "".join(self._pieces)
        self._pieces = []
        if self._kind == "text":
            rows = logprob_rows(self._logprobs)
            part: Json = {"type": "output_text", "text": words, "annotations": self._annotations}
            part["logprobs"] = rows
            self._annotations, self._logprobs = [], []
            out = self._event("response.output_text.done", {**self._at(), "text": words, "logprobs": rows})
        else:
            part = {"type": "refusal", "refusal": words}
            out = self._event("response.refusal.done", {**self._at(), "refusal": words})
        out += self._event("response.content_part.done", {**self._at(), "part": part})
        self._content.append(part)
        self._kind = "message"
        return out

    def _refuse(self, text: str) -> bytes:
        self._refused = True
        out = b"" if self._kind == "refusal" else self._open_content("refusal")
        self._pieces.append(text)
        return out + self._event("response.refusal.delta", {**self._at(), "delta": text})

    def _cite(self, event: CitationAdded) -> bytes:
        row = annotation(event.citation)
        if row is None:
            return b""
        out = b"" if self._kind == "text" else self._open_content("text")
        members: Json = {**self._at(), "annotation_index": len(self._annotations), "annotation": row}
        self._annotations.append(row)
        return out + self._event("response.output_text.annotation.added", members)

    # Thoughts.

    def _summary(self) -> Json:
        return {"item_id": self._id, "output_index": self._index, "summary_index": 0}

    def _think(self, text: str) -> bytes:
        out = b""
        if self._kind != "thinking":
            out = self._open_item("rs", {"type": "reasoning", "summary": []})
            self._kind = "thinking"
            part = {"type": "summary_text", "text": ""}
            out += self._event("response.reasoning_summary_part.added", {**self._summary(), "part": part})
        self._pieces.append(text)
        return out + self._event("response.reasoning_summary_text.delta", {**self._summary(), "delta": text})

    def _end_thinking(self, end: ThinkingEnd) -> bytes:
        if self._kind != "thinking":
            return b"" if end.signature is None else self._reasoning("", end.signature)
        text = "".join(self._pieces)
        self._pieces = []
        self._kind = ""
        part = {"type": "summary_text", "text": text}
        out = self._event("response.reasoning_summary_text.done", {**self._summary(), "text": text})
        out += self._event("response.reasoning_summary_part.done", {**self._summary(), "part": part})
        return out + self._done_item(self._index, reasoning_item(self._id, text, end.signature))

    def _reasoning(self, text: str, signature: Signature) -> bytes:
        """An item that only carries a signature."""
        out = self._open_item("rs", {"type": "reasoning", "summary": []})
        return out + self._done_item(self._index, reasoning_item(self._id, text, signature))

    # Calls.

    def _start_call(self, start: ToolCallStart) -> bytes:
        out = b""
        if start.signature is not None:
            out = self._reasoning("", start.signature)
        out += self._start(Start()) + self._close_item()
        empty = '{"input":""}' if self._table.is_custom(start.name) else ""
        item = call_item(self._table, "", start.id, start.name, empty, "in_progress")
        item.pop("id")
        out += self._place("ctc" if self._table.is_custom(start.name) else "fc", item)
        self._calls[start.index] = _Call(start, self._index, self._id)
        return out

    def _argue(self, index: int, piece: str) -> bytes:
        call = self._calls.get(index)
        if call is None or not piece:
            return b""
        call.pieces.append(piece)
        if self._table.is_custom(call.start.name):
            return b""  # its text is known once the JSON around it is whole
        members: Json = {"item_id": call.id, "output_index": call.index, "delta": piece}
        return self._event("response.function_call_arguments.delta", members)

    def _end_call(self, index: int) -> bytes:
        call = self._calls.pop(index, None)
        if call is None:
            return b""
        start, arguments = call.start, "".join(call.pieces) or "{}"
        at: Json = {"item_id": call.id, "output_index": call.index}
        if self._table.is_custom(start.name):
            text = free_text(arguments)
            out = self._event("response.custom_tool_call_input.delta", {**at, "delta": text})
            out += self._event("response.custom_tool_call_input.done", {**at, "input": text})
        else:
            names = self._table.names(start.name)
            done = {**at, "name": names["name"], "arguments": arguments}
            out = self._event("response.function_call_arguments.done", done)
        item = call_item(self._table, call.id, start.id, start.name, arguments, "completed")
        return out + self._done_item(call.index, item)

    def _part(self, part: Part) -> bytes:
        self._parts.append(part)
        if not isinstance(part, Opaque) or part.dialect is not _ME:
            return b""
        out = self._start(Start()) + self._close_item()
        index = len(self._output)
        self._output.append(part.raw)
        out += self._event("response.output_item.added", {"output_index": index, "item": part.raw})
        return out + self._done_item(index, part.raw)
