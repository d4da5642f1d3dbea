"""Messages of Chat Completions' callers.

Source: OpenAI API reference, "Create chat completion" (`messages`); parts of compatible servers
(`video_url`, `document_url`) from their references.
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import (
    Audio,
    CacheMarker,
    Data,
    DialectName,
    Document,
    Extra,
    FileId,
    Image,
    Message,
    Opaque,
    Part,
    Refusal,
    ResultPart,
    Role,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from ai_gateway.core.data_url import source_of
from ai_gateway.core.signature import Signature, unwrap
from ai_gateway.core.tool_arguments import from_free_text
from ai_gateway.dialects.openai_chat.decode_parts import Detail, details_of
from ai_gateway.dialects.reading import Node

__all__ = ["cache_of", "parse_messages"]

_ME = DialectName.OPENAI_CHAT
_ROLES = {
    "system": Role.SYSTEM,
    "developer": Role.DEVELOPER,
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
}
_MESSAGE = frozenset({"role", "content", "name"})
_ASSISTANT = _MESSAGE | {
    "refusal",
    "tool_calls",
    "function_call",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "extra_content",
    "annotations",
    "audio",
}


def cache_of(node: Node) -> CacheMarker | None:
    marker = node.node("cache_control")
    return None if marker is None else CacheMarker(ttl=marker.text("ttl"))


def parse_messages(node: Node) -> tuple[Message, ...]:
    """Raises: BadRequest."""
    if node.raw_of("messages") is None:
        raise node.missing("messages")
    reader = _Reader()
    messages = tuple(reader.read(message) for message in node.nodes("messages"))
    if not messages:
        raise node.wrong("messages", "a list of at least one message")
    return messages


class _Reader:
    """The older function calls have no ids: a call's message gives one to the next result."""

    def __init__(self) -> None:
        self._functions = 0

    def read(self, node: Node) -> Message:
        word = node.need_text("role")
        if word == "tool":
            return self._result(node, node.need_text("tool_call_id"))
        if word == "function":
            return self._result(node, f"call_function_{self._functions}")
        role = _ROLES.get(word)
        if role is None:
            raise node.wrong("role", "'system', 'developer', 'user', 'assistant' or 'tool'")
        if role is Role.ASSISTANT:
            return self._assistant(node)
        if node.raw_of("content") is None:
            raise node.missing("content")
        return Message(
            role=role,
            parts=tuple(_content(node)),
            name=node.text("name"),
            extra=node.rest(_MESSAGE),
        )

    def _result(self, node: Node, call_id: str) -> Message:
        content = tuple(part for part in _content(node) if isinstance(part, ResultPart))
        result = ToolResult(call_id, content, name=node.text("name"), cache=cache_of(node))
        known = _MESSAGE | {"tool_call_id", "cache_control"}
        return Message(role=Role.USER, parts=(result,), extra=node.rest(known))

    def _assistant(self, node: Node) -> Message:
        parts: list[Part] = [*_thoughts(node), *_content(node)]
        refusal = node.text("refusal")
        if refusal is not None:
            parts.append(Refusal(refusal))
        signature = _signature(node, "")
        if signature is not None:
            parts = _signed(parts, signature)
        audio = node.node("audio")
        if audio is not None:
            parts.append(Opaque(_ME, "audio", msgspec.Raw(bytes(audio.raw))))
        parts += [_call(call) for call in node.nodes("tool_calls")]
        older = node.node("function_call")
        if older is not None:
            self._functions += 1
            name, arguments = older.need_text("name"), older.text("arguments") or "{}"
            parts.append(ToolCall(f"call_function_{self._functions}", name, arguments))
        return Message(
            role=Role.ASSISTANT, parts=tuple(parts), name=node.text("name"), extra=node.rest(_ASSISTANT)
        )


def _content(node: Node) -> list[Part]:
    if node.raw_of("content") is None:
        return []
    if node.is_text("content"):
        text = node.need_text("content")
        return [Text(text, cache=cache_of(node))] if text else []
    return [_part(part) for part in node.nodes("content")]


def _part(node: Node) -> Part:
    kind = node.need_text("type")
    match kind:
        case "text" | "input_text" | "output_text":
            return Text(
                node.need_text("text"),
                cache=cache_of(node),
                extra=node.rest(("type", "text", "cache_control", "annotations")),
            )
        case "refusal":
            return Refusal(node.need_text("refusal"))
        case "image_url":
            return _image(node)
        case "input_audio":
            return Audio(_sound(node), cache=cache_of(node))
        case "file":
            return _file(node)
        case "video_url":
            return Video(source_of(_url(node, kind), "video/mp4"), cache=cache_of(node))
        case "document_url" | "file_url":
            source = source_of(_url(node, kind), "application/pdf")
            return Document(source, name=node.text("document_name", "file_name"), cache=cache_of(node))
        case "thinking":
            return Thinking(_thinking_text(node))
        case _:
            return Opaque(_ME, kind, msgspec.Raw(bytes(node.raw)))


