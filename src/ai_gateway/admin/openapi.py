"""The OpenAPI document of the admin API. `python -m ai_gateway.admin.openapi` prints it."""

from __future__ import annotations

import json
import sys
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ai_gateway.admin.schemas.base import Problem
from ai_gateway.admin.schemas.traffic import DeltaMessage, SnapshotMessage

__all__ = ["API", "document", "render"]

API = "/admin/api/v1"
# A JSON document is a tree of anything.
Document = dict[str, Any]

_REFERENCE = "#/components/schemas/{model}"
_DESCRIPTION = """\
Everything that the dashboard does. Sign in with a session (cookie, and its `csrf_token` in the header \
`x-csrf-token` of every call that is not a GET), or send an API token as `Authorization: Bearer gwt_...`. \
Lists have `limit` and `cursor`; errors are problem details (RFC 9457). `x-role` says who may make a call.\
"""


def document(app: FastAPI) -> Document:
    """OpenAPI 3.1, the same from every build: the version is the API's own."""
    told = get_openapi(title="ai-gateway admin API", version="1", description=_DESCRIPTION, routes=app.routes)
    schemas = told["components"]["schemas"]
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for model in (Problem, SnapshotMessage, DeltaMessage):
        _add(
            schemas,
            model.model_json_schema(ref_template=_REFERENCE, mode="serialization"),
        )
    told["components"]["securitySchemes"] = {
        "session": {"type": "apiKey", "in": "cookie", "name": "gw_session"},
        "token": {"type": "http", "scheme": "bearer"},
    }
    told["security"] = [{"session": []}, {"token": []}]
    for path in told["paths"].values():
        for operation in path.values():
            _finish(operation)
    return told


def _add(schemas: Document, schema: Document) -> None:
    for name, inner in schema.pop("$defs", {}).items():
        schemas.setdefault(name, inner)
    schemas[schema["title"]] = schema


def _finish(operation: Document) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    responses["default"] = {
        "description": "An error",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if operation["x-role"] == "nobody":
        operation["security"] = []


def render() -> str:
    """The document as text, as it is checked in."""
    from ai_gateway.admin.api import build_app

    return json.dumps(document(build_app()), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(render())
