"""One choice of an answer, from the messages or deltas that make it up.

The choice is closed at the very end, not at its `finish_reason`: some servers send tool calls, citations or
another finish after it, and the first one counts.
"""

from __future__ import annotations

from operator import attrgetter

import msgspec

from ai_gateway.core.chat import DialectName, Extra, Image, Opaque
from ai_gateway.core.events import (
    CitationAdded,
    Event,
    Finish,
    FinishReason,
    Logprobs,
    PartDone,
    PartEnd,
    RefusalDelta,
    TextDelta,
    ThinkingDelta,
    ThinkingEnd,
)
from ai_gateway.core.signature import Signature, unwrap
from ai_gateway.dialects.openai_chat.answer_wire import (
    EMPTY,
    AudioDelta,
    ChoiceChunk,
    Message,
    absent,
    read_as,
    text_of,
)
from ai_gateway.dialects.openai_chat.decode_calls import CallReader, google_signature
from ai_gateway.dialects.openai_chat.decode_parts import (
    AudioReader,
    Detail,
    Piece,
    citation_of,
    citations_of,
    details_of,
    images_of,
    logprobs_of,
    media_source,
    piece_of,
    thinking_of,
)
from ai_gateway.dialects.openai_chat.finish import reason_of

__all__ = ["ChoiceReader"]

_CHAT = DialectName.OPENAI_CHAT
_STOP_SEQUENCE = FinishReason.STOP_SEQUENCE


class _FinishDetails(msgspec.Struct):
    type: str | None = None


_finish_details = msgspec.json.Decoder(_FinishDetails)
_string = msgspec.json.Decoder(str)
_audio = msgspec.json.Decoder(AudioDelta)


_EXTRAS = ("native_finish_reason", "content_filter_results", "content_filter_result")
_extras = attrgetter(*_EXTRAS)
_NO_EXTRAS = (EMPTY,) * len(_EXTRAS)


