"""What a caller asks of a model, whatever dialect it was written in.

A superset: what any dialect can say has a place here. What only one dialect knows rides along in `extra`
(members of an object) or in `Opaque` (a whole part or tool), and goes out again only in that dialect;
rendered in another one, it is reported as dropped.

None always means that the caller did not say: `temperature=0.0` is a value.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from ai_gateway.core.signature import Signature

__all__ = [
    "Audio",
    "CacheMarker",
    "ChatRequest",
    "Citation",
    "Data",
    "DialectName",
    "Document",
    "Extra",
    "FileId",
    "HostedTool",
    "Image",
    "Message",
    "Opaque",
    "OutputFormat",
    "Part",
    "PlainText",
    "Reasoning",
    "Refusal",
    "Role",
    "Source",
    "Text",
    "Thinking",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolResult",
    "Url",
    "Video",
]

Extra = dict[str, msgspec.Raw]
"""Members of the caller's own dialect that have no canonical place, as JSON."""


class DialectName(StrEnum):
    """The wire formats that the gateway speaks."""

    OPENAI_CHAT = "openai_chat"
    OPENAI_RESPONSES = "openai_responses"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"


class Role(StrEnum):
    """Who speaks. Tool results stand in a user message, as parts."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"


class CacheMarker(msgspec.Struct, frozen=True, kw_only=True):
    """The prompt up to and with this part may be cached."""

    ttl: str | None = None
    """`5m` or `1h`; None: the provider's default."""


# Where a medium's bytes are.


class Url(msgspec.Struct, frozen=True, tag="url"):
    """`http(s)` address (a `data:` URL becomes `Data`, a provider's own file address a `FileId`)."""

    url: str
    media_type: str | None = None


class Data(msgspec.Struct, frozen=True, tag="data"):
    media_type: str
    """E.g. `image/png`."""
    data: str
    """Base64, standard alphabet."""


class FileId(msgspec.Struct, frozen=True, tag="file"):
    """A file that the caller uploaded to a provider of `dialect`; nobody else can read it."""

    id: str
    dialect: DialectName
    media_type: str | None = None


class PlainText(msgspec.Struct, frozen=True, tag="text"):
    """A document that is its own text."""

    text: str


Source = Url | Data | FileId | PlainText


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """Where a piece of an answer comes from. `raw` is the provider's own object."""

    dialect: DialectName
    raw: msgspec.Raw
    url: str | None = None
    title: str | None = None
    quote: str | None = None
    """The source's words."""
    start: int | None = None
    """Of the cited span in the answer's text, in characters."""
    end: int | None = None


# Parts of a message.


class Text(msgspec.Struct, frozen=True, tag="text"):
    text: str
    cache: CacheMarker | None = None
    citations: tuple[Citation, ...] = ()
    signature: Signature | None = None
    """Gemini signs text as well."""
    extra: Extra | None = None


class Image(msgspec.Struct, frozen=True, tag="image"):
    source: Source
    detail: str | None = None
    """`low`, `high`, `auto`, `original`."""
    cache: CacheMarker | None = None
    extra: Extra | None = None


class Document(msgspec.Struct, frozen=True, tag="document"):
    source: Source
    name: str | None = None
    """File name or title."""
    context: str | None = None
    """What the caller says of the document beside its content."""
    cache: CacheMarker | None = None
    extra: Extra | None = None


class Audio(msgspec.Struct, frozen=True, tag="audio"):
    source: Source
    transcript: str | None = None
    cache: CacheMarker | None = None
    extra: Extra | None = None


class Video(msgspec.Struct, frozen=True, tag="video"):
    source: Source
    cache: CacheMarker | None = None
    extra: Extra | None = None


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """The model declined, in words."""

    text: str
    extra: Extra | None = None


class Thinking(msgspec.Struct, frozen=True, tag="thinking"):
    """Reasoning: its text or summary, and the signature with which the provider takes it back."""

    text: str = ""
    signature: Signature | None = None
    redacted: bool = False
    """No text: only the signature says anything (Anthropic's `redacted_thinking`)."""
    id: str | None = None
    extra: Extra | None = None


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    id: str
    """Never empty: a decoder makes one up where the provider leaves it out."""
    name: str
    arguments: str
    """JSON, as the model wrote it: an object, `{}` where there are none. It may be broken."""
    signature: Signature | None = None
    """Gemini's thought signature."""
    cache: CacheMarker | None = None
    extra: Extra | None = None


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    call_id: str
    content: tuple[ResultPart, ...] = ()
    name: str | None = None
    """Of the function, where the caller said it or an earlier call of the conversation does."""
    is_error: bool | None = None
    cache: CacheMarker | None = None
    extra: Extra | None = None


