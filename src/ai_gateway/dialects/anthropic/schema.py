"""JSON Schemas, fitted to what Claude's constrained decoding takes.

Source: Anthropic docs, "Structured outputs", "JSON Schema limitations".
"""

from __future__ import annotations

from typing import Any

import msgspec

from ai_gateway.errors import BadRequest

__all__ = ["fit_schema"]

Schema = Any
"""A JSON Schema is a tree of anything: there is no narrower type for it."""

_UNKNOWN = frozenset(
    {
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "minProperties",
        "maxProperties",
        "patternProperties",
        "propertyNames",
        "unevaluatedProperties",
        "unevaluatedItems",
        "prefixItems",
        "not",
        "if",
        "then",
        "else",
        "dependentRequired",
        "dependentSchemas",
    }
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_MAPS = ("properties", "$defs", "definitions")
_MAX_DEPTH = 100


def fit_schema(raw: msgspec.Raw, where: str) -> tuple[msgspec.Raw, tuple[str, ...]]:
    """The schema without what the provider refuses, and the names of what was left out.

    Raises: BadRequest where it is no schema.
    """
    dropped: dict[str, None] = {}
    try:
        schema = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("the JSON schema must be an object", param=where) from error
    fitted = _fit(schema, dropped, 0)
    names = tuple(f"{where}.{name}" for name in dropped)
    if fitted == schema:
        return raw, names
    return msgspec.Raw(msgspec.json.encode(fitted)), names


def _is_unknown(name: str, value: Schema) -> bool:
    return (name == "minItems" and value not in (0, 1)) or (name == "format" and value not in _FORMATS)


def _fit(schema: Schema, dropped: dict[str, None], depth: int) -> Schema:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return schema
    fitted: dict[str, Schema] = {}
    for name, value in schema.items():
        if (
            name in _UNKNOWN
            or (name == "minItems" and value not in (0, 1))
            or (name == "format" and value not in _FORMATS)
        ):
            dropped[name] = None
        elif name in _MAPS and isinstance(value, dict):
            fitted[name] = {key: _fit(inner, dropped, depth + 1) for key, inner in value.items()}
        elif name in ("anyOf", "allOf", "oneOf") and isinstance(value, list):
            fitted["anyOf" if name == "oneOf" else name] = [_fit(one, dropped, depth + 1) for one in value]
        elif name == "items":
            fitted[name] = _fit(value, dropped, depth + 1)
        else:
            fitted[name] = value
    if "properties" in fitted or fitted.get("type") == "object":
        if fitted.get("additionalProperties") not in (None, False):
            dropped["additionalProperties"] = None
        fitted["additionalProperties"] = False
    return fitted
