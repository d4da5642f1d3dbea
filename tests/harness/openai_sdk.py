"""The `openai` Python SDK, pointed at a target, and questions to ask through it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import openai
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam, ChatCompletionToolParam

from tests.harness import models
from tests.harness.gateway import ClientInfo, GatewayProcess

QUESTION: Final[list[ChatCompletionMessageParam]] = [{"role": "user", "content": "What does the fox do?"}]
WEATHER: Final[ChatCompletionToolParam] = {
    "type": "function",
    "function": {
        "name": models.TOOL_NAME,
        "description": "The weather of the next days",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
        },
    },
}


@dataclass(frozen=True)
class Target:
    """Where an OpenAI SDK is pointed to, and with what."""

    base_url: str
    api_key: str
    model: str


def sdk(target: Target, *, strict: bool = True) -> openai.OpenAI:
    """`strict=False` where llama.cpp itself leaves out members that the SDK's schema demands."""
    return openai.OpenAI(
        base_url=target.base_url,
        api_key=target.api_key,
        max_retries=0,
        _strict_response_validation=strict,
    )


def through(gateway: GatewayProcess, client: ClientInfo, model: str = "any") -> Target:
    return Target(gateway.base_url, client.api_key, model)


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def request_id(answer: Any) -> str:
    """The `x-request-id` that the SDK keeps of a parsed answer."""
    found = answer._request_id
    assert isinstance(found, str)
    return found
