"""What a model answers, as it comes: the events between any provider and any caller.

The order of an answer: `Start`, then parts, then a `Finish` for each choice; `UsageReport` wherever the
provider has it. Parts of one choice come one after the other, except tool calls, whose deltas may interleave
by `index`. Text, thoughts and refusals have no begin or end: a part is over when another kind follows, or
`PartEnd` says so. `choice` is the index among the `n` answers asked for.

Where each event is looked at, that is by `type(event) is`: of another class than its own, `isinstance` and
`match` ask the class first whether it is one all the same, which takes ten times as long.
"""

from __future__ import annotations

from enum import StrEnum
from typing import final

import msgspec

from ai_gateway.core.chat import Citation, DialectName, Extra, Part
from ai_gateway.core.signature import Signature
from ai_gateway.core.usage import Usage
from ai_gateway.errors import UpstreamError

__all__ = [
    "CallEvent",
    "ChoiceEvent",
    "CitationAdded",
    "EndEvent",
    "Event",
    "Extension",
    "Failed",
    "Finish",
    "FinishReason",
    "Logprobs",
    "NoteEvent",
    "PartDone",
    "PartEnd",
    "RefusalDelta",
    "Start",
    "TextDelta",
    "TextEvent",
    "ThinkingDelta",
    "ThinkingEnd",
    "TokenLogprob",
    "ToolCallDelta",
    "ToolCallEnd",
    "ToolCallStart",
    "TopLogprob",
    "UsageReport",
]


class FinishReason(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    STOP_SEQUENCE = "stop_sequence"
    LENGTH = "length"
    CONTEXT_WINDOW = "context_window"
    """The model's window is full: a kind of `length`."""
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    """The provider's filter cut it off (Gemini's SAFETY, RECITATION, …)."""
    REFUSAL = "refusal"
    """The model declined."""
    PAUSE = "pause"
    """Send the answer back and it goes on (Anthropic's `pause_turn`)."""
    OTHER = "other"


@final
class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Comes first, once. None: the provider does not say."""

    id: str | None = None
    model: str | None = None
    created_s: int | None = None
    extra: Extra | None = None
    """Top-level members of the provider's own dialect."""


class TextDelta(msgspec.Struct, frozen=True):
    text: str
    choice: int = 0


class RefusalDelta(msgspec.Struct, frozen=True):
    text: str
    choice: int = 0


class ThinkingDelta(msgspec.Struct, frozen=True):
    text: str
    choice: int = 0


class ThinkingEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A block of thoughts is whole. Without deltas before it, and `redacted`: a block without text."""

    signature: Signature | None = None
    redacted: bool = False
    id: str | None = None
    choice: int = 0
    extra: Extra | None = None


class PartEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The text so far is a part of its own; the next text begins another one."""

    signature: Signature | None = None
    choice: int = 0
    extra: Extra | None = None


class ToolCallStart(msgspec.Struct, frozen=True, kw_only=True):
    index: int
    """Among the calls of this choice, from 0."""
    id: str
    """Never empty."""
    name: str
    """Never empty."""
    signature: Signature | None = None
    choice: int = 0
    extra: Extra | None = None


class ToolCallDelta(msgspec.Struct, frozen=True):
    index: int
    arguments: str
    choice: int = 0


class ToolCallEnd(msgspec.Struct, frozen=True):
    """The arguments are whole (empty altogether: the call takes none)."""

    index: int
    choice: int = 0


class PartDone(msgspec.Struct, frozen=True, kw_only=True):
    """A part that comes whole: an image, audio, or an `Opaque` of the provider's own dialect."""

    part: Part
    choice: int = 0


class CitationAdded(msgspec.Struct, frozen=True, kw_only=True):
    """Belongs to the text just before it."""

    citation: Citation
    choice: int = 0


class TopLogprob(msgspec.Struct, frozen=True):
    token: str
    logprob: float
    bytes: list[int] | None = None


class TokenLogprob(msgspec.Struct, frozen=True):
    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list[TopLogprob] = msgspec.field(default_factory=list)


class Logprobs(msgspec.Struct, frozen=True, kw_only=True):
    """Of the text just before it, in OpenAI's form: `{"token", "logprob", "bytes", "top_logprobs"}` each."""

    tokens: tuple[TokenLogprob, ...]
    choice: int = 0


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """A choice is over: once for each choice."""

    reason: FinishReason
    raw: str | None = None
    """The provider's own word."""
    stop_sequence: str | None = None
    choice: int = 0
    extra: Extra | None = None
    """Members of the provider's own dialect on the choice."""


@final
class UsageReport(msgspec.Struct, frozen=True):
    """Cumulative: a later one replaces an earlier one."""

    usage: Usage


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the answer that only the provider's dialect knows: grounding, safety ratings, search
    results. Other dialects show it in the answer's extension slot."""

    dialect: DialectName
    name: str
    raw: msgspec.Raw
    choice: int = 0


@final
class Failed(msgspec.Struct, frozen=True):
    """The provider reported a failure inside its stream: nothing follows."""

    error: UpstreamError


TextEvent = TextDelta | RefusalDelta | ThinkingDelta
EndEvent = ThinkingEnd | PartEnd | PartDone
CallEvent = ToolCallStart | ToolCallDelta | ToolCallEnd
NoteEvent = CitationAdded | Logprobs | Finish | Extension
ChoiceEvent = TextEvent | EndEvent | CallEvent | NoteEvent
Event = Start | ChoiceEvent | UsageReport | Failed
