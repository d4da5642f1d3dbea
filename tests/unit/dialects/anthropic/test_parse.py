"""Requests of Anthropic's callers."""

from __future__ import annotations

import json

import msgspec
import pytest

from ai_gateway.dialects.anthropic import DIALECT
from ai_gateway.dialects.interface import Asked
from ai_gateway.errors import BadRequest

Body = dict[str, object]
HI: Body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}
RARE = (
    "tools",
    "tool_choice",
    "top_p",
    "top_k",
    "stop_sequences",
    "metadata",
    "service_tier",
    "thinking",
    "output_config",
    "output_format",
    "cache_control",
    "unheard_of",
)


@pytest.mark.parametrize(
    "more", [{}, {"system": "be brief", "stream": True, "temperature": 0.5}, {"stream": None}]
)
def test_what_is_null_is_not_there(more: Body) -> None:
    plain = DIALECT.parse_request(json.dumps({**HI, **more}).encode(), Asked())
    for name in RARE:
        body = json.dumps({**HI, **more, name: None}).encode()
        assert msgspec.structs.asdict(DIALECT.parse_request(body, Asked())) == msgspec.structs.asdict(plain)


@pytest.mark.parametrize(
    ("name", "value"),
    [("stream", "yes"), ("temperature", "hot"), ("model", 3), ("system", 3), ("messages", 3)],
)
def test_what_is_of_another_type_is_named(name: str, value: object) -> None:
    for more in ({}, {"top_k": 1}):
        with pytest.raises(BadRequest) as caught:
            DIALECT.parse_request(json.dumps({**HI, **more, name: value}).encode(), Asked())
        assert caught.value.param == name
