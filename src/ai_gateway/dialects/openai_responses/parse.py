"""Requests of callers of the Responses API, into canonical ones.

Sources: OpenAI API reference, "Create a model response"; openai/codex, its Responses client (`namespace`
tools).

The same request comes out again when it is rendered for the Responses API, but for: input that is one plain
string instead of one message, null instead of absent; ids and status of items that need none; leading system
text, which comes out as `instructions`; `user`, which comes out as `safety_identifier`; what says the default
(`truncation: disabled`, `background: false`). `include` always asks for encrypted reasoning.
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
    Text,
    Tool,
    ToolChoice,
)
from ai_gateway.core.members import as_json
from ai_gateway.dialects.interface import Asked
from ai_gateway.dialects.openai_responses.parse_items import parse_items
from ai_gateway.dialects.reading import Node
from ai_gateway.errors import BadRequest

__all__ = ["check_foreign", "parse_request"]

_ME = DialectName.OPENAI_RESPONSES
_KNOWN = frozenset(
    {
        "model",
        "input",
        "instructions",
        "stream",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_output_tokens",
        "temperature",
        "top_p",
        "top_logprobs",
        "include",
        "text",
        "reasoning",
        "user",
        "safety_identifier",
        "prompt_cache_key",
        "service_tier",
        "metadata",
        "store",
    }
)
_DEFAULTS = {"truncation": b'"disabled"', "background": b"false"}
"""What says nothing."""
_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"
_STATEFUL = ("previous_response_id", "conversation", "prompt", "background")
_FUNCTION = frozenset({"type", "name", "description", "parameters", "strict"})


def parse_request(body: bytes, asked: Asked) -> ChatRequest:
    """Raises: BadRequest, whose `param` names the member."""
    node = Node.of_body(body)
    extra: Extra = {
        name: raw for name, raw in (node.rest(_KNOWN) or {}).items() if _DEFAULTS.get(name) != bytes(raw)
    }
    include = node.texts("include") or []
    if rest := [name for name in include if name not in (_ENCRYPTED, _LOGPROBS)]:
        extra["include"] = as_json(rest)
    output_format, verbosity = _text(node.node("text"), extra)
    return ChatRequest(
        dialect=_ME,
        model=node.text("model") or asked.model or "",
        messages=(*_instructions(node), *_input(node)),
        stream=bool(node.boolean("stream")),
        tools=tuple(_tools(node, extra)),
        tool_choice=_tool_choice(node, extra),
        parallel_tool_calls=node.boolean("parallel_tool_calls"),
        max_output_tokens=node.integer("max_output_tokens"),
        temperature=node.number("temperature"),
        top_p=node.number("top_p"),
        logprobs=True if _LOGPROBS in include else None,
        top_logprobs=node.integer("top_logprobs"),
        reasoning=_reasoning(node.node("reasoning")),
        output_format=output_format,
        verbosity=verbosity,
        user=node.text("safety_identifier") or node.text("user"),
        service_tier=node.text("service_tier"),
        cache_key=node.text("prompt_cache_key"),
        metadata=node.text_map("metadata"),
        store=node.boolean("store"),
        extra=extra or None,
    )


def check_foreign(request: ChatRequest) -> None:
    """Raises: BadRequest where the request leans on what only OpenAI keeps."""
    for name in _STATEFUL:
        if name in (request.extra or {}):
            raise BadRequest(
                f"'{name}' needs responses that are kept, and this client's provider keeps none: send the"
                " whole conversation in 'input'",
                param=name,
            )


def _instructions(node: Node) -> tuple[Message, ...]:
    raw = node.raw_of("instructions")
    if raw is None:
        return ()
    if bytes(raw)[:1] == b"[":
        return tuple(parse_items(node, "instructions"))
    text = node.need_text("instructions")
    return (Message(role=Role.SYSTEM, parts=(Text(text),)),) if text else ()


def _input(node: Node) -> list[Message]:
    if node.raw_of("input") is None:
        if any(node.raw_of(name) is not None for name in _STATEFUL):
            return []
        raise node.missing("input")
    if node.is_text("input"):
        return [Message(role=Role.USER, parts=(Text(node.need_text("input")),))]
    return parse_items(node, "input")


def _text(node: Node | None, extra: Extra) -> tuple[OutputFormat | None, str | None]:
    if node is None:
        return None, None
    extra |= {f"text.{name}": raw for name, raw in (node.rest(("format", "verbosity")) or {}).items()}
    form = node.node("format")
    return None if form is None else _format(form), node.text("verbosity")


def _format(node: Node) -> OutputFormat:
    kind = node.need_text("type")
    if kind == "text":
        return OutputFormat(kind="text")
    if kind == "json_object":
        return OutputFormat(kind="json_object")
    if kind != "json_schema":
        raise node.wrong("type", "'text', 'json_object' or 'json_schema'")
    schema = node.need_node("schema")
    return OutputFormat(
        kind="json_schema",
        schema=msgspec.Raw(bytes(schema.raw)),
        name=node.text("name"),
        description=node.text("description"),
        strict=node.boolean("strict"),
    )


def _reasoning(node: Node | None) -> Reasoning | None:
    if node is None or not node.members:
        return None
    summary = node.text("summary", "generate_summary")
    return Reasoning(
        effort=node.text("effort"),
        summary=summary,
        visible=True if summary else None,
        extra=node.rest(("effort", "summary", "generate_summary")),
    )


def _tools(node: Node, extra: Extra) -> list[Tool | HostedTool]:
    found: list[Tool | HostedTool] = []
    described: dict[str, str] = {}
    for tool in node.nodes("tools"):
        kind = tool.need_text("type")
        if kind == "namespace":
            name = tool.need_text("name")
            described[name] = tool.text("description") or ""
            found += [_tool(row, row.need_text("type"), name) for row in tool.nodes("tools")]
        else:
            found.append(_tool(tool, kind, None))
    if any(described.values()):
        extra["tools.namespace.description"] = as_json(described)
    return found


def _tool(node: Node, kind: str, namespace: str | None) -> Tool | HostedTool:
    if kind not in ("function", "custom"):
        return HostedTool(dialect=_ME, kind=kind, raw=msgspec.Raw(bytes(node.raw)))
    own = node.need_text("name")
    schema = node.node("parameters")
    return Tool(
        name=f"{namespace}__{own}" if namespace else own,
        description=node.text("description"),
        parameters=None if schema is None else msgspec.Raw(bytes(schema.raw)),
        strict=node.boolean("strict"),
        custom=kind == "custom",
        namespace=namespace,
        own_name=own if namespace else None,
        extra=node.rest(_FUNCTION),
    )


def _tool_choice(node: Node, extra: Extra) -> ToolChoice | None:
    raw = node.raw_of("tool_choice")
    if raw is None:
        return None
    if bytes(raw)[:1] == b'"':
        return ToolChoice(mode=_mode(node, "tool_choice"))
    choice = node.need_node("tool_choice")
    kind = choice.need_text("type")
    if kind in ("function", "custom"):
        namespace = choice.text("namespace")
        name = choice.need_text("name")
        return ToolChoice(mode="required", names=(f"{namespace}__{name}" if namespace else name,))
    if kind == "allowed_tools":
        names = tuple(row.need_text("name") for row in choice.nodes("tools") if row.raw_of("name"))
        return ToolChoice(mode=_mode(choice, "mode"), names=names)
    extra["tool_choice"] = raw
    return None


def _mode(node: Node, name: str) -> Literal["auto", "none", "required"]:
    match node.need_text(name):
        case "auto":
            return "auto"
        case "none":
            return "none"
        case "required":
            return "required"
        case _:
            raise node.wrong(name, "'auto', 'none' or 'required'")
