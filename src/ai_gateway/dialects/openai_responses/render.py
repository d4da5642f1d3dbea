"""Canonical requests, for the Responses API.

Sources: OpenAI API reference, "Create a model response"; docs, "Reasoning models", "Function calling"
(functions are strict unless they say otherwise).
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import ChatRequest, DialectName, OutputFormat, Role, Text, ToolChoice
from ai_gateway.core.reasoning import effort_of
from ai_gateway.dialects.interface import Rendered, Target
from ai_gateway.dialects.openai_models import is_reasoning_model
from ai_gateway.dialects.openai_responses.render_items import ItemWriter, Json
from ai_gateway.dialects.openai_responses.tools import tool_rows
from ai_gateway.errors import BadRequest

__all__ = ["render_request"]

_ME = DialectName.OPENAI_RESPONSES
_LEAST_OUTPUT = 16
_JSON_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fence."
_ENCRYPTED = "reasoning.encrypted_content"
_LOGPROBS = "message.output_text.logprobs"


def render_request(request: ChatRequest, target: Target) -> Rendered:
    """Raises: BadRequest where the request holds what the Responses API cannot be told."""
    writer = _Writer(request, target)
    body = writer.write()
    return Rendered(
        body=msgspec.json.encode(body),
        path="/responses",
        dropped=tuple(dict.fromkeys((*writer.dropped, *writer.items.dropped))),
    )


class _Writer:
    """One request on its way out."""

    def __init__(self, request: ChatRequest, target: Target) -> None:
        self.request = request
        self.target = target
        self.own = request.dialect is _ME
        self.reasons = is_reasoning_model(request.model)
        self.items = ItemWriter(request, own=self.own)
        self.dropped: list[str] = []

    def write(self) -> Json:
        request = self.request
        if (request.n or 1) > 1:
            raise BadRequest("the Responses API gives one answer at a time", param="n")
        if request.stop:
            raise BadRequest("the Responses API has no stop sequences", param="stop")
        if set(request.modalities) - {"text"}:
            raise BadRequest("the Responses API answers in text only", param="modalities")
        body: Json = {"model": request.model}
        self._write_input(body)
        self._write_tools(body)
        self._write_text(body)
        self._write_reasoning(body)
        self._write_figures(body)
        self._write_rest(body)
        if request.stream:
            body["stream"] = True
        return body

    def _write_input(self, body: Json) -> None:
        messages = self.request.messages
        leading = 0
        for message in messages:
            plain = message.role in (Role.SYSTEM, Role.DEVELOPER) and all(
                isinstance(part, Text) for part in message.parts
            )
            if not plain or (self.own and (leading == 1 or message.role is Role.DEVELOPER)):
                break
            leading += 1
        words = [
            part.text for message in messages[:leading] for part in message.parts if isinstance(part, Text)
        ]
        form = self.request.output_format
        if form is not None and form.kind == "json_object" and not self.own:
            words.append(_JSON_ONLY)  # OpenAI refuses JSON mode where nothing speaks of JSON
        if words:
            body["instructions"] = "\n\n".join(words)
        for message in messages[:leading]:
            self.items.note(message)
        body["input"] = self.items.of(messages[leading:], leading)

    def _write_tools(self, body: Json) -> None:
        rows, dropped = tool_rows(self.request, own=self.own)
        self.dropped += dropped
        if rows:
            body["tools"] = rows
        choice = self.request.tool_choice
        if choice is not None and (rows or self.own):
            body["tool_choice"] = self._choice(choice)
        if self.request.parallel_tool_calls is not None and (rows or self.own):
            body["parallel_tool_calls"] = self.request.parallel_tool_calls

    def _choice(self, choice: ToolChoice) -> str | Json:
        if not choice.names:
            return choice.mode
        rows = [self.items.reference(name) for name in choice.names]
        if choice.mode == "required" and len(rows) == 1:
            return rows[0]
        return {"type": "allowed_tools", "mode": choice.mode, "tools": rows}

    def _write_text(self, body: Json) -> None:
        text: Json = {}
        form = self.request.output_format
        if form is not None:
            text["format"] = _format(form)
        if self.request.verbosity is not None:
            text["verbosity"] = self.request.verbosity
        if text:
            body["text"] = text

    def _write_reasoning(self, body: Json) -> None:
        self._write_include(body)
        reasoning = self.request.reasoning
        if reasoning is None:
            return
        if not self.reasons and not self.own and self.target.provider.encrypted_reasoning:
            self.dropped.append("reasoning")
            return
        row: Json = {}
        effort = reasoning.effort if self.own else effort_of(reasoning)
        if effort is not None:
            row["effort"] = "xhigh" if effort == "max" and not self.own else effort
        if reasoning.summary is not None:
            row["summary"] = reasoning.summary
        elif not self.own and reasoning.visible is not False and effort != "none":
            row["summary"] = "auto"
        if reasoning.extra and self.own:
            row |= reasoning.extra
        if row:
            body["reasoning"] = row

    def _write_include(self, body: Json) -> None:
        include: list[str] = []
        if self.target.provider.encrypted_reasoning and (self.reasons or self.own):
            include.append(_ENCRYPTED)
        if self.request.logprobs:
            if self.reasons and not self.own:
                self.dropped.append("logprobs")
            else:
                include.append(_LOGPROBS)
        if include:
            body["include"] = include

    def _write_figures(self, body: Json) -> None:
        request = self.request
        cap = request.max_output_tokens
        if cap is not None:
            body["max_output_tokens"] = cap if self.own else max(cap, _LEAST_OUTPUT)
            self.dropped += [] if self.own or cap >= _LEAST_OUTPUT else ["max_output_tokens"]
        for name in ("temperature", "top_p", "top_logprobs"):
            value = getattr(request, name)
            if value is None:
                continue
            if self.reasons and not self.own:
                self.dropped += [] if value == 1 else [name]
            else:
                body[name] = value

    def _write_rest(self, body: Json) -> None:
        request = self.request
        kept = {
            "safety_identifier": request.user,
            "prompt_cache_key": request.cache_key,
            "service_tier": request.service_tier,
            "metadata": request.metadata,
            "store": request.store if self.own else bool(request.store),
        }
        body |= {name: value for name, value in kept.items() if value is not None}
        absent = {
            "top_k": request.top_k is not None,
            "seed": request.seed is not None,
            "presence_penalty": bool(request.presence_penalty),
            "frequency_penalty": bool(request.frequency_penalty),
            "cache": request.cache is not None,
        }
        self.dropped += [name for name, there in absent.items() if there]
        for name, raw in (request.extra or {}).items():
            if not self.own:
                self.dropped.append(name)
            elif name == "include":
                include = body.setdefault("include", [])
                assert isinstance(include, list)
                include += msgspec.json.decode(raw, type=list[str])
            elif name.startswith("text."):
                text = body.setdefault("text", {})
                assert isinstance(text, dict)
                text[name.removeprefix("text.")] = raw
            elif not name.startswith("tools."):
                body[name] = raw


def _format(form: OutputFormat) -> Json:
    if form.kind != "json_schema":
        return {"type": form.kind}
    row: Json = {"type": "json_schema", "name": form.name or "answer", "schema": form.schema}
    if form.description is not None:
        row["description"] = form.description
    if form.strict is not None:
        row["strict"] = form.strict
    return row
