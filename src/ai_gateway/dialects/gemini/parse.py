"""Requests of Gemini's callers, into canonical ones.

Sources: Gemini API reference, "Generating content", "Caching" (`Content`, `Part`, `Tool`, `ToolConfig`);
docs, "Thinking", "Structured outputs". The API takes every member in camelCase and in snake_case.

The same request comes out again when it is rendered for Gemini, but for: snake_case, null, empty objects,
and lone objects where lists are meant; the role of the system instruction, which has no meaning; `thought:
false`; thinking levels, which come out in lower case; Base64, which comes out in its standard alphabet;
`parameters` and `responseSchema`, which come out as JSON Schema; functions and hosted tools of one `tools`
element, which come out in several; a function's response of `{"output": TEXT}`, which comes out as
`{"result": TEXT}`.
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
from ai_gateway.dialects.gemini.parse_content import ContentReader
from ai_gateway.dialects.gemini.schema import from_gemini
from ai_gateway.dialects.interface import Asked
from ai_gateway.dialects.reading import Node
from ai_gateway.errors import BadRequest

__all__ = ["check_foreign", "parse_request"]

_ME = DialectName.GEMINI
_KNOWN = frozenset(
    {
        "model",
        "contents",
        "systemInstruction",
        "system_instruction",
        "tools",
        "toolConfig",
        "tool_config",
        "generationConfig",
        "generation_config",
    }
)
_CONFIG = frozenset(
    {
        "temperature",
        "topP",
        "top_p",
        "topK",
        "top_k",
        "maxOutputTokens",
        "max_output_tokens",
        "stopSequences",
        "stop_sequences",
        "candidateCount",
        "candidate_count",
        "seed",
        "presencePenalty",
        "presence_penalty",
        "frequencyPenalty",
        "frequency_penalty",
        "responseLogprobs",
        "response_logprobs",
        "logprobs",
        "responseModalities",
        "response_modalities",
        "thinkingConfig",
        "thinking_config",
    }
)
_FORMAT = (
    ("responseMimeType", "response_mime_type"),
    ("responseSchema", "response_schema"),
    ("responseJsonSchema", "response_json_schema", "_responseJsonSchema"),
)
_ALLOWED = ("allowedFunctionNames", "allowed_function_names")
_THINKING = frozenset(
    {
        "thinkingBudget",
        "thinking_budget",
        "thinkingLevel",
        "thinking_level",
        "includeThoughts",
        "include_thoughts",
    }
)
_FUNCTION = frozenset({"name", "description", "parameters", "parametersJsonSchema", "parameters_json_schema"})
_MODES: dict[str, Literal["auto", "none", "required"]] = {
    "AUTO": "auto",
    "MODE_UNSPECIFIED": "auto",
    "VALIDATED": "auto",
    "ANY": "required",
    "NONE": "none",
}


def parse_request(body: bytes, asked: Asked) -> ChatRequest:
    """Model and streaming are in the path (`asked`).

    Raises: BadRequest, whose `param` names the member.
    """
    node = Node.of_body(body)
    config = node.node("generationConfig", "generation_config") or Node({}, "generationConfig", b"{}")
    extra: Extra = dict(node.rest(_KNOWN) or {})
    output_format = _output_format(config, extra)
    known = _CONFIG | {name for names in _FORMAT for name in names}
    extra |= {f"generationConfig.{name}": raw for name, raw in (config.rest(known) or {}).items()}
    reader = ContentReader()
    return ChatRequest(
        dialect=_ME,
        model=asked.model or (node.text("model") or "").removeprefix("models/"),
        messages=(*_system(node), *_contents(node, reader)),
        stream=bool(asked.stream),
        tools=tuple(_tools(node)),
        tool_choice=_tool_choice(node.node("toolConfig", "tool_config"), extra),
        max_output_tokens=config.integer("maxOutputTokens", "max_output_tokens"),
        temperature=config.number("temperature"),
        top_p=config.number("topP", "top_p"),
        top_k=_whole(config.number("topK", "top_k")),
        stop=tuple(config.texts("stopSequences", "stop_sequences") or ()),
        seed=config.integer("seed"),
        presence_penalty=config.number("presencePenalty", "presence_penalty"),
        frequency_penalty=config.number("frequencyPenalty", "frequency_penalty"),
        n=config.integer("candidateCount", "candidate_count"),
        logprobs=config.boolean("responseLogprobs", "response_logprobs"),
        top_logprobs=config.integer("logprobs"),
        reasoning=_reasoning(config.node("thinkingConfig", "thinking_config")),
        output_format=output_format,
        modalities=tuple(
            kind.lower() for kind in config.texts("responseModalities", "response_modalities") or ()
        ),
        extra=extra or None,
    )


def check_foreign(request: ChatRequest) -> None:
    """Raises: BadRequest where the request leans on what only Google keeps."""
    if request.extra and ("cachedContent" in request.extra or "cached_content" in request.extra):
        raise BadRequest(
            "the cached content is kept by Google, and this client's provider is another: send it again",
            param="cachedContent",
        )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


def _system(node: Node) -> tuple[Message, ...]:
    raw = node.raw_of("systemInstruction", "system_instruction")
    if raw is None:
        return ()
    if bytes(raw)[:1] == b'"':
        text = node.need_text("systemInstruction", "system_instruction")
        parts = ContentReader().text_parts(text)
    else:
        content = Node.of(raw, node.at("systemInstruction"))
        parts = ContentReader().parts(content)
    return (Message(role=Role.SYSTEM, parts=parts),) if parts else ()


def _contents(node: Node, reader: ContentReader) -> list[Message]:
    raw = node.raw_of("contents")
    if raw is None:
        raise node.missing("contents")
    if bytes(raw)[:1] == b'"':
        return [Message(role=Role.USER, parts=reader.text_parts(node.need_text("contents")))]
    rows = [Node.of(raw, "contents")] if bytes(raw)[:1] == b"{" else node.nodes("contents")
    if not rows:
        raise node.wrong("contents", "a list of at least one content")
    return [reader.message(row) for row in rows]


def _tools(node: Node) -> list[Tool | HostedTool]:
    found: list[Tool | HostedTool] = []
    for tool in node.nodes("tools"):
        for name in tool.members:
            if name in ("functionDeclarations", "function_declarations"):
                found += [_function(row) for row in tool.nodes(name)]
            elif tool.raw_of(name) is not None:
                raw = msgspec.Raw(msgspec.json.encode({name: tool.members[name]}))
                found.append(HostedTool(dialect=_ME, kind=name, raw=raw))
    return found


def _function(node: Node) -> Tool:
    own = node.raw_of("parameters")
    schema = node.raw_of("parametersJsonSchema", "parameters_json_schema")
    if schema is None and own is not None:
        schema = from_gemini(own, node.at("parameters"))
    if schema is not None and bytes(schema)[:1] != b"{":
        raise node.wrong("parametersJsonSchema", "a JSON schema: an object")
    return Tool(
        name=node.need_text("name"),
        description=node.text("description"),
        parameters=schema,
        extra=node.rest(_FUNCTION),
    )


def _tool_choice(node: Node | None, extra: Extra) -> ToolChoice | None:
    if node is None:
        return None
    names = ("functionCallingConfig", "function_calling_config")
    extra |= {f"toolConfig.{name}": raw for name, raw in (node.rest(names) or {}).items()}
    calling = node.node(*names)
    if calling is None:
        return None
    kept: Extra = dict(calling.rest(("mode", *_ALLOWED)) or {})
    word = (calling.text("mode") or "AUTO").upper()
    mode = _MODES.get(word)
    if mode is None:
        raise calling.wrong("mode", "'AUTO', 'ANY', 'NONE' or 'VALIDATED'")
    if word == "VALIDATED":  # calls that keep to their schemas: what other providers do by themselves
        kept["mode"] = msgspec.Raw(b'"VALIDATED"')
    return ToolChoice(mode=mode, names=tuple(calling.texts(*_ALLOWED) or ()), extra=kept or None)


def _output_format(config: Node, extra: Extra) -> OutputFormat | None:
    mime, own, schema = (config.raw_of(*names) for names in _FORMAT)
    kind = config.text(*_FORMAT[0])
    if kind == "text/x.enum":
        extra["generationConfig.responseMimeType"] = msgspec.Raw(bytes(mime or b'""'))
        if own is not None:
            extra["generationConfig.responseSchema"] = own
        return None
    if schema is None and own is not None:
        schema = from_gemini(own, config.at("responseSchema"))
    if schema is not None:
        if bytes(schema)[:1] != b"{":
            raise config.wrong("responseJsonSchema", "a JSON schema: an object")
        return OutputFormat(kind="json_schema", schema=schema)
    if kind == "application/json":
        return OutputFormat(kind="json_object")
    return OutputFormat(kind="text") if kind == "text/plain" else None


def _reasoning(node: Node | None) -> Reasoning | None:
    if node is None:
        return None
    budget = node.integer("thinkingBudget", "thinking_budget")
    level = node.text("thinkingLevel", "thinking_level")
    return Reasoning(
        effort=level.lower() if level and level != "THINKING_LEVEL_UNSPECIFIED" else None,
        budget_tokens=budget if budget is not None and budget >= 0 else None,
        adaptive=budget is not None and budget < 0,
        visible=node.boolean("includeThoughts", "include_thoughts"),
        extra=node.rest(_THINKING),
    )
