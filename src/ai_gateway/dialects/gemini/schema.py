"""JSON Schemas: from Gemini's own form of them, and down to what Gemini takes.

Sources: Gemini API reference, "Caching", `Schema`; docs, "Structured outputs", "JSON Schema support".
"""

from __future__ import annotations

from typing import Any

import msgspec

from ai_gateway.errors import BadRequest

__all__ = ["fit_schema", "from_gemini"]

Schema = Any
"""A JSON Schema is a tree of anything: there is no narrower type for it."""

_KNOWN = frozenset(
    {
        "$id",
        "$defs",
        "$ref",
        "$anchor",
        "type",
        "format",
        "title",
        "description",
        "enum",
        "items",
        "prefixItems",
        "minItems",
        "maxItems",
        "minimum",
        "maximum",
        "anyOf",
        "oneOf",
        "properties",
        "additionalProperties",
        "required",
        "propertyOrdering",
    }
)
_SAYS_NOTHING = frozenset(
    {"$schema", "$comment", "examples", "default", "deprecated", "readOnly", "writeOnly", "strict"}
)
_MAPS = ("properties", "$defs")
_LISTS = ("anyOf", "oneOf", "prefixItems")
_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_MAX_DEPTH = 100
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def from_gemini(raw: msgspec.Raw, where: str) -> msgspec.Raw:
    """Gemini's `Schema` (upper-case types, `nullable`, counts as strings) as JSON Schema.

    Raises: BadRequest where it is no schema.
    """
    return msgspec.Raw(msgspec.json.encode(_standard(_opened(raw, where), 0)))


def fit_schema(raw: msgspec.Raw, where: str) -> tuple[msgspec.Raw, tuple[str, ...]]:
    """The schema without keywords that Gemini does not know, and their names.

    A subschema with `$ref` may hold nothing else but `$` keywords: the API refuses it otherwise.

    Raises: BadRequest where it is no schema.
    """
    schema = _opened(raw, where)
    dropped: dict[str, None] = {}
    fitted = _fit(schema, dropped, 0)
    names = tuple(f"{where}.{name}" for name in dropped)
    return (raw if fitted == schema else msgspec.Raw(msgspec.json.encode(fitted))), names


def _opened(raw: msgspec.Raw, where: str) -> dict[str, Schema]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except _BROKEN as error:
        raise BadRequest(f"'{where}' must be a JSON schema: an object", param=where) from error


def _standard(schema: Schema, depth: int) -> Schema:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return schema
    found: dict[str, Schema] = {}
    for name, value in schema.items():
        if name not in ("nullable", "propertyOrdering", "property_ordering"):
            found[name] = _standard_member(name, value, depth)
    if schema.get("nullable") is True and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    order = schema.get("propertyOrdering") or schema.get("property_ordering")
    properties = found.get("properties")
    if isinstance(order, list) and isinstance(properties, dict):
        names = [name for name in order if name in properties]
        found["properties"] = {name: properties[name] for name in dict.fromkeys((*names, *properties))}
    return found


def _standard_member(name: str, value: Schema, depth: int) -> Schema:
    if name == "type" and isinstance(value, str):
        return value.lower()
    if name in _MAPS and isinstance(value, dict):
        return {key: _standard(inner, depth + 1) for key, inner in value.items()}
    if name == "anyOf" and isinstance(value, list):
        return [_standard(one, depth + 1) for one in value]
    if name == "items":
        return _standard(value, depth + 1)
    if name in _COUNTS and isinstance(value, str) and value.isdecimal():
        return int(value)
    return value


def _fit(schema: Schema, dropped: dict[str, None], depth: int) -> Schema:
    if not isinstance(schema, dict) or depth > _MAX_DEPTH:
        return schema
    fitted: dict[str, Schema] = {}
    refers = isinstance(schema.get("$ref"), str)
    for name, value in schema.items():
        if refers and not name.startswith("$") and name != "definitions":
            if name not in _SAYS_NOTHING:
                dropped[name] = None
        elif name == "const":
            _fit_const(value, schema, fitted, dropped)
        elif name == "allOf" and isinstance(value, list) and len(value) == 1:
            fitted |= _fit(value[0], dropped, depth + 1)
        elif name == "definitions" or name in _KNOWN:
            spelled = "$defs" if name == "definitions" else name
            fitted[spelled] = _fit_member(spelled, value, dropped, depth + 1)
        elif name not in _SAYS_NOTHING:
            dropped[name] = None
    return fitted


def _fit_const(value: Schema, schema: Schema, fitted: dict[str, Schema], dropped: dict[str, None]) -> None:
    """`enum` is for strings and numbers: of another constant only the type is left."""
    kind = {bool: "boolean", type(None): "null"}.get(type(value))
    if kind is None and isinstance(value, str | int | float):
        fitted["enum"] = [value]
        return
    if kind is not None:
        fitted.setdefault("type", schema.get("type", kind))
    if value is not None:
        dropped["const"] = None


def _fit_member(name: str, value: Schema, dropped: dict[str, None], depth: int) -> Schema:
    if name in _MAPS and isinstance(value, dict):
        return {key: _fit(inner, dropped, depth) for key, inner in value.items()}
    if name in _LISTS and isinstance(value, list):
        return [_fit(one, dropped, depth) for one in value]
    if name in ("items", "additionalProperties"):
        return _fit(value, dropped, depth)
    if name == "$ref" and isinstance(value, str):
        return value.replace("#/definitions/", "#/$defs/")
    return value
