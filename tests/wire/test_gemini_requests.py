"""Recorded requests to Gemini: each is read, and the same JSON comes out again for Gemini."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ai_gateway.core.chat import DialectName
from ai_gateway.dialects.gemini.parse import parse_request
from ai_gateway.dialects.gemini.render import render_request
from ai_gateway.dialects.interface import Asked, Target
from ai_gateway.providers import PROVIDERS
from tests.harness.cassettes import Cassette, cassette_params
from tests.harness.recorded import dialect_of, is_request

TARGET = Target(provider=PROVIDERS["gemini"])
SCHEMAS = {"parameters": "parametersJsonSchema", "responseSchema": "responseJsonSchema"}
NOT_JSON_SCHEMA = ("propertyOrdering", "property_ordering", "nullable")
VERBATIM = frozenset({"args", "response", "parametersJsonSchema", "responseJsonSchema", "labels"})
"""Members whose inside is the caller's own, not Gemini's."""


def is_gemini(cassette: Cassette) -> bool:
    return is_request(cassette) and dialect_of(cassette) is DialectName.GEMINI


@pytest.mark.parametrize("cassette", cassette_params(is_gemini))
def test_the_same_comes_out_again(cassette: Cassette) -> None:
    body = json.dumps(cassette.request_body).encode()
    request = parse_request(body, Asked(model="gemini-3-flash", stream=False))
    found = render_request(request, TARGET)
    assert found.dropped == ()
    assert alike(json.loads(found.body)) == alike(cassette.request_body)


def alike(body: dict[str, Any]) -> dict[str, Any]:
    """The request in one spelling: what is documented to come out otherwise is made equal."""
    told: dict[str, Any] = plain(body)
    contents = told["contents"]
    told["contents"] = [
        {"role": "user", **turn} for turn in (contents if isinstance(contents, list) else [contents])
    ]
    system = told.get("systemInstruction")
    if system is not None:
        parts = system["parts"] if isinstance(system["parts"], list) else [system["parts"]]
        system = {"parts": [part for part in parts if part != {"text": ""}]}
        told["systemInstruction"] = system
    if system == {"parts": []}:
        del told["systemInstruction"]
    told["tools"] = sorted(
        ({name: value} for tool in told.get("tools", ()) for name, value in tool.items()),
        key=json.dumps,
    )
    if told.get("generationConfig") == {}:
        del told["generationConfig"]
    return told


def plain(value: Any, name: str = "") -> Any:
    """camelCase, no nulls, no `thought: false`, schemas as JSON Schema, standard Base64."""
    if isinstance(value, list):
        return [plain(inner, name) for inner in value]
    if isinstance(value, str):
        return value.replace("-", "+").replace("_", "/") if name == "data" else spelled(value, name)
    if not isinstance(value, dict):
        return value
    found = {camel(key): inner for key, inner in value.items() if inner is not None}
    if found.get("thought") is False:
        del found["thought"]
    result = {}
    for key, inner in found.items():
        if key in SCHEMAS:
            result[SCHEMAS[key]] = lowered(inner)
        else:
            result[key] = answered(inner) if key in VERBATIM else plain(inner, key)
    return result


def spelled(value: str, name: str) -> str:
    return value.lower() if name == "thinkingLevel" else value


def camel(name: str) -> str:
    return re.sub(r"(?<=[a-z])_([a-z])", lambda found: found[1].upper(), name)


def answered(value: Any) -> Any:
    """`{"output": TEXT}` comes out as `{"result": TEXT}`."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(value.get("output"), str):
        return {"result": value["output"]}
    return value


def lowered(schema: Any) -> Any:
    """The types of Gemini's schemas; the recorded ones hold nothing else that is spelled otherwise."""
    if isinstance(schema, list):
        return [lowered(inner) for inner in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {name: lowered(inner) for name, inner in schema.items() if name not in NOT_JSON_SCHEMA}
    if isinstance(kept.get("type"), str):
        kept["type"] = kept["type"].lower()
        if schema.get("nullable"):
            kept["type"] = [kept["type"], "null"]
    return kept
