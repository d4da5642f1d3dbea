"""Canonical requests, for Gemini.

Sources: Gemini API reference, "Generating content" (`GenerateContentRequest`, `GenerationConfig`); docs,
"Thinking", "Structured outputs", "Function calling".
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from urllib.parse import quote

import msgspec

from ai_gateway.core.chat import (
    ChatRequest,
    DialectName,
    Extra,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Role,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from ai_gateway.core.reasoning import budget_of, effort_of, is_off
from ai_gateway.dialects.gemini.models import gemini
from ai_gateway.dialects.gemini.render_content import Json, PartWriter
from ai_gateway.dialects.gemini.schema import fit_schema
from ai_gateway.dialects.interface import Rendered, Target
from ai_gateway.errors import BadRequest

__all__ = ["render_request"]

_ME = DialectName.GEMINI
_MAX_STOPS = 5
_INT32 = (-(2**31), 2**31 - 1)
"""Of `seed`: the API's type for it. Callers of other dialects may send more."""
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY"}
_RISING = ("minimal", "low", "medium", "high", "xhigh", "max")
_FREE_TEXT: Json = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}
_ANY_JSON = "Answer with one JSON object and nothing else: no words around it, no code fence."
_FIGURES = (
    ("temperature", "temperature"),
    ("top_p", "topP"),
    ("top_k", "topK"),
    ("seed", "seed"),
    ("presence_penalty", "presencePenalty"),
    ("frequency_penalty", "frequencyPenalty"),
    ("logprobs", "responseLogprobs"),
    ("top_logprobs", "logprobs"),
    ("max_output_tokens", "maxOutputTokens"),
)


def render_request(request: ChatRequest, target: Target) -> Rendered:
    """Raises: BadRequest where the request holds what Gemini cannot be told."""
    writer = _Writer(request)
    body = writer.write()
    name = request.model.removeprefix("models/")
    root = "tunedModels/" if name.startswith("tunedModels/") else "models/"
    action = "streamGenerateContent" if request.stream else "generateContent"
    return Rendered(
        body=msgspec.json.encode(body),
        path=f"/{root}{quote(name.removeprefix(root), safe='-_.~')}:{action}",
        query="alt=sse" if request.stream else "",
        dropped=tuple(dict.fromkeys((*writer.dropped, *writer.parts.dropped))),
    )


class _Turn:
    """Neighbours of one role."""

    __slots__ = ("extra", "role", "rows")

    def __init__(self, role: str, rows: list[Json | msgspec.Raw], extra: Extra | None) -> None:
        self.role = role
        self.rows = rows
        self.extra = extra


