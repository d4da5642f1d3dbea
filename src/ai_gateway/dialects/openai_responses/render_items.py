"""Messages as items of the Responses API's input.

Source: OpenAI API reference, "Create a model response" (`input`).
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from ai_gateway.core.chat import (
    Audio,
    ChatRequest,
    Data,
    DialectName,
    Document,
    FileId,
    Image,
    Message,
    Opaque,
    Part,
    PlainText,
    Refusal,
    ResultPart,
    Role,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Url,
    Video,
)
from ai_gateway.core.data_url import data_url
from ai_gateway.core.tool_arguments import free_text
from ai_gateway.errors import BadRequest

__all__ = ["ItemWriter", "Json"]

Json = dict[str, object]
_ME = DialectName.OPENAI_RESPONSES


class ItemWriter:
    """Writes the items of one request, and notes what is left out."""

    def __init__(self, request: ChatRequest, *, own: bool) -> None:
        self.own = own
        self.dropped: list[str] = []
        self._tools = {tool.name: tool for tool in request.tools if isinstance(tool, Tool)}
        self._custom: set[str] = set()
        """Ids of calls of custom tools."""

    def reference(self, name: str) -> Json:
        """A tool, as `tool_choice` names it."""
        tool = self._tools.get(name)
        row: Json = {"type": "custom" if tool is not None and tool.custom else "function"}
        row["name"] = name if tool is None else tool.own_name or name
        if tool is not None and tool.namespace:
            row["namespace"] = tool.namespace
        return row

    def note(self, message: Message) -> None:
        """What a message says beside its parts has no place here."""
        if message.name is not None:
            self.dropped.append("messages.name")
        if message.extra and not self.own:
            self.dropped += [f"messages.{name}" for name in message.extra]
        self.dropped += ["messages.cache" for part in message.parts if getattr(part, "cache", None)]

    def of(self, messages: tuple[Message, ...], offset: int) -> list[Json | msgspec.Raw]:
        """Raises: BadRequest where a part has no form here."""
        items: list[Json | msgspec.Raw] = []
        for index, message in enumerate(messages):
            self.note(message)
            items += self._items(message, f"messages[{offset + index}]")
        return items

    def _items(self, message: Message, where: str) -> list[Json | msgspec.Raw]:
        """A part that is an item of its own ends the message before it."""
        items: list[Json | msgspec.Raw] = []
        content: list[Json] = []
        for index, part in enumerate(message.parts):
            at = f"{where}.content[{index}]"
            if isinstance(part, ToolCall | ToolResult | Thinking | Opaque):
                _flush(message, content, items, own=self.own)
                items += self._item(part, message.role, at)
            else:
                content += self._content(part, message.role, at)
        _flush(message, content, items, own=self.own)
        return items

    def _item(
        self, part: ToolCall | ToolResult | Thinking | Opaque, role: Role, where: str
    ) -> list[Json | msgspec.Raw]:
        match part:
            case ToolCall():
                return [self._call(part)]
            case ToolResult():
                return [self._result(part, where)]
            case Thinking():
                return self._thinking(part)
            case Opaque(dialect=dialect, kind=kind, raw=raw):
                if dialect is _ME:
                    return [raw]
                if role is Role.ASSISTANT:
                    self.dropped.append(f"messages.{kind}")
                    return []
                raise BadRequest(f"'{kind}' content cannot be sent to OpenAI", param=where)
            case _:
                assert_never(part)

    def _call(self, part: ToolCall) -> Json:
        tool = self._tools.get(part.name)
        row: Json = {"type": "function_call", "call_id": part.id}
        row["name"] = part.name if tool is None else tool.own_name or part.name
        if tool is not None and tool.namespace:
            row["namespace"] = tool.namespace
        if tool is not None and tool.custom:
            self._custom.add(part.id)
            row |= {"type": "custom_tool_call", "input": free_text(part.arguments)}
        else:
            row["arguments"] = part.arguments
        return row

    def _result(self, part: ToolResult, where: str) -> Json:
        kind = "custom_tool_call_output" if part.call_id in self._custom else "function_call_output"
        rows = [
            row
            for index, inner in enumerate(part.content)
            for row in self._content(inner, Role.USER, f"{where}.content[{index}]")
        ]
        texts = [row["text"] for row in rows if row.get("type") == "input_text"]
        output: object = rows
        if len(texts) == len(rows) and (not self.own or len(rows) == 1):
            output = "\n".join(str(text) for text in texts)
        return {"type": kind, "call_id": part.call_id, "output": output}

    def _thinking(self, part: Thinking) -> list[Json | msgspec.Raw]:
        signature = part.signature
        own = signature is not None and signature.dialect == _ME.value
        if not own and not (self.own and part.id and signature is None):
            self.dropped.append("messages.thinking")
            return []
        item: Json = {"type": "reasoning"}
        identifier = (signature.item if signature is not None else None) or part.id
        if identifier:
            item["id"] = identifier
        item["summary"] = [{"type": "summary_text", "text": part.text}] if part.text else []
        if signature is not None:
            item["encrypted_content"] = signature.value
        return [item | (part.extra or {})]

    def _content(self, part: Part | ResultPart, role: Role, where: str) -> list[Json]:
        match part:
            case Text(text=text):
                return self._text(part, role) if text or self.own else []
            case Refusal(text=text):
                return [{"type": "refusal", "refusal": text}]
            case Image():
                return [self._image(part, where)]
            case Document():
                return [self._document(part, where)]
            case Audio() if self.own and isinstance(part.source, Data):
                form = part.source.media_type.removeprefix("audio/").replace("mpeg", "mp3")
                return [{"type": "input_audio", "input_audio": {"data": part.source.data, "format": form}}]
            case Audio() | Video():
                kind = "audio" if isinstance(part, Audio) else "video"
                raise BadRequest(f"the Responses API takes no {kind}", param=where)
            case Opaque(kind=kind, dialect=dialect, raw=raw):
                if dialect is _ME:
                    return [msgspec.json.decode(raw, type=dict[str, object])]
                raise BadRequest(f"'{kind}' content cannot be sent to OpenAI", param=where)
            case _:
                raise BadRequest("a tool call or its result must not stand inside a result", param=where)

    def _text(self, part: Text, role: Role) -> list[Json]:
        if role is not Role.ASSISTANT:
            return [{"type": "input_text", "text": part.text}]
        annotations = [one.raw for one in part.citations if one.dialect is _ME]
        return [{"type": "output_text", "text": part.text, "annotations": annotations}]

    def _image(self, part: Image, where: str) -> Json:
        row: Json = {"type": "input_image"}
        if part.detail is not None or not self.own:
            row["detail"] = part.detail or "auto"
        match part.source:
            case Url(url=url):
                row["image_url"] = url
            case Data() as data:
                row["image_url"] = data_url(data)
            case FileId(id=identifier) as file:
                self._check(file, where)
                row["file_id"] = identifier
            case PlainText():
                raise BadRequest("an image cannot be text", param=where)
            case source:
                assert_never(source)
        return row

    def _document(self, part: Document, where: str) -> Json:
        row: Json = {"type": "input_file"}
        if part.context is not None:
            self.dropped.append("messages.context")
        match part.source:
            case PlainText(text):
                return {"type": "input_text", "text": f"{part.name}\n\n{text}" if part.name else text}
            case Url(url=url):
                row["file_url"] = url
            case Data() as data:
                row["filename"] = part.name or _file_name(data.media_type)
                row["file_data"] = data_url(data)
            case FileId(id=identifier) as file:
                self._check(file, where)
                row["file_id"] = identifier
            case source:
                assert_never(source)
        if part.name and self.own:
            row["filename"] = part.name
        return row | (part.extra or {} if self.own else {})

    def _check(self, file: FileId, where: str) -> None:
        if file.dialect not in (_ME, DialectName.OPENAI_CHAT):
            raise BadRequest("the file is another provider's: send its content", param=where)


def _flush(message: Message, content: list[Json], items: list[Json | msgspec.Raw], *, own: bool) -> None:
    """The content so far becomes a message."""
    if not content:
        return
    role = "developer" if message.role is Role.SYSTEM and not own else message.role.value
    item: Json = {"type": "message", "role": role, "content": list(content)}
    items.append(item | (message.extra or {}) if own else item)
    content.clear()


def _file_name(media_type: str) -> str:
    return f"document.{media_type.rpartition('/')[2]}"
