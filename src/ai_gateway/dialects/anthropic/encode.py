"""A whole answer as Anthropic's message.

Source: Anthropic API reference, "Create a Message".
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.answer import Answer, Choice
from ai_gateway.core.chat import DialectName, Refusal, ToolCall
from ai_gateway.core.events import Finish
from ai_gateway.dialects.anthropic.blocks import Json, blocks_of, reason_of
from ai_gateway.dialects.anthropic.usage import encode_usage
from ai_gateway.dialects.extension_slot import extension_slot
from ai_gateway.dialects.interface import AnswerContext

__all__ = ["encode_response", "message_id"]

_ME = DialectName.ANTHROPIC


def message_id(own: str | None, context: AnswerContext) -> str:
    """The provider's id where it is one of a message, else one of ours."""
    return own if own is not None and own.startswith("msg_") else f"msg_{context.id}"


def encode_response(answer: Answer, context: AnswerContext) -> bytes:
    """A message. Members that only Anthropic knows come back where the provider was Anthropic's own."""
    choice = answer.choices[0] if answer.choices else Choice(index=0, parts=(), finish=None)
    start = answer.start
    finish: Finish | None = choice.finish
    content = [block for part in choice.parts for block in blocks_of(part)]
    kinds = set(map(type, choice.parts))
    message: Json = {
        "id": message_id(start.id, context),
        "type": "message",
        "role": "assistant",
        "model": start.model or context.request.model,
        "content": content,
        **reason_of(finish, called=ToolCall in kinds, refused=Refusal in kinds),
        "usage": encode_usage(answer.usage),
    }
    message |= extension_slot(_ME, choice.extensions, choice.parts)
    return msgspec.json.encode(message)
