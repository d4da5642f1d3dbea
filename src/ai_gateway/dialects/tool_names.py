"""Names of tools, fitted to what a provider's dialect allows, and given back as the caller wrote them.

Sources: OpenAI API reference, "Create chat completion" (`tools`: letters, digits, `_` and `-`, 64 at most);
Anthropic API reference, "Create a Message" (`tools`: the same, 128); Gemini API reference, "Caching",
`FunctionDeclaration` (first a letter or `_`, then also `.` and `:`, 128).
"""

from __future__ import annotations

import hashlib
import re

import msgspec

from ai_gateway.core.chat import ChatRequest, DialectName, Message, Part, Tool, ToolCall, ToolResult

__all__ = ["ToolNames", "fit_tool_names"]

ToolNames = dict[str, str]
"""From the name on the wire to the caller's own."""

_RULES = {
    DialectName.OPENAI_CHAT: (re.compile(r"[A-Za-z0-9_-]{1,64}"), 64),
    DialectName.OPENAI_RESPONSES: (re.compile(r"[A-Za-z0-9_-]{1,64}"), 64),
    DialectName.ANTHROPIC: (re.compile(r"[A-Za-z0-9_-]{1,128}"), 128),
    DialectName.GEMINI: (re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}"), 64),
}
_DIGEST_LENGTH = 8


def fit_tool_names(request: ChatRequest, target: DialectName) -> tuple[ChatRequest, ToolNames]:
    """The request with names that `target` takes, and the way back. A name that fits is left alone; the
    others are shortened and marked by a digest, the same at every turn of a conversation."""
    pattern, limit = _RULES[target]
    names = _names(request)
    misfits = {name for name in names if not pattern.fullmatch(name)} if names else names
    if not misfits:
        return request, {}
    wire = {name: _fitted(name, limit) for name in misfits}
    choice = request.tool_choice
    fitted = msgspec.structs.replace(
        request,
        tools=tuple(
            msgspec.structs.replace(tool, name=wire.get(tool.name, tool.name))
            if isinstance(tool, Tool)
            else tool
            for tool in request.tools
        ),
        tool_choice=choice
        and msgspec.structs.replace(choice, names=tuple(wire.get(name, name) for name in choice.names)),
        messages=tuple(_renamed(message, wire) for message in request.messages),
    )
    return fitted, {short: name for name, short in wire.items()}


def _names(request: ChatRequest) -> set[str]:
    names = {tool.name for tool in request.tools if isinstance(tool, Tool)} if request.tools else set()
    for message in request.messages:
        for part in message.parts:
            if type(part) is ToolCall:
                names.add(part.name)
    return names


def _renamed(message: Message, wire: ToolNames) -> Message:
    return msgspec.structs.replace(message, parts=tuple(_renamed_part(part, wire) for part in message.parts))


def _renamed_part(part: Part, wire: ToolNames) -> Part:
    if isinstance(part, ToolCall) and part.name in wire:
        return msgspec.structs.replace(part, name=wire[part.name])
    if isinstance(part, ToolResult) and part.name in wire:
        return msgspec.structs.replace(part, name=wire[part.name])
    return part


def _fitted(name: str, limit: int) -> str:
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_LENGTH]
    plain = re.sub(r"[^A-Za-z0-9_-]", "_", name)
    if not plain or not (plain[0].isalpha() or plain[0] == "_"):
        plain = f"_{plain}"
    return f"{plain[: limit - _DIGEST_LENGTH - 1]}_{digest}"