def _thinking_text(node: Node) -> str:
    """Mistral's."""
    if node.is_text("thinking"):
        return node.need_text("thinking")
    return "".join(part.text("text") or "" for part in node.nodes("thinking"))


def _url(node: Node, name: str) -> str:
    """`{"url": URL}`, or the URL itself."""
    if node.is_text(name):
        return node.need_text(name)
    return node.need_node(name).need_text("url")


def _image(node: Node) -> Image:
    inner = None if node.is_text("image_url") else node.need_node("image_url")
    return Image(
        source_of(_url(node, "image_url")),
        detail=None if inner is None else inner.text("detail"),
        cache=cache_of(node),
    )


def _sound(node: Node) -> Source:
    """`{"data", "format"}`, or (Mistral) an address or Base64 as it is."""
    if node.is_text("input_audio"):
        text = node.need_text("input_audio")
        return source_of(text, "audio/wav" if text.startswith("UklGR") else "audio/mpeg")
    audio = node.need_node("input_audio")
    form = audio.text("format") or "wav"
    return Data("audio/mpeg" if form == "mp3" else f"audio/{form}", audio.need_text("data"))


def _file(node: Node) -> Part:
    file = node.need_node("file")
    name, identifier = file.text("filename"), file.text("file_id")
    source: Source
    if identifier is not None:
        source = FileId(identifier, _ME)
    else:
        source = source_of(file.need_text("file_data"), "application/pdf")
    cache = cache_of(node)
    if isinstance(source, Data) and source.media_type.startswith("image/"):
        return Image(source, cache=cache)
    return Document(source, name=name, cache=cache)


def _call(node: Node) -> ToolCall:
    kind = node.text("type") or "function"
    if kind not in ("function", "custom"):
        raise node.wrong("type", "'function' or 'custom'")
    inner = node.need_node(kind)
    if kind == "custom":
        arguments = from_free_text(inner.text("input") or "")
    elif inner.raw_of("arguments") is not None and not inner.is_text("arguments"):
        arguments = bytes(inner.members["arguments"]).decode()
    else:
        arguments = inner.text("arguments") or "{}"
    return ToolCall(
        node.need_text("id"),
        inner.need_text("name"),
        arguments,
        signature=_signature(node, "tool_call"),
        extra=node.rest(("type", "id", "index", "function", "custom", "extra_content")),
    )


def _signature(node: Node, kind: str) -> Signature | None:
    """Google's compatible form."""
    outer = node.node("extra_content")
    google = None if outer is None else outer.node("google")
    value = None if google is None else google.text("thought_signature")
    return unwrap(value, _ME.value, kind=kind) if value else None


def _signed(parts: list[Part], signature: Signature) -> list[Part]:
    """The message's text is signed."""
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        if isinstance(part, Text):
            signed = msgspec.structs.replace(part, signature=signature)
            return [*parts[:index], signed, *parts[index + 1 :]]
    return [*parts, Text("", signature=signature)]


def _thoughts(node: Node) -> list[Part]:
    """`reasoning_details` say it all; else the plain text."""
    raw = node.raw_of("reasoning_details")
    details = details_of(raw) if raw is not None else []
    if details:
        return [part for part in map(_thought, _joined(details)) if part is not None]
    text = node.text("reasoning_content", "reasoning")
    return [Thinking(text)] if text else []


def _joined(details: list[Detail]) -> list[Detail]:
    """The pieces of a block, as streams give them, put together."""
    found: list[Detail] = []
    for detail in details:
        last = found[-1] if found else None
        if last is None or detail.index is None or detail.mark != last.mark or last.signature or last.data:
            found.append(detail)
            continue
        found[-1] = msgspec.structs.replace(
            last,
            text=f"{last.words}{detail.words}",
            summary=None if last.summary is None else f"{last.words}{detail.words}",
            signature=detail.signature,
            data=detail.data,
            id=last.id or detail.id,
            format=detail.format or last.format,
        )
    return found


def _thought(detail: Detail) -> Thinking | None:
    value = detail.data or detail.signature
    signature = None
    if value:
        kind = "redacted" if detail.data else ""
        signature = unwrap(value, _ME.value, kind=kind, item=detail.id or "")
    if signature is None and not detail.words:
        return None
    redacted = signature is not None and signature.kind == "redacted"
    own = signature is None or signature.dialect == _ME.value
    extra: Extra | None = detail.extra() if own else None
    return Thinking(detail.words, signature, redacted=redacted, id=detail.id, extra=extra)