class _Writer:
    """One request on its way out."""

    def __init__(self, request: ChatRequest) -> None:
        self.request = request
        self.model = gemini(request.model)
        self.own = request.dialect is _ME
        self.parts = PartWriter(request.messages, self.model, own=self.own)
        self.dropped: list[str] = []
        self._orders: list[str] = []
        """For the system instruction: what the API has no member for."""

    def write(self) -> Json:
        body: Json = {}
        config: Json = {}
        self._write_tools(body)
        self._write_format(config)
        self._write_figures(config)
        self._write_thinking(config)
        self._write_contents(body)
        if config:
            body["generationConfig"] = config
        self._write_rest(body)
        return body

    def _write_contents(self, body: Json) -> None:
        system: list[Json | msgspec.Raw] = []
        turns: list[_Turn] = []
        messages = self.request.messages if self.own else tuple(_answered_in_order(self.request.messages))
        for index, message in enumerate(messages):
            rows = self.parts.of(message, f"contents[{index}]")
            if message.name is not None:
                self.dropped.append("messages.name")
            if message.role in (Role.SYSTEM, Role.DEVELOPER):
                system += rows
                continue
            role = "model" if message.role is Role.ASSISTANT else "user"
            if turns and turns[-1].role == role and not self.own:
                turns[-1].rows += rows
            elif rows or self.own:
                turns.append(_Turn(role, rows, message.extra if self.own else None))
            if message.extra and not self.own:
                self.dropped += [f"messages.{name}" for name in message.extra]
        if not turns:
            raise BadRequest("there must be a message beside the system instructions", param="messages")
        system += [{"text": order} for order in self._orders]
        if system:
            body["systemInstruction"] = {"parts": system}
        body["contents"] = [
            {"role": turn.role, "parts": self._ordered(turn), **(turn.extra or {})} for turn in turns
        ]

    def _ordered(self, turn: _Turn) -> list[Json | msgspec.Raw]:
        """The parts of a turn: all responses stand first, and its calls are signed."""
        if not self.own:
            turn.rows.sort(key=_responses_first)
            if turn.role == "model":
                self.parts.sign(turn.rows)
        return turn.rows

    # Tools.

    def _write_tools(self, body: Json) -> None:
        functions: list[Json] = []
        tools: list[Json | msgspec.Raw] = []
        for tool in self.request.tools:
            if isinstance(tool, Tool):
                if not functions:
                    tools.append({"functionDeclarations": functions})
                functions.append(self._function(tool))
            elif tool.dialect is _ME:
                tools.append(tool.raw)
            else:
                self.dropped.append(f"tools.{tool.kind}")
        if tools:
            body["tools"] = tools
        choice = self.request.tool_choice
        if choice is not None and (functions or self.own):
            body["toolConfig"] = {"functionCallingConfig": self._calling(choice)}
        if self.request.parallel_tool_calls is False:
            self.dropped.append("parallel_tool_calls")

    def _calling(self, choice: ToolChoice) -> Json:
        calling: Json = {"mode": _MODES[choice.mode]}
        if choice.extra and self.own:
            calling |= choice.extra
        if choice.names and (self.own or choice.mode != "none"):
            # Names are taken with ANY and VALIDATED only; the latter lets the model answer in words, too.
            if choice.mode == "auto" and not self.own:
                calling["mode"] = "VALIDATED"
            calling["allowedFunctionNames"] = list(choice.names)
        return calling

    def _function(self, tool: Tool) -> Json:
        row: Json = {"name": tool.name}
        if tool.description is not None:
            row["description"] = tool.description
        if tool.custom:
            row["parametersJsonSchema"] = _FREE_TEXT
        elif tool.parameters is not None and self.own and not tool.ours:
            row["parametersJsonSchema"] = tool.parameters
        elif tool.parameters is not None and not _takes_nothing(tool.parameters):
            row["parametersJsonSchema"], names = fit_schema(tool.parameters, "tools.parameters")
            self.dropped += names
        if tool.cache is not None:
            self.dropped.append("tools.cache")
        if tool.strict:
            self.dropped.append("tools.strict")
        if tool.extra and self.own:
            row |= tool.extra
        elif tool.extra:
            self.dropped += [f"tools.{name}" for name in tool.extra]
        return row

    # The answer's form.

    def _write_format(self, config: Json) -> None:
        form = self.request.output_format
        if self.request.modalities and set(self.request.modalities) != {"text"}:
            config["responseModalities"] = [kind.upper() for kind in self.request.modalities]
        elif self.request.modalities and self.own:
            config["responseModalities"] = ["TEXT"]
        if form is None:
            return
        if form.kind == "text":
            if self.own:
                config["responseMimeType"] = "text/plain"
            return
        functions = any(isinstance(tool, Tool) for tool in self.request.tools)
        if functions and not self.model.json_with_tools and not self.own:
            self._orders.append(_in_words(form))
            self.dropped.append("output_format")
            return
        config["responseMimeType"] = "application/json"
        if form.schema is not None and self.own:
            config["responseJsonSchema"] = form.schema
        elif form.schema is not None:
            config["responseJsonSchema"], names = fit_schema(form.schema, "output_format.schema")
            self.dropped += names

    def _write_figures(self, config: Json) -> None:
        request = self.request
        for name, spelled in _FIGURES:
            value = getattr(request, name)
            if name == "seed" and value is not None and not _INT32[0] <= value <= _INT32[1]:
                self.dropped.append("seed")
            elif value is not None and not (value is False and not self.own):
                config[spelled] = value
        if request.n is not None and (request.n > 1 or self.own):
            config["candidateCount"] = request.n
        if len(request.stop) > _MAX_STOPS and not self.own:
            raise BadRequest(f"Gemini takes at most {_MAX_STOPS} stop sequences", param="stop")
        if request.stop:
            config["stopSequences"] = list(request.stop)

    # Thinking.

    def _write_thinking(self, config: Json) -> None:
        reasoning = self.request.reasoning
        if reasoning is None:
            return
        if self.own:
            config["thinkingConfig"] = _as_asked(reasoning)
            return
        thinking: Json = {}
        if not self.model.levels and self.model.budgets is None:
            self.dropped += [] if is_off(reasoning) else ["reasoning"]
            return
        if self.model.levels:
            self._write_level(thinking)
        else:
            self._write_budget(thinking)
        if not is_off(reasoning) and reasoning.visible is not False:
            thinking["includeThoughts"] = True
        if thinking:
            config["thinkingConfig"] = thinking

    def _write_level(self, thinking: Json) -> None:
        reasoning = self.request.reasoning
        assert reasoning is not None
        effort = effort_of(reasoning)
        if effort is None:
            return
        levels = self.model.levels
        wanted = "minimal" if effort == "none" else effort
        if wanted not in _RISING:
            wanted = "high"
        below = [level for level in levels if _RISING.index(level) <= _RISING.index(wanted)]
        thinking["thinkingLevel"] = fitted = below[-1] if below else levels[0]
        if reasoning.effort is not None and fitted != reasoning.effort:
            self.dropped.append("reasoning")

    def _write_budget(self, thinking: Json) -> None:
        reasoning = self.request.reasoning
        assert reasoning is not None
        assert self.model.budgets is not None
        wanted = budget_of(reasoning)
        if wanted is None:
            if reasoning.adaptive:
                thinking["thinkingBudget"] = -1
            return
        least, most = self.model.budgets
        if wanted <= 0 and self.model.can_be_off:
            thinking["thinkingBudget"] = 0
            return
        thinking["thinkingBudget"] = fitted = min(max(wanted, least), most)
        if fitted != wanted and (reasoning.budget_tokens is not None or wanted <= 0):
            self.dropped.append("reasoning")

    # What is left.

    def _write_rest(self, body: Json) -> None:
        request = self.request
        absent = {
            "verbosity": request.verbosity is not None,
            "user": request.user is not None,
            "service_tier": request.service_tier not in (None, "auto"),
            "cache_key": request.cache_key is not None,
            "cache": request.cache is not None,
            "metadata": bool(request.metadata),
            "store": bool(request.store),
        }
        self.dropped += [name for name, there in absent.items() if there]
        for name, raw in (request.extra or {}).items():
            if not self.own:
                self.dropped.append(name)
                continue
            outer, _, inner = name.partition(".")
            if inner:
                group = body.setdefault(outer, {})
                assert isinstance(group, dict)
                group[inner] = raw
            else:
                body[name] = raw


