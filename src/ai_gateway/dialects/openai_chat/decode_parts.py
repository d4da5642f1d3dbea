"""Members of a message that are more than text: content parts, reasoning details, citations, media.

Source: OpenAI API reference, "The chat completion object"; Mistral API reference, "Chat" (content chunks);
OpenRouter documentation, "Reasoning Tokens", "Image Generation"; Perplexity API reference,
"Chat Completions"; recorded traffic.
"""

from __future__ import annotations

import base64
import binascii

import msgspec

from ai_gateway.core.chat import Audio, Citation, Data, DialectName, Extra, Image, Source, Url
from ai_gateway.core.events import TokenLogprob, TopLogprob
from ai_gateway.dialects.openai_chat.answer_wire import EMPTY, AudioDelta, Loose, read_as, text_of
from ai_gateway.errors import UpstreamProtocolError

__all__ = [
    "AudioReader",
    "Detail",
    "Piece",
    "citation_of",
    "citations_of",
    "details_of",
    "images_of",
    "logprobs_of",
    "media_source",
    "piece_of",
    "searched",
    "thinking_of",
]

_CHAT = DialectName.OPENAI_CHAT
_string = msgspec.json.Decoder(str)
_raws = msgspec.json.Decoder(list[msgspec.Raw])


class Piece(msgspec.Struct):
    """An entry of a `content` array."""

    type: str | None = None
    text: Loose = None
    thinking: str | list[Piece] | None = None
    signature: str | None = None
    refusal: str | None = None
    image_url: str | dict[str, msgspec.Raw] | None = None
    url: str | None = None
    title: str | None = None


_piece = msgspec.json.Decoder(Piece)


def piece_of(raw: msgspec.Raw) -> Piece | None:
    """None where it is no object of this form; a bare string is text."""
    if bytes(raw)[:1] == b'"':
        return Piece(type="text", text=read_as(_string, raw))
    return read_as(_piece, raw)


def thinking_of(piece: Piece) -> str:
    """Mistral wraps thoughts in text chunks of their own."""
    if isinstance(piece.thinking, list):
        return "".join(text_of(part.text) for part in piece.thinking)
    return piece.thinking or text_of(piece.text)


class Detail(msgspec.Struct):
    """An entry of `reasoning_details`."""

    type: str | None = None
    text: str | None = None
    summary: str | None = None
    data: str | None = None
    signature: str | None = None
    id: str | None = None
    format: str | None = None
    index: int | None = None

    @property
    def words(self) -> str:
        return self.text or self.summary or ""

    @property
    def mark(self) -> tuple[int | None, bool]:
        """What tells one block from the next."""
        return self.index, self.summary is not None

    def extra(self) -> Extra | None:
        """What must come back with the block, beside text, signature and id."""
        found: Extra = {}
        if self.type == "reasoning.summary":
            found["type"] = msgspec.Raw(b'"reasoning.summary"')
        if self.format is not None:
            found["format"] = msgspec.Raw(msgspec.json.encode(self.format))
        return found or None


_details = msgspec.json.Decoder(list[Detail])


def details_of(raw: msgspec.Raw) -> list[Detail]:
    return read_as(_details, raw) or []


# Citations.


class _UrlCitation(msgspec.Struct):
    url: str | None = None
    title: str | None = None
    content: str | None = None
    """OpenRouter: the passage."""
    start_index: int | None = None
    end_index: int | None = None


class _Annotation(msgspec.Struct):
    type: str | None = None
    url_citation: _UrlCitation | None = None


class _SearchResult(msgspec.Struct):
    url: str | None = None
    title: str | None = None
    snippet: str | None = None


_annotation = msgspec.json.Decoder(_Annotation)
_search_result = msgspec.json.Decoder(_SearchResult)
_strings = msgspec.json.Decoder(list[str])


def citations_of(raw: msgspec.Raw) -> list[Citation]:
    """`annotations`; the ones that are no URL citation (OpenRouter's parsed files) keep only their `raw`."""
    return [citation_of(each) for each in read_as(_raws, raw) or []]


def citation_of(raw: msgspec.Raw) -> Citation:
    kept = _copied(raw)
    annotation = read_as(_annotation, raw)
    found = annotation.url_citation if annotation else None
    if found is None:
        return Citation(dialect=_CHAT, raw=kept)
    return Citation(
        dialect=_CHAT,
        raw=kept,
        url=found.url or None,
        title=found.title,
        quote=found.content or None,
        start=found.start_index,
        end=found.end_index,
    )


