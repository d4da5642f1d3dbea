"""A stream collected: the events of an answer, put together into the answer itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

import msgspec

from ai_gateway.core.chat import Citation, Extra, Part, Refusal, Text, Thinking, ToolCall
from ai_gateway.core.events import (
    CallEvent,
    ChoiceEvent,
    CitationAdded,
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
    ThinkingDelta,
    ThinkingEnd,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.usage import Usage

__all__ = ["Answer", "Choice", "ChoiceBuilder", "collect"]

_KINDS = {TextDelta: "text", ThinkingDelta: "thinking", RefusalDelta: "refusal"}


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of the answers asked for."""

    index: int
    parts: tuple[Part, ...]
    finish: Finish | None
    """None where the provider never said that it was over."""
    logprobs: tuple[TokenLogprob, ...] | None = None
    extensions: tuple[Extension, ...] = ()

    @property
    def text(self) -> str:
        """All visible text."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def thinking(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Thinking))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(part for part in self.parts if isinstance(part, ToolCall))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer. `choices` are in the order of their index; there may be none (a blocked prompt)."""

    start: Start
    choices: tuple[Choice, ...]
    usage: Usage | None


def collect(events: Iterable[Event]) -> Answer:
    """The answer that `events` make up.

    Raises:
        GatewayError: the stream reported a failure.
    """
    start, usage = Start(), None
    choices: dict[int, ChoiceBuilder] = {}
    for event in events:
        if type(event) is Start:
            start = event
        elif type(event) is UsageReport:
            usage = event.usage
        elif type(event) is Failed:
            raise event.error
        else:
            builder = choices.get(event.choice)
            if builder is None:
                builder = choices[event.choice] = ChoiceBuilder(event.choice)
            builder.take(event)
    return Answer(
        start=start, choices=tuple(choices[index].build() for index in sorted(choices)), usage=usage
    )


class _Call:
    __slots__ = ("arguments", "start")

    def __init__(self, start: ToolCallStart) -> None:
        self.start = start
        self.arguments: list[str] = []

    def build(self) -> ToolCall:
        start = self.start
        return ToolCall(
            id=start.id,
            name=start.name,
            arguments="".join(self.arguments) or "{}",
            signature=start.signature,
            extra=start.extra,
        )


class ChoiceBuilder:
    """One choice on its way."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._parts: list[Part | _Call] = []
        self._calls: dict[int, _Call] = {}
        self._kind = ""
        self._text: list[str] = []
        self._citations: list[Citation] = []
        self._logprobs: list[TokenLogprob] | None = None
        self._extensions: list[Extension] = []
        self._finish: Finish | None = None

    def take(self, event: ChoiceEvent) -> None:
        if type(event) is Finish:  # the last of all alternatives, and told by every answer
            self._finish = event
            return
        match event:
            case TextDelta() | ThinkingDelta() | RefusalDelta():
                self._add(_KINDS[type(event)], event.text)
            case ThinkingEnd():
                self._end_thinking(event)
            case PartEnd():
                self._end(event)
            case PartDone(part=part):
                self._end()
                self._parts.append(part)
            case ToolCallStart() | ToolCallDelta() | ToolCallEnd():
                self._take_call(event)
            case CitationAdded() | Logprobs() | Finish() | Extension():
                self._take_note(event)
            case _:
                assert_never(event)

    def _take_call(self, event: CallEvent) -> None:
        match event:
            case ToolCallStart():
                self._end()
                call = _Call(event)
                self._calls[event.index] = call
                self._parts.append(call)
            case ToolCallDelta(index, arguments):
                if index in self._calls:
                    self._calls[index].arguments.append(arguments)
            case ToolCallEnd():
                pass
            case _:
                assert_never(event)

    def _take_note(self, event: NoteEvent) -> None:
        match event:
            case CitationAdded(citation=citation):
                if self._kind != "text":
                    self._end()
                    self._kind = "text"
                self._citations.append(citation)
            case Logprobs(tokens=tokens):
                self._logprobs = [*(self._logprobs or ()), *tokens]
            case Finish():
                self._finish = event
            case Extension():
                self._extensions.append(event)
            case _:
                assert_never(event)

    def build(self) -> Choice:
        self._end()
        return Choice(
            index=self._index,
            parts=tuple(part.build() if isinstance(part, _Call) else part for part in self._parts),
            finish=self._finish,
            logprobs=None if self._logprobs is None else tuple(self._logprobs),
            extensions=tuple(self._extensions),
        )

    def _add(self, kind: str, text: str) -> None:
        if kind != self._kind:
            self._end()
            self._kind = kind
        self._text.append(text)

    def _end_thinking(self, end: ThinkingEnd) -> None:
        if self._kind != "thinking":
            self._end()
        text = "".join(self._text)
        self._reset()
        self._parts.append(
            Thinking(text=text, signature=end.signature, redacted=end.redacted, id=end.id, extra=end.extra)
        )

    def _end(self, end: PartEnd | None = None) -> None:
        """Close the part that is open, if one is. A signature or extra members make empty text a part too."""
        text = "".join(self._text)
        kind, citations = self._kind, tuple(self._citations)
        signature = end.signature if end else None
        extra: Extra | None = end.extra if end else None
        self._reset()
        if kind == "thinking":
            self._parts.append(Thinking(text=text, signature=signature, extra=extra))
        elif kind == "refusal":
            self._parts.append(Refusal(text, extra))
        elif text or citations or signature or extra or kind == "text":
            self._parts.append(Text(text, citations=citations, signature=signature, extra=extra))

    def _reset(self) -> None:
        self._kind = ""
        self._text = []
        self._citations = []