class ChoiceReader:
    """`take` each message or delta, `note` each choice around it, `close` once."""

    __slots__ = (
        "_audio",
        "_calls",
        "_detail",
        "_extra",
        "_index",
        "_refused",
        "_stop",
        "cited",
        "finish_word",
        "said",
    )

    def __init__(self, index: int) -> None:
        self._index = index
        self._calls = CallReader(index)
        self._audio: AudioReader | None = None
        self._detail: Detail | None = None
        """The block of `reasoning_details` that is open."""
        self._extra: Extra = {}
        self._refused = False
        self._stop: str | None = None
        self.cited: set[str | None] = set()
        """Addresses that annotations have named."""
        self.finish_word: str | None = None
        """The first one that the provider said."""
        self.said = False
        """It has brought a delta or a message."""

    def take(self, message: Message, seed: str, out: list[Event]) -> None:
        """Append the events of a message or delta, in the order: thoughts, text, media, calls."""
        self.said = True
        if message.reasoning_details is not EMPTY:
            self._take_details(message, out)
        else:
            thought = message.reasoning_content or message.reasoning
            if thought:
                self._think(text_of(thought), out)
        content = message.content
        if content:
            if isinstance(content, str):
                out.append(TextDelta(content, self._index))
            elif isinstance(content, list):
                for raw in content:
                    self._take_piece(raw, out)
        if message.refusal:
            self._refuse(text_of(message.refusal), out)
        if message.annotations is not EMPTY:
            for citation in citations_of(message.annotations):
                self.cited.add(citation.url)
                out.append(CitationAdded(citation=citation, choice=self._index))
        self._take_media(message, out)
        self._take_calls(message, seed, out)

    def note(self, choice: ChoiceChunk, out: list[Event]) -> None:
        """What stands on the choice, beside its message."""
        if choice.logprobs is not EMPTY:
            tokens = logprobs_of(choice.logprobs)
            if tokens:
                out.append(Logprobs(tokens=tokens, choice=self._index))
        if choice.finish_reason and self.finish_word is None:
            self.finish_word = str(choice.finish_reason)
        if choice.finish_details is not EMPTY and self.finish_word is None:
            details = read_as(_finish_details, choice.finish_details)
            self.finish_word = details.type if details is not None else None
        if choice.stop_reason is not EMPTY:
            self._stop = read_as(_string, choice.stop_reason) or self._stop
        values = _extras(choice)
        if values != _NO_EXTRAS:
            for name, raw in zip(_EXTRAS, values, strict=True):
                if raw is not EMPTY and not absent(raw):
                    self._extra[name] = msgspec.Raw(bytes(raw))

    def close(self, out: list[Event]) -> None:
        """What is still owed: sound, the ends of the calls, the finish.

        Raises:
            UpstreamProtocolError: a tool call never got a name.
        """
        if self._audio is not None:
            out.append(PartDone(part=self._audio.build(), choice=self._index))
        self._calls.close(out)
        reason = reason_of(self.finish_word, calls=bool(self._calls), refused=self._refused)
        if self._stop is not None and reason is FinishReason.STOP:
            reason = _STOP_SEQUENCE
        out.append(
            Finish(
                reason=reason,
                raw=self.finish_word,
                stop_sequence=None if self._stop is None or reason is not _STOP_SEQUENCE else self._stop,
                choice=self._index,
                extra=self._extra or None,
            )
        )

    # Thoughts.

    def _think(self, text: str, out: list[Event]) -> None:
        if text:
            out.append(ThinkingDelta(text, self._index))

    def _take_details(self, message: Message, out: list[Event]) -> None:
        """OpenRouter repeats the details' text as `reasoning`: it counts once."""
        details = details_of(message.reasoning_details)
        if not any(detail.words for detail in details):
            self._think(text_of(message.reasoning_content or message.reasoning), out)
        for detail in details:
            self._take_detail(detail, out)

    def _take_detail(self, detail: Detail, out: list[Event]) -> None:
        if detail.data:
            self._end_block(out)
            signature = unwrap(detail.data, _CHAT, kind="redacted", item=detail.id or "")
            self._end_thinking(detail, signature, out, redacted=signature.kind == "redacted")
            return
        if detail.words:
            if self._detail is not None and self._detail.mark != detail.mark:
                self._end_block(out)
            self._detail = detail
            out.append(ThinkingDelta(detail.words, self._index))
        if detail.signature:
            signature = unwrap(detail.signature, _CHAT, item=detail.id or "")
            self._detail = None
            self._end_thinking(detail, signature, out)

    def _end_block(self, out: list[Event]) -> None:
        """A block without signature is over: another one follows."""
        detail, self._detail = self._detail, None
        if detail is not None:
            self._end_thinking(detail, None, out)

    def _end_thinking(
        self, detail: Detail, signature: Signature | None, out: list[Event], *, redacted: bool = False
    ) -> None:
        out.append(
            ThinkingEnd(
                signature=signature,
                redacted=redacted,
                id=detail.id,
                choice=self._index,
                extra=detail.extra(),
            )
        )

    # Text and what stands beside it.

    def _refuse(self, text: str, out: list[Event]) -> None:
        if text:
            self._refused = True
            out.append(RefusalDelta(text, self._index))

    def _take_piece(self, raw: msgspec.Raw, out: list[Event]) -> None:
        piece = piece_of(raw)
        kind = piece.type if piece is not None else None
        if piece is None or kind is None:
            return
        if kind in ("text", "output_text"):
            text = text_of(piece.text)
            if text:
                out.append(TextDelta(text, self._index))
        elif kind == "thinking":
            self._think(thinking_of(piece), out)
            if piece.signature:
                signature = unwrap(piece.signature, _CHAT)
                out.append(ThinkingEnd(signature=signature, choice=self._index))
        elif kind == "refusal":
            self._refuse(piece.refusal or "", out)
        else:
            self._take_odd_piece(piece, kind, raw, out)

    def _take_odd_piece(self, piece: Piece, kind: str, raw: msgspec.Raw, out: list[Event]) -> None:
        """Mistral's references and images; anything else as it came."""
        if kind in ("reference", "tool_reference"):
            citation = msgspec.structs.replace(citation_of(raw), url=piece.url, title=piece.title)
            out.append(CitationAdded(citation=citation, choice=self._index))
            return
        source = media_source(piece.image_url) if kind == "image_url" else None
        part = Image(source) if source else Opaque(_CHAT, kind, msgspec.Raw(bytes(raw)))
        out.append(PartDone(part=part, choice=self._index))

    def _take_media(self, message: Message, out: list[Event]) -> None:
        if message.images is not EMPTY:
            out.extend(PartDone(part=image, choice=self._index) for image in images_of(message.images))
        if message.audio is not EMPTY and not absent(message.audio):
            delta = read_as(_audio, message.audio)
            if delta is not None:
                self._audio = self._audio or AudioReader()
                self._audio.take(delta)

    def _take_calls(self, message: Message, seed: str, out: list[Event]) -> None:
        """Calls, and Google's signature on the message: of the first call, or else of the text."""
        signature = None
        if message.extra_content is not EMPTY:
            signature = google_signature(message.extra_content, "tool_call" if message.tool_calls else "")
        for call in message.tool_calls or ():
            if call is not None:
                self._calls.take(call, seed, out, signature)
                signature = None
        if message.function_call is not None:
            self._calls.take_legacy(message.function_call, seed, out)
        if signature is not None:
            out.append(PartEnd(signature=signature, choice=self._index))
