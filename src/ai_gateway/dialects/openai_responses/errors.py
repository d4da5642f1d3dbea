"""Errors of the Responses API, out and in: OpenAI's own form, and those that responses and streams report.

Source: OpenAI API reference, "Error codes", "Streaming events" (`error`, `response.failed`).
"""

from __future__ import annotations

import msgspec

from ai_gateway.dialects import openai_errors
from ai_gateway.dialects.faults import told_status
from ai_gateway.errors import GatewayError, UpstreamError, UpstreamRejected

__all__ = ["error_members", "parse_error", "render_error", "reported"]


def render_error(error: GatewayError, request_id: str) -> bytes:
    """`{"error": {"message", "type", "param", "code"}}`; the request's id travels in a header only."""
    return openai_errors.render_error(error)


def error_members(error: GatewayError, sequence_number: int) -> dict[str, object]:
    """An `error` event. SDKs raise on its inner `error`; strict readers want the outer members."""
    code = error.code or error.kind
    inner = {"type": error.kind, "code": code, "message": error.message, "param": error.param}
    return {
        "type": "error",
        "code": code,
        "message": error.message,
        "param": error.param,
        "sequence_number": sequence_number,
        "error": inner,
    }


def parse_error(status: int, body: bytes, credential: str, retry_after_s: int | None) -> UpstreamError:
    """What an error answer means for the caller: a 4xx keeps its status, anything else is a 502."""
    return openai_errors.parse_error(status, body, credential=credential, retry_after_s=retry_after_s)


class _Reported(msgspec.Struct):
    message: str | None = None
    code: str | int | None = None
    type: str | None = None
    param: str | None = None


def reported(raw: bytes | msgspec.Raw) -> UpstreamError:
    """A failure inside an answer of status 200: its `error` object, or an `error` event."""
    try:
        found = msgspec.json.decode(raw, type=_Reported)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _Reported()
    message = (found.message or "the upstream reported a failure")[:2000]
    code = str(found.code) if found.code is not None else None
    status = told_status(bytes(raw))
    if not 400 <= status < 500:
        return UpstreamError(message)
    return UpstreamRejected(message, status=status, code=code, param=found.param)
