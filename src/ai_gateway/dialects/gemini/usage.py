"""Token usage as Gemini reports it, and as its callers read it.

Source: Gemini API reference, "Generating content" (`UsageMetadata`): the prompt holds cached tokens; thoughts
and the prompts of tools that Google runs stand beside.
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.usage import Usage

__all__ = ["encode_usage", "read_usage"]


class _Usage(msgspec.Struct, rename="camel"):
    prompt_token_count: float | None = None
    cached_content_token_count: float | None = None
    candidates_token_count: float | None = None
    thoughts_token_count: float | None = None
    tool_use_prompt_token_count: float | None = None
    total_token_count: float | None = None


_decoder = msgspec.json.Decoder(_Usage)


def read_usage(raw: bytes | msgspec.Raw) -> Usage | None:
    """Disjoint token classes from a `usageMetadata` object; None where it is null or no such object."""
    data = bytes(raw)
    try:
        found = _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if found.prompt_token_count is None and found.total_token_count is None:
        return None
    prompt = _count(found.prompt_token_count) + _count(found.tool_use_prompt_token_count)
    cached = min(_count(found.cached_content_token_count), prompt)
    return Usage(
        input=prompt - cached,
        cache_read=cached,
        output=_count(found.candidates_token_count),
        reasoning=_count(found.thoughts_token_count),
        raw=data,
    )


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
