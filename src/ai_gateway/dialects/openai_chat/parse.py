"""Requests of callers of Chat Completions, into canonical ones.

Sources: OpenAI API reference, "Create chat completion"; OpenRouter documentation, "Reasoning Tokens", "Prompt
Caching" (`cache_control`); DeepSeek API reference (`reasoning_content`, `thinking`).

The same request comes out again when it is rendered for Chat Completions, but for: content that is a list of
one text instead of a string, null instead of absent; `max_tokens` and `max_completion_tokens`, which become
whichever the provider calls it; the older `functions`, `function_call` and messages of role `function`, which
become tools and tool messages; reasoning in whichever form the provider takes it back.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ai_gateway.core.chat import (
    ChatRequest,
    DialectName,
    Extra,
    HostedTool,
    OutputFormat,
    Reasoning,
    Tool,
    ToolChoice,
)
from ai_gateway.dialects.interface import Asked
from ai_gateway.dialects.openai_chat.parse_messages import cache_of, parse_messages
from ai_gateway.dialects.reading import Node

__all__ = ["parse_request"]

_ME = DialectName.OPENAI_CHAT
_KNOWN = frozenset(
    {
        "model",
        "messages",
        "stream",
        "stream_options",
        "tools",
        "functions",
        "tool_choice",
        "function_call",
        "parallel_tool_calls",
        "max_tokens",
        "max_completion_tokens",
        "temperature",
        "top_p",
        "top_k",
        "stop",
        "seed",
        "presence_penalty",
        "frequency_penalty",
        "n",
        "logprobs",
        "top_logprobs",
        "reasoning_effort",
        "reasoning",
        "response_format",
        "verbosity",
        "user",
        "safety_identifier",
        "service_tier",
        "prompt_cache_key",
        "metadata",
        "store",
        "modalities",
    }
)
_FUNCTION = frozenset({"name", "description", "parameters", "strict"})
_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "auto": "auto",
    "none": "none",
    "required": "required",
    "any": "required",
}


def parse_request(body: bytes, asked: Asked) -> ChatRequest:
    """Raises: BadRequest, whose `param` names the member."""
    node = Node.of_body(body)
    extra: Extra = dict(node.rest(_KNOWN) or {})
    cap = node.integer("max_completion_tokens")
    older = node.integer("max_tokens")
    options = node.node("stream_options")
    if options is not None and (rest := options.rest(("include_usage",))):
        extra |= {f"stream_options.{name}": raw for name, raw in rest.items()}
    return ChatRequest(
        dialect=_ME,
        model=node.text("model") or asked.model or "",
        messages=parse_messages(node),
        stream=bool(node.boolean("stream")),
        include_usage=bool(options and options.boolean("include_usage")),
        tools=(*_tools(node), *_functions(node)),
        tool_choice=_tool_choice(node, extra),
        parallel_tool_calls=node.boolean("parallel_tool_calls"),
        max_output_tokens=older if cap is None else cap,
        temperature=node.number("temperature"),
        top_p=node.number("top_p"),
        top_k=node.integer("top_k"),
        stop=_stop(node),
        seed=node.integer("seed"),
        presence_penalty=node.number("presence_penalty"),
        frequency_penalty=node.number("frequency_penalty"),
        n=node.integer("n"),
        logprobs=node.boolean("logprobs"),
        top_logprobs=node.integer("top_logprobs"),
        reasoning=_reasoning(node),
        output_format=_output_format(node.node("response_format")),
        verbosity=node.text("verbosity"),
        user=node.text("safety_identifier") or node.text("user"),
        service_tier=node.text("service_tier"),
        cache_key=node.text("prompt_cache_key"),
        metadata=node.text_map("metadata"),
        store=node.boolean("store"),
        modalities=tuple(node.texts("modalities") or ()),
        extra=extra or None,
    )


def _stop(node: Node) -> tuple[str, ...]:
    if node.is_text("stop"):
        return (node.need_text("stop"),)
    return tuple(node.texts("stop") or ())


def _reasoning(node: Node) -> Reasoning | None:
    """OpenAI's effort, or OpenRouter's `reasoning`."""
    effort = node.text("reasoning_effort")
    own = node.node("reasoning")
    if own is None:
        return Reasoning(effort=effort) if effort is not None else None
    off = own.boolean("enabled") is False
    hidden = own.boolean("exclude")
    return Reasoning(
        effort="none" if off else own.text("effort") or effort,
        budget_tokens=own.integer("max_tokens"),
        visible=None if hidden is None else not hidden,
        summary=own.text("summary"),
        adaptive=own.boolean("enabled") is True and own.raw_of("effort", "max_tokens") is None,
    )


def _output_format(node: Node | None) -> OutputFormat | None:
    if node is None:
        return None
    kind = node.need_text("type")
    if kind == "text":
        return OutputFormat(kind="text")
    if kind == "json_object":
        schema = node.node("schema")  # of servers that take one here
        if schema is None:
            return OutputFormat(kind="json_object")
        return OutputFormat(kind="json_schema", schema=msgspec.Raw(bytes(schema.raw)))
    if kind != "json_schema":
        raise node.wrong("type", "'text', 'json_object' or 'json_schema'")
    form = node.need_node("json_schema")
    found = form.node("schema")
    return OutputFormat(
        kind="json_schema",
        schema=msgspec.Raw(b'{"type":"object"}' if found is None else bytes(found.raw)),
        name=form.text("name"),
        description=form.text("description"),
        strict=form.boolean("strict"),
    )


def _tools(node: Node) -> list[Tool | HostedTool]:
    return [_tool(tool) for tool in node.nodes("tools")]


def _tool(node: Node) -> Tool | HostedTool:
    kind = node.text("type") or "function"
    if kind not in ("function", "custom"):
        return HostedTool(dialect=_ME, kind=kind, raw=msgspec.Raw(bytes(node.raw)))
    return _function(node.need_node(kind), node, custom=kind == "custom")


def _functions(node: Node) -> list[Tool]:
    """The older way to offer tools."""
    return [_function(function, function, custom=False) for function in node.nodes("functions")]


def _function(node: Node, around: Node, *, custom: bool) -> Tool:
    schema = node.node("parameters")
    extra = dict(node.rest(_FUNCTION) or {})
    if around is not node:
        extra |= around.rest(("type", "function", "custom", "cache_control")) or {}
    return Tool(
        name=node.need_text("name"),
        description=node.text("description"),
        parameters=None if schema is None else msgspec.Raw(bytes(schema.raw)),
        strict=node.boolean("strict"),
        custom=custom,
        cache=cache_of(around),
        extra=extra or None,
    )


def _tool_choice(node: Node, extra: Extra) -> ToolChoice | None:
    name = "tool_choice" if node.raw_of("tool_choice") is not None else "function_call"
    raw = node.raw_of(name)
    if raw is None:
        return None
    if bytes(raw)[:1] == b'"':
        return ToolChoice(mode=_mode(node, name))
    choice = node.need_node(name)
    if name == "function_call":
        return ToolChoice(mode="required", names=(choice.need_text("name"),))
    kind = choice.need_text("type")
    if kind in ("function", "custom"):
        return ToolChoice(mode="required", names=(choice.need_node(kind).need_text("name"),))
    if kind == "allowed_tools":
        allowed = choice.need_node("allowed_tools")
        names = [row.need_node(row.need_text("type")).need_text("name") for row in allowed.nodes("tools")]
        return ToolChoice(mode=_mode(allowed, "mode"), names=tuple(names))
    extra["tool_choice"] = raw
    return None


def _mode(node: Node, name: str) -> Literal["auto", "none", "required"]:
    mode = _MODES.get(node.need_text(name))
    if mode is None:
        raise node.wrong(name, "'auto', 'none' or 'required'")
    return mode
