"""Requests of Anthropic's callers, into canonical ones.

Source: Anthropic API reference, "Create a Message"; docs, "Extended thinking", "Structured outputs", "Tool
use", "Prompt caching".

The same request comes out again when it is rendered for Anthropic, but for: content that is one plain string
instead of one text block, null instead of absent, `output_format` (the older name) instead of
`output_config.format`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ai_gateway.core.chat import (
    ChatRequest,
    DialectName,
    Extra,
    HostedTool,
    Message,
    OutputFormat,
    Reasoning,
    Role,
    Tool,
    ToolChoice,
)
from ai_gateway.core.members import as_json
from ai_gateway.dialects.anthropic.format_tool import FORMAT_TOOL
from ai_gateway.dialects.anthropic.parse_content import cache_of, parse_parts, parse_system
from ai_gateway.dialects.interface import Asked
from ai_gateway.dialects.reading import Node
from ai_gateway.errors import BadRequest

__all__ = ["parse_request"]

_ME = DialectName.ANTHROPIC
_SYSTEM = Role.SYSTEM
_ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
_KNOWN = frozenset(
    {
        "model",
        "messages",
        "system",
        "max_tokens",
        "stream",
        "tools",
        "tool_choice",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "metadata",
        "service_tier",
        "thinking",
        "output_config",
        "output_format",
        "cache_control",
    }
)
_PLAIN = frozenset({"model", "messages", "system", "max_tokens", "stream", "temperature"})
"""All that most conversations without tools have."""
_TOOL = frozenset({"type", "name", "description", "input_schema", "strict", "cache_control"})
_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "any": "required",
    "none": "none",
    "tool": "required",
}
_TIERS = {"standard_only": "default"}


def parse_request(body: bytes, asked: Asked) -> ChatRequest:
    """Raises: BadRequest, whose `param` names the member."""
    node = Node.of_body(body)
    max_tokens = node.integer("max_tokens")
    if max_tokens is None:
        raise node.missing("max_tokens")
    if max_tokens < 0:
        raise node.wrong("max_tokens", "at least 1")
    if node.members.keys() <= _PLAIN:
        return ChatRequest(
            dialect=_ME,
            model=node.text("model") or asked.model or "",
            messages=(*_system(node), *_messages(node)),
            stream=bool(node.boolean("stream")),
            max_output_tokens=max_tokens,
            temperature=node.number("temperature"),
        )
    extra: Extra = dict(node.rest(_KNOWN) or {})
    choice, parallel = _tool_choice(node.node("tool_choice"))
    reasoning, output_format = _thinking(node, extra)
    tier = node.text("service_tier")
    return ChatRequest(
        dialect=_ME,
        model=node.text("model") or asked.model or "",
        messages=(*_system(node), *_messages(node)),
        stream=bool(node.boolean("stream")),
        tools=tuple(_tool(tool) for tool in node.nodes("tools")),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_output_tokens=max_tokens,
        temperature=node.number("temperature"),
        top_p=node.number("top_p"),
        top_k=node.integer("top_k"),
        stop=tuple(node.texts("stop_sequences") or ()),
        user=_user(node, extra),
        service_tier=_TIERS.get(tier, tier) if tier else None,
        reasoning=reasoning,
        output_format=output_format,
        cache=cache_of(node),
        extra=extra or None,
    )


def _system(node: Node) -> tuple[Message, ...]:
    parts = parse_system(node)
    return (Message(role=_SYSTEM, parts=parts),) if parts else ()


def _messages(node: Node) -> list[Message]:
    if node.raw_of("messages") is None:
        raise node.missing("messages")
    found = node.nodes("messages")
    if not found:
        raise node.wrong("messages", "a list of at least one message")
    return [_message(message) for message in found]


def _message(node: Node) -> Message:
    role = _ROLES.get(node.need_text("role"))
    if role is None:
        raise node.wrong("role", "'user', 'assistant' or 'system'")
    if node.raw_of("content") is None:
        raise node.missing("content")
    extra = node.rest(("role", "content")) if len(node.members) > 2 else None
    return Message(role=role, parts=parse_parts(node, role), extra=extra)


def _tool(node: Node) -> Tool | HostedTool:
    kind = node.text("type") or "custom"
    if kind != "custom":
        return HostedTool(dialect=_ME, kind=kind, raw=msgspec.Raw(bytes(node.raw)))
    name = node.need_text("name")
    if name == FORMAT_TOOL:
        raise BadRequest(
            f"a tool must not be named {FORMAT_TOOL}: the name is reserved", param=node.at("name")
        )
    schema = node.node("input_schema")
    return Tool(
        name=name,
        description=node.text("description"),
        parameters=None if schema is None else msgspec.Raw(bytes(schema.raw)),
        strict=node.boolean("strict"),
        cache=cache_of(node),
        extra=node.rest(_TOOL),
    )


def _tool_choice(node: Node | None) -> tuple[ToolChoice | None, bool | None]:
    if node is None:
        return None, None
    kind = node.need_text("type")
    mode = _MODES.get(kind)
    if mode is None:
        raise node.wrong("type", "'auto', 'any', 'tool' or 'none'")
    names = (node.need_text("name"),) if kind == "tool" else ()
    serial = node.boolean("disable_parallel_tool_use")
    extra = node.rest(("type", "name", "disable_parallel_tool_use"))
    return ToolChoice(mode=mode, names=names, extra=extra), None if serial is None else not serial


def _thinking(node: Node, extra: Extra) -> tuple[Reasoning | None, OutputFormat | None]:
    """`thinking` and `output_config`, which share the effort."""
    thinking = node.node("thinking")
    config = node.node("output_config")
    effort = config.text("effort") if config is not None else None
    form = (config.node("format") if config is not None else None) or node.node("output_format")
    if config is not None and (rest := config.rest(("effort", "format"))):
        extra["output_config"] = as_json(rest)
    return _reasoning(thinking, effort), None if form is None else _format(form)


def _reasoning(node: Node | None, effort: str | None) -> Reasoning | None:
    if node is None:
        return Reasoning(effort=effort) if effort else None
    kind = node.need_text("type")
    budget = node.integer("budget_tokens")
    if kind == "disabled":
        budget = 0
    elif kind == "enabled" and budget is None:
        raise node.missing("budget_tokens")
    display = node.text("display")
    return Reasoning(
        effort=effort,
        budget_tokens=budget,
        adaptive=kind == "adaptive",
        visible=None if display is None else display != "omitted",
        extra=node.rest(("type", "budget_tokens")),
    )


def _format(node: Node) -> OutputFormat:
    kind = node.need_text("type")
    if kind != "json_schema":
        raise node.wrong("type", "'json_schema'")
    schema = node.need_node("schema")
    return OutputFormat(
        kind="json_schema",
        schema=msgspec.Raw(bytes(schema.raw)),
        name=node.text("name"),
        strict=True,
        extra=node.rest(("type", "schema", "name")),
    )


def _user(node: Node, extra: Extra) -> str | None:
    metadata = node.node("metadata")
    if metadata is None:
        return None
    if rest := metadata.rest(("user_id",)):
        extra["metadata"] = as_json(rest)
    return metadata.text("user_id")
