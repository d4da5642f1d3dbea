"""Output items of the Responses API, into canonical events.

Source: OpenAI API reference, "The Response object" (`output`), "Streaming events".
"""

from __future__ import annotations

from typing import Final

import msgspec

from ai_gateway.core.chat import Citation, DialectName, Opaque
from ai_gateway.core.events import (
    CitationAdded,
    Event,
    Logprobs,
    PartDone,
    PartEnd,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ThinkingEnd,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
)
from ai_gateway.core.signature import Signature
from ai_gateway.dialects.event_decoder import absent

__all__ = ["EMPTY", "ItemReader", "StreamEvent"]

EMPTY: Final = msgspec.Raw(b"")
_ME = DialectName.OPENAI_RESPONSES
_CALLS = frozenset({"function_call", "custom_tool_call"})


class StreamEvent(msgspec.Struct):
    """Of any type: the members that are read."""

    type: str | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    item_id: str | None = None
    delta: str | msgspec.Raw | None = None
    text: str | None = None
    refusal: str | None = None
    arguments: str | None = None
    input: str | None = None
    item: msgspec.Raw = EMPTY
    response: msgspec.Raw = EMPTY
    annotation: msgspec.Raw = EMPTY
    logprobs: list[TokenLogprob] | None = None
    error: msgspec.Raw = EMPTY


class _Part(msgspec.Struct):
    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    annotations: list[msgspec.Raw] | None = None
    logprobs: list[TokenLogprob] | None = None


class _Item(msgspec.Struct):
    type: str | None = None
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: str | None = None
    input: str | None = None
    content: list[_Part] | None = None
    summary: list[_Part] | None = None
    encrypted_content: str | None = None


class _Annotation(msgspec.Struct):
    url: str | None = None
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None


class _Loose(msgspec.Struct):
    type: str | None = None
    id: str | None = None


_item = msgspec.json.Decoder(_Item)
_loose = msgspec.json.Decoder(_Loose)
_annotation = msgspec.json.Decoder(_Annotation)


class _State:
    """What has been told of an item."""

    __slots__ = ("call", "cited", "done", "free", "kind", "logged", "refusal", "summaries", "text", "thought")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.call = -1
        self.text = 0
        """Characters of text, arguments or free input."""
        self.refusal = 0
        self.thought = 0
        self.summaries = -1
        self.cited = 0
        self.logged = False
        self.free = False
        """A custom tool's input, within the canonical `{"input": TEXT}`."""
        self.done = False