class Opaque(msgspec.Struct, frozen=True, tag="opaque"):
    """A part that only `dialect` understands (a provider's own tools, containers, …), as it came."""

    dialect: DialectName
    kind: str
    """Its `type`, for the list of what was dropped."""
    raw: msgspec.Raw


ResultPart = Text | Image | Document | Audio | Video | Opaque
Part = Text | Image | Document | Audio | Video | Refusal | Thinking | ToolCall | ToolResult | Opaque


class Message(msgspec.Struct, frozen=True, kw_only=True):
    role: Role
    parts: tuple[Part, ...]
    name: str | None = None
    """The participant's."""
    extra: Extra | None = None


# What may be called.


class Tool(msgspec.Struct, frozen=True, kw_only=True, tag="function"):
    """A function of the caller's program."""

    name: str
    """Unique in the request, and what all dialects put on the wire."""
    description: str | None = None
    parameters: msgspec.Raw | None = None
    """JSON Schema, an object; None: it takes nothing."""
    strict: bool | None = None
    custom: bool = False
    """It takes free text (OpenAI's `custom` tools): elsewhere a function with one string, `input`.
    The canonical arguments of a call are then `{"input": TEXT}`."""
    namespace: str | None = None
    """The Responses API's: the caller knows it as `own_name` in this namespace."""
    own_name: str | None = None
    ours: bool = False
    """Offered by the gateway: nothing in it was written for the caller's dialect."""
    cache: CacheMarker | None = None
    extra: Extra | None = None


class HostedTool(msgspec.Struct, frozen=True, kw_only=True, tag="hosted"):
    """A tool that the provider of `dialect` runs by itself (web search, code execution, …)."""

    dialect: DialectName
    kind: str
    raw: msgspec.Raw


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """`required` with one name is that very function; `names` empty: any."""

    mode: Literal["auto", "none", "required"]
    names: tuple[str, ...] = ()
    extra: Extra | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """How much to think: as the caller said it. `core.reasoning` turns one form into another."""

    effort: str | None = None
    """`none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`."""
    budget_tokens: int | None = None
    """0: do not think."""
    adaptive: bool = False
    """The model decides (Anthropic's `adaptive`, Gemini's budget of -1)."""
    visible: bool | None = None
    """Whether the answer shows its thoughts or their summary."""
    summary: str | None = None
    """OpenAI's `auto`, `concise`, `detailed`."""
    extra: Extra | None = None


class OutputFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The form of the answer."""

    kind: Literal["text", "json_object", "json_schema"]
    schema: msgspec.Raw | None = None
    name: str | None = None
    description: str | None = None
    strict: bool | None = None
    extra: Extra | None = None


class ChatRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One turn asked of a model. Token counts in tokens, probabilities and penalties as numbers."""

    dialect: DialectName
    """The caller's: whose `extra` members these are."""
    model: str
    messages: tuple[Message, ...]
    """System instructions given beside the list stand first in it."""
    stream: bool = False
    include_usage: bool = False
    """Chat Completions: the caller of a stream asked for the usage chunk."""
    tools: tuple[Tool | HostedTool, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    n: int | None = None
    """Answers wanted."""
    logprobs: bool | None = None
    top_logprobs: int | None = None
    reasoning: Reasoning | None = None
    output_format: OutputFormat | None = None
    verbosity: str | None = None
    """`low`, `medium`, `high`."""
    user: str | None = None
    """The end user's id, for the provider's abuse checks."""
    service_tier: str | None = None
    cache_key: str | None = None
    """OpenAI's `prompt_cache_key`."""
    cache: CacheMarker | None = None
    """Anthropic's automatic caching, asked for the request as a whole."""
    metadata: dict[str, str] | None = None
    store: bool | None = None
    modalities: tuple[str, ...] = ()
    """`text`, `image`, `audio`: of the answer."""
    extra: Extra | None = None
