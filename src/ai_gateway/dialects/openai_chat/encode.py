"""Whole answers for Chat Completions callers.

Source: OpenAI API reference, "The chat completion object"; openai-python, `types/chat/chat_completion.py`.
"""

from __future__ import annotations

from typing import assert_never

import msgspec

from ai_gateway.core.answer import Answer, Choice
from ai_gateway.core.chat import (
    Audio,
    Document,
    Image,
    Opaque,
    Part,
    Refusal,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Video,
)
from ai_gateway.core.events import ThinkingEnd
from ai_gateway.core.signature import Signature
from ai_gateway.core.tool_arguments import free_text
from ai_gateway.dialects.interface import AnswerContext
from ai_gateway.dialects.openai_chat.encode_parts import (
    Slots,
    Wire,
    annotation,
    audio_wire,
    custom_names,
    detail,
    finish_members,
    google,
    head,
    image_wire,
    logprobs_wire,
    says_more,
)
from ai_gateway.dialects.openai_chat.usage import usage_wire

__all__ = ["encode_response"]


def encode_response(answer: Answer, context: AnswerContext) -> bytes:
    """A `chat.completion`, with every member that OpenAI's schema requires.

    What only another dialect knows stands in `extensions`: `{"<dialect>": {name: value}}`.
    """
    slots = Slots()
    members = head(answer.start, context, "chat.completion")
    members["choices"] = [_Message(context, slots).choice(choice) for choice in answer.choices]
    if answer.usage is not None:
        members["usage"] = usage_wire(answer.usage)
    return msgspec.json.encode({**slots.members(), **members})


class _Message:
    """One choice's message on its way."""

    def __init__(self, context: AnswerContext, slots: Slots) -> None:
        self._context = context
        self._slots = slots
        self._custom = custom_names(context.request)
        self._text: list[str] | None = None
        self._length = 0
        self._refusal: list[str] = []
        self._thoughts: list[str] = []
        self._details: list[Wire] = []
        self._detailed = False
        """Some block has a signature: then all of them are listed, to come back in order."""
        self._annotations: list[object] = []
        self._calls: list[Wire] = []
        self._images: list[Wire] = []
        self._audio: Wire | None = None
        self._signature: Signature | None = None

    def choice(self, choice: Choice) -> Wire:
        for part in choice.parts:
            self._take(part)
        for extension in choice.extensions:
            self._slots.extend(extension)
        refused = bool(self._refusal)
        logprobs = None
        if choice.logprobs is not None:
            logprobs = logprobs_wire(choice.logprobs, refused=refused and not self._text)
        return {
            "index": choice.index,
            "message": self._message(),
            "logprobs": logprobs,
            **finish_members(choice.finish, calls=bool(self._calls), refused=refused),
        }

    def _message(self) -> Wire:
        message: Wire = {
            "role": "assistant",
            "content": None if self._text is None else "".join(self._text),
            "refusal": "".join(self._refusal) or None,
            "annotations": self._annotations,
        }
        optional: Wire = {
            "reasoning_content": "".join(self._thoughts),
            "reasoning_details": self._details if self._detailed else None,
            "tool_calls": self._calls,
            "audio": self._audio,
            "images": self._images,
            "extra_content": google(self._signature) if self._signature else None,
        }
        message.update((name, value) for name, value in optional.items() if value)
        return message

    def _take(self, part: Part) -> None:
        match part:
            case Text():
                self._take_text(part)
            case Refusal(text=text):
                self._refusal.append(text)
            case Thinking():
                self._take_thinking(part)
            case ToolCall():
                self._calls.append(self._call(part))
            case Image() | Audio() | Document() | Video() | Opaque():
                self._take_medium(part)
            case ToolResult():
                pass  # no answer holds one
            case _:
                assert_never(part)

    def _take_text(self, part: Text) -> None:
        if self._text is None:
            self._text = []
        self._text.append(part.text)
        start, self._length = self._length, self._length + len(part.text)
        for citation in part.citations:
            found = annotation(citation, start, self._length)
            if found is None:
                self._slots.cite(citation)
            else:
                self._annotations.append(found)
        self._signature = part.signature or self._signature

    def _take_thinking(self, part: Thinking) -> None:
        self._thoughts.append(part.text)
        end = ThinkingEnd(signature=part.signature, redacted=part.redacted, id=part.id, extra=part.extra)
        self._details.append(detail(end, len(self._details), part.text))
        self._detailed = self._detailed or says_more(end)

    def _take_medium(self, part: Image | Audio | Document | Video | Opaque) -> None:
        image = image_wire(part, len(self._images)) if isinstance(part, Image) else None
        audio = audio_wire(part, self._context) if isinstance(part, Audio) and not self._audio else None
        if image is not None:
            self._images.append(image)
        elif audio is not None:
            self._audio = audio
        else:
            self._slots.add(part)

    def _call(self, call: ToolCall) -> Wire:
        if call.name in self._custom:
            found: Wire = {
                "id": call.id,
                "type": "custom",
                "custom": {"name": call.name, "input": free_text(call.arguments)},
            }
        else:
            found = {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
        if call.signature is not None:
            found["extra_content"] = google(call.signature)
        return found
