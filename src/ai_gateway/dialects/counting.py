"""Token counts of a conversation: asked and answered in each provider's form, or estimated.

Sources: Anthropic API reference, "Count tokens in a Message"; Gemini API reference, "Counting tokens";
OpenAI API reference, "Get input token counts".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from ai_gateway.core.chat import (
    ChatRequest,
    Document,
    HostedTool,
    Opaque,
    Part,
    PlainText,
    Refusal,
    ResultPart,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from ai_gateway.core.members import Members, as_json, open_object, write_object
from ai_gateway.dialects import anthropic, gemini, openai_responses
from ai_gateway.dialects.interface import Asked, Rendered, Target
from ai_gateway.dialects.openai_usage import BYTES_PER_TOKEN, MEDIA_TOKENS
from ai_gateway.errors import UpstreamProtocolError

__all__ = [
    "encode_anthropic_count",
    "encode_gemini_count",
    "estimate_tokens",
    "parse_anthropic_count",
    "parse_gemini_count",
    "read_anthropic_count",
    "read_gemini_count",
    "read_openai_count",
    "render_anthropic_count",
    "render_gemini_count",
    "render_openai_count",
]

_ANTHROPIC_MEMBERS = (
    "model",
    "messages",
    "system",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "mcp_servers",
    "context_management",
    "cache_control",
)
_GEMINI_MEMBERS = ("contents", "systemInstruction", "tools", "toolConfig", "cachedContent")
_OPENAI_MEMBERS = (
    "model",
    "input",
    "instructions",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "truncation",
)
_MESSAGE_TOKENS = 4
"""What a message costs beside its text: its role and delimiters."""


def parse_anthropic_count(body: bytes) -> ChatRequest:
    """A count's body is a message's without `max_tokens`. Raises: BadRequest."""
    members = open_object(body)
    members["max_tokens"] = msgspec.Raw(b"1")
    request = anthropic.DIALECT.parse_request(write_object(members), Asked())
    return msgspec.structs.replace(request, max_output_tokens=None, stream=False)


def parse_gemini_count(body: bytes, asked: Asked) -> ChatRequest:
    """`contents` alone, or a whole `generateContentRequest`. Raises: BadRequest."""
    members = open_object(body)
    whole = members.get("generateContentRequest") or members.get("generate_content_request")
    return gemini.DIALECT.parse_request(bytes(whole) if whole is not None else body, asked)


def render_anthropic_count(request: ChatRequest, target: Target) -> Rendered:
    """Raises: BadRequest."""
    rendered = anthropic.DIALECT.render_request(request, target)
    body = write_object(_only(rendered.body, _ANTHROPIC_MEMBERS))
    return msgspec.structs.replace(rendered, body=body, path="/messages/count_tokens")


def render_gemini_count(request: ChatRequest, target: Target) -> Rendered:
    """Raises: BadRequest."""
    whole = msgspec.structs.replace(request, stream=False)
    rendered = gemini.DIALECT.render_request(whole, target)
    members: Members = {"model": as_json(f"models/{request.model.removeprefix('models/')}")}
    members |= _only(rendered.body, _GEMINI_MEMBERS)
    path = (rendered.path or "").removesuffix(":generateContent") + ":countTokens"
    return msgspec.structs.replace(
        rendered, body=write_object({"generateContentRequest": as_json(members)}), path=path, query=""
    )


def render_openai_count(request: ChatRequest, target: Target) -> Rendered:
    """Raises: BadRequest."""
    rendered = openai_responses.DIALECT.render_request(request, target)
    body = write_object(_only(rendered.body, _OPENAI_MEMBERS))
    return msgspec.structs.replace(rendered, body=body, path="/responses/input_tokens")


class _InputTokens(msgspec.Struct):
    input_tokens: int


class _TotalTokens(msgspec.Struct):
    totalTokens: int = 0  # noqa: N815 - the wire's own name; the zero of an empty prompt is left out


T = TypeVar("T")


def read_anthropic_count(body: bytes) -> int:
    """Raises: UpstreamProtocolError."""
    return _read(body, _InputTokens).input_tokens


def read_openai_count(body: bytes) -> int:
    """Raises: UpstreamProtocolError."""
    return _read(body, _InputTokens).input_tokens


def read_gemini_count(body: bytes) -> int:
    """Raises: UpstreamProtocolError."""
    return _read(body, _TotalTokens).totalTokens


def encode_anthropic_count(tokens: int) -> bytes:
    return msgspec.json.encode({"input_tokens": tokens})


def encode_gemini_count(tokens: int) -> bytes:
    return msgspec.json.encode({"totalTokens": tokens})


def estimate_tokens(request: ChatRequest) -> int:
    """Input tokens of a conversation: a token for each four bytes of text, arguments and schemas, a fixed
    figure for each image, file and sound."""
    size = sum(_size(message.parts) for message in request.messages)
    for tool in request.tools:
        size += _tool_size(tool)
    if request.output_format is not None and request.output_format.schema is not None:
        size += len(bytes(request.output_format.schema))
    return -(-size // BYTES_PER_TOKEN) + _MESSAGE_TOKENS * len(request.messages)


def _size(parts: Iterable[Part | ResultPart]) -> int:
    """Bytes."""
    size = 0
    for part in parts:
        match part:
            case (
                Text(text=text) | Refusal(text=text) | Thinking(text=text) | Document(source=PlainText(text))
            ):
                size += len(text.encode("utf-8", "surrogatepass"))
            case ToolCall(name=name, arguments=arguments):
                size += len(name) + len(arguments)
            case ToolResult(content=content):
                size += _size(content)
            case Opaque(raw=raw):
                size += len(bytes(raw))
            case _:
                size += MEDIA_TOKENS * BYTES_PER_TOKEN
    return size


def _tool_size(tool: Tool | HostedTool) -> int:
    if isinstance(tool, HostedTool):
        return len(bytes(tool.raw))
    schema = b"" if tool.parameters is None else bytes(tool.parameters)
    return len(tool.name) + len(tool.description or "") + len(schema)


def _only(body: bytes, names: tuple[str, ...]) -> Members:
    members = open_object(body)
    return {name: members[name] for name in names if name in members}


def _read(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UpstreamProtocolError(
            f"the upstream's token count is not what it should be: {error}"
        ) from error
