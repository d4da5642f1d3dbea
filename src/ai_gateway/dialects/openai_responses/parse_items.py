"""Items of the Responses API's input, into messages.

Source: OpenAI API reference, "Create a model response" (`input`).
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import (
    Audio,
    Citation,
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
    Url,
)
from ai_gateway.core.data_url import source_of
from ai_gateway.core.signature import Signature, unwrap
from ai_gateway.core.tool_arguments import from_free_text
from ai_gateway.dialects.reading import Node

__all__ = ["parse_items"]

_ME = DialectName.OPENAI_RESPONSES
_ROLES = {
    "user": Role.USER,
    "assistant": Role.ASSISTANT,
    "system": Role.SYSTEM,
    "developer": Role.DEVELOPER,
}
_CALLER_SIDE = ("_output", "_response", "item_reference")
_MESSAGE = frozenset({"type", "role", "content", "id", "status"})
_TEXTS = frozenset({"input_text", "output_text", "text"})


def parse_items(node: Node, name: str) -> list[Message]:
    """One message for each item. Raises: BadRequest."""
    messages: list[Message] = []
    waiting: Signature | None = None
    for item in node.nodes(name):
        message = _item(item)
        part = message.parts[0] if message.parts else None
        if isinstance(part, Thinking) and _travels(part):
            waiting = part.signature
            continue
        if waiting is not None and isinstance(part, ToolCall | Text):
            signed = msgspec.structs.replace(part, signature=waiting)
            message = msgspec.structs.replace(message, parts=(signed, *message.parts[1:]))
            waiting = None
        messages.append(message)
    return messages


def _travels(part: Thinking) -> bool:
    """An item that only carries another provider's signature, of the call or text after it."""
    signature = part.signature
    return signature is not None and not part.text and signature.dialect == DialectName.GEMINI


def _item(node: Node) -> Message:
    kind = node.text("type") or "message"
    match kind:
        case "message":
            return _message(node)
        case "function_call":
            return _said(_call(node, node.text("arguments") or "{}"))
        case "custom_tool_call":
            return _said(_call(node, from_free_text(node.text("input") or "")))
        case "function_call_output" | "custom_tool_call_output":
            return Message(role=Role.USER, parts=(_result(node),))
        case "reasoning":
            return _said(_reasoning(node))
        case _:
            role = Role.USER if kind.endswith(_CALLER_SIDE) else Role.ASSISTANT
            return Message(role=role, parts=(Opaque(_ME, kind, msgspec.Raw(bytes(node.raw))),))


def _said(part: Part) -> Message:
    return Message(role=Role.ASSISTANT, parts=(part,))


def _message(node: Node) -> Message:
    role = _ROLES.get(node.need_text("role"))
    if role is None:
        raise node.wrong("role", "'user', 'assistant', 'system' or 'developer'")
    if node.raw_of("content") is None:
        raise node.missing("content")
    parts: tuple[Part, ...]
    if node.is_text("content"):
        parts = (Text(node.need_text("content")),)
    else:
        parts = tuple(_part(part) for part in node.nodes("content"))
    return Message(role=role, parts=parts, extra=node.rest(_MESSAGE))


def _part(node: Node) -> Part:
    kind = node.need_text("type")
    if kind == "refusal":
        return Refusal(node.need_text("refusal"))
    return _result_part(node, kind)


def _result_part(node: Node, kind: str) -> ResultPart:
    if kind in _TEXTS:
        return Text(
            node.need_text("text"), citations=tuple(_citation(one) for one in node.nodes("annotations"))
        )
    match kind:
        case "input_image":
            extra = node.rest(("type", "image_url", "file_id", "detail"))
            return Image(_image(node), detail=node.text("detail"), extra=extra)
        case "input_file":
            return _file(node)
        case "input_audio":
            audio = node.need_node("input_audio")
            form = audio.text("format") or "wav"
            return Audio(Data(_audio_type(form), audio.need_text("data")))
        case _:
            return Opaque(_ME, kind, msgspec.Raw(bytes(node.raw)))


def _audio_type(form: str) -> str:
    return "audio/mpeg" if form == "mp3" else f"audio/{form}"


def _image(node: Node) -> Source:
    identifier = node.text("file_id")
    if identifier is not None:
        return FileId(identifier, _ME)
    return source_of(node.need_text("image_url"))


def _file(node: Node) -> Document:
    extra: Extra | None = node.rest(("type", "file_id", "file_url", "file_data", "filename"))
    name = node.text("filename")
    identifier, url = node.text("file_id"), node.text("file_url")
    source: Source
    if identifier is not None:
        source = FileId(identifier, _ME)
    elif url is not None:
        source = Url(url, "application/pdf")
    else:
        source = source_of(node.need_text("file_data"), "application/pdf")
    return Document(source, name=name, extra=extra)


def _citation(node: Node) -> Citation:
    return Citation(
        dialect=_ME,
        raw=msgspec.Raw(bytes(node.raw)),
        url=node.text("url"),
        title=node.text("title"),
        start=node.integer("start_index"),
        end=node.integer("end_index"),
    )


def _call(node: Node, arguments: str) -> ToolCall:
    namespace, name = node.text("namespace"), node.need_text("name")
    return ToolCall(node.need_text("call_id"), f"{namespace}__{name}" if namespace else name, arguments)


def _result(node: Node) -> ToolResult:
    content: tuple[ResultPart, ...]
    if node.raw_of("output") is None:
        content = ()
    elif node.is_text("output"):
        content = (Text(node.need_text("output")),)
    else:
        content = tuple(_result_part(part, part.need_text("type")) for part in node.nodes("output"))
    return ToolResult(node.need_text("call_id"), content)


def _reasoning(node: Node) -> Thinking:
    """Several summaries, or the thoughts themselves, are kept beside the text for whoever takes them back."""
    identifier = node.text("id")
    summary = [part.text("text") or "" for part in node.nodes("summary")]
    content = [part.text("text") or "" for part in node.nodes("content")]
    value = node.text("encrypted_content")
    kept: Extra = {}
    if len(summary) > 1 or content:
        kept = {name: node.members[name] for name in ("summary", "content") if node.raw_of(name)}
    return Thinking(
        "\n\n".join(summary or content),
        unwrap(value, _ME.value, item=identifier or "") if value else None,
        id=identifier,
        extra=kept or None,
    )
