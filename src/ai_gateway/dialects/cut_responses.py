"""The end of a stream of the Responses API that may not go on.

Source: OpenAI API reference, "Streaming events" (`response.incomplete`, and what is `done` before it).
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.bounding import written
from ai_gateway.dialects.openai_responses.usage import encode_usage

__all__ = ["ResponseCloser"]

_Members = dict[str, object]
_EMPTY = msgspec.Raw(b"")

_PART_TEXTS = {
    "response.output_text": "text",
    "response.refusal": "refusal",
    "response.reasoning_text": "text",
    "response.reasoning_summary_text": "text",
}
"""Events of text inside a part of an item, and the member that holds it, in `done` and in the part."""
_ITEM_TEXTS = {
    "response.function_call_arguments": "arguments",
    "response.mcp_call_arguments": "arguments",
    "response.custom_tool_call_input": "input",
    "response.code_interpreter_call_code": "code",
}
"""The same of text that is a member of the item itself."""
_PARTS = {
    "response.content_part": ("content", "content_index"),
    "response.reasoning_summary_part": ("summary", "summary_index"),
}
"""Events of whole parts: the item's member that lists them, and what an event calls their place in it."""


class _Event(msgspec.Struct):
    type: str = ""
    sequence_number: int | None = None
    output_index: int = 0
    content_index: int = 0
    summary_index: int | None = None
    item_id: str | None = None
    delta: str | None = None
    item: dict[str, msgspec.Raw] | None = None
    part: dict[str, msgspec.Raw] | None = None
    response: dict[str, msgspec.Raw] | None = None
    annotation: msgspec.Raw = _EMPTY


_event = msgspec.json.Decoder(_Event)


class _Text:
    """A text that arrives in pieces."""

    __slots__ = ("kind", "member", "pieces", "whole")

    def __init__(self, kind: str, member: str) -> None:
        self.kind = kind
        """What its events begin with."""
        self.member = member
        self.pieces: list[str] = []
        self.whole = False
        """The caller has been told that it is."""


class _Part:
    __slots__ = ("annotations", "kind", "members", "text", "whole")

    def __init__(self, kind: str, members: dict[str, msgspec.Raw]) -> None:
        self.kind = kind
        self.members: _Members = dict(members)
        self.text: _Text | None = None
        self.annotations: list[msgspec.Raw] = []
        self.whole = False


class _Item:
    __slots__ = ("id", "members", "parts", "text", "whole")

    def __init__(self, members: dict[str, msgspec.Raw], identifier: str | None) -> None:
        self.members: _Members = dict(members)
        self.id = identifier
        self.parts: dict[tuple[str, int], _Part] = {}
        """By the member that lists them, and their place in it."""
        self.text: _Text | None = None
        self.whole = False


class ResponseCloser:
    """Keeps what has been said, since the last event repeats it."""

    __slots__ = ("_items", "_response", "_sequence")

    def __init__(self) -> None:
        self._items: dict[int, _Item] = {}
        self._response: _Members = {"object": "response"}
        self._sequence = -1

    def see(self, data: bytes) -> None:
        try:
            event = _event.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return
        if event.sequence_number is not None:
            self._sequence = event.sequence_number
        kind, _, verb = event.type.rpartition(".")
        if event.response is not None:
            self._response = dict(event.response)
        elif event.type == "response.output_item.added":
            members = event.item or {}
            self._items[event.output_index] = _Item(members, _plain(members.get("id")))
        elif event.type == "response.output_item.done":
            item = self._items.setdefault(event.output_index, _Item({}, None))
            item.members, item.whole = dict(event.item or {}), True
        elif event.output_index in self._items:
            _take(self._items[event.output_index], kind, verb, event)

    def close(self, data: bytes, usage: Usage) -> bytes:
        out: list[bytes] = []
        output: list[_Members] = []
        for index, item in sorted(self._items.items()):
            if not item.whole:
                self._end(index, item, out)
            output.append(item.members)
        response = self._response | {
            "status": "incomplete",
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"},
            "output": output,
            "usage": encode_usage(usage),
        }
        self._write("response.incomplete", {"response": response}, out)
        return b"".join(out)

    def _end(self, index: int, item: _Item, out: list[bytes]) -> None:
        """What is owed for an item that is open."""
        at: _Members = {"item_id": item.id, "output_index": index}
        for (listed, place), part in sorted(item.parts.items()):
            if not part.whole:
                self._end_part(at | {_place_name(listed): place}, part, out)
        for listed in sorted({listed for listed, _ in item.parts}):
            named = (part.members for (where, _), part in sorted(item.parts.items()) if where == listed)
            item.members[listed] = list(named)
        if item.text is not None:
            self._end_text(at, item.text, item.members, out)
        if "status" in item.members:
            item.members["status"] = "incomplete"
        self._write("response.output_item.done", {"output_index": index, "item": item.members}, out)

    def _end_part(self, at: _Members, part: _Part, out: list[bytes]) -> None:
        if part.text is not None:
            self._end_text(at, part.text, part.members, out)
        if part.annotations:
            part.members["annotations"] = part.annotations
        self._write(f"{part.kind}.done", {**at, "part": part.members}, out)

    def _end_text(self, at: _Members, text: _Text, holder: _Members, out: list[bytes]) -> None:
        words = "".join(text.pieces)
        if words or text.member not in holder:
            holder[text.member] = words
        if text.whole:
            return
        done: _Members = {**at, text.member: words}
        if text.kind == "response.output_text":
            done["logprobs"] = []
        elif "name" in holder:
            done["name"] = holder["name"]
        self._write(f"{text.kind}.done", done, out)

    def _write(self, kind: str, members: _Members, out: list[bytes]) -> None:
        self._sequence += 1
        out.append(written(kind, members | {"sequence_number": self._sequence}))


def _take(item: _Item, kind: str, verb: str, event: _Event) -> None:
    """An event about what stands inside an open item."""
    if item.id is None:
        item.id = event.item_id
    if kind in _PARTS:
        listed, _ = _PARTS[kind]
        part = item.parts.setdefault((listed, _place(event)), _Part(kind, event.part or {}))
        if verb == "done":
            part.members, part.whole = dict(event.part or {}), True
    elif kind in _PART_TEXTS:
        part = _part_of(item, kind, event)
        part.text = part.text or _Text(kind, _PART_TEXTS[kind])
        _add(part.text, verb, event)
    elif kind in _ITEM_TEXTS:
        item.text = item.text or _Text(kind, _ITEM_TEXTS[kind])
        _add(item.text, verb, event)
    elif event.annotation is not _EMPTY:
        _part_of(item, "response.output_text", event).annotations.append(event.annotation)


def _part_of(item: _Item, kind: str, event: _Event) -> _Part:
    """The part that an event speaks of; some servers never announce it."""
    whole = "response.content_part" if event.summary_index is None else "response.reasoning_summary_part"
    listed, _ = _PARTS[whole]
    form = b'"summary_text"' if listed == "summary" else msgspec.json.encode(kind.removeprefix("response."))
    return item.parts.setdefault((listed, _place(event)), _Part(whole, {"type": msgspec.Raw(form)}))


def _add(text: _Text, verb: str, event: _Event) -> None:
    if verb == "delta":
        text.pieces.append(event.delta or "")
    elif verb == "done":
        text.whole = True


def _place(event: _Event) -> int:
    return event.content_index if event.summary_index is None else event.summary_index


def _place_name(listed: str) -> str:
    return next(name for where, name in _PARTS.values() if where == listed)


def _plain(raw: msgspec.Raw | None) -> str | None:
    try:
        return None if raw is None else msgspec.json.decode(raw, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