class ItemReader:
    """Reads items as they grow, and as they are when they are done; nothing is told twice."""

    def __init__(self) -> None:
        self._states: dict[int, _State] = {}
        self.calls = 0
        self.refused = False

    def _at(self, index: int | None, kind: str) -> _State:
        key = 0 if index is None else index
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = _State(kind)
        return state

    def saw_text(self, event: StreamEvent) -> None:
        """A text delta that the caller of this has told by itself."""
        assert isinstance(event.delta, str)
        self._at(event.output_index, "message").text += len(event.delta)

    def take(self, event: StreamEvent, out: list[Event]) -> None:
        kind = (event.type or "").removeprefix("response.")
        delta = event.delta if isinstance(event.delta, str) else ""
        match kind:
            case "output_item.added":
                self._add(event, out)
            case "output_item.done":
                if not absent(event.item):
                    self.finish_item(event.output_index or 0, event.item, out)
            case "output_text.delta":
                self.saw_text(event)
                out.append(TextDelta(delta))
                self._log(self._at(event.output_index, "message"), event.logprobs, out)
            case "output_text.annotation.added":
                self._cite(self._at(event.output_index, "message"), event.annotation, out)
            case "refusal.delta":
                self._refuse(self._at(event.output_index, "message"), delta, out)
            case "reasoning_summary_text.delta" | "reasoning_text.delta":
                self._think(event, delta, out)
            case "function_call_arguments.delta" | "custom_tool_call_input.delta":
                state = self._states.get(event.output_index or 0)
                if state is not None and state.call >= 0 and delta:
                    self._argue(state, delta, out)
            case _:
                pass  # what is done is told by its item; the rest says nothing

    def _add(self, event: StreamEvent, out: list[Event]) -> None:
        if absent(event.item):
            return
        kind = _loose.decode(event.item).type or "unknown"
        state = self._at(event.output_index, kind)
        if kind in _CALLS:
            item = _item.decode(event.item)
            self._start_call(state, item, out)
            if item.arguments:
                self._argue(state, item.arguments, out)

    def _start_call(self, state: _State, item: _Item, out: list[Event]) -> None:
        state.call = self.calls
        state.free = item.type == "custom_tool_call"
        self.calls += 1
        name = item.name or "unnamed"
        identifier = item.call_id or item.id or f"call_{state.call}"
        own = f"{item.namespace}__{name}" if item.namespace else name
        out.append(ToolCallStart(index=state.call, id=identifier, name=own))
        if state.free:
            out.append(ToolCallDelta(state.call, '{"input":"'))

    def _argue(self, state: _State, piece: str, out: list[Event]) -> None:
        state.text += len(piece)
        if state.free:
            piece = msgspec.json.encode(piece).decode()[1:-1]
        out.append(ToolCallDelta(state.call, piece))

    def _think(self, event: StreamEvent, delta: str, out: list[Event]) -> None:
        """Summaries are paragraphs."""
        state = self._at(event.output_index, "reasoning")
        part = event.summary_index if event.summary_index is not None else event.content_index or 0
        if part > state.summaries >= 0 and state.thought:
            out.append(ThinkingDelta("\n\n"))
        state.summaries = max(part, state.summaries)
        if delta:
            state.thought += len(delta)
            out.append(ThinkingDelta(delta))

    def _refuse(self, state: _State, text: str, out: list[Event]) -> None:
        self.refused = True
        if text:
            state.refusal += len(text)
            out.append(RefusalDelta(text))

    def _cite(self, state: _State, raw: msgspec.Raw, out: list[Event]) -> None:
        if bytes(raw)[:1] != b"{":
            return
        state.cited += 1
        found = _annotation.decode(raw)
        citation = Citation(
            dialect=_ME,
            raw=msgspec.Raw(bytes(raw)),
            url=found.url,
            title=found.title,
            start=found.start_index,
            end=found.end_index,
        )
        out.append(CitationAdded(citation=citation))

    def _log(self, state: _State, tokens: list[TokenLogprob] | None, out: list[Event]) -> None:
        if tokens:
            state.logged = True
            out.append(Logprobs(tokens=tuple(tokens)))

    def finish_item(self, index: int, raw: msgspec.Raw, out: list[Event]) -> None:
        """An item as it is in the end: what was not told of it yet."""
        kind = _loose.decode(raw).type or "unknown"
        state = self._at(index, kind)
        if state.done:
            return
        state.done = True
        match kind:
            case "message":
                self._finish_message(state, _item.decode(raw), out)
            case "reasoning":
                self._finish_reasoning(state, _item.decode(raw), out)
            case "function_call" | "custom_tool_call":
                self._finish_call(state, _item.decode(raw), out)
            case _:
                out.append(PartDone(part=Opaque(_ME, kind, msgspec.Raw(bytes(raw)))))

    def _finish_message(self, state: _State, item: _Item, out: list[Event]) -> None:
        told, refused, cited, logged = state.text, state.refusal, state.cited, state.logged
        for part in item.content or ():
            if part.type == "refusal":
                if not refused:
                    self._refuse(state, part.refusal or "", out)
                continue
            if not told and part.text:
                out.append(TextDelta(part.text))
            if not cited:
                for annotation in part.annotations or ():
                    self._cite(state, annotation, out)
            if not logged:
                self._log(state, part.logprobs, out)
            out.append(PartEnd())

    def _finish_reasoning(self, state: _State, item: _Item, out: list[Event]) -> None:
        if not state.thought:
            texts = [part.text for part in (item.summary or item.content or ()) if part.text]
            if texts:
                out.append(ThinkingDelta("\n\n".join(texts)))
        signature = None
        if item.encrypted_content:
            signature = Signature(_ME.value, item.encrypted_content, "", item.id or "")
        out.append(ThinkingEnd(signature=signature, id=item.id))

    def _finish_call(self, state: _State, item: _Item, out: list[Event]) -> None:
        if state.call < 0:
            self._start_call(state, item, out)
        whole = (item.input if state.free else item.arguments) or ""
        if not state.text and whole:
            self._argue(state, whole, out)
        if state.free:
            out.append(ToolCallDelta(state.call, '"}'))
        out.append(ToolCallEnd(state.call))

    def close(self, out: list[Event]) -> None:
        """Items that were never said to be done."""
        for state in self._states.values():
            if state.done:
                continue
            state.done = True
            if state.call >= 0:
                if state.free:
                    out.append(ToolCallDelta(state.call, '"}'))
                out.append(ToolCallEnd(state.call))
            elif state.thought:
                out.append(ThinkingEnd())
