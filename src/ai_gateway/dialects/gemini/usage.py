"""Token usage as Gemini reports it, and as its callers read it.

Source: Gemini API reference, "Generating content" (`UsageMetadata`): the prompt holds cached tokens; thoughts
and the prompts of tools that Google runs stand beside. The details count each class by modality.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from ai_gateway.core.usage import Usage
from ai_gateway.dialects.plain_usage import Figure, Tokens

__all__ = ["encode_usage", "read_usage"]


class _Modality(msgspec.Struct, rename="camel"):
    modality: str | int | None = None
    token_count: float | None = None


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: float | None = None
    cached_content_token_count: float | None = None
    candidates_token_count: float | None = None
    thoughts_token_count: float | None = None
    tool_use_prompt_token_count: float | None = None
    total_token_count: float | None = None


class _Told(msgspec.Struct, rename="camel"):
    """What only some prices need. Read apart: an odd value here does not hide the counts."""

    prompt_tokens_details: list[_Modality] | None = None
    cache_tokens_details: list[_Modality] | None = None
    candidates_tokens_details: list[_Modality] | None = None
    tool_use_prompt_tokens_details: list[_Modality] | None = None
    service_tier: str | None = None


class _Text(msgspec.Struct, rename="camel", gc=False):
    modality: Literal["TEXT"]
    token_count: Figure = None


class _Plain(msgspec.Struct, rename="camel", gc=False):
    """What most answers report; anything else is for the careful reader, and does not fit the types here."""

    prompt_token_count: Tokens | None = None
    candidates_token_count: Tokens | None = None
    total_token_count: Figure = None
    cached_content_token_count: Tokens | None = None
    prompt_tokens_details: list[_Text] | None = None
    cache_tokens_details: list[_Text] | None = None
    candidates_tokens_details: list[_Text] | None = None
    thoughts_token_count: Tokens | None = None
    tool_use_prompt_token_count: None = None
    tool_use_prompt_tokens_details: None = None
    service_tier: Literal["standard", None] = None


_plain = msgspec.json.Decoder(_Plain)
_decoder = msgspec.json.Decoder(_Usage)
_told = msgspec.json.Decoder(_Told)
_PLAIN_TIERS = frozenset({"", "standard", "service_tier_unspecified", "unspecified"})


def read_usage(raw: bytes | msgspec.Raw) -> Usage | None:
    """Disjoint token classes from a `usageMetadata` object; None where it is null or no such object."""
    data = bytes(raw)
    try:
        plain = _plain.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return read_carefully(data)
    if plain.prompt_token_count is None and plain.total_token_count is None:
        return None
    prompt, cached = plain.prompt_token_count or 0, plain.cached_content_token_count or 0
    if cached > prompt:
        cached = prompt
    return Usage(
        input=prompt - cached,
        cache_read=cached,
        output=plain.candidates_token_count or 0,
        reasoning=plain.thoughts_token_count or 0,
        raw=data,
    )


def read_carefully(data: bytes) -> Usage | None:
    """As `read_usage`, of whatever a provider may say."""
    try:
        found = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found.prompt_token_count is None and found.total_token_count is None:
        return None
    prompt = _count(found.prompt_token_count) + _count(found.tool_use_prompt_token_count)
    cached = min(_count(found.cached_content_token_count), prompt)
    output = _count(found.candidates_token_count)
    told = _also(data)
    tier = (told.service_tier or "").lower()
    usage = Usage(
        input=prompt - cached,
        cache_read=cached,
        output=output,
        reasoning=_count(found.thoughts_token_count),
        tier="" if tier in _PLAIN_TIERS else tier,
        raw=data,
    )
    parts = _modalities(told, usage)
    return msgspec.structs.replace(usage, **parts) if parts else usage


def _also(data: bytes) -> _Told:
    try:
        return _told.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Told()


def _modalities(told: _Told, usage: Usage) -> dict[str, int]:
    """Sound, pictures (documents among them) and video of each class; the prompt's hold the cached ones."""
    found: dict[str, int] = {}
    left = {"input": usage.input, "cache_read": usage.cache_read, "output": usage.output}
    for name, kinds in _MODALITIES.items():
        in_cache = _tokens(told.cache_tokens_details, kinds)
        asked = _tokens(told.prompt_tokens_details, kinds) + _tokens(
            told.tool_use_prompt_tokens_details, kinds
        )
        parts = {
            "input": asked - in_cache,
            "cache_read": in_cache,
            "output": _tokens(told.candidates_tokens_details, kinds),
        }
        for whole, tokens in parts.items():
            if tokens := min(max(tokens, 0), left[whole]):
                left[whole] -= tokens
                found[f"{whole}_{name}"] = tokens
    return found


def _tokens(details: list[_Modality] | None, kinds: frozenset[str | int]) -> int:
    return sum(_count(one.token_count) for one in details or () if one.modality in kinds)


# Vertex writes numbers as well. Source: Gemini API reference, "Modality".
_MODALITIES: dict[str, frozenset[str | int]] = {
    "audio": frozenset({"AUDIO", 4}),
    "image": frozenset({"IMAGE", 2, "DOCUMENT", 5}),
    "video": frozenset({"VIDEO", 3}),
}


def encode_usage(usage: Usage) -> dict[str, int]:
    """`usageMetadata`; classes that are zero are left out, as Google does."""
    members = {
        "promptTokenCount": usage.total_input,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": usage.total_input + usage.total_output,
    }
    if usage.cache_read:
        members["cachedContentTokenCount"] = usage.cache_read
    if usage.reasoning:
        members["thoughtsTokenCount"] = usage.reasoning
    return members


def _count(value: float | None) -> int:
    return max(0, int(value)) if value else 0
