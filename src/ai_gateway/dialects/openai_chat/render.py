"""Canonical requests, for providers of Chat Completions. What they differ in is in their rows
(`providers.py`).

Sources: OpenAI API reference, "Create chat completion"; docs, "Reasoning models"; the references that the
rows name.
"""

from __future__ import annotations

from operator import attrgetter

import msgspec

from ai_gateway.core.chat import (
    ChatRequest,
    DialectName,
    HostedTool,
    OutputFormat,
    Reasoning,
    Tool,
    ToolChoice,
)
from ai_gateway.core.reasoning import effort_of, is_off
from ai_gateway.dialects.interface import Rendered, Target
from ai_gateway.dialects.openai_chat.render_messages import Json, MessageWriter
from ai_gateway.dialects.openai_models import is_reasoning_model

__all__ = ["render_request"]

_ME = DialectName.OPENAI_CHAT
_FREE_TEXT: Json = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
_JSON_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fence."
_NOT_WHEN_REASONING = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs"}
)
_FIGURES = (
    "temperature",
    "top_p",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
    "n",
    "verbosity",
    "service_tier",
    "metadata",
    "store",
)
_figures = attrgetter(*_FIGURES)
_NO_FIGURES = (None,) * len(_FIGURES)
_KNOWN_EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh")


def render_request(request: ChatRequest, target: Target) -> Rendered:
    """Raises: BadRequest where the request holds what the provider cannot be told."""
    writer = _Writer(request, target)
    body = writer.write()
    asks = request.stream and target.provider.asks_for_usage
    return Rendered(
        body=msgspec.json.encode(body),
        path="/chat/completions",
        usage_asked=asks and not request.include_usage,
        dropped=tuple(dict.fromkeys((*writer.dropped, *writer.messages.dropped))),
    )


