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
from ai_gateway.core.events import Finish, FinishReason
from ai_gateway.core.signature import Signature, wrap
from ai_gateway.core.tool_arguments import as_object

__all__ = ["Json", "blocks_of", "citation_of", "own_citation", "reason_of"]

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
            "input": as_object(part.arguments),
            **(part.extra if part.extra and _is_own(part.extra) else {}),
        }
    )
    return blocks


def _is_own(extra: dict[str, msgspec.Raw]) -> bool:
    return "caller" in extra
