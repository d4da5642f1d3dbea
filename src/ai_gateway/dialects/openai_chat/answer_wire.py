"""What Chat Completions answers look like on the wire, OpenAI's and those of compatible servers.

Members whose type varies between servers are `Raw` or `Loose`: an odd one costs itself, not the chunk.

Source: OpenAI API reference, "The chat completion object", "The chat completion chunk object"; OpenRouter
documentation, "Reasoning Tokens", "Streaming"; Mistral API reference, "Chat"; DeepSeek API reference,
"Create Chat Completion"; recorded traffic.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

__all__ = [
    "EMPTY",
    "AudioDelta",
    "CallDelta",
    "ChoiceChunk",
    "Chunk",
    "Loose",
    "Message",
    "absent",
    "read_as",
    "text_of",
]

EMPTY = msgspec.Raw()
"""The member is not there."""

Loose = str | int | float | bool | list[msgspec.Raw] | dict[str, msgspec.Raw] | None
"""Text as a rule, but some server sends something else."""

_T = TypeVar("_T")


class FunctionDelta(msgspec.Struct):
    name: Loose = None
    arguments: msgspec.Raw = EMPTY
    """A string of JSON; from some servers the object itself."""


class CustomDelta(msgspec.Struct):
    name: Loose = None
    input: Loose = None


class CallDelta(msgspec.Struct):
    index: Loose = None
    id: Loose = None
    function: FunctionDelta | None = None
    custom: CustomDelta | None = None
    extra_content: msgspec.Raw = EMPTY


class AudioDelta(msgspec.Struct):
    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


class Message(msgspec.Struct):
    """A message, or the delta of one."""

    content: Loose = None
    reasoning_content: Loose = None
    """DeepSeek, xAI, vLLM, llama.cpp, LM Studio."""
    reasoning: Loose = None
    """OpenRouter, Groq, Ollama, newer vLLM (which may send both)."""
    reasoning_details: msgspec.Raw = EMPTY
    refusal: Loose = None
    tool_calls: list[CallDelta | None] | None = None
    function_call: FunctionDelta | None = None
    annotations: msgspec.Raw = EMPTY
    audio: msgspec.Raw = EMPTY
    images: msgspec.Raw = EMPTY
    extra_content: msgspec.Raw = EMPTY
    """Google: `{"google": {"thought_signature"}}`."""


class ChoiceChunk(msgspec.Struct):
    """A choice of an answer (`message`) or of a chunk (`delta`)."""

    index: int | None = None
    delta: Message | None = None
    message: Message | None = None
    """Perplexity's chunks hold the message so far as well."""
    finish_reason: Loose = None
    logprobs: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    """OpenRouter."""
    finish_details: msgspec.Raw = EMPTY
    """`{"type"}`, the first vision models' way to say why they stopped."""
    stop_reason: msgspec.Raw = EMPTY
    """vLLM: the stop sequence (or token) that ended it."""
    native_finish_reason: msgspec.Raw = EMPTY
    content_filter_results: msgspec.Raw = EMPTY
    content_filter_result: msgspec.Raw = EMPTY


class Chunk(msgspec.Struct):
    """A chunk or a whole answer; `choices` unset is neither."""

    id: Loose = None
    model: Loose = None
    created: Loose = None
    choices: list[ChoiceChunk] | msgspec.UnsetType | None = msgspec.UNSET
    usage: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
    service_tier: msgspec.Raw = EMPTY
    system_fingerprint: msgspec.Raw = EMPTY
    provider: msgspec.Raw = EMPTY
    """OpenRouter: who answered."""
    prompt_filter_results: msgspec.Raw = EMPTY
    """Azure."""
    citations: msgspec.Raw = EMPTY
    search_results: msgspec.Raw = EMPTY
    images: msgspec.Raw = EMPTY
    related_questions: msgspec.Raw = EMPTY
    x_groq: msgspec.Raw = EMPTY
    timings: msgspec.Raw = EMPTY
    """llama.cpp."""
    moderation: msgspec.Raw = EMPTY


def absent(raw: msgspec.Raw) -> bool:
    """Not there, null, or empty of anything to say."""
    return raw is EMPTY or bytes(raw) in (b"", b"null", b"[]", b"{}", b'""')


def read_as(decoder: msgspec.json.Decoder[_T], raw: msgspec.Raw) -> _T | None:
    """What `raw` holds, or None where it is absent or of another shape: optional members are not fatal."""
    if absent(raw):
        return None
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def text_of(value: Loose) -> str:
    """Text; empty for what is none."""
    return value if isinstance(value, str) else ""
