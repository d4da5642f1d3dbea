"""What whole answers and streams to a Chat Completions caller are made of, as values for msgspec.

Source: OpenAI API reference, "The chat completion object", "The chat completion chunk object"; openai-python,
`types/chat/chat_completion.py`, `chat_completion_chunk.py`, `chat_completion_message.py`. Members beyond
OpenAI's own: `reasoning_content` (DeepSeek API reference), `reasoning_details` and `images` (OpenRouter
documentation, "Reasoning Tokens", "Image Generation"), `extra_content` (Gemini API, "OpenAI compatibility"),
`stop_reason` (vLLM), `native_finish_reason` (OpenRouter).
"""

from __future__ import annotations

import base64
from typing import Literal, TypeVar, assert_never

import msgspec

from ai_gateway.core.chat import (
    Audio,
    ChatRequest,
    Citation,
    Data,
    DialectName,
    Document,
    FileId,
    Image,
    Opaque,
    PlainText,
    Source,
    Tool,
    Url,
    Video,
)
from ai_gateway.core.data_url import data_url
from ai_gateway.core.events import Extension, Finish, FinishReason, Start, ThinkingEnd, TokenLogprob
from ai_gateway.core.signature import Signature, wrap
from ai_gateway.dialects.interface import AnswerContext
from ai_gateway.dialects.openai_chat.finish import word_of

__all__ = [
    "Slots",
    "Wire",
    "annotation",
    "answer_id",
    "audio_wire",
    "custom_names",
    "detail",
    "finish_members",
    "google",
    "head",
    "image_wire",
    "logprobs_wire",
    "says_more",
]

_CHAT = DialectName.OPENAI_CHAT
_T = TypeVar("_T")
Wire = dict[str, object]
"""A JSON object on its way to msgspec's encoder: str, numbers, None, Raw, Structs, lists, dicts."""

_OWN = frozenset({"id", "object", "created", "model", "choices", "usage", "extensions", "error"})
_Tier = Literal["auto", "default", "flex", "scale", "priority", "fast"]
_CHECKS = {
    "service_tier": msgspec.json.Decoder(_Tier),
    "system_fingerprint": msgspec.json.Decoder(str),
    "provider": msgspec.json.Decoder(str),
}
"""Members of a start that mean the same in this dialect, whoever said them."""


def answer_id(start: Start, context: AnswerContext) -> str:
    if start.id is not None and start.id.startswith("chatcmpl"):
        return start.id
    return f"chatcmpl-{context.id}"


def head(start: Start, context: AnswerContext, kind: str) -> Wire:
    """The members that an answer and every chunk of a stream begin with."""
    members: Wire = {
        "id": answer_id(start, context),
        "object": kind,
        "created": context.created_s if start.created_s is None else start.created_s,
        "model": start.model or context.request.model,
    }
    for name, decoder in _CHECKS.items():
        raw = (start.extra or {}).get(name)
        if raw is not None and _is(decoder, raw):
            members[name] = raw
    return members


def _is(decoder: msgspec.json.Decoder[_T], raw: msgspec.Raw) -> bool:
    try:
        decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


# Thoughts and signatures.


def detail(thought: ThinkingEnd, index: int, text: str | None) -> Wire:
    """An entry of `reasoning_details`, in OpenRouter's form; `text` None: its deltas have told it.

    A block without text (a signature of kind `redacted`) is `reasoning.encrypted`; any other one is
    `reasoning.text` with the signature beside it, since both must come back together.
    """
    signature, extra = thought.signature, thought.extra or {}
    found: Wire = {"type": "reasoning.text", "index": index}
    identifier = thought.id or (signature.item if signature else None)
    if identifier:
        found["id"] = identifier
    if "format" in extra and (signature is None or signature.dialect == _CHAT):
        found["format"] = extra["format"]
    elif signature is not None:
        found["format"] = "unknown"
    if signature is not None and signature.kind == "redacted":
        found["type"], found["data"] = "reasoning.encrypted", wrap(signature, _CHAT)
        return found
    if text is not None:
        summary = signature is None and "type" in extra
        found["type"] = "reasoning.summary" if summary else "reasoning.text"
        found["summary" if summary else "text"] = text
    if signature is not None:
        found["signature"] = wrap(signature, _CHAT)
    return found


def says_more(thought: ThinkingEnd) -> bool:
    """Whether there is anything that `reasoning_content` cannot say."""
    return thought.signature is not None or "format" in (thought.extra or {})


def google(signature: Signature) -> Wire:
    """The value of `extra_content` on a call or a message."""
    return {"google": {"thought_signature": wrap(signature, _CHAT)}}


# Tool calls.


def custom_names(request: ChatRequest) -> frozenset[str]:
    """The caller's tools that take free text."""
    return frozenset(tool.name for tool in request.tools if isinstance(tool, Tool) and tool.custom)


