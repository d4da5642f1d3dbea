"""Whether the gateway's tools can stand beside what a caller asks for.

Sources: Gemini API docs, "Function calling", "Context caching", "Structured outputs", "Image generation";
error texts of the API ("Tool use with function calling is unsupported", "Function calling with a response
mime type: 'application/json' is unsupported").
"""

from __future__ import annotations

import re

import msgspec

from ai_gateway.core.chat import ChatRequest, DialectName, HostedTool, Tool
from ai_gateway.dialects.gemini.models import gemini

__all__ = ["names_of", "takes_more_tools"]

_DRAWS_OR_SPEAKS = re.compile(r".*-(image|tts)\b")


class _Named(msgspec.Struct):
    name: str | None = None


_named = msgspec.json.Decoder(_Named)


def names_of(tools: tuple[Tool | HostedTool, ...]) -> frozenset[str]:
    """By which the model calls what the caller has. Some tools that a provider defines are run by the caller
    all the same, under a name (Anthropic's `bash`, `memory`, …)."""
    found = {tool.name if isinstance(tool, Tool) else _name(tool) for tool in tools}
    return frozenset(name for name in found if name)


def _name(tool: HostedTool) -> str | None:
    try:
        return _named.decode(tool.raw).name
    except msgspec.DecodeError:
        return None  # the provider's to refuse


def takes_more_tools(request: ChatRequest, target: DialectName, model: str) -> bool:
    """Whether a request to this model may have functions that the caller did not ask for.

    Gemini refuses them beside its own tools, cached content and, up to its second generation, an answer in
    JSON; models that draw or speak call nothing. A caller whose request has functions knows that it may.
    """
    if target is not DialectName.GEMINI:
        return True
    own = request.dialect is DialectName.GEMINI
    if own and any(isinstance(tool, HostedTool) for tool in request.tools):
        return False
    if own and "cachedContent" in (request.extra or {}):
        return False
    if _DRAWS_OR_SPEAKS.match(model) or set(request.modalities) - {"text"}:
        return False
    form = request.output_format
    in_json = form is not None and form.kind != "text"
    return not in_json or bool(names_of(request.tools)) or gemini(model).json_with_tools
