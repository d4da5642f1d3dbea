"""A whole answer as a response object.

Source: OpenAI API reference, "The Response object".
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.answer import Answer, Choice
from ai_gateway.core.chat import DialectName, Opaque, Part, Refusal, Text, Thinking, ToolCall
from ai_gateway.dialects.extension_slot import extension_slot
from ai_gateway.dialects.interface import AnswerContext
from ai_gateway.dialects.openai_responses.echo import Frame, Json, ending
from ai_gateway.dialects.openai_responses.items import (
    ToolTable,
    annotation,
    call_item,
    logprob_rows,
    reasoning_item,
)

__all__ = ["encode_response"]

_ME = DialectName.OPENAI_RESPONSES


def encode_response(answer: Answer, context: AnswerContext) -> bytes:
    """A response that is over."""
    frame = Frame(context)
    frame.take(answer.start)
    choice = answer.choices[0] if answer.choices else Choice(index=0, parts=(), finish=None)
    writer = _Writer(frame.tag, ToolTable(context.request))
    for part in choice.parts:
        writer.take(part)
    writer.flush()
    if choice.logprobs and writer.texts:
        writer.texts[0]["logprobs"] = logprob_rows(list(choice.logprobs))
    refused = any(isinstance(part, Refusal) for part in choice.parts)
    status, reason = ending(choice.finish, refused=refused)
    more = extension_slot(_ME, choice.extensions, choice.parts)
    body = frame.write(status, writer.output, usage=answer.usage, reason=reason, more=more)
    return msgspec.json.encode(body)


class _Writer:
    """Puts parts into items; texts that follow each other are one message."""

    def __init__(self, tag: str, table: ToolTable) -> None:
        self.output: list[Json | msgspec.Raw] = []
        self.texts: list[Json] = []
        self._tag = tag
        self._table = table
        self._content: list[Json] = []

    def take(self, part: Part) -> None:
        match part:
            case Text():
                self._text(part)
            case Refusal(text=text):
                self._content.append({"type": "refusal", "refusal": text})
            case Thinking(text=text, signature=signature):
                self.flush()
                self.output.append(reasoning_item(self._id("rs"), text, signature))
            case ToolCall():
                self.flush()
                if part.signature is not None:
                    self.output.append(reasoning_item(self._id("rs"), "", part.signature))
                item = call_item(self._table, self._id("fc"), part.id, part.name, part.arguments, "completed")
                self.output.append(item)
            case Opaque(dialect=dialect, raw=raw) if dialect is _ME:
                self.flush()
                self.output.append(raw)
            case _:
                pass  # in the extension slot

    def _text(self, part: Text) -> None:
        if part.signature is not None:
            self.flush()
            self.output.append(reasoning_item(self._id("rs"), "", part.signature))
        if not part.text and not part.citations:
            return
        found = (annotation(one) for one in part.citations)
        annotations = [one for one in found if one is not None]
        row: Json = {"type": "output_text", "text": part.text, "annotations": annotations, "logprobs": []}
        self._content.append(row)
        self.texts.append(row)

    def flush(self) -> None:
        """The message so far is an item."""
        if self._content:
            item: Json = {"id": self._id("msg"), "type": "message", "status": "completed"}
            self.output.append(item | {"role": "assistant", "content": self._content})
            self._content = []

    def _id(self, prefix: str) -> str:
        return f"{prefix}_{self._tag}{len(self.output):02d}"
