"""Content blocks of Anthropic's callers, into parts.

Source: Anthropic API reference, "Create a Message" (`messages[].content`).
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import (
    CacheMarker,
    Citation,
    Data,
    DialectName,
    Document,
    Extra,
    FileId,
    Image,
    Opaque,
    Part,
    PlainText,
    ResultPart,
    Role,
    Source,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Url,
)
from ai_gateway.core.signature import Signature, unwrap
from ai_gateway.dialects.reading import Node

__all__ = ["cache_of", "parse_parts", "parse_system"]

_ME = DialectName.ANTHROPIC
_FILES = frozenset({"image", "document"})


def cache_of(node: Node) -> CacheMarker | None:
    marker = node.node("cache_control")
    return None if marker is None else CacheMarker(ttl=marker.text("ttl"))


def parse_system(node: Node) -> tuple[Part, ...]:
    """The `system` member's text."""
    if node.raw_of("system") is None:
        return ()
    if node.is_text("system"):
        text = node.need_text("system")
        return (Text(text),) if text else ()
    return tuple(_text(block) for block in node.nodes("system"))


def parse_parts(node: Node, role: Role) -> tuple[Part, ...]:
    """A message's `content`: a string, or blocks."""
    if node.is_text("content"):
        return (Text(node.need_text("content")),)
    parts: list[Part] = []
    waiting: Signature | None = None
    for block in node.nodes("content"):
        part = _part(block)
        if isinstance(part, Thinking) and _travels(part):
            waiting = part.signature
            continue
        if waiting is not None and isinstance(part, ToolCall | Text):
            part = msgspec.structs.replace(part, signature=waiting)
        elif waiting is not None:
            parts.append(Thinking(signature=waiting))
        waiting = None
        parts.append(part)
    if waiting is not None:
        parts.append(Text("", signature=waiting))
    return tuple(parts)


def _travels(part: Thinking) -> bool:
    """A block that only carries another provider's signature, of the call or text after it."""
    signature = part.signature
    return signature is not None and not part.text and signature.dialect == DialectName.GEMINI


def _part(node: Node) -> Part:
    kind = node.need_text("type")
    match kind:
        case "text":
            return _text(node)
        case "image" | "document":
            return _file(node, kind)
        case "thinking":
            return _thinking(node)
        case "redacted_thinking":
            return _redacted(node)
        case "tool_use":
            return _call(node)
        case "tool_result":
            return _result(node)
        case _:
            return Opaque(_ME, kind, msgspec.Raw(bytes(node.raw)))


def _text(node: Node) -> Text:
    return Text(
        node.need_text("text"),
        cache=cache_of(node),
        citations=tuple(_citation(citation) for citation in node.nodes("citations")),
        extra=node.rest(("type", "text", "cache_control", "citations")),
    )


def _citation(node: Node) -> Citation:
    return Citation(
        dialect=_ME,
        raw=msgspec.Raw(bytes(node.raw)),
        url=node.text("url") or node.text("source"),
        title=node.text("title") or node.text("document_title"),
        quote=node.text("cited_text"),
    )


def _file(node: Node, kind: str) -> Image | Document | Opaque:
    extra: Extra = dict(node.rest(("type", "source", "cache_control", "title", "context")) or {})
    node_of_source = node.need_node("source")
    source = _source(node_of_source, kind, extra)
    if source is None:
        return Opaque(_ME, kind, msgspec.Raw(bytes(node.raw)))
    cache = cache_of(node)
    if kind == "image":
        return Image(source, cache=cache, extra=extra or None)
    return Document(
        source, name=node.text("title"), context=node.text("context"), cache=cache, extra=extra or None
    )


def _source(node: Node, kind: str, extra: Extra) -> Source | None:
    match node.need_text("type"):
        case "base64":
            return Data(node.need_text("media_type"), node.need_text("data"))
        case "url":
            return Url(node.need_text("url"), "application/pdf" if kind == "document" else None)
        case "text" if kind == "document":
            return PlainText(node.need_text("data"))
        case "file":
            return FileId(node.need_text("file_id"), _ME)
        case "content" if kind == "document":
            return _content_source(node, extra)
        case _:
            raise node.wrong("type", "'base64', 'url', 'file' or, of a document, 'text' or 'content'")


def _content_source(node: Node, extra: Extra) -> Source | None:
    """A document made of blocks: its text; with pictures in it, only Anthropic can take it."""
    if node.is_text("content"):
        text = node.need_text("content")
    else:
        blocks = node.nodes("content")
        if any(block.text("type") != "text" for block in blocks):
            return None
        text = "\n".join(block.need_text("text") for block in blocks)
    extra["source"] = msgspec.Raw(bytes(node.raw))
    return PlainText(text)


def _thinking(node: Node) -> Thinking:
    value = node.text("signature")
    return Thinking(
        node.text("thinking") or "",
        unwrap(value, _ME.value) if value else None,
        extra=node.rest(("type", "thinking", "signature")),
    )


def _redacted(node: Node) -> Thinking:
    return Thinking(signature=unwrap(node.need_text("data"), _ME.value, kind="redacted"), redacted=True)


def _call(node: Node) -> ToolCall:
    arguments = node.node("input")
    return ToolCall(
        node.need_text("id"),
        node.need_text("name"),
        "{}" if arguments is None else bytes(arguments.raw).decode(),
        cache=cache_of(node),
        extra=node.rest(("type", "id", "name", "input", "cache_control")),
    )


def _result(node: Node) -> ToolResult:
    content: tuple[ResultPart, ...] = ()
    if node.is_text("content"):
        content = (Text(node.need_text("content")),)
    else:
        content = tuple(_result_part(block) for block in node.nodes("content"))
    return ToolResult(
        node.need_text("tool_use_id"),
        content,
        is_error=node.boolean("is_error"),
        cache=cache_of(node),
        extra=node.rest(("type", "tool_use_id", "content", "is_error", "cache_control")),
    )


def _result_part(node: Node) -> ResultPart:
    kind = node.need_text("type")
    if kind == "text":
        return _text(node)
    if kind in _FILES:
        return _file(node, kind)
    return Opaque(_ME, kind, msgspec.Raw(bytes(node.raw)))
