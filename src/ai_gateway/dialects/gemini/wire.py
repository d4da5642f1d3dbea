"""What Gemini's answers hold, as far as the gateway reads them.

Source: Gemini API reference, "Generating content" (`GenerateContentResponse`, `Candidate`).
"""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["EMPTY", "Candidate", "Chunk", "Content", "Part"]

EMPTY: Final = msgspec.Raw(b"")


class Part(msgspec.Struct, rename="camel"):
    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: msgspec.Raw = EMPTY
    inline_data: msgspec.Raw = EMPTY


class Content(msgspec.Struct):
    parts: list[msgspec.Raw] | None = None


class Candidate(msgspec.Struct, rename="camel"):
    index: int | None = None
    content: Content | None = None
    finish_reason: str | int | None = None
    finish_message: str | None = None
    citation_metadata: msgspec.Raw = EMPTY
    grounding_metadata: msgspec.Raw = EMPTY
    url_context_metadata: msgspec.Raw = EMPTY
    safety_ratings: msgspec.Raw = EMPTY
    logprobs_result: msgspec.Raw = EMPTY


class Chunk(msgspec.Struct, rename="camel"):
    candidates: list[Candidate] | None = None
    usage_metadata: msgspec.Raw = EMPTY
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: msgspec.Raw = EMPTY
    error: msgspec.Raw = EMPTY
