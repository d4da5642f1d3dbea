"""Canonical requests, for Anthropic.

Sources: Anthropic API reference, "Create a Message"; docs, "Prompt caching" (four breakpoints), "Extended
thinking", "Adaptive thinking", "Tool use".
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import ChatRequest, DialectName, HostedTool, Message, Role, Tool
from ai_gateway.dialects.anthropic.format_tool import FORMAT_TOOL
from ai_gateway.dialects.anthropic.models import claude
from ai_gateway.dialects.anthropic.render_content import Blocks, Json
from ai_gateway.dialects.anthropic.render_thinking import think
from ai_gateway.dialects.anthropic.schema import fit_schema
from ai_gateway.dialects.interface import Rendered, Target
from ai_gateway.errors import BadRequest

__all__ = ["render_request"]

_ME = DialectName.ANTHROPIC
_MAX_BREAKPOINTS = 4
_FILES_BETA = ("anthropic-beta", "files-api-2025-04-14")
_JSON_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fence."
_TIERS = {"auto": "auto", "default": "standard_only", "standard_only": "standard_only"}
_MODES = {"auto": "auto", "none": "none", "required": "any"}
_FREE_TEXT: Json = {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]}


def render_request(request: ChatRequest, target: Target) -> Rendered:
    """Raises: BadRequest where the request holds what Claude cannot be told."""
    writer = _Writer(request, target)
    body = writer.write()
    return Rendered(
        body=msgspec.json.encode(body),
        path="/messages",
        headers=(_FILES_BETA,) if writer.blocks.files else (),
        dropped=tuple(dict.fromkeys((*writer.dropped, *writer.blocks.dropped))),
    )


class _Writer:
    """One request on its way out."""

    def __init__(self, request: ChatRequest, target: Target) -> None:
        self.request = request
        self.target = target
        self.model = claude(request.model)
        self.own = request.dialect is _ME
        self.blocks = Blocks(own=self.own)
        self.dropped: list[str] = []

    def write(self) -> Json:
        request = self.request
        if (request.n or 1) > 1:
            raise BadRequest("Anthropic gives one answer at a time", param="n")
        if set(request.modalities) - {"text"}:
            raise BadRequest("Anthropic's models answer in text only", param="modalities")
        body: Json = {"model": request.model, "max_tokens": self._max_tokens()}
        self._write_messages(body)
        self._write_tools(body)
        self._write_format(body)
        self.dropped += think(request, self.model, body)
        self._write_sampling(body)
        self._write_rest(body)
        if request.stream:
            body["stream"] = True
        if not self.own:
            self._limit_breakpoints(body)
        return body

    def _max_tokens(self) -> int:
        own = self.request.max_output_tokens
        if own is None:
            return self.target.default_max_tokens or min(self.model.max_output, 32_000)
        if own > self.model.max_output and not self.own:
            self.dropped.append("max_output_tokens")
            return self.model.max_output
        return own

    # Messages.

    def _write_messages(self, body: Json) -> None:
        system: list[Json | msgspec.Raw] = []
        messages: list[tuple[str, Json]] = []
        leading = True
        for index, message in enumerate(self.request.messages):
            is_system = message.role in (Role.SYSTEM, Role.DEVELOPER)
            leading = leading and is_system
            blocks = self.blocks.of(message.parts, message.role, f"messages[{index}]")
            if is_system and (leading or not self.own):
                system += blocks
            elif blocks or self.own:
                self._append(messages, message, blocks)
        if self.request.output_format is not None and self.request.output_format.kind == "json_object":
            system.append({"type": "text", "text": _JSON_ONLY})
        if system:
            body["system"] = system
        if not messages:
            raise BadRequest("there must be a message beside the system instructions", param="messages")
        body["messages"] = [message for _, message in messages]
        if not self.own:
            _strip_prefill(messages[-1][1])

    def _append(
        self, messages: list[tuple[str, Json]], message: Message, blocks: list[Json | msgspec.Raw]
    ) -> None:
        """Turns alternate: neighbours of one role are one turn, tool results first."""
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        if message.role is Role.SYSTEM:
            role = "system"
        if message.name is not None:
            self.dropped.append("messages.name")
        if messages and messages[-1][0] == role and not self.own:
            content = messages[-1][1]["content"]
            assert isinstance(content, list)
            content += blocks
        else:
            row: Json = {"role": role, "content": list(blocks)}
            if message.extra and self.own:
                row |= message.extra
            elif message.extra:
                self.dropped += [f"messages.{name}" for name in message.extra]
            messages.append((role, row))
        if role == "user" and not self.own:
            content = messages[-1][1]["content"]
            assert isinstance(content, list)
            content.sort(key=_results_first)

    # Tools.

    def _write_tools(self, body: Json) -> None:
        choice = self.request.tool_choice
        wanted = set(choice.names) if choice is not None and len(choice.names) > 1 else None
        tools: list[Json | msgspec.Raw] = []
        for index, tool in enumerate(self.request.tools):
            if isinstance(tool, HostedTool):
                if tool.dialect is _ME:
                    tools.append(tool.raw)
                else:
                    self.dropped.append(f"tools.{tool.kind}")
            elif wanted is None or tool.name in wanted:
                tools.append(self._tool(tool, f"tools[{index}]"))
        if tools:
            body["tools"] = tools
            self._write_choice(body)
        elif choice is not None and self.own:
            self._write_choice(body)

    def _tool(self, tool: Tool, where: str) -> Json:
        if tool.name == FORMAT_TOOL:
            raise BadRequest(f"a tool must not be named {FORMAT_TOOL}: the name is reserved", param=where)
        row: Json = {"name": tool.name}
        if tool.description is not None:
            row["description"] = tool.description
        row["input_schema"] = self._parameters(tool)
        if tool.strict is not None and self.own:
            row["strict"] = tool.strict
        elif tool.strict and self.model.json_schema and tool.parameters is not None:
            row["input_schema"], names = fit_schema(tool.parameters, "tools.parameters")
            row["strict"] = True
            self.dropped += names
        elif tool.strict:
            self.dropped.append("tools.strict")
        if tool.cache is not None:
            row["cache_control"] = _marker(tool.cache.ttl)
        if tool.extra and self.own:
            row |= tool.extra
        elif tool.extra:
            self.dropped += [f"tools.{name}" for name in tool.extra]
        return row

    def _parameters(self, tool: Tool) -> msgspec.Raw | Json:
        if tool.custom:
            return _FREE_TEXT
        if tool.parameters is None:
            return {"type": "object", "properties": {}}
        if self.own or b'"type"' in bytes(tool.parameters):
            return tool.parameters
        try:
            schema = msgspec.json.decode(tool.parameters, type=dict[str, msgspec.Raw])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest("a tool's parameters must be an object", param="tools") from error
        return {"type": "object", **schema}

    def _write_choice(self, body: Json) -> None:
        choice, serial = self.request.tool_choice, self.request.parallel_tool_calls is False
        if choice is None and not serial and self.request.parallel_tool_calls is None:
            return
        mode = "auto" if choice is None else _MODES[choice.mode]
        row: Json = {"type": mode}
        if choice is not None and choice.mode == "required" and len(choice.names) == 1:
            row = {"type": "tool", "name": choice.names[0]}
        if mode not in ("auto", "none") and not self.model.forced_tools and not self.own:
            row = {"type": "auto"}
            self.dropped.append("tool_choice")
        if mode != "none" and (serial or (self.own and self.request.parallel_tool_calls is not None)):
            row["disable_parallel_tool_use"] = serial
        if choice is not None and choice.extra and self.own:
            row |= choice.extra
        if row != {"type": "auto"} or choice is not None:
            body["tool_choice"] = row

    # Structured output.

    def _write_format(self, body: Json) -> None:
        form = self.request.output_format
        if form is None or form.kind != "json_schema" or form.schema is None:
            return
        schema = form.schema
        if not self.own:
            schema, names = fit_schema(form.schema, "output_format.schema")
            self.dropped += names
        if self.model.json_schema or self.own:
            row: Json = {"type": "json_schema", "schema": schema}
            if form.name and self.own:
                row["name"] = form.name
            if form.extra and self.own:
                row |= form.extra
            body["output_config"] = {"format": row}
            return
        tools = body.setdefault("tools", [])
        assert isinstance(tools, list)
        alone = not tools
        description = form.description or "Give your answer by calling this tool."
        tools.append({"name": FORMAT_TOOL, "description": description, "input_schema": schema})
        body["tool_choice"] = {"type": "tool", "name": FORMAT_TOOL} if alone else {"type": "any"}

    # Figures.

    def _write_sampling(self, body: Json) -> None:
        request, model = self.request, self.model
        thinking = "thinking" in body and body["thinking"] != {"type": "disabled"}
        for name in ("temperature", "top_p", "top_k"):
            value = getattr(request, name)
            if value is None:
                continue
            if self.own:
                body[name] = value
            elif not model.sampling or (thinking and not (name == "top_p" and value >= 0.95)):
                if value != 1:
                    self.dropped.append(name)
            elif name == "top_p" and model.one_sampler and "temperature" in body:
                self.dropped.append(name)
            elif name == "temperature" and value > 1:
                body[name] = 1.0
                self.dropped.append(name)
            else:
                body[name] = value
        if request.stop:
            body["stop_sequences"] = list(request.stop)

    def _write_rest(self, body: Json) -> None:
        request = self.request
        if request.user is not None:
            body["metadata"] = {"user_id": request.user}
        if request.service_tier is not None:
            tier = _TIERS.get(request.service_tier, request.service_tier if self.own else None)
            if tier is None:
                self.dropped.append("service_tier")
            else:
                body["service_tier"] = tier
        if request.cache is not None:
            body["cache_control"] = _marker(request.cache.ttl)
        absent = {
            "seed": request.seed is not None,
            "presence_penalty": bool(request.presence_penalty),
            "frequency_penalty": bool(request.frequency_penalty),
            "logprobs": bool(request.logprobs),
            "top_logprobs": bool(request.top_logprobs),
            "verbosity": request.verbosity is not None,
            "cache_key": request.cache_key is not None,
            "metadata": bool(request.metadata),
            "store": bool(request.store),
        }
        self.dropped += [name for name, there in absent.items() if there]
        self._write_extra(body)

    def _write_extra(self, body: Json) -> None:
        for name, raw in (self.request.extra or {}).items():
            if not self.own:
                self.dropped.append(name)
            elif name in ("output_config", "metadata") and name in body:
                own = body[name]
                assert isinstance(own, dict)
                body[name] = {**msgspec.json.decode(raw, type=dict[str, msgspec.Raw]), **own}
            else:
                body[name] = raw

    def _limit_breakpoints(self, body: Json) -> None:
        """More marks than Anthropic takes: the last ones reach furthest."""
        marked = [block for block in _marked(body) if "cache_control" in block]
        for block in marked[: max(0, len(marked) - _MAX_BREAKPOINTS)]:
            del block["cache_control"]
            self.dropped.append("cache")


def _marker(ttl: str | None) -> Json:
    return {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}


def _results_first(block: Json | msgspec.Raw) -> bool:
    return not (isinstance(block, dict) and block["type"] == "tool_result")


def _strip_prefill(message: Json) -> None:
    """The beginning of an answer must not end in white space."""
    content = message["content"]
    assert isinstance(content, list)
    if message["role"] == "assistant" and content and isinstance(content[-1], dict):
        block = content[-1]
        if block.get("type") == "text":
            block["text"] = str(block["text"]).rstrip()
            if not block["text"]:
                content.pop()


def _marked(body: Json) -> list[Json]:
    """Every object that may hold a mark, in the order in which Anthropic reads them."""
    rows: list[object] = []
    for name in ("tools", "system"):
        found = body.get(name)
        rows += found if isinstance(found, list) else []
    messages = body["messages"]
    assert isinstance(messages, list)
    for message in messages:
        rows += message["content"]
    return [row for row in rows if isinstance(row, dict)]
