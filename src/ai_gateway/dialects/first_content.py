"""Where an answer begins: which events of each dialect are content, and which only prepare it.

Until something that counts has passed, a request may still be tried elsewhere. An event, delta or member that
is not known to say nothing is content. The functions take one event's data, which is JSON.

Sources: OpenAI API reference, "The chat completion chunk object", "Streaming events"; Anthropic docs,
"Streaming messages"; Gemini API reference, "Generating content"; Azure OpenAI, "Content filter streaming".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from ai_gateway.dialects.relay_stream import EMPTY, says_nothing

__all__ = ["chat_answers", "content_answers", "event_answers", "message_answers"]

_Members = dict[str, msgspec.Raw]
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _speak(members: Mapping[str, msgspec.Raw], quiet: Iterable[str]) -> bool:
    """Whether any member but the `quiet` ones says something."""
    return any(name not in quiet and not says_nothing(raw) for name, raw in members.items())


class _Chunk(msgspec.Struct):
    choices: list[_Members] | None = None
    usage: msgspec.Raw = EMPTY
    prompt_filter_results: msgspec.Raw = EMPTY


_CHOICE = frozenset(
    {"index", "delta", "content_filter_results", "content_filter_offsets", "content_filter_result"}
)
_DELTA = frozenset({"role", "name"})


def chat_answers(data: bytes) -> bool:
    """A chat completion chunk. Quiet: a role, empty deltas, usage alone, Azure's filter results."""
    try:
        chunk = msgspec.json.decode(data, type=_Chunk)
        if not chunk.choices:
            return chunk.choices is None and chunk.usage is EMPTY and chunk.prompt_filter_results is EMPTY
        return any(_choice_answers(choice) for choice in chunk.choices)
    except _BROKEN:
        return True


def _choice_answers(choice: _Members) -> bool:
    if _speak(choice, _CHOICE | {"message"}):
        return True
    # some servers repeat the whole message so far beside the delta
    said = [choice[name] for name in ("delta", "message") if name in choice]
    return any(
        _speak(msgspec.json.decode(raw, type=_Members), _DELTA) for raw in said if not says_nothing(raw)
    )


class _Event(msgspec.Struct):
    type: str | None = None
    delta: msgspec.Raw = EMPTY
    item: _Members | None = None
    part: _Members | None = None
    usage: msgspec.Raw = EMPTY


_PREPARATIONS = frozenset(
    {"response.created", "response.queued", "response.in_progress", "ping", "keepalive"}
)
_ITEM = frozenset({"id", "type", "status", "role", "phase", "encrypted_content"})
_PART = frozenset({"type"})


def event_answers(data: bytes) -> bool:
    """An event of the Responses API, or of any other path."""
    try:
        event = msgspec.json.decode(data, type=_Event)
    except _BROKEN:
        return True
    match event.type:
        case None:
            return event.usage is EMPTY
        case "response.output_item.added":
            item = event.item or {}
            return _kind(item) not in ("message", "reasoning") or _speak(item, _ITEM)
        case "response.content_part.added" | "response.reasoning_summary_part.added":
            return _speak(event.part or {}, _PART)
        case kind if kind.endswith(".delta"):
            return not says_nothing(event.delta)
        case kind:
            return kind not in _PREPARATIONS


def _kind(members: _Members) -> str:
    return bytes(members.get("type", b"")).decode("utf-8", "replace").strip('"')


class _Message(msgspec.Struct):
    content: msgspec.Raw = EMPTY


class _MessageEvent(msgspec.Struct):
    type: str | None = None
    message: _Message | None = None
    content_block: _Members | None = None
    delta: _Members | None = None


_BLOCK = frozenset({"type"})
_EMPTY_BLOCKS = ("text", "thinking")


def message_answers(data: bytes) -> bool:
    """An event of Anthropic's. Quiet: `message_start`, `ping`, empty blocks and deltas."""
    try:
        event = msgspec.json.decode(data, type=_MessageEvent)
    except _BROKEN:
        return True
    match event.type:
        case "ping" | "content_block_stop":
            return False
        case "message_start":
            return event.message is not None and not says_nothing(event.message.content)
        case "content_block_start":
            block = event.content_block or {}
            return _kind(block) not in _EMPTY_BLOCKS or _speak(block, _BLOCK)
        case "content_block_delta" | "message_delta":
            return _speak(event.delta or {}, _BLOCK | {"container"})
        case _:
            return True


class _Content(msgspec.Struct):
    parts: list[_Members] | None = None


class _Contents(msgspec.Struct):
    candidates: list[_Members] | None = None
    promptFeedback: _Members | None = None  # noqa: N815 - the wire's own name


_CANDIDATE = frozenset({"index", "content", "safetyRatings", "avgLogprobs", "tokenCount"})
_SILENT_PART = frozenset({"thought"})


def content_answers(data: bytes) -> bool:
    """A chunk of Gemini's. Quiet: usage alone, candidates without parts, parts without text. A blocked
    prompt is an answer."""
    try:
        chunk = msgspec.json.decode(data, type=_Contents)
        if not says_nothing((chunk.promptFeedback or {}).get("blockReason", EMPTY)):
            return True
        return any(_candidate_answers(candidate) for candidate in chunk.candidates or ())
    except _BROKEN:
        return True


def _candidate_answers(candidate: _Members) -> bool:
    if _speak(candidate, _CANDIDATE):
        return True
    raw = candidate.get("content")
    if raw is None or says_nothing(raw):
        return False
    content = msgspec.json.decode(raw, type=_Content)
    return any(_speak(part, _SILENT_PART) for part in content.parts or ())