def searched(results: msgspec.Raw, urls: msgspec.Raw) -> list[Citation]:
    """Perplexity's sources of an answer: `search_results`, else the bare `citations`."""
    rows = read_as(_raws, results)
    if rows:
        pairs = [(raw, read_as(_search_result, raw)) for raw in rows]
        return [
            Citation(dialect=_CHAT, raw=_copied(raw), url=row.url, title=row.title, quote=row.snippet or None)
            for raw, row in pairs
            if row is not None and row.url
        ]
    found = read_as(_strings, urls) or []
    return [Citation(dialect=_CHAT, raw=msgspec.Raw(msgspec.json.encode(url)), url=url) for url in found]


def _copied(raw: msgspec.Raw) -> msgspec.Raw:
    """Not a view of the whole chunk."""
    return msgspec.Raw(bytes(raw))


# Media.


class _Image(msgspec.Struct):
    image_url: str | dict[str, msgspec.Raw] | None = None


_images = msgspec.json.Decoder(list[_Image])


def images_of(raw: msgspec.Raw) -> list[Image]:
    """OpenRouter's `images`."""
    sources = [media_source(image.image_url) for image in read_as(_images, raw) or []]
    return [Image(source) for source in sources if source is not None]


def media_source(image_url: str | dict[str, msgspec.Raw] | None) -> Source | None:
    """An address, plain or inside `{"url"}`; a `data:` URL is the data."""
    if isinstance(image_url, dict):
        image_url = read_as(_string, image_url.get("url", EMPTY))
    if not image_url:
        return None
    if not image_url.startswith("data:"):
        return Url(image_url)
    head, _, data = image_url[5:].partition(",")
    return Data(head.partition(";")[0] or "application/octet-stream", data)


class AudioReader:
    """Sound arrives in pieces, each Base64 by itself; the part is made at the end."""

    __slots__ = ("_bytes", "_expires_at", "_id", "_transcript")

    def __init__(self) -> None:
        self._bytes: list[bytes] = []
        self._transcript: list[str] = []
        self._id: str | None = None
        self._expires_at: int | None = None

    def take(self, delta: AudioDelta) -> None:
        """Raises: UpstreamProtocolError: the data is no Base64."""
        self._id = self._id or delta.id
        self._expires_at = delta.expires_at or self._expires_at
        if delta.transcript:
            self._transcript.append(delta.transcript)
        if delta.data:
            try:
                self._bytes.append(base64.b64decode(delta.data, validate=True))
            except binascii.Error as error:
                raise UpstreamProtocolError(f"the upstream's audio is not Base64: {error}") from error

    def build(self) -> Audio:
        sound = b"".join(self._bytes)
        extra: Extra = {}
        if self._id is not None:
            extra["id"] = msgspec.Raw(msgspec.json.encode(self._id))
        if self._expires_at is not None:
            extra["expires_at"] = msgspec.Raw(msgspec.json.encode(self._expires_at))
        return Audio(
            Data(_sound_type(sound), base64.b64encode(sound).decode()),
            transcript="".join(self._transcript) or None,
            extra=extra or None,
        )


_SOUNDS = (
    (b"RIFF", "audio/wav"),
    (b"fLaC", "audio/flac"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
)


def _sound_type(sound: bytes) -> str:
    """The answer does not say which format was asked for; streams are always 16-bit PCM."""
    return next((kind for magic, kind in _SOUNDS if sound.startswith(magic)), "audio/pcm")


# Log probabilities.


class _Top(msgspec.Struct):
    token: str = ""
    logprob: float | None = None
    bytes: list[int] | None = None


class _Token(msgspec.Struct):
    token: str = ""
    logprob: float | None = None
    bytes: list[int] | None = None
    top_logprobs: list[_Top] | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None
    refusal: list[_Token] | None = None


_logprobs = msgspec.json.Decoder(_Logprobs)
_UNLIKELY = -9999.0  # the figure that OpenAI's reference gives for a token far down the list


def logprobs_of(raw: msgspec.Raw) -> tuple[TokenLogprob, ...]:
    """Of the visible text, or of the refusal where that is the text."""
    found = read_as(_logprobs, raw)
    if found is None:
        return ()
    return tuple(
        TokenLogprob(
            token.token,
            _figure(token.logprob),
            token.bytes,
            [TopLogprob(top.token, _figure(top.logprob), top.bytes) for top in token.top_logprobs or ()],
        )
        for token in found.content or found.refusal or ()
    )


def _figure(logprob: float | None) -> float:
    return _UNLIKELY if logprob is None else logprob
