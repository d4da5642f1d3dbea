"""Streams for Chat Completions callers.

Source: OpenAI API reference, "The chat completion chunk object"; openai-python,
`types/chat/chat_completion_chunk.py`. Lists inside a delta carry an `index`, by which the SDK's stream helper
puts them together; what cannot be put together so (annotations, the text's signature) comes once, at the end.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from ai_gateway.core.chat import Audio, Image, Part, Refusal, Text, Thinking, ToolCall, ToolResult
from ai_gateway.core.events import (
    CallEvent,
    CitationAdded,
    EndEvent,
    Event,
    Extension,
    Failed,
    Finish,
    Logprobs,
    NoteEvent,
    PartDone,
    PartEnd,
    RefusalDelta,
    Start,
    TextDelta,
    TextEvent,
    ThinkingDelta,
    ThinkingEnd,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.signature import Signature
from ai_gateway.core.tool_arguments import free_text
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.interface import AnswerContext, StreamEncoder
from ai_gateway.dialects.openai_chat.encode_parts import (
    Slots,
    Wire,
    annotation,
    audio_wire,
    custom_names,
    detail,
    finish_members,
    google,
    head,
    image_wire,
    logprobs_wire,
    says_more,
)
from ai_gateway.dialects.openai_chat.usage import usage_wire
from ai_gateway.dialects.openai_errors import render_error_event
from ai_gateway.errors import GatewayError

__all__ = ["stream_encoder"]

_DONE = b"data: [DONE]\n\n"
_encode = msgspec.json.Encoder().encode


def stream_encoder(context: AnswerContext) -> StreamEncoder:
    return ChatStreamEncoder(context)


class _Call:
    __slots__ = ("before", "pieces", "said")

    def __init__(self, before: bytes, *, custom: bool) -> None:
        self.before = before
        """The chunk up to a piece of the arguments."""
        self.pieces: list[str] | None = [] if custom else None
        """A custom tool's arguments so far: its text can be told only when they are whole."""
        self.said = False
        """Some arguments went out."""


class _Choice:
    """What is known of one choice."""

    __slots__ = (
        "annotations",
        "before",
        "before_text",
        "calls",
        "details",
        "finish",
        "images",
        "length",
        "part_start",
        "refused",
        "signature",
        "spoke",
        "thinking",
    )

    def __init__(self, head_bytes: bytes, index: int) -> None:
        self.before = head_bytes + b'{"index":%d,"delta":' % index
        self.before_text = self.before + b'{"content":'
        self.length = 0
        """Characters of text so far."""
        self.part_start = 0
        """Where the part of text that is open began."""
        self.thinking = False
        """A block of thoughts is open."""
        self.details = 0
        """Blocks that are over: the index of the next one."""
        self.images = 0
        self.calls: dict[int, _Call] = {}
        self.annotations: list[object] = []
        self.signature: Signature | None = None
        self.refused = False
        self.spoke = False
        """There was visible text: log probabilities are of that, not of the refusal."""
        self.finish: Finish | None = None

    def end_thoughts(self) -> None:
        """Whatever follows is another block."""
        if self.thinking:
            self.thinking = False
            self.details += 1