class _Writer:
    """One request on its way out."""

    def __init__(self, request: ChatRequest, target: Target) -> None:
        self.request = request
        self.provider = target.provider
        self.own = request.dialect is _ME
        self.dropped: list[str] = []
        self.messages = MessageWriter(request, target.provider, own=self.own)

    def write(self) -> Json:
        request = self.request
        body: Json = {"model": request.model}
        orders = self._format(body)
        body["messages"] = self.messages.write(orders)
        self._write_tools(body)
        self._write_figures(body)
        self._write_reasoning(body)
        self._write_rest(body)
        if request.stream:
            body["stream"] = True
            if self.provider.asks_for_usage:
                body["stream_options"] = {"include_usage": True}
        for name in self.provider.rejects & body.keys():
            del body[name]
            if name != "stream_options":
                self.dropped.append(name)
        return body

    def _format(self, body: Json) -> str:
        """The form of the answer; what must be said in words where the provider has no member for it."""
        form = self.request.output_format
        if form is None or (form.kind == "text" and not self.own):
            return ""
        if form.kind == "json_schema" and not self.provider.json_schema:
            body["response_format"] = {"type": "json_object"}
            self.dropped.append("output_format.schema")
            schema = b"" if form.schema is None else bytes(form.schema)
            return f"{_JSON_ONLY} It must fit this JSON schema:\n{schema.decode()}"
        body["response_format"] = _format(form)
        if form.kind == "json_object" and not self.own:
            return _JSON_ONLY  # OpenAI refuses JSON mode where no message speaks of JSON
        return ""

    # Tools.

    def _write_tools(self, body: Json) -> None:
        tools: list[Json | msgspec.Raw] = []
        for tool in self.request.tools:
            if isinstance(tool, HostedTool):
                if tool.dialect is _ME:
                    tools.append(tool.raw)
                else:
                    self.dropped.append(f"tools.{tool.kind}")
            else:
                tools.append(self._tool(tool))
        if tools:
            body["tools"] = tools
        choice = self.request.tool_choice
        if choice is not None and (tools or self.own):
            body["tool_choice"] = self._choice(choice)
        if self.request.parallel_tool_calls is not None and (tools or self.own):
            body["parallel_tool_calls"] = self.request.parallel_tool_calls

    def _tool(self, tool: Tool) -> Json:
        function: Json = {"name": tool.name}
        if tool.description is not None:
            function["description"] = tool.description
        own_custom = tool.custom and self.provider.custom_tools
        if tool.custom and not own_custom:
            function["parameters"] = _FREE_TEXT
        elif tool.parameters is not None:
            function["parameters"] = tool.parameters
        elif not self.own:
            function["parameters"] = {"type": "object", "properties": {}}
        if tool.strict is not None and not tool.custom:
            function["strict"] = tool.strict
        row: Json = {"type": "custom" if own_custom else "function"}
        row["custom" if own_custom else "function"] = function
        if tool.cache is not None:
            self.messages.mark(row, tool.cache, "tools.cache")
        if tool.extra and (self.own or own_custom):
            function |= tool.extra
        elif tool.extra:
            self.dropped += [f"tools.{name}" for name in tool.extra]
        return row

    def _choice(self, choice: ToolChoice) -> str | Json:
        if not choice.names:
            return self.provider.required_choice if choice.mode == "required" else choice.mode
        rows: list[Json] = [{"type": "function", "function": {"name": name}} for name in choice.names]
        if choice.mode == "required" and len(rows) == 1:
            return rows[0]
        if not self.provider.custom_tools:
            self.dropped.append("tool_choice")  # only OpenAI can choose among several
            return self.provider.required_choice if choice.mode == "required" else choice.mode
        return {"type": "allowed_tools", "allowed_tools": {"mode": choice.mode, "tools": rows}}

    # Figures.

    def _write_figures(self, body: Json) -> None:
        request = self.request
        refuses = self.provider.openai_models and is_reasoning_model(request.model) and not self.own
        values = _figures(request)
        for name, value in zip(_FIGURES, values, strict=True) if values != _NO_FIGURES else ():
            if value is None or (not self.own and value is False):
                continue
            if refuses and name in _NOT_WHEN_REASONING:
                if value not in (0, 1):
                    self.dropped.append(name)
            else:
                body[name] = value
        if request.max_output_tokens is not None:
            body[self.provider.output_cap] = request.max_output_tokens
        if request.stop:
            body["stop"] = list(request.stop)
        if request.seed is not None:
            body[self.provider.seed] = request.seed
        if request.top_k is not None:
            if self.provider.top_k or self.own:
                body["top_k"] = request.top_k
            else:
                self.dropped.append("top_k")

    def _write_reasoning(self, body: Json) -> None:
        reasoning = self.request.reasoning
        if reasoning is None:
            return
        match self.provider.reasoning:
            case "effort":
                self._write_effort(reasoning, body)
            case "openrouter":
                body["reasoning"] = _openrouter(reasoning)
            case "thinking":
                body["thinking"] = {"type": "disabled" if is_off(reasoning) else "enabled"}
            case _:
                self.dropped += [] if is_off(reasoning) else ["reasoning"]

    def _write_effort(self, reasoning: Reasoning, body: Json) -> None:
        if self.provider.openai_models and not is_reasoning_model(self.request.model) and not self.own:
            self.dropped += [] if is_off(reasoning) else ["reasoning"]
            return
        effort = effort_of(reasoning)
        if effort is None:
            return
        if effort not in _KNOWN_EFFORTS and not self.own:
            self.dropped.append("reasoning")
            effort = "xhigh" if effort == "max" and self.provider.openai_models else "high"
        body["reasoning_effort"] = effort

    def _write_rest(self, body: Json) -> None:
        request = self.request
        if request.user is not None:
            body["safety_identifier" if self.provider.openai_models else "user"] = request.user
        if request.cache_key is not None:
            if self.provider.openai_models or self.own:
                body["prompt_cache_key"] = request.cache_key
            else:
                self.dropped.append("cache_key")
        if request.cache is not None:
            self.dropped.append("cache")
        if request.modalities and (self.own or set(request.modalities) != {"text"}):
            body["modalities"] = list(request.modalities)
        for name, raw in (request.extra or {}).items():
            if not self.own:
                self.dropped.append(name)
            elif not name.startswith("stream_options."):
                body[name] = raw


def _format(form: OutputFormat) -> Json:
    if form.kind != "json_schema":
        return {"type": form.kind}
    row: Json = {"name": form.name or "answer"}
    if form.description is not None:
        row["description"] = form.description
    row["schema"] = form.schema
    if form.strict is not None:
        row["strict"] = form.strict
    return {"type": "json_schema", "json_schema": row}


def _openrouter(reasoning: Reasoning) -> Json:
    if is_off(reasoning):
        return {"enabled": False}
    row: Json = {}
    if reasoning.budget_tokens is not None:
        row["max_tokens"] = reasoning.budget_tokens
    elif reasoning.effort is not None:
        row["effort"] = reasoning.effort
    else:
        row["enabled"] = True
    if reasoning.visible is False:
        row["exclude"] = True
    return row
