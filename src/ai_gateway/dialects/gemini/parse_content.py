"""Contents and parts of Gemini's callers, into messages.

Source: Gemini API reference, "Caching" (`Content`, `Part`, `FunctionCall`, `FunctionResponse`).
"""

from __future__ import annotations

from collections import defaultdict, deque

import msgspec

from ai_gateway.core.chat import (
    Audio,
    Data,
    DialectName,
    Document,
    Extra,
    FileId,
    Image,
    Message,
    Opaque,
    Part,
    ResultPart,
    Role,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Url,
    Video,
)
from ai_gateway.core.signature import Signature, unwrap
from ai_gateway.dialects.reading import Node

__all__ = ["MADE_UP", "ContentReader"]

_ME = DialectName.GEMINI
MADE_UP = "gwcall_"
"""How the ids begin that the gateway gives to calls without one."""
_ROLES = {"user": Role.USER, "model": Role.ASSISTANT, "function": Role.USER, "system": Role.SYSTEM}
_SIGNATURE = ("thoughtSignature", "thought_signature")
_KNOWN = {
    "text": ("text",),
    "inlineData": ("inlineData", "inline_data"),
    "fileData": ("fileData", "file_data"),
    "functionCall": ("functionCall", "function_call"),
    "functionResponse": ("functionResponse", "function_response"),
}
_COMMON = ("thought", *_SIGNATURE)
_MEDIUM = ("mimeType", "mime_type")
_BY_ENDING = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
    "mp3": "audio/mpeg",
    "wav": "audio/wav",
    "mp4": "video/mp4",
}


class ContentReader:
    """Reads the contents of one request in their order: calls without ids get some, and results find them."""

    def __init__(self) -> None:
        self._calls = 0
        self._unanswered: defaultdict[str, deque[str]] = defaultdict(deque)

    def text_parts(self, text: str) -> tuple[Part, ...]:
        return (Text(text),) if text else ()

    def message(self, node: Node) -> Message:
        word = node.text("role") or "user"
        role = _ROLES.get(word)
        if role is None:
            raise node.wrong("role", "'user' or 'model'")
        return Message(role=role, parts=self.parts(node), extra=node.rest(("role", "parts")))

    def parts(self, node: Node) -> tuple[Part, ...]:
        raw = node.raw_of("parts")
        if raw is not None and bytes(raw)[:1] == b"{":
            return tuple(self._part(Node.of(raw, node.at("parts"))))
        return tuple(part for row in node.nodes("parts") for part in self._part(row))

    def _part(self, node: Node) -> list[Part]:
        kind = next((name for name, names in _KNOWN.items() if node.raw_of(*names) is not None), None)
        value = node.text(*_SIGNATURE)
        signature = unwrap(value, _ME.value) if value else None
        if kind is None:
            return self._other(node, signature)
        if kind == "text":
            part = self._text(node, signature)
            return [] if isinstance(part, Text) and not (part.text or value or part.extra) else [part]
        inner = node.need_node(*_KNOWN[kind])
        if kind == "functionCall":
            return self._call(inner, signature, node.rest((*_KNOWN[kind], *_COMMON)))
        extra = _extra_of(node, kind)
        match kind:
            case "inlineData":
                return [self._inline(inner, extra)]
            case "fileData":
                return [self._file(inner, extra)]
            case _:
                return [self._response(inner, extra)]

    def _other(self, node: Node, signature: Signature | None) -> list[Part]:
        """A kind of part that only Gemini has, signed or not; or a bare signature, or nothing."""
        kind = next(iter(node.rest(_COMMON) or ()), None)
        if kind is not None:
            return [Opaque(_ME, kind, msgspec.Raw(bytes(node.raw)))]
        return [] if signature is None else [self._text(node, signature)]

    def _text(self, node: Node, signature: Signature | None) -> Part:
        text = node.text("text") or ""
        extra = node.rest(("text", *_COMMON))
        foreign = signature is not None and signature.dialect != _ME.value
        if node.boolean("thought") or foreign:
            redacted = signature is not None and signature.kind == "redacted"
            return Thinking(text, signature, redacted=redacted, extra=extra)
        return Text(text, signature=signature, extra=extra)

    def _inline(self, node: Node, extra: Extra | None) -> Part:
        media_type = node.need_text("mimeType", "mime_type")
        data = Data(media_type, _standard(node.need_text("data")))
        return _medium(media_type, data, _within("inlineData", node, ("data", *_MEDIUM), extra), node)

    def _file(self, node: Node, extra: Extra | None) -> Part:
        uri = node.need_text("fileUri", "file_uri")
        media_type = node.text("mimeType", "mime_type") or _guess(uri)
        extra = _within("fileData", node, ("fileUri", "file_uri", *_MEDIUM), extra)
        if "youtube.com/" in uri or "youtu.be/" in uri:
            return _medium("video/*", Url(uri, media_type), extra, node)
        own = "/files/" in uri and "generativelanguage" in uri
        source: Source = (
            FileId(uri, _ME, media_type) if own or not uri.startswith("http") else Url(uri, media_type)
        )
        return _medium(media_type or "application/octet-stream", source, extra, node)

    def _call(self, node: Node, signature: Signature | None, extra: Extra | None) -> list[Part]:
        name = node.need_text("name")
        identifier = node.text("id") or f"{MADE_UP}{self._calls}_{name}"
        self._calls += 1
        self._unanswered[name].append(identifier)
        arguments = node.node("args")
        more = _within("functionCall", node, ("name", "id", "args"), extra)
        call = ToolCall(
            identifier,
            name,
            "{}" if arguments is None else bytes(arguments.raw).decode(),
            signature=None if signature is None else msgspec.structs.replace(signature, kind="tool_call"),
            extra=more,
        )
        if signature is not None and signature.dialect != _ME.value and signature.kind != "tool_call":
            thinking = Thinking(signature=signature, redacted=signature.kind == "redacted")
            return [thinking, msgspec.structs.replace(call, signature=None)]
        return [call]

    def _response(self, node: Node, extra: Extra | None) -> ToolResult:
        name = node.need_text("name")
        identifier = node.text("id") or None
        waiting = self._unanswered[name]
        if identifier is None:
            identifier = waiting.popleft() if waiting else f"{MADE_UP}{self._calls}_{name}"
        elif identifier in waiting:
            waiting.remove(identifier)
        content, is_error = _result(node)
        content += [part for row in node.nodes("parts") for part in self._result_part(row)]
        more = _within("functionResponse", node, ("name", "id", "response", "parts"), extra)
        return ToolResult(identifier, tuple(content), name=name, is_error=is_error, extra=more)

    def _result_part(self, node: Node) -> list[ResultPart]:
        return [
            part
            for part in self._part(node)
            if isinstance(part, Text | Image | Document | Audio | Video | Opaque)
        ]