class _Input(msgspec.Struct):
    input: str


_input = msgspec.json.Decoder(_Input)


# Citations.


def annotation(citation: Citation, start: int, end: int) -> msgspec.Raw | Wire | None:
    """A `url_citation` (or the provider's own annotation of this dialect); None: there is no address.

    `start` and `end` are the part of the text that it stands behind, for citations without a span.
    """
    if citation.dialect == _CHAT and _is_annotation(citation.raw):
        return citation.raw
    if not citation.url:
        return None
    found: Wire = {
        "start_index": start if citation.start is None else citation.start,
        "end_index": end if citation.end is None else citation.end,
        "title": citation.title or "",
        "url": citation.url,
    }
    if citation.quote:
        found["content"] = citation.quote
    return {"type": "url_citation", "url_citation": found}


class _Typed(msgspec.Struct):
    type: Literal["url_citation", "file_citation", "file"]


_typed = msgspec.json.Decoder(_Typed)


def _is_annotation(raw: msgspec.Raw) -> bool:
    return _is(_typed, raw)


# Media.


def _address(source: Source) -> str | None:
    match source:
        case Data():
            return data_url(source)
        case Url(url=url):
            return url
        case PlainText(text=text):
            return f"data:text/plain;base64,{base64.b64encode(text.encode()).decode()}"
        case FileId():
            return None
        case _:
            assert_never(source)


def image_wire(image: Image, index: int) -> Wire | None:
    """OpenRouter's form; None: it has no address."""
    url = _address(image.source)
    if url is None:
        return None
    return {"type": "image_url", "image_url": {"url": url}, "index": index}


def audio_wire(audio: Audio, context: AnswerContext) -> Wire | None:
    """None: the sound itself is not at hand."""
    if not isinstance(audio.source, Data):
        return None
    extra = audio.extra or {}
    return {
        "id": extra.get("id") or f"audio_{context.id}",
        "data": audio.source.data,
        "expires_at": extra.get("expires_at") or context.created_s,
        "transcript": audio.transcript or "",
    }


# What has no place of its own.


class Slots:
    """Extensions and parts that only a provider's own dialect knows: members of the answer's top level.

    Those of this dialect stand there by their own names, the others in `extensions`:
    `{"<dialect>": {name: value}}`. A choice other than the first adds `[index]` to the name. Opaque parts
    are lists by their kind, citations without an address a list `citations`, media that a message has no
    member for a list `parts` of `{"type", "url"}`.
    """

    __slots__ = ("_foreign", "_own")

    def __init__(self) -> None:
        self._own: dict[str, msgspec.Raw] = {}
        self._foreign: dict[str, dict[str, object]] = {}

    def extend(self, extension: Extension) -> None:
        name = extension.name if extension.choice == 0 else f"{extension.name}[{extension.choice}]"
        if extension.dialect == _CHAT and name not in _OWN:
            self._own[name] = extension.raw
        else:
            self._foreign.setdefault(extension.dialect.value, {})[name] = extension.raw

    def add(self, part: Opaque | Audio | Image | Document | Video) -> None:
        if isinstance(part, Opaque):
            self._list(part.dialect, part.kind, part.raw)
        else:
            kind = type(part).__name__.lower()
            self._list(_CHAT, "parts", {"type": kind, "url": _address(part.source)})

    def cite(self, citation: Citation) -> None:
        self._list(citation.dialect, "citations", citation.raw)

    def _list(self, dialect: DialectName, name: str, value: object) -> None:
        found = self._foreign.setdefault(dialect.value, {}).setdefault(name, [])
        if isinstance(found, list):
            found.append(value)

    def members(self) -> Wire:
        members: Wire = dict(self._own)
        if self._foreign:
            members["extensions"] = self._foreign
        return members


# The ends of a choice.


def logprobs_wire(tokens: tuple[TokenLogprob, ...], *, refused: bool) -> Wire:
    return {"content": None if refused else tokens, "refusal": tokens if refused else None}


def finish_members(finish: Finish | None, *, calls: bool, refused: bool) -> Wire:
    """`finish_reason`, and beside it what that word does not say."""
    if finish is None:
        return {"finish_reason": word_of(FinishReason.OTHER, calls=calls, refused=refused)}
    members: Wire = {"finish_reason": word_of(finish.reason, calls=calls, refused=refused)}
    if finish.stop_sequence is not None:
        members["stop_reason"] = finish.stop_sequence
    if finish.raw is not None and finish.reason in (FinishReason.OTHER, FinishReason.PAUSE):
        members["native_finish_reason"] = finish.raw
    for name in ("native_finish_reason", "content_filter_results", "content_filter_result"):
        if finish.extra and name in finish.extra:
            members[name] = finish.extra[name]
    return members
