"""Parts as Gemini's.

Sources: Gemini API reference, "Caching" (`Part`); docs, "Thought signatures", "Function calling" (multimodal
function responses).
"""

from __future__ import annotations

from typing import assert_never

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
    PlainText,
    Refusal,
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
from ai_gateway.core.signature import Signature
from ai_gateway.core.tool_arguments import as_object
from ai_gateway.dialects.gemini.models import UNSIGNED, Gemini
from ai_gateway.dialects.gemini.parse_content import MADE_UP
from ai_gateway.errors import BadRequest

__all__ = ["Json", "PartWriter"]

Json = dict[str, object]
_ME = DialectName.GEMINI


class PartWriter:
    """Writes the parts of one request, and notes what is left out."""

    def __init__(self, messages: tuple[Message, ...], model: Gemini, *, own: bool) -> None:
        self.own = own
        """The caller speaks Gemini too: everything goes out as it came."""
        self.dropped: list[str] = []
        self._model = model
        self._names = {
            part.id: part.name for message in messages for part in message.parts if isinstance(part, ToolCall)
        }

    def of(self, message: Message, where: str) -> list[Json | msgspec.Raw]:
        """Raises: BadRequest where a part has no form here."""
        rows: list[Json | msgspec.Raw] = []
        for index, part in enumerate(message.parts):
            rows += self._part(part, message.role, f"{where}.parts[{index}]")
        return rows

    def sign(self, rows: list[Json | msgspec.Raw]) -> None:
        """The first call of a turn must be signed; one that another model made says so."""
        if not self._model.signed_calls or self.own:
            return
        for row in rows:
            if isinstance(row, dict) and "functionCall" in row:
                row.setdefault("thoughtSignature", UNSIGNED)
                return

    def _part(self, part: Part | ResultPart, role: Role, where: str) -> list[Json | msgspec.Raw]:
        match part:
            case Text():
                self._note_cache(part.cache)
                if not part.text and part.signature is None:
                    return []
                return [self._with(self._signed({"text": part.text}, part.signature), part.extra)]
            case Refusal(text=text):
                return [{"text": text}] if text else []
            case Image() | Document() | Audio() | Video():
                self._note_cache(part.cache)
                if isinstance(part, Document) and part.context:
                    self.dropped.append("messages.context")
                return [self._with(self._medium(part, where), part.extra)]
            case Thinking():
                return self._thinking(part)
            case ToolCall():
                return [self._call(part)]
            case ToolResult():
                return self._result(part, where)
            case Opaque():
                return self._opaque(part, role, where)
            case _:
                assert_never(part)

    def _thinking(self, part: Thinking) -> list[Json | msgspec.Raw]:
        signature = part.signature
        own = signature is not None and signature.dialect == _ME.value
        if not own and not self.own:
            self.dropped.append("messages.thinking")
            return []
        row: Json = {"text": part.text, "thought": True}
        return [self._with(self._signed(row, signature if own else None), part.extra)]

    def _signed(self, row: Json, signature: Signature | None) -> Json:
        if signature is not None and signature.dialect == _ME.value:
            row["thoughtSignature"] = signature.value
        return row

    def _call(self, part: ToolCall) -> Json:
        self._note_cache(part.cache)
        call: Json = {"name": part.name, "args": as_object(part.arguments)}
        if not part.id.startswith(MADE_UP):
            call["id"] = part.id
        return self._with(self._signed({"functionCall": call}, part.signature), part.extra)

    def _result(self, part: ToolResult, where: str) -> list[Json | msgspec.Raw]:
        self._note_cache(part.cache)
        name = part.name or self._names.get(part.call_id)
        if name is None:
            raise BadRequest(
                f"the tool result '{part.call_id[:100]}' answers no earlier call, and names no function",
                param=where,
            )
        response: Json = {"name": name, "response": _response(part)}
        if not part.call_id.startswith(MADE_UP):
            response["id"] = part.call_id
        media = [
            row
            for index, inner in enumerate(part.content)
            if _words(inner) is None
            for row in self._part(inner, Role.USER, f"{where}.content[{index}]")
        ]
        if media and (self._model.signed_calls or self.own):
            response["parts"] = media
            media = []
        return [self._with({"functionResponse": response}, part.extra), *media]

    def _opaque(self, part: Opaque, role: Role, where: str) -> list[Json | msgspec.Raw]:
        if part.dialect is _ME:
            return [part.raw]
        if role is Role.ASSISTANT:
            self.dropped.append(f"messages.{part.kind}")
            return []
        raise BadRequest(f"'{part.kind}' content cannot be sent to Gemini", param=where)

    def _medium(self, part: Image | Document | Audio | Video, where: str) -> Json:
        source: Source = part.source
        match source:
            case Data(media_type, data):
                return {"inlineData": {"mimeType": media_type, "data": data, **self._name_of(part)}}
            case PlainText(text):
                return {"text": _titled(part, text)}
            case FileId(uri, dialect, media_type):
                if dialect is not _ME:
                    raise BadRequest("the file is another provider's: send its content", param=where)
                return {"fileData": _file(uri, media_type) | self._name_of(part)}
            case Url(url, media_type):
                if not (self.own or isinstance(part, Video)):
                    raise BadRequest("Gemini takes no file by this address", param=where)
                return {"fileData": _file(url, media_type) | self._name_of(part)}
            case _:
                assert_never(source)

    def _name_of(self, part: Image | Document | Audio | Video) -> Json:
        """The Gemini API refuses `displayName` in places: only a caller who knows that may send it."""
        if self.own and isinstance(part, Document) and part.name:
            return {"displayName": part.name}
        return {}

    def _with(self, row: Json, extra: Extra | None) -> Json:
        if not self.own:
            self.dropped += [f"messages.{name}" for name in extra or ()]
            return row
        for name, raw in (extra or {}).items():
            outer, _, inner = name.partition(".")
            group = row.get(outer)
            if inner and isinstance(group, dict):
                group[inner] = raw
            else:
                row[name] = raw
        return row

    def _note_cache(self, cache: object) -> None:
        if cache is not None:
            self.dropped.append("messages.cache")


def _titled(part: Image | Document | Audio | Video, text: str) -> str:
    """A document of plain text keeps its name, in words."""
    name = part.name if isinstance(part, Document) else None
    return f"{name}\n\n{text}" if name else text


def _file(uri: str, media_type: str | None) -> Json:
    return {"fileUri": uri, **({"mimeType": media_type} if media_type else {})}


def _words(part: ResultPart) -> str | None:
    """The text of a part of a result. A plain document is text, too: `functionResponse.parts` hold media."""
    if isinstance(part, Text):
        return part.text
    if isinstance(part, Document) and isinstance(part.source, PlainText):
        return _titled(part, part.source.text)
    return None


def _response(part: ToolResult) -> msgspec.Raw | Json:
    """`response` must be an object: one that the result is already, else the text as `result` or `error`."""
    said = [words for inner in part.content if (words := _words(inner)) is not None]
    text = "\n".join(said)
    if not part.is_error and text[:1] == "{":
        try:
            msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass
        else:
            return msgspec.Raw(text.encode())
    if not said:
        return {}
    return {"error" if part.is_error else "result": text}