def _result(node: Node) -> tuple[list[ResultPart], bool | None]:
    """The text of a function's response: itself where it is one string, else as JSON."""
    response = node.node("response")
    if response is None or not response.members:
        return [], None
    if len(response.members) == 1:
        for name, is_error in (("result", None), ("output", None), ("error", True)):
            if response.is_text(name):
                return [Text(response.need_text(name))], is_error
    if response.members.keys() == {"name", "content"} and response.is_text("content"):
        return [Text(response.need_text("content"))], None  # Vercel's SDK says the name again
    return [Text(bytes(response.raw).decode())], None


def _extra_of(node: Node, kind: str) -> Extra | None:
    """What stands beside the medium or response: its signature and that it is a thought, too (the models that
    draw sign their pictures), since only calls, text and thinking have places for them."""
    known = _KNOWN[kind] if node.boolean("thought") else (*_KNOWN[kind], "thought")
    return node.rest(known)


def _within(kind: str, node: Node, known: tuple[str, ...], extra: Extra | None) -> Extra | None:
    """`extra`, and what stands inside the object `kind`: named by its path, so that it goes back there."""
    more = dict(extra or {}) | {f"{kind}.{name}": raw for name, raw in (node.rest(known) or {}).items()}
    return more or None


def _medium(media_type: str, source: Source, extra: Extra | None, node: Node) -> Part:
    family = media_type.partition("/")[0]
    if family == "image":
        return Image(source, extra=extra)
    if family == "audio":
        return Audio(source, extra=extra)
    if family == "video":
        return Video(source, extra=extra)
    names = ("displayName", "display_name")
    rest = {path: raw for path, raw in (extra or {}).items() if path.rpartition(".")[2] not in names}
    return Document(source, name=node.text(*names), extra=rest or None)


def _guess(uri: str) -> str | None:
    """From the ending of the address."""
    path = uri.partition("?")[0]
    return _BY_ENDING.get(path.rpartition(".")[2].lower())


def _standard(data: str) -> str:
    """Base64 in its standard alphabet: the API takes the other one too."""
    return data.replace("-", "+").replace("_", "/")
