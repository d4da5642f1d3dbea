"""One candidate of Gemini's answer, chunk by chunk.

Sources: Gemini API reference, "Generating content" (`Candidate`, `FinishReason`, `GroundingMetadata`,
`LogprobsResult`), "Caching" (`Part`).
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import Audio, Citation, Data, DialectName, Image, Opaque, Video
from ai_gateway.core.events import (
    CitationAdded,
    Event,
    Extension,
    Finish,
    FinishReason,
    Logprobs,
    PartDone,
    PartEnd,
    TextDelta,
    ThinkingDelta,
    ThinkingEnd,
    TokenLogprob,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    TopLogprob,
)
from ai_gateway.core.signature import Signature
from ai_gateway.dialects.event_decoder import absent
from ai_gateway.dialects.gemini.wire import EMPTY, Candidate, Part

__all__ = ["CandidateReader"]

_ME = DialectName.GEMINI
_REASONS = {
    "STOP": FinishReason.STOP,
    "MAX_TOKENS": FinishReason.LENGTH,
    "SAFETY": FinishReason.CONTENT_FILTER,
    "RECITATION": FinishReason.CONTENT_FILTER,
    "LANGUAGE": FinishReason.CONTENT_FILTER,
    "BLOCKLIST": FinishReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "SPII": FinishReason.CONTENT_FILTER,
    "IMAGE_SAFETY": FinishReason.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": FinishReason.CONTENT_FILTER,
    "IMAGE_RECITATION": FinishReason.CONTENT_FILTER,
}
_ABOUT = ("thought", "thoughtSignature")
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Call(msgspec.Struct):
    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = EMPTY


class _Inline(msgspec.Struct, rename="camel"):
    mime_type: str = "application/octet-stream"
    data: str = ""


class _Web(msgspec.Struct):
    uri: str | None = None
    title: str | None = None


class _GroundingChunk(msgspec.Struct):
    web: _Web | None = None


class _Segment(msgspec.Struct, rename="camel"):
    start_index: int | None = None
    end_index: int | None = None
    text: str | None = None


class _Support(msgspec.Struct, rename="camel"):
    segment: _Segment | None = None
    grounding_chunk_indices: list[int] | None = None


class _Grounding(msgspec.Struct, rename="camel"):
    grounding_chunks: list[_GroundingChunk] | None = None
    grounding_supports: list[msgspec.Raw] | None = None


class _Token(msgspec.Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class _Top(msgspec.Struct):
    candidates: list[_Token] | None = None


class _Logprobs(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_Token] | None = None
    top_candidates: list[_Top] | None = None


_part = msgspec.json.Decoder(Part)
_call = msgspec.json.Decoder(_Call)
_inline = msgspec.json.Decoder(_Inline)
_grounding = msgspec.json.Decoder(_Grounding)
_support = msgspec.json.Decoder(_Support)
_logprobs = msgspec.json.Decoder(_Logprobs)
_NOTES = (
    ("citationMetadata", "citation_metadata"),
    ("groundingMetadata", "grounding_metadata"),
    ("urlContextMetadata", "url_context_metadata"),
    ("safetyRatings", "safety_ratings"),
)


class CandidateReader:
    """Reads one candidate; its end is told by `close`."""

    __slots__ = ("_calls", "_index", "_message", "_notes", "_seed", "_text", "reason")

    def __init__(self, index: int, seed: str) -> None:
        self._index = index
        self._seed = seed
        self._calls = 0
        self._notes: dict[str, msgspec.Raw] = {}
        self._message: str | None = None
        self._text: list[str] = []
        self.reason: str | None = None

    def take(self, candidate: Candidate, out: list[Event]) -> None:
        if candidate.content is not None:
            for raw in candidate.content.parts or ():
                self._take_part(raw, out)
        for name, member in _NOTES:
            raw = getattr(candidate, member)
            if not absent(raw):
                self._notes[name] = msgspec.Raw(bytes(raw))
        if not absent(candidate.logprobs_result):
            self._take_logprobs(candidate.logprobs_result, out)
        if candidate.finish_reason is not None and self.reason is None:
            self.reason = str(candidate.finish_reason)
            self._message = candidate.finish_message

    def _take_part(self, raw: msgspec.Raw, out: list[Event]) -> None:
        part = _part.decode(raw)
        index = self._index
        signature = Signature(_ME.value, part.thought_signature) if part.thought_signature else None
        if not absent(part.function_call):
            self._take_call(part, out)
        elif part.text is None and self._take_opaque(raw, part, out):
            pass  # what only Gemini knows, pictures of its thoughts among them
        elif not absent(part.inline_data):
            self._take_inline(part, out)
        elif part.thought:
            if part.text:
                out.append(ThinkingDelta(part.text, index))
            if signature is not None:
                out.append(ThinkingEnd(signature=signature, choice=index))
        else:
            if part.text:
                self._text.append(part.text)
                out.append(TextDelta(part.text, index))
            if signature is not None:
                out.append(PartEnd(signature=signature, choice=index))

    def _take_call(self, part: Part, out: list[Event]) -> None:
        call = _call.decode(part.function_call)
        number, index = self._calls, self._index
        self._calls += 1
        signature = part.thought_signature
        name = call.name or "unnamed"
        out.append(
            ToolCallStart(
                index=number,
                id=call.id or f"call_{self._seed}_{index}_{number}",
                name=name,
                signature=Signature(_ME.value, signature, "tool_call") if signature else None,
                choice=index,
            )
        )
        arguments = bytes(call.args)
        if arguments not in (b"", b"null"):
            out.append(ToolCallDelta(number, arguments.decode(), index))
        out.append(ToolCallEnd(number, index))

    def _take_inline(self, part: Part, out: list[Event]) -> None:
        found = _inline.decode(part.inline_data)
        source = Data(found.mime_type, found.data)
        family = found.mime_type.partition("/")[0]
        medium = Audio(source) if family == "audio" else Video(source) if family == "video" else Image(source)
        out.append(PartDone(part=medium, choice=self._index))
        if part.thought_signature:
            signature = Signature(_ME.value, part.thought_signature)
            out.append(PartEnd(signature=signature, choice=self._index))

    def _take_opaque(self, raw: msgspec.Raw, part: Part, out: list[Event]) -> bool:
        """Whether the part is one that only Gemini knows."""
        if not absent(part.inline_data) and not part.thought:
            return False
        members = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
        kind = next((name for name, raw in members.items() if name not in _ABOUT and not absent(raw)), None)
        if kind is None:
            return False
        out.append(PartDone(part=Opaque(_ME, kind, msgspec.Raw(bytes(raw))), choice=self._index))
        return True

    def _take_logprobs(self, raw: msgspec.Raw, out: list[Event]) -> None:
        try:
            found = _logprobs.decode(raw)
        except _BROKEN:
            return  # they are told beside the answer: it stands without them
        tops = found.top_candidates or []
        tokens = tuple(
            TokenLogprob(
                one.token,
                one.log_probability,
                top_logprobs=[
                    TopLogprob(top.token, top.log_probability)
                    for top in (tops[at].candidates if at < len(tops) else None) or ()
                ],
            )
            for at, one in enumerate(found.chosen_candidates or ())
        )
        if tokens:
            out.append(Logprobs(tokens=tokens, choice=self._index))

    def close(self, out: list[Event]) -> None:
        """Sources, what only Gemini knows, and the end."""
        grounding = self._notes.get("groundingMetadata")
        if grounding is not None:
            out.extend(self._citations(grounding))
        for name, raw in self._notes.items():
            out.append(Extension(dialect=_ME, name=name, raw=raw, choice=self._index))
        reason = _REASONS.get(self.reason or "", FinishReason.OTHER)
        if reason is FinishReason.STOP and self._calls:
            reason = FinishReason.TOOL_CALLS
        extra = None
        if self._message:
            extra = {"finishMessage": msgspec.Raw(msgspec.json.encode(self._message))}
        out.append(Finish(reason=reason, raw=self.reason, choice=self._index, extra=extra))

    def _citations(self, raw: msgspec.Raw) -> list[CitationAdded]:
        """Each source of each supported segment; its place is told in bytes, and wanted in characters."""
        try:
            found = _grounding.decode(raw)
            supports = [(one, _support.decode(one)) for one in found.grounding_supports or ()]
        except _BROKEN:
            return []  # the metadata itself still goes out
        text = "".join(self._text).encode("utf-8", "surrogatepass")
        chunks = found.grounding_chunks or []
        citations = []
        for own, support in supports:
            segment = support.segment or _Segment()
            for at in support.grounding_chunk_indices or ():
                web = chunks[at].web if 0 <= at < len(chunks) else None
                if web is None or web.uri is None:
                    continue
                citation = Citation(
                    dialect=_ME,
                    raw=msgspec.Raw(bytes(own)),
                    url=web.uri,
                    title=web.title,
                    start=_characters(text, segment.start_index or 0),
                    end=_characters(text, segment.end_index),
                )
                citations.append(CitationAdded(citation=citation, choice=self._index))
        return citations


def _characters(text: bytes, place: int | None) -> int | None:
    return None if place is None else len(text[:place].decode("utf-8", "replace"))
