"""Parts of an answer as Anthropic's content blocks.

Source: Anthropic API reference, "Create a Message" (`content`). SDKs refuse members that are null where the
schema does not say so: what has no value is left out.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from ai_gateway.core.chat import (
    Audio,
    Citation,
    DialectName,
    Document,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from ai_gateway.core.events import Extension, Finish, FinishReason
from ai_gateway.core.signature import Signature, wrap

__all__ = ["Json", "arguments_of", "blocks_of", "citation_of", "own_citation", "reason_of", "unslotted"]

Json = dict[str, object]
_ME = DialectName.ANTHROPIC
_REASONS = {
    FinishReason.STOP: "end_turn",
    FinishReason.STOP_SEQUENCE: "stop_sequence",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.CONTEXT_WINDOW: "model_context_window_exceeded",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.CONTENT_FILTER: "refusal",
    FinishReason.REFUSAL: "refusal",
    FinishReason.PAUSE: "pause_turn",
    FinishReason.OTHER: "end_turn",
}


def reason_of(finish: Finish | None, *, called: bool, refused: bool) -> Json:
    """`stop_reason` and `stop_sequence`, which are null until they are known."""
    reason = "end_turn" if finish is None else _REASONS[finish.reason]
    if refused and reason == "end_turn":
        reason = "refusal"
    if called and reason == "end_turn":
        reason = "tool_use"
    sequence = finish.stop_sequence if finish is not None else None
    if reason == "stop_sequence" and sequence is None:
        reason = "end_turn"  # SDKs read the sequence of such an answer
    return {"stop_reason": reason, "stop_sequence": sequence}


def arguments_of(call: ToolCall) -> msgspec.Raw:
    """`input` must be an object: what the model wrote otherwise stands in it as text, under `_raw`."""
    try:
        msgspec.json.decode(call.arguments, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return msgspec.Raw(msgspec.json.encode({"_raw": call.arguments}))
    return msgspec.Raw(call.arguments.encode())


def signature_block(signature: Signature) -> Json:
    """A foreign signature on a call or a text: an empty thinking block just before it."""
    return {"type": "thinking", "thinking": "", "signature": wrap(signature, _ME.value)}


def own_citation(citation: Citation) -> bool:
    return citation.dialect is _ME


def citation_of(citation: Citation) -> Json | None:
    """A source with an address, in the form that needs nothing but one."""
    if citation.url is None:
        return None
    return {
        "type": "search_result_location",
        "source": citation.url,
        "title": citation.title,
        "cited_text": citation.quote or "",
        "search_result_index": 0,
        "start_block_index": 0,
        "end_block_index": 0,
    }


def blocks_of(part: Part) -> list[Json | msgspec.Raw]:
    """The blocks of a part; none where it has no place (see `unslotted`)."""
    match part:
        case Text():
            return _text(part)
        case Refusal(text=text):
            return [{"type": "text", "text": text}]
        case Thinking():
            return [_thinking(part)]
        case ToolCall():
            return _call(part)
        case Opaque(dialect=dialect, raw=raw):
            return [raw] if dialect is _ME else []
        case Image() | Document() | Audio() | Video() | ToolResult():
            return []
        case _:
            assert_never(part)


def _text(part: Text) -> list[Json | msgspec.Raw]:
    blocks: list[Json | msgspec.Raw] = []
    if part.signature is not None:
        blocks.append(signature_block(part.signature))
    if part.text or part.citations:
        block: Json = {"type": "text", "text": part.text}
        citations = [
            citation.raw if own_citation(citation) else citation_of(citation) for citation in part.citations
        ]
        if any(citations):
            block["citations"] = [one for one in citations if one]
        blocks.append(block)
    return blocks


def _thinking(part: Thinking) -> Json:
    signature = part.signature
    if part.redacted and signature is not None and signature.dialect == _ME.value:
        return {"type": "redacted_thinking", "data": signature.value}
    value = "" if signature is None else wrap(signature, _ME.value)
    return {"type": "thinking", "thinking": part.text, "signature": value}


def _call(part: ToolCall) -> list[Json | msgspec.Raw]:
    blocks: list[Json | msgspec.Raw] = []
    if part.signature is not None:
        blocks.append(signature_block(part.signature))
    blocks.append(
        {
            "type": "tool_use",
            "id": part.id,
            "name": part.name,
            "input": arguments_of(part),
            **(part.extra if part.extra and _is_own(part.extra) else {}),
        }
    )
    return blocks


def _is_own(extra: dict[str, msgspec.Raw]) -> bool:
    return "caller" in extra


def unslotted(extensions: list[Extension], parts: list[Part]) -> Json:
    """The extension slot: what only other dialects know, by dialect and name."""
    found: dict[str, dict[str, object]] = {}
    for extension in extensions:
        if extension.dialect is not _ME:
            found.setdefault(extension.dialect.value, {})[extension.name] = extension.raw
    for part in parts:
        if isinstance(part, Opaque) and part.dialect is not _ME:
            row = found.setdefault(part.dialect.value, {}).setdefault(part.kind, [])
            assert isinstance(row, list)
            row.append(part.raw)
        elif isinstance(part, Image | Audio | Video | Document):
            row = found.setdefault("media", {}).setdefault(type(part).__name__.lower(), [])
            assert isinstance(row, list)
            row.append(msgspec.Raw(msgspec.json.encode(part)))
    return {"extensions": found} if found else {}
