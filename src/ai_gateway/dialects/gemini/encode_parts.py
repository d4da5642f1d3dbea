"""Parts of an answer as Gemini's.

Source: Gemini API reference, "Caching" (`Part`), "Generating content" (`Candidate`, `CitationMetadata`,
`LogprobsResult`). Google's Python SDK refuses members that it does not know: what only another provider knows
of its answer has no place here, and is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import assert_never

import msgspec

from ai_gateway.core.chat import (
    Audio,
    Citation,
    Data,
    DialectName,
    Document,
    Image,
    Opaque,
    Part,
    Refusal,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from ai_gateway.core.events import Extension, Finish, FinishReason, TokenLogprob
from ai_gateway.core.signature import Signature, wrap
from ai_gateway.core.tool_arguments import as_object

__all__ = [
    "Json",
    "call_parts",
    "finish_of",
    "logprobs_of",
    "notes_of",
    "parts_of",
    "thought_part",
]

Json = dict[str, object]
_ME = DialectName.GEMINI
_REASONS = {
    FinishReason.STOP: "STOP",
    FinishReason.STOP_SEQUENCE: "STOP",
    FinishReason.LENGTH: "MAX_TOKENS",
    FinishReason.CONTEXT_WINDOW: "MAX_TOKENS",
    FinishReason.TOOL_CALLS: "STOP",
    FinishReason.CONTENT_FILTER: "SAFETY",
    FinishReason.REFUSAL: "SAFETY",
    FinishReason.PAUSE: "STOP",
    FinishReason.OTHER: "OTHER",
}
_OWN_REASONS = frozenset(
    {
        "STOP",
        "MAX_TOKENS",
        "SAFETY",
        "RECITATION",
        "LANGUAGE",
        "OTHER",
        "BLOCKLIST",
        "PROHIBITED_CONTENT",
        "SPII",
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
        "MISSING_THOUGHT_SIGNATURE",
        "MALFORMED_RESPONSE",
        "IMAGE_SAFETY",
        "IMAGE_PROHIBITED_CONTENT",
        "IMAGE_RECITATION",
        "IMAGE_OTHER",
        "NO_IMAGE",
    }
)
_OWN_NOTES = ("citationMetadata", "groundingMetadata", "urlContextMetadata", "safetyRatings")


def finish_of(finish: Finish | None, *, refused: bool) -> Json:
    """`finishReason`: a refusal in words is one that the filter might have made."""
    if finish is None:
        return {"finishReason": "OTHER"}
    reason = finish.raw if finish.raw in _OWN_REASONS else _REASONS[finish.reason]
    if refused and reason == "STOP":
        reason = "SAFETY"
    message = (finish.extra or {}).get("finishMessage")
    return {"finishReason": reason, **({"finishMessage": message} if message is not None else {})}


def thought_part(text: str, signature: Signature | None) -> Json:
    part: Json = {"text": text, "thought": True}
    if signature is not None:
        part["thoughtSignature"] = wrap(signature, _ME.value)
    return part


def parts_of(part: Part) -> list[Json | msgspec.Raw]:
    """The parts of a part; none where it has no place."""
    match part:
        case Text():
            return _text(part)
        case Refusal(text=text):
            return [{"text": text}] if text else []
        case Thinking(text=text, signature=signature):
            return [thought_part(text, signature)]
        case ToolCall():
            return call_parts(part)
        case Opaque(dialect=dialect, raw=raw):
            return [raw] if dialect is _ME else []
        case Image(source=source) | Document(source=source) | Audio(source=source) | Video(source=source):
            return _medium(source)
        case ToolResult():
            return []
        case _:
            assert_never(part)


def _text(part: Text) -> list[Json | msgspec.Raw]:
    if not part.text and part.signature is None:
        return []
    row: Json = {"text": part.text}
    if part.signature is not None:
        row["thoughtSignature"] = wrap(part.signature, _ME.value)
    return [row]


def _medium(source: Source) -> list[Json | msgspec.Raw]:
    if not isinstance(source, Data):
        return []
    return [{"inlineData": {"mimeType": source.media_type, "data": source.data}}]


def call_parts(call: ToolCall) -> list[Json | msgspec.Raw]:
    row: Json = {"functionCall": {"id": call.id, "name": call.name, "args": as_object(call.arguments)}}
    if call.signature is not None:
        row["thoughtSignature"] = wrap(call.signature, _ME.value)
    return [row]


def notes_of(extensions: Iterable[Extension], citations: Sequence[Citation]) -> Json:
    """What Gemini itself said beside the answer; other providers' sources where they have an address."""
    notes: Json = {one.name: one.raw for one in extensions if one.dialect is _ME and one.name in _OWN_NOTES}
    foreign = [one for one in citations if one.dialect is not _ME and one.url]
    if foreign and "citationMetadata" not in notes:
        notes["citationMetadata"] = {"citations": [_source(one) for one in foreign]}
    return notes


def _source(citation: Citation) -> Json:
    row: Json = {"uri": citation.url}
    if citation.title:
        row["title"] = citation.title
    if citation.start is not None:
        row["startIndex"] = citation.start
    if citation.end is not None:
        row["endIndex"] = citation.end
    return row


def logprobs_of(tokens: Sequence[TokenLogprob]) -> Json:
    """`logprobsResult`."""
    return {
        "chosenCandidates": [{"token": one.token, "logProbability": one.logprob} for one in tokens],
        "topCandidates": [
            {"candidates": [{"token": top.token, "logProbability": top.logprob} for top in one.top_logprobs]}
            for one in tokens
        ],
    }