def _as_asked(reasoning: Reasoning) -> Json:
    thinking: Json = {}
    if reasoning.visible is not None:
        thinking["includeThoughts"] = reasoning.visible
    if reasoning.adaptive:
        thinking["thinkingBudget"] = -1
    elif reasoning.budget_tokens is not None:
        thinking["thinkingBudget"] = reasoning.budget_tokens
    if reasoning.effort is not None:
        thinking["thinkingLevel"] = reasoning.effort
    return thinking | (reasoning.extra or {})


def _answered_in_order(messages: tuple[Message, ...]) -> Iterator[Message]:
    """Results in the order of their calls: where ids are not sent, or not looked at, it alone pairs them.

    Only within a message, and within neighbours that hold nothing else (Chat Completions' `tool` messages).
    """
    places: dict[str, int] = {}
    counted = 0
    run: list[Message] = []
    for message in messages:
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        if results and len(results) == len(message.parts):
            run.append(message)
            continue
        yield from _in_order(run, places)
        run = []
        for part in message.parts:
            if isinstance(part, ToolCall):
                places[part.id] = counted  # an id may come again in a later turn
                counted += 1
        yield from _in_order([message], places) if results else [message]
    yield from _in_order(run, places)


def _in_order(run: list[Message], places: dict[str, int]) -> list[Message]:
    """The messages with their results sorted: those without a call last, as they came."""
    results = [part for message in run for part in message.parts if isinstance(part, ToolResult)]
    results.sort(key=lambda part: places.get(part.call_id, sys.maxsize))
    waiting = iter(results)
    return [msgspec.structs.replace(message, parts=tuple(_filled(message.parts, waiting))) for message in run]


def _filled(parts: tuple[Part, ...], results: Iterator[ToolResult]) -> Iterator[Part]:
    for part in parts:
        yield next(results) if isinstance(part, ToolResult) else part


def _responses_first(row: Json | msgspec.Raw) -> bool:
    return not (isinstance(row, dict) and "functionResponse" in row)


def _takes_nothing(schema: msgspec.Raw) -> bool:
    """Gemini refuses an object schema without properties: such a function has no parameters."""
    try:
        found = msgspec.json.decode(schema, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return bytes(found.get("properties", b"{}")).strip() in (b"{}", b"null") and not (
        {"anyOf", "oneOf", "allOf", "$ref", "additionalProperties"} & found.keys()
    )


def _in_words(form: OutputFormat) -> str:
    if form.schema is None:
        return _ANY_JSON
    return f"{_ANY_JSON} It must fit this JSON schema:\n{bytes(form.schema).decode()}"
