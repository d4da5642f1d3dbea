"""What an MCP tool brings back, as parts of a conversation."""

from __future__ import annotations

import base64
import binascii

import msgspec
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from ai_gateway.core.chat import Audio, Data, Document, Image, ResultPart, Text
from ai_gateway.core.server_tools import RunError, ToolOutcome

__all__ = ["outcome_of"]

_IMAGES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""What models look at."""


def outcome_of(result: CallToolResult) -> ToolOutcome:
    """Structured content stands in where there is no text: servers that have it repeat it as text."""
    parts = tuple(_part(block) for block in result.content)
    if result.structured_content is not None and not any(isinstance(part, Text) for part in parts):
        parts += (Text(msgspec.json.encode(result.structured_content).decode()),)
    return ToolOutcome(
        parts=parts or (Text("(the tool returned nothing)"),),
        error=RunError.FAILED if result.is_error else None,
    )


def _part(block: ContentBlock) -> ResultPart:
    match block:
        case TextContent():
            return Text(block.text)
        case ImageContent():
            return _file(block.mime_type, block.data, "image")
        case AudioContent():
            return Audio(Data(_kind(block.mime_type), block.data))
        case ResourceLink():
            about = ", ".join(filter(None, (block.title or block.name, block.mime_type, block.description)))
            return Text(f"Resource: {block.uri} ({about})")
        case EmbeddedResource():
            return _resource(block.resource)


def _resource(resource: TextResourceContents | BlobResourceContents) -> ResultPart:
    if isinstance(resource, TextResourceContents):
        return Text(f"{resource.uri}:\n{resource.text}")
    return _file(resource.mime_type or "application/octet-stream", resource.blob, resource.uri)


def _file(media_type: str, data: str, name: str) -> ResultPart:
    kind = _kind(media_type)
    if kind in _IMAGES:
        return Image(Data(kind, data))
    if kind.startswith("audio/"):
        return Audio(Data(kind, data))
    if kind == "application/pdf":
        return Document(Data(kind, data), name=name)
    try:
        raw = base64.b64decode(data, validate=True)
        if kind.startswith("text/") or kind == "application/json":
            return Text(f"{name}:\n{raw.decode()}")
    except (binascii.Error, UnicodeDecodeError):
        return Text(f"({name}: a file of type {kind} that cannot be read was left out)")
    return Text(f"({name}: a file of type {kind} with {len(raw)} bytes was left out: models do not read it)")


def _kind(media_type: str) -> str:
    return media_type.partition(";")[0].strip().lower()
