"""Tokens estimated where nobody counts them."""

from __future__ import annotations

import json

import pytest

from ai_gateway.core.usage import estimated_usage
from ai_gateway.dialects.endpoints import CHAT, GENERATE_CONTENT, MESSAGES, RESPONSES, Endpoint
from ai_gateway.dialects.estimates import check_input
from ai_gateway.dialects.exchange import Exchange
from ai_gateway.dialects.interface import Asked
from ai_gateway.dialects.openai_usage import MEDIA_TOKENS
from ai_gateway.dialects.opening import open_exchange
from ai_gateway.errors import ContextLengthExceeded
from ai_gateway.providers import PROVIDERS
from tests.harness.moments import Instant


def opened(endpoint: Endpoint, body: object, provider: str) -> Exchange:
    return open_exchange(
        endpoint,
        json.dumps(body).encode(),
        Asked(model="m"),
        PROVIDERS[provider],
        content_type="application/json",
        moment=Instant(answer_id="0", created_s=0),
        serves=lambda model: model,
    )


def chat(*contents: object) -> Exchange:
    """Relayed."""
    messages = [{"role": "user", "content": content} for content in contents]
    return opened(CHAT, {"model": "m", "messages": messages}, "openai")


PICTURE = "A" * 400_000
TEXTS = [
    ("relayed", CHAT, "openai", {"messages": [{"role": "user", "content": "x" * 4000}]}),
    ("translated", CHAT, "gemini", {"messages": [{"role": "user", "content": "x" * 4000}]}),
    ("messages", MESSAGES, "anthropic", {"messages": [], "system": "x" * 4000, "max_tokens": 1}),
    ("contents", GENERATE_CONTENT, "gemini", {"contents": [{"parts": [{"text": "x" * 4000}]}]}),
    ("input", RESPONSES, "openai", {"input": "x" * 4000}),
]
PICTURES = [
    (
        "chat",
        CHAT,
        "openai",
        {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PICTURE}}
                    ],
                }
            ]
        },
    ),
    (
        "gemini",
        GENERATE_CONTENT,
        "gemini",
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": PICTURE}}]}]},
    ),
    (
        "translated",
        GENERATE_CONTENT,
        "openai",
        {"contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": PICTURE}}]}]},
    ),
]


@pytest.mark.parametrize(("_name", "endpoint", "provider", "body"), TEXTS, ids=[row[0] for row in TEXTS])
def test_text_counts_a_token_for_four_bytes(
    _name: str, endpoint: Endpoint, provider: str, body: dict[str, object]
) -> None:
    exchange = opened(endpoint, {"model": "m", **body}, provider)
    assert 1000 <= exchange.input_estimate() <= 1020


@pytest.mark.parametrize(
    ("_name", "endpoint", "provider", "body"), PICTURES, ids=[row[0] for row in PICTURES]
)
def test_an_image_is_not_counted_by_its_bytes(
    _name: str, endpoint: Endpoint, provider: str, body: dict[str, object]
) -> None:
    exchange = opened(endpoint, {"model": "m", **body}, provider)
    assert MEDIA_TOKENS <= exchange.input_estimate() < 2 * MEDIA_TOKENS


def test_an_estimate_is_marked_as_one() -> None:
    usage = estimated_usage(chat("x" * 400).input_estimate(), output_bytes=40)
    assert usage.estimated
    assert 100 <= usage.total_input <= 110
    assert usage.total_output == 10


def test_the_input_cap() -> None:
    request = chat("word " * 1000)
    check_input(request, 0)
    check_input(request, 2000)
    with pytest.raises(ContextLengthExceeded) as caught:
        check_input(request, 500)
    assert (caught.value.status, caught.value.code) == (400, "context_length_exceeded")
