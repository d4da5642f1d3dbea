"""What goes back to a model of answers that were made in rounds, as its provider takes it.

Thoughts that led to a call of the gateway's are shown without their signature. Sent back so, Anthropic
refuses them (it checks the signatures of all turns), and OpenAI looks for an item that it has never made.
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import (
    ChatRequest,
    DialectName,
    Message,
    Opaque,
    Part,
    Role,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from ai_gateway.core.reasoning import MIN_BUDGET
from ai_gateway.core.signature import Signature
from ai_gateway.dialects.endpoints import RESPONSES
from ai_gateway.dialects.gemini.models import UNSIGNED, gemini
from ai_gateway.dialects.relay_limits import LEAST

__all__ = ["fit_limits", "in_words", "plain", "signed_calls", "signed_only"]

_SIGNS = frozenset({DialectName.ANTHROPIC, DialectName.OPENAI_RESPONSES})


def signed_only(request: ChatRequest) -> ChatRequest:
    """The request without thoughts that no provider takes back."""
    if request.dialect not in _SIGNS:
        return request
    messages = tuple(
        kept for message in request.messages if (kept := _signed(message)).parts or not message.parts
    )
    if messages == request.messages:
        return request
    changed = msgspec.structs.replace(request, messages=messages)
    if request.dialect is DialectName.ANTHROPIC and _must_begin_with_thoughts(changed):
        return msgspec.structs.replace(changed, reasoning=None)
    return changed


def _signed(message: Message) -> Message:
    if message.role is not Role.ASSISTANT or not any(map(_unsigned, message.parts)):
        return message
    parts = tuple(part for part in message.parts if not _unsigned(part))
    return msgspec.structs.replace(message, parts=parts)


def _unsigned(part: Part) -> bool:
    return isinstance(part, Thinking) and part.signature is None


def _must_begin_with_thoughts(request: ChatRequest) -> bool:
    """Whether Anthropic would refuse to think on: with a budget, a turn whose calls are being answered must
    begin with its thoughts (docs, "Extended thinking")."""
    if request.reasoning is None or not request.reasoning.budget_tokens:
        return False
    said = [message for message in request.messages if message.role is Role.ASSISTANT]
    if not said or not any(isinstance(part, ToolCall) for part in said[-1].parts):
        return False
    return not isinstance(said[-1].parts[0], Thinking)


def signed_calls(request: ChatRequest, model: str) -> ChatRequest:
    """A Gemini caller's request in which each turn's first call is signed, as its model wants: the signature
    may have stood on a call of the gateway's that is forgotten."""
    if not gemini(model).signed_calls:
        return request
    messages: list[Message] = []
    called = False
    for message in request.messages:
        if message.role is not Role.ASSISTANT:
            called = False
        elif not called and any(isinstance(part, ToolCall) for part in message.parts):
            called = True
            message = _first_signed(message)
        messages.append(message)
    return msgspec.structs.replace(request, messages=tuple(messages))


def _first_signed(message: Message) -> Message:
    place = next(place for place, part in enumerate(message.parts) if isinstance(part, ToolCall))
    call = message.parts[place]
    assert isinstance(call, ToolCall)
    if call.signature is not None:
        return message
    signature = Signature(DialectName.GEMINI.value, UNSIGNED, "tool_call")
    signed = msgspec.structs.replace(call, signature=signature)
    parts = (*message.parts[:place], signed, *message.parts[place + 1 :])
    return msgspec.structs.replace(message, parts=parts)


def fit_limits(asked: ChatRequest, wanted: ChatRequest) -> ChatRequest:
    """What goes out in the caller's own dialect, where the gateway has lowered its output limit: as far as
    the API takes that, and with a budget for thoughts below it."""
    most = wanted.max_output_tokens
    if most is None or most == asked.max_output_tokens:
        return wanted
    if wanted.dialect is DialectName.OPENAI_RESPONSES:
        return msgspec.structs.replace(wanted, max_output_tokens=max(most, LEAST[RESPONSES.path]))
    reasoning = wanted.reasoning
    if wanted.dialect is not DialectName.ANTHROPIC or reasoning is None:
        return wanted
    if (reasoning.budget_tokens or 0) < most:
        return wanted
    fitted = msgspec.structs.replace(reasoning, budget_tokens=most - 1) if most > MIN_BUDGET else None
    return msgspec.structs.replace(wanted, reasoning=fitted)


def plain(part: Part) -> Part:
    """Without members that only the provider's dialect knows: the conversation is kept in the caller's."""
    if isinstance(part, Opaque) or not part.extra:
        return part
    return msgspec.structs.replace(part, extra=None)


def in_words(message: Message) -> Message:
    return msgspec.structs.replace(
        message,
        parts=tuple(
            msgspec.structs.replace(
                part,
                content=tuple(
                    inner if isinstance(inner, Text) else Text(_ABSENT % type(inner).__name__.lower())
                    for inner in part.content
                ),
            )
            if isinstance(part, ToolResult)
            else part
            for part in message.parts
        ),
    )


_ABSENT = "[The tool returned content of type '%s', which this model's provider does not take here.]"
