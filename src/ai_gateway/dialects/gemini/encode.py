"""A whole answer as Gemini's.

Source: Gemini API reference, "Generating content" (`GenerateContentResponse`).
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.answer import Answer, Choice
from ai_gateway.core.chat import DialectName, Refusal, Text
from ai_gateway.dialects.gemini.encode_parts import Json, finish_of, logprobs_of, notes_of, parts_of
from ai_gateway.dialects.gemini.usage import encode_usage
from ai_gateway.dialects.interface import AnswerContext

__all__ = ["encode_response"]


def encode_response(answer: Answer, context: AnswerContext) -> bytes:
    """A `GenerateContentResponse`."""
    body: Json = {"candidates": [_candidate(choice) for choice in answer.choices]}
    for choice in answer.choices:
        for extension in choice.extensions:
            if extension.dialect is DialectName.GEMINI and extension.name == "promptFeedback":
                body["promptFeedback"] = extension.raw
    if answer.usage is not None:
        body["usageMetadata"] = encode_usage(answer.usage)
    body["modelVersion"] = answer.start.model or context.request.model
    body["responseId"] = context.id if answer.start.id is None else answer.start.id
    return msgspec.json.encode(body)


def _candidate(choice: Choice) -> Json:
    refused = any(isinstance(part, Refusal) for part in choice.parts)
    citations = [one for part in choice.parts if isinstance(part, Text) for one in part.citations]
    candidate: Json = {
        "content": {"parts": [row for part in choice.parts for row in parts_of(part)], "role": "model"},
        **finish_of(choice.finish, refused=refused),
        "index": choice.index,
        **notes_of(choice.extensions, citations),
    }
    if choice.logprobs:
        candidate["logprobsResult"] = logprobs_of(choice.logprobs)
    return candidate