class ChatStreamEncoder:
    """Chunks, the usage chunk where the caller asked for it, `[DONE]`."""

    __slots__ = ("_after", "_choices", "_context", "_custom", "_head", "_null_usage", "_slots", "_usage")

    def __init__(self, context: AnswerContext) -> None:
        self._context = context
        self._choices: dict[int, _Choice] = {}
        self._custom = custom_names(context.request)
        self._slots = Slots()
        self._usage: Usage | None = None
        self._null_usage = b',"usage":null' if context.request.include_usage else b""
        self._after = b',"logprobs":null,"finish_reason":null}]' + self._null_usage + b"}\n\n"
        self._head = self._head_of(Start())

    def feed(self, event: Event) -> bytes:
        if type(event) is TextDelta:
            choice = self._choices.get(event.choice)
            if choice is not None:  # the common case, worth being short
                text = event.text
                choice.length += len(text)
                choice.spoke = True
                if choice.thinking:
                    choice.end_thoughts()
                return choice.before_text + _encode(text) + b"}" + self._after
        match event:
            case Start():
                self._head = self._head_of(event)
                return self._open(0)[1] if 0 not in self._choices else b""
            case UsageReport(usage):
                self._usage = usage
                return b""
            case Failed(error):
                return self.error_event(error)
            case _:
                choice = self._choices.get(event.choice)
                opening = b""
                if choice is None:
                    choice, opening = self._open(event.choice)
                return opening + self._take(event, choice)

    def finish(self) -> bytes:
        """Annotations, the finish of each choice, usage, the end."""
        last = max(self._choices, default=None)
        out = [
            self._close(index, self._choices[index], last=index == last) for index in sorted(self._choices)
        ]
        extra = self._slots.members()
        if last is None and extra:
            out.append(self._head + b"]" + self._null_usage + _members(extra) + b"}\n\n")
        if self._context.request.include_usage and self._usage is not None:
            out.append(self._head + b'],"usage":' + _encode(usage_wire(self._usage)) + b"}\n\n")
        out.append(_DONE)
        return b"".join(out)

    def error_event(self, error: GatewayError) -> bytes:
        return render_error_event(error)

    def _head_of(self, start: Start) -> bytes:
        members = head(start, self._context, "chat.completion.chunk")
        return b"data: " + _encode(members)[:-1] + b',"choices":['

    def _open(self, index: int) -> tuple[_Choice, bytes]:
        """A choice, and the chunk that introduces it."""
        choice = self._choices[index] = _Choice(self._head, index)
        return choice, self._chunk(choice, {"role": "assistant", "content": "", "refusal": None})

    def _chunk(self, choice: _Choice, delta: Wire) -> bytes:
        return choice.before + _encode(delta) + self._after

    def _take(self, event: TextEvent | EndEvent | CallEvent | NoteEvent, choice: _Choice) -> bytes:
        match event:
            case TextDelta() | RefusalDelta() | ThinkingDelta():
                return self._say(event, choice)
            case ThinkingEnd() | PartEnd() | PartDone():
                return self._end(event, choice)
            case ToolCallStart() | ToolCallDelta() | ToolCallEnd():
                choice.end_thoughts()
                choice.part_start = choice.length
                return self._call(event, choice)
            case CitationAdded() | Logprobs() | Finish() | Extension():
                return self._note(event, choice)
            case _:
                assert_never(event)

    def _say(self, event: TextEvent, choice: _Choice) -> bytes:
        match event:
            case TextDelta(text):
                choice.length += len(text)
                choice.spoke = True
                choice.end_thoughts()
                return self._chunk(choice, {"content": text})
            case RefusalDelta(text):
                choice.refused = True
                choice.end_thoughts()
                return self._chunk(choice, {"refusal": text})
            case ThinkingDelta(text):
                return self._think(text, choice)
            case _:
                assert_never(event)

    def _think(self, text: str, choice: _Choice) -> bytes:
        """Both forms: a signature may follow, and its block's text must stand beside it."""
        choice.thinking = True
        choice.part_start = choice.length
        words = _encode(text)
        between = b',"reasoning_details":[{"type":"reasoning.text","index":%d,"text":' % choice.details
        return choice.before + b'{"reasoning_content":' + words + between + words + b"}]}" + self._after

    # The ends of parts.

    def _end(self, event: EndEvent, choice: _Choice) -> bytes:
        match event:
            case ThinkingEnd():
                return self._end_thinking(event, choice)
            case PartEnd(signature=signature):
                choice.end_thoughts()
                choice.part_start = choice.length
                choice.signature = signature or choice.signature
                return b""
            case PartDone(part=part):
                choice.end_thoughts()
                choice.part_start = choice.length
                return self._whole(part, choice)
            case _:
                assert_never(event)

    def _end_thinking(self, event: ThinkingEnd, choice: _Choice) -> bytes:
        found = detail(event, choice.details, None)
        choice.thinking = True  # the block counts, though it may have had no text
        choice.end_thoughts()
        return self._chunk(choice, {"reasoning_details": [found]}) if says_more(event) else b""

    def _whole(self, part: Part, choice: _Choice) -> bytes:
        if isinstance(part, (Text, Refusal, Thinking, ToolCall, ToolResult)):
            return b""  # those come as deltas
        if isinstance(part, Image):
            image = image_wire(part, choice.images)
            if image is not None:
                choice.images += 1
                return self._chunk(choice, {"images": [image]})
        if isinstance(part, Audio):
            audio = audio_wire(part, self._context)
            if audio is not None:
                return self._chunk(choice, {"audio": audio})
        self._slots.add(part)
        return b""

    # Tool calls.

    def _call(self, event: CallEvent, choice: _Choice) -> bytes:
        match event:
            case ToolCallStart():
                return self._begin_call(event, choice)
            case ToolCallDelta(index, arguments):
                call = choice.calls.get(index)
                if call is None or not arguments:
                    return b""
                if call.pieces is not None:
                    call.pieces.append(arguments)
                    return b""
                call.said = True
                return call.before + _encode(arguments) + b"}}]}" + self._after
            case ToolCallEnd(index):
                return self._end_call(index, choice)
            case _:
                assert_never(event)

    def _begin_call(self, event: ToolCallStart, choice: _Choice) -> bytes:
        custom = event.name in self._custom
        before = choice.before + b'{"tool_calls":[{"index":%d,"function":{"arguments":' % event.index
        choice.calls[event.index] = _Call(before, custom=custom)
        wire: Wire = {"index": event.index, "id": event.id, "type": "custom" if custom else "function"}
        if custom:
            wire["custom"] = {"name": event.name, "input": ""}
        else:
            wire["function"] = {"name": event.name, "arguments": ""}
        if event.signature is not None:
            wire["extra_content"] = google(event.signature)
        return self._chunk(choice, {"tool_calls": [wire]})

    def _end_call(self, index: int, choice: _Choice) -> bytes:
        call = choice.calls.get(index)
        if call is None:
            return b""
        if call.pieces is not None:
            text = free_text("".join(call.pieces)) if call.pieces else ""
            call.pieces = []
            return self._chunk(choice, {"tool_calls": [{"index": index, "custom": {"input": text}}]})
        if call.said:
            return b""
        call.said = True
        return call.before + b'"{}"}}]}' + self._after

    # What stands beside the parts.

    def _note(self, event: NoteEvent, choice: _Choice) -> bytes:
        match event:
            case CitationAdded(citation=citation):
                found = annotation(citation, choice.part_start, choice.length)
                if found is None:
                    self._slots.cite(citation)
                else:
                    choice.annotations.append(found)
                return b""
            case Logprobs(tokens=tokens):
                wire = logprobs_wire(tokens, refused=choice.refused and not choice.spoke)
                after = b',"finish_reason":null}]' + self._null_usage + b"}\n\n"
                return choice.before + b'{},"logprobs":' + _encode(wire) + after
            case Finish():
                choice.finish = choice.finish or event
                return b""
            case Extension():
                self._slots.extend(event)
                return b""
            case _:
                assert_never(event)

    def _close(self, index: int, choice: _Choice, *, last: bool) -> bytes:
        """The last chunks of a choice; the very last one holds what has no place elsewhere."""
        out = b""
        owed: Wire = {}
        if choice.annotations:
            owed["annotations"] = choice.annotations
        if choice.signature is not None:
            owed["extra_content"] = google(choice.signature)
        if owed:
            out = self._chunk(choice, owed)
        ending = finish_members(choice.finish, calls=bool(choice.calls), refused=choice.refused)
        slots = _members(self._slots.members()) if last else b""
        wire = _encode({"index": index, "delta": {}, "logprobs": None, **ending})
        return out + self._head + wire + b"]" + self._null_usage + slots + b"}\n\n"


def _members(members: Wire) -> bytes:
    """More members for an object that is open; nothing where there are none."""
    return b"," + _encode(members)[1:-1] if members else b""
