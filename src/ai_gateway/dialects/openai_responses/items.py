"""Parts of an answer as output items.

Source: OpenAI API reference, "The Response object" (`output`).
"""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import (
    ChatRequest,
    Citation,
    DialectName,
    Tool,
)
from ai_gateway.core.events import TokenLogprob
from ai_gateway.core.signature import Signature, wrap
from ai_gateway.core.tool_arguments import free_text

__all__ = [
    "Json",
    "ToolTable",
    "annotation",
    "call_item",
    "logprob_rows",
    "reasoning_item",
]

Json = dict[str, object]
_ME = DialectName.OPENAI_RESPONSES


class ToolTable:
    """The request's tools by the name on the wire."""

    def __init__(self, request: ChatRequest) -> None:
        self._tools = {tool.name: tool for tool in request.tools if isinstance(tool, Tool)}

    def is_custom(self, name: str) -> bool:
        tool = self._tools.get(name)
        return tool is not None and tool.custom

    def names(self, name: str) -> Json:
        """As the caller knows the tool."""
        tool = self._tools.get(name)
        if tool is None or tool.namespace is None:
            return {"name": name}
        return {"name": tool.own_name or name, "namespace": tool.namespace}


def call_item(
    table: ToolTable, identifier: str, call_id: str, name: str, arguments: str, status: str
) -> Json:
    """A `function_call`, or a `custom_tool_call` where the request's tool is one."""
    if table.is_custom(name):
        row: Json = {"id": identifier, "type": "custom_tool_call", "call_id": call_id}
        return row | table.names(name) | {"input": free_text(arguments), "status": status}
    row = {"id": identifier, "type": "function_call", "status": status, "call_id": call_id}
    return row | table.names(name) | {"arguments": arguments}


def reasoning_item(identifier: str, text: str, signature: Signature | None) -> Json:
    """A signature of any provider stands in `encrypted_content`."""
    own = signature is not None and signature.dialect == _ME.value and signature.item
    row: Json = {
        "id": signature.item if signature is not None and own else identifier,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text}] if text else [],
    }
    if signature is not None:
        row["encrypted_content"] = wrap(signature, _ME.value)
    return row


def annotation(citation: Citation) -> Json | msgspec.Raw | None:
    """OpenAI's own as it came; another one where it has an address."""
    if citation.dialect is _ME:
        return citation.raw
    if citation.url is None:
        return None
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title or "",
        "start_index": citation.start or 0,
        "end_index": citation.end or 0,
    }


def logprob_rows(tokens: list[TokenLogprob]) -> list[Json]:
    return [
        {
            "token": one.token,
            "logprob": one.logprob,
            "bytes": one.bytes if one.bytes is not None else list(one.token.encode()),
            "top_logprobs": [
                {
                    "token": top.token,
                    "logprob": top.logprob,
                    "bytes": top.bytes if top.bytes is not None else list(top.token.encode()),
                }
                for top in one.top_logprobs
            ],
        }
        for one in tokens
    ]
