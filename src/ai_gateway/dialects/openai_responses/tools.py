"""Tools as the Responses API writes them.

Source: OpenAI API reference, "Create a model response" (`tools`); openai/codex (`namespace`).
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import ChatRequest, DialectName, HostedTool, Tool

__all__ = ["tool_rows"]

Json = dict[str, object]
_ME = DialectName.OPENAI_RESPONSES
_DESCRIPTIONS = "tools.namespace.description"


def tool_rows(request: ChatRequest, *, own: bool) -> tuple[list[Json | msgspec.Raw], list[str]]:
    """The tools, those of a namespace inside it, and the names of what was left out."""
    rows: list[Json | msgspec.Raw] = []
    dropped: list[str] = []
    namespaces: dict[str, list[Json]] = {}
    described = _descriptions(request)
    for tool in request.tools:
        if isinstance(tool, HostedTool):
            if tool.dialect is _ME:
                rows.append(tool.raw)
            else:
                dropped.append(f"tools.{tool.kind}")
            continue
        row = _row(tool, own, dropped)
        if tool.namespace is None:
            rows.append(row)
            continue
        if tool.namespace not in namespaces:
            inner = namespaces[tool.namespace] = []
            rows.append(
                {
                    "type": "namespace",
                    "name": tool.namespace,
                    "description": described.get(tool.namespace, ""),
                    "tools": inner,
                }
            )
        namespaces[tool.namespace].append(row)
    return rows, dropped


def _descriptions(request: ChatRequest) -> dict[str, str]:
    raw = (request.extra or {}).get(_DESCRIPTIONS)
    return {} if raw is None else msgspec.json.decode(raw, type=dict[str, str])


def _row(tool: Tool, own: bool, dropped: list[str]) -> Json:
    row: Json = {"type": "custom" if tool.custom else "function", "name": tool.own_name or tool.name}
    if tool.description is not None:
        row["description"] = tool.description
    if not tool.custom:
        if tool.parameters is not None:
            row["parameters"] = tool.parameters
        elif not own:
            row["parameters"] = {"type": "object", "properties": {}}
        if tool.strict is not None or not own or tool.ours:
            row["strict"] = bool(tool.strict)
    if tool.cache is not None:
        dropped.append("tools.cache")
    if tool.extra and own:
        row |= tool.extra
    elif tool.extra:
        dropped += [f"tools.{name}" for name in tool.extra]
    return row
