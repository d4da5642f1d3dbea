"""Parts as Anthropic's content blocks.

Source: Anthropic API reference, "Create a Message" (`messages[].content`).
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import assert_never

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
    Opaque,
    Part,
    PlainText,
    Refusal,
    ResultPart,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Url,
    Video,
)
from ai_gateway.core.tool_arguments import as_object
from ai_gateway.errors import BadRequest

__all__ = ["Blocks", "Json"]

Json = dict[str, object]
_ME = DialectName.ANTHROPIC
_IMAGES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_ID = re.compile(r"[a-zA-Z0-9_-]+")


class Blocks:
    """Writes the blocks of one request, and notes what is left out."""

    def __init__(self, *, own: bool) -> None:
        self.own = own
        """The caller speaks Anthropic too: everything goes out as it came."""
        self.dropped: list[str] = []
        self.files = False
        """A file of the Files API is named."""

    def of(self, parts: tuple[Part, ...], role: Role, where: str) -> list[Json | msgspec.Raw]:
        """Raises: BadRequest where a part has no form here."""
        blocks: list[Json | msgspec.Raw] = []
        for index, part in enumerate(parts):
            blocks += self._part(part, role, f"{where}.content[{index}]")
        return blocks

    def _part(self, part: Part, role: Role, where: str) -> list[Json | msgspec.Raw]:
        match part:
            case Text():
                return self._text(part)
            case Image() | Document() | Audio() | Video():
                return [self._medium(part, where)]
            case Refusal(text=text):
                return [{"type": "text", "text": text}] if text else []
            case Thinking():
                return self._thinking(part)
            case ToolCall():
                return [self._call(part)]
            case ToolResult():
                return [self._result(part, where)]
            case Opaque():
                return self._opaque(part, role, where)
            case _:
                assert_never(part)

    def _text(self, part: Text) -> list[Json | msgspec.Raw]:
        if not part.text and not self.own:
            return []
        block: Json = {"type": "text", "text": part.text}
        citations = [one.raw for one in part.citations if one.dialect is _ME]
        if citations:
            block["citations"] = citations
        return [self._with(block, part.cache, part.extra)]

    def _thinking(self, part: Thinking) -> list[Json | msgspec.Raw]:
        signature = part.signature
        if signature is None or signature.dialect != _ME.value:
            if self.own and signature is None:
                return [
                    self._with({"type": "thinking", "thinking": part.text, "signature": ""}, None, part.extra)
                ]
            self.dropped.append("messages.thinking")
            return []
        if part.redacted:
            return [{"type": "redacted_thinking", "data": signature.value}]
        block: Json = {"type": "thinking", "thinking": part.text, "signature": signature.value}
        return [self._with(block, None, part.extra)]

    def _call(self, part: ToolCall) -> Json:
        block: Json = {
            "type": "tool_use",
            "id": fitted_id(part.id),
            "name": part.name,
            "input": as_object(part.arguments),
        }
        return self._with(block, part.cache, part.extra)

    def _result(self, part: ToolResult, where: str) -> Json:
        block: Json = {"type": "tool_result", "tool_use_id": fitted_id(part.call_id)}
        content = [
            block
            for index, inner in enumerate(part.content)
            for block in self._result_part(inner, f"{where}.content[{index}]")
        ]
        if content:
            block["content"] = content
        if part.is_error is not None:
            block["is_error"] = part.is_error
        return self._with(block, part.cache, part.extra)

    def _result_part(self, part: ResultPart, where: str) -> list[Json | msgspec.Raw]:
        return self._part(part, Role.USER, where)

    def _opaque(self, part: Opaque, role: Role, where: str) -> list[Json | msgspec.Raw]:
        if part.dialect is _ME:
            return [part.raw]
        if role is Role.ASSISTANT:
            self.dropped.append(f"messages.{part.kind}")
            return []
        raise BadRequest(f"'{part.kind}' content cannot be sent to Anthropic", param=where)

    def _medium(self, part: Image | Document | Audio | Video, where: str) -> Json:
        match part:
            case Image():
                return self._with(
                    {"type": "image", "source": self._image(part, where)}, part.cache, part.extra
                )
            case Document():
                return self._document(part, where)
            case _:
                kind = "audio" if isinstance(part, Audio) else "video"
                raise BadRequest(f"Anthropic's models take no {kind}", param=where)

    def _image(self, part: Image, where: str) -> Json:
        match part.source:
            case Url(url=url):
                return {"type": "url", "url": url}
            case Data(media_type, data) if media_type in _IMAGES or self.own:
                return {"type": "base64", "media_type": media_type, "data": data}
            case FileId() as file:
                return self._file(file, where)
            case Data(media_type, _):
                raise BadRequest(f"Anthropic takes no image of type {media_type}", param=where)
            case PlainText():
                raise BadRequest("an image cannot be text", param=where)
            case source:
                assert_never(source)

    def _document(self, part: Document, where: str) -> Json:
        block: Json = {"type": "document"}
        source = part.source
        extra = dict(part.extra or {})
        if self.own and "source" in extra:
            block["source"] = extra.pop("source")
        else:
            block["source"] = self._document_source(source, where)
        if part.name:
            block["title"] = part.name
        if part.context:
            block["context"] = part.context
        return self._with(block, part.cache, extra)

    def _document_source(self, source: Url | Data | FileId | PlainText, where: str) -> Json:
        match source:
            case PlainText(text):
                return {"type": "text", "media_type": "text/plain", "data": text}
            case Url(url=url):
                return {"type": "url", "url": url}
            case FileId():
                return self._file(source, where)
            case Data("application/pdf", data):
                return {"type": "base64", "media_type": "application/pdf", "data": data}
            case Data(media_type, data) if media_type.startswith("text/") or media_type == "application/json":
                text = base64.b64decode(data).decode("utf-8", "replace")
                return {"type": "text", "media_type": "text/plain", "data": text}
            case Data(media_type, _):
                raise BadRequest(f"Anthropic takes no document of type {media_type}", param=where)
            case _:
                assert_never(source)

    def _file(self, file: FileId, where: str) -> Json:
        if file.dialect is not _ME:
            raise BadRequest("the file is another provider's: send its content", param=where)
        self.files = True
        return {"type": "file", "file_id": file.id}

    def _with(self, block: Json, cache: CacheMarker | None, extra: Extra | None) -> Json:
        if cache is not None:
            block["cache_control"] = {"type": "ephemeral", **({"ttl": cache.ttl} if cache.ttl else {})}
        if extra and self.own:
            block |= extra
        elif extra:
            self.dropped += [f"messages.{name}" for name in extra]
        return block


def fitted_id(identifier: str) -> str:
    """A tool call's id in the characters that Anthropic takes: the same for the call and its result."""
    if _ID.fullmatch(identifier):
        return identifier
    digest = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return f"toolu_{digest}"
