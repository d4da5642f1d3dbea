"""The page at `/admin/api/docs`: the OpenAPI document for people, without a script and any other host."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from html import escape
from typing import Any

__all__ = ["docs_csp", "docs_page"]

# A JSON document is a tree of anything.
Document = dict[str, Any]

_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;"
    "background:#fff}code{font:13px/1.5 ui-monospace,monospace}summary{cursor:pointer;padding:.3rem 0}"
    "details{border-top:1px solid #ddd}table{border-collapse:collapse;margin:.3rem 0 1rem}"
    "td{padding:.1rem 1rem .1rem 0;vertical-align:top}b{display:inline-block;min-width:4.5rem}"
    "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}a{color:#8ab4f8}"
    "details{border-color:#333}}"
)
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()


def docs_csp() -> str:
    """The policy of this page alone: its one style, and nothing else."""
    return (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def docs_page(document: Document) -> str:
    """HTML, complete in itself."""
    parts = [
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(document['info']['title'])}</title><style>{_STYLE}</style></head><body>",
        f"<h1>{escape(document['info']['title'])}</h1><p>{escape(document['info']['description'])}</p>",
        '<p>The same for programs: <a href="/admin/api/openapi.json">openapi.json</a>.</p>',
        "<h2>Calls</h2>",
    ]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            parts += _operation(method, path, operation)
    parts.append("<h2>Types</h2>")
    for name, schema in sorted(document["components"]["schemas"].items()):
        parts += _type(name, schema)
    parts.append("</body></html>")
    return "".join(parts)


def _operation(method: str, path: str, operation: Document) -> Iterator[str]:
    summary = escape(operation.get("summary", ""))
    yield f"<details><summary><b>{method.upper()}</b><code>{escape(path)}</code> {summary}</summary>"
    yield f"<p>{escape(operation.get('description', ''))} Role: {escape(operation['x-role'])}.</p><table>"
    for parameter in operation.get("parameters", ()):
        where = f"{parameter['in']}{', required' if parameter.get('required') else ''}"
        yield _row(parameter["name"], where, parameter.get("schema", {}), parameter.get("description", ""))
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        yield _row("body", kind, content.get("schema", {}), "")
    for status, answer in operation["responses"].items():
        for kind, content in answer.get("content", {"": {}}).items():
            yield _row(status, kind, content.get("schema", {}), answer.get("description", ""))
    yield "</table></details>"


def _type(name: str, schema: Document) -> Iterator[str]:
    yield f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
    yield f"<p>{escape(schema.get('description', ''))}</p><table>"
    required = set(schema.get("required", ()))
    for member, inner in schema.get("properties", {}).items():
        told = "required" if member in required else ""
        yield _row(member, told, inner, inner.get("description", ""))
    yield "</table></details>"


def _row(name: str, where: str, schema: Document, text: str) -> str:
    cells = (f"<code>{escape(name)}</code>", escape(where), _spelt(schema), escape(text))
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _spelt(schema: Document) -> str:
    """A schema in a few words; a named one as a link."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "enum" in schema:
        return escape(" | ".join(map(str, schema["enum"])))
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return " | ".join(_spelt(each) for each in schema[word])
    if schema.get("type") == "array":
        return f"list of {_spelt(schema.get('items', {}))}"
    return escape(str(schema.get("const") or schema.get("type", "")))
