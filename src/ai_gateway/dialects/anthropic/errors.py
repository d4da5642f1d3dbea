"""Errors as Anthropic spells them, out and in.

Source: Anthropic API docs, "Errors" (types by status).
"""

from __future__ import annotations

import msgspec

from ai_gateway.dialects.faults import told_status
from ai_gateway.dialects.openai_errors import without
from ai_gateway.errors import GatewayError, UpstreamError, UpstreamRejected

__all__ = ["error_body", "parse_error", "render_error", "reported"]

_MAX_MESSAGE = 2000
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_KINDS = {"not_found_error": "invalid_request_error", "request_too_large": "invalid_request_error"}


def error_body(error: GatewayError) -> dict[str, object]:
    """`{"type": "error", "error": {"type", "message"}}`."""
    fallback = "invalid_request_error" if error.status < 500 else "api_error"
    kind = _TYPES.get(error.status, fallback)
    return {"type": "error", "error": {"type": kind, "message": _message(error)}}


def _message(error: GatewayError) -> str:
    """The field at fault has no member of its own here: it is named in the message."""
    if error.param and error.param not in error.message:
        return f"{error.param}: {error.message}"
    return error.message


def render_error(error: GatewayError, request_id: str) -> bytes:
    """An error answer, with the request's id."""
    body = error_body(error)
    return msgspec.json.encode({**body, "request_id": request_id} if request_id else body)


class _Error(msgspec.Struct):
    type: str | None = None
    message: str | None = None


class _Body(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None
    type: str | None = None


def parse_error(status: int, body: bytes, credential: str, retry_after_s: int | None) -> UpstreamError:
    """What an error answer means for the caller: a 4xx keeps its status and message, anything else is a
    502 with the message."""
    kind, message = _read(body)
    message = without(message or f"the upstream answered with status {status}", credential)[:_MAX_MESSAGE]
    if 400 <= status < 500:
        whole = body if kind is not None and not (credential and credential.encode() in body) else None
        return UpstreamRejected(
            message,
            status=status,
            kind=_KINDS.get(kind or "", kind),
            retry_after_s=retry_after_s,
            verbatim=whole,
        )
    return UpstreamError(message, retry_after_s=retry_after_s)


def reported(raw: bytes) -> UpstreamError:
    """The failure that an `error` event tells of: the stream's status was 200, so its type says which."""
    kind, message = _read(raw)
    message = (message or "the upstream reported a failure")[:_MAX_MESSAGE]
    status = told_status(raw)
    if not 400 <= status < 500:
        return UpstreamError(message)
    return UpstreamRejected(message, status=status, kind=_KINDS.get(kind or "", kind))


def _read(body: bytes) -> tuple[str | None, str | None]:
    """Type and message."""
    try:
        found = msgspec.json.decode(body, type=_Body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        plain = body[:_MAX_MESSAGE].decode("utf-8", "replace").strip()
        return None, None if plain[:1] in ("<", "{", "[") else plain or None
    if isinstance(found.error, _Error):
        return found.error.type, found.error.message
    return None, found.error or found.message
