"""The response object around the output: it echoes the request, as OpenAI's does.

Source: OpenAI API reference, "The Response object".
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import ChatRequest, DialectName, Role, Text, ToolChoice
from ai_gateway.core.events import Finish, FinishReason, Start
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.interface import AnswerContext
from ai_gateway.dialects.openai_responses.tools import tool_rows
from ai_gateway.dialects.openai_responses.usage import encode_usage

__all__ = ["Frame", "Json", "ending"]

Json = dict[str, object]
_INCOMPLETE = {
    FinishReason.LENGTH: "max_output_tokens",
    FinishReason.CONTEXT_WINDOW: "max_output_tokens",
    FinishReason.CONTENT_FILTER: "content_filter",
}
_ECHOED = ("max_tool_calls", "previous_response_id", "prompt_cache_retention", "truncation", "prompt")


def ending(finish: Finish | None, *, refused: bool) -> tuple[str, str | None]:
    """`status`, and why the response is incomplete. A refusal without words is the filter's."""
    if finish is None:
        return "completed", None
    if finish.reason is FinishReason.REFUSAL and not refused:
        return "incomplete", "content_filter"
    reason = _INCOMPLETE.get(finish.reason)
    return ("completed", None) if reason is None else ("incomplete", reason)


class Frame:
    """Everything of a response but its output."""

    def __init__(self, context: AnswerContext) -> None:
        self.id = f"resp_{context.id}"
        self.tag = context.id
        """What ids of items are made of."""
        self._own_ids = context.same_dialect
        self._request = context.request
        self._created_s = context.created_s
        self._model = context.request.model
        self._echo = _echo(context.request)

    def take(self, start: Start) -> None:
        self._model = start.model or self._model
        if self._own_ids and start.id:
            self.id = start.id

    def write(
        self,
        status: str,
        output: list[Json | msgspec.Raw],
        *,
        usage: Usage | None = None,
        reason: str | None = None,
        more: Json | None = None,
    ) -> Json:
        return {
            "id": self.id,
            "object": "response",
            "created_at": self._created_s,
            "status": status,
            "error": None,
            "incomplete_details": None if reason is None else {"reason": reason},
            "model": self._model,
            "output": output,
            **self._echo,
            "usage": None if usage is None else encode_usage(usage),
            **(more or {}),
        }


def _echo(request: ChatRequest) -> Json:
    """The request's own members, and the defaults of what it left out."""
    extra = request.extra or {} if request.dialect is DialectName.OPENAI_RESPONSES else {}
    reasoning = request.reasoning
    echo: Json = {
        "background": False,
        "instructions": _instructions(request),
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": None,
        "parallel_tool_calls": request.parallel_tool_calls is not False,
        "previous_response_id": None,
        "prompt_cache_key": request.cache_key,
        "reasoning": {
            "effort": reasoning.effort if reasoning else None,
            "summary": reasoning.summary if reasoning else None,
        },
        "safety_identifier": request.user,
        "service_tier": request.service_tier or "default",
        "store": False,  # whatever was asked: a translated response is kept nowhere
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "text": _text(request),
        "tool_choice": _tool_choice(request, extra.get("tool_choice")),
        "tools": tool_rows(request, own=True)[0],
        "top_logprobs": request.top_logprobs or 0,
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "truncation": "disabled",
        "presence_penalty": request.presence_penalty or 0.0,
        "frequency_penalty": request.frequency_penalty or 0.0,
        "user": None,
        "metadata": request.metadata or {},
    }
    return echo | {name: extra[name] for name in _ECHOED if name in extra}


def _instructions(request: ChatRequest) -> str | None:
    first = request.messages[0] if request.messages else None
    if first is None or first.role is not Role.SYSTEM:
        return None
    return "".join(part.text for part in first.parts if isinstance(part, Text)) or None


def _text(request: ChatRequest) -> Json:
    form = request.output_format
    row: Json = {"type": "text" if form is None else form.kind}
    if form is not None and form.kind == "json_schema":
        row |= {
            "name": form.name or "answer",
            "description": form.description,
            "schema": form.schema,
            "strict": bool(form.strict),
        }
    return {"format": row, "verbosity": request.verbosity or "medium"}


def _tool_choice(request: ChatRequest, hosted: msgspec.Raw | None) -> object:
    choice: ToolChoice | None = request.tool_choice
    if choice is None:
        return "auto" if hosted is None else hosted
    if not choice.names:
        return choice.mode
    if choice.mode == "required" and len(choice.names) == 1:
        return {"type": "function", "name": choice.names[0]}
    tools = [{"type": "function", "name": name} for name in choice.names]
    return {"type": "allowed_tools", "mode": choice.mode, "tools": tools}
