"""The endpoints of the client-facing API, and how the body of each is read and edited.

Sources: OpenAI API reference, "Create chat completion", "Create a model response", "Create completion",
"Create embeddings"; Anthropic API reference, "Create a Message", "Count tokens in a Message"; Gemini API
reference, "Generating content", "Counting tokens", "Embeddings".
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from ai_gateway.core.chat import DialectName

__all__ = [
    "BATCH_EMBED_CONTENT",
    "CHAT",
    "COMPLETIONS",
    "COUNT_CONTENT_TOKENS",
    "COUNT_MESSAGE_TOKENS",
    "EMBEDDINGS",
    "EMBED_CONTENT",
    "GENERATE_CONTENT",
    "MESSAGES",
    "PLAIN",
    "RESPONSES",
    "STREAM_GENERATE_CONTENT",
    "Endpoint",
    "Family",
    "Job",
    "plain",
]


class Family(StrEnum):
    """Whose API an endpoint belongs to: how its errors are spelled, and which providers have it."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"


class Job(StrEnum):
    """What an endpoint does."""

    CHAT = "chat"
    COUNT = "count"
    EMBED = "embed"
    MODELS = "models"
    PLAIN = "plain"
    """Anything else: the model is checked and routed, the rest passes."""


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How the body of one endpoint is edited. `path` is relative to the API's root."""

    path: str
    """Gemini's: what follows the model's name, e.g. `:generateContent`."""
    family: Family = Family.OPENAI
    job: Job = Job.CHAT
    dialect: DialectName | None = None
    """Of the body; None: only providers of the family have the endpoint."""
    system: str | None = None
    """The member that takes the system prompt."""
    output_caps: tuple[str, ...] = ()
    """The members that limit output tokens; `a.b` is `b` inside `a`."""
    required: tuple[str, ...] = ()
    """Members that must be arrays."""
    usage_option: bool = False
    """Whether a stream reports usage only on `stream_options.include_usage`."""
    texts: tuple[str, ...] = ()
    """The members that make up the input, for an estimate of its tokens."""
    stream: bool | None = None
    """Whether it streams, where the path says so."""
    model_in_path: bool = False
    """Gemini's bodies do not name the model; where one does, it says `models/NAME`. Follows from `path`."""
    known: bool = True
    """Whether the gateway understands the body: it must be JSON then. Follows from `job`."""

    dialect_label: str = ""
    """The caller's dialect, as the request log has it. Follows from `family`."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "dialect_label", self.family.value)
        msgspec.structs.force_setattr(self, "model_in_path", self.path.startswith(":"))
        msgspec.structs.force_setattr(self, "known", self.job is not Job.PLAIN)


_CONTENT_TEXTS = ("contents", "systemInstruction", "system_instruction", "tools")

CHAT = Endpoint(
    path="/chat/completions",
    dialect=DialectName.OPENAI_CHAT,
    system="messages",
    output_caps=("max_tokens", "max_completion_tokens"),
    required=("messages",),
    usage_option=True,
    texts=("messages", "tools"),
)
COMPLETIONS = Endpoint(
    path="/completions",
    dialect=DialectName.OPENAI_CHAT,
    system="prompt",
    output_caps=("max_tokens",),
    usage_option=True,
    texts=("prompt",),
)
RESPONSES = Endpoint(
    path="/responses",
    dialect=DialectName.OPENAI_RESPONSES,
    system="instructions",
    output_caps=("max_output_tokens",),
    texts=("input", "instructions", "tools"),
)
EMBEDDINGS = Endpoint(path="/embeddings", job=Job.EMBED, texts=("input",))
MESSAGES = Endpoint(
    path="/messages",
    family=Family.ANTHROPIC,
    dialect=DialectName.ANTHROPIC,
    system="system",
    output_caps=("max_tokens",),
    required=("messages",),
    texts=("messages", "system", "tools"),
)
COUNT_MESSAGE_TOKENS = Endpoint(
    path="/messages/count_tokens",
    family=Family.ANTHROPIC,
    job=Job.COUNT,
    dialect=DialectName.ANTHROPIC,
    system="system",
    required=("messages",),
)
GENERATE_CONTENT = Endpoint(
    path=":generateContent",
    family=Family.GEMINI,
    dialect=DialectName.GEMINI,
    system="systemInstruction",
    output_caps=("generationConfig.maxOutputTokens", "generation_config.max_output_tokens"),
    texts=_CONTENT_TEXTS,
    stream=False,
)
STREAM_GENERATE_CONTENT = msgspec.structs.replace(
    GENERATE_CONTENT, path=":streamGenerateContent", stream=True
)
COUNT_CONTENT_TOKENS = Endpoint(
    path=":countTokens", family=Family.GEMINI, job=Job.COUNT, dialect=DialectName.GEMINI
)
EMBED_CONTENT = Endpoint(path=":embedContent", family=Family.GEMINI, job=Job.EMBED, texts=("content",))
BATCH_EMBED_CONTENT = Endpoint(
    path=":batchEmbedContents", family=Family.GEMINI, job=Job.EMBED, texts=("requests",)
)

_PLAIN_TEXTS = ("messages", "input", "prompt", "instructions", "tools", "contents", "content")
_PLAIN = {family: Endpoint(path="", family=family, job=Job.PLAIN, texts=_PLAIN_TEXTS) for family in Family}
PLAIN = _PLAIN[Family.OPENAI]


def plain(family: Family) -> Endpoint:
    """Any other endpoint of a family."""
    return _PLAIN[family]
