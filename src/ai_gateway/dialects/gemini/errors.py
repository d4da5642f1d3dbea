"""Errors as Google spells them, out and in.

Sources: Gemini API docs, "Troubleshooting" (codes and names); google.rpc `Code`, `ErrorInfo`, `RetryInfo`.
"""

from __future__ import annotations

import math

import msgspec

from ai_gateway.dialects.faults import told_status
from ai_gateway.dialects.openai_errors import without
from ai_gateway.errors import GatewayError, UpstreamError, UpstreamRejected

__all__ = ["parse_error", "render_error", "reported"]

_MAX_MESSAGE = 2000
_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "INVALID_ARGUMENT",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_KINDS = {
    "UNAUTHENTICATED": "authentication_error",
    "PERMISSION_DENIED": "permission_error",
    "RESOURCE_EXHAUSTED": "rate_limit_error",
}
_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_BAD_KEY = "API_KEY_INVALID"


def render_error(error: GatewayError, request_id: str) -> bytes:
    """`{"error": {"code", "message", "status"}}`, with the gateway's own code as its reason."""
    fallback = "INVALID_ARGUMENT" if error.status < 500 else "INTERNAL"
    message = error.message
    if error.param and error.param not in message:
        message = f"{error.param}: {message}"
    found: dict[str, object] = {
        "code": error.status,
        "message": message,
        "status": _STATUSES.get(error.status, fallback),
    }
    if error.code:
        metadata = {"request_id": request_id} if request_id else {}
        found["details"] = [
            {"@type": _ERROR_INFO, "reason": error.code.upper(), "domain": "ai-gateway", "metadata": metadata}
        ]
    return msgspec.json.encode({"error": found})


class _Detail(msgspec.Struct, rename={"retry_delay": "retryDelay"}):
    reason: str | None = None
    retry_delay: str | None = None


class _Error(msgspec.Struct):
    code: int | str | None = None
    message: str | None = None
    status: str | None = None
    details: list[_Detail] | None = None


class _Body(msgspec.Struct):
    error: _Error | str | None = None
    message: str | None = None


_body = msgspec.json.Decoder(_Body | list[_Body])


def parse_error(status: int, body: bytes, credential: str, retry_after_s: int | None) -> UpstreamError:
    """What an error answer means for the caller: a 4xx keeps its status and message, anything else is a
    502 with the message. A refused key comes as 400, and is an authentication error all the same."""
    error = _read(body)
    message = without(error.message or f"the upstream answered with status {status}", credential)[
        :_MAX_MESSAGE
    ]
    details = error.details or ()
    retry_after_s = retry_after_s if retry_after_s is not None else _delay(details)
    if 400 <= status < 500:
        kind = _KINDS.get(error.status or "")
        if any(detail.reason == _BAD_KEY for detail in details):
            kind = "authentication_error"
        whole = body if error.status and not (credential and credential.encode() in body) else None
        return UpstreamRejected(
            message,
            status=status,
            kind=kind,
            retry_after_s=retry_after_s,
            verbatim=whole if body[:1] == b"{" else None,
        )
    return UpstreamError(message, retry_after_s=retry_after_s)


def reported(raw: bytes) -> UpstreamError:
    """A failure inside a stream of status 200: the object that holds `error`."""
    error = parse_error(told_status(raw), raw, "", None)
    if isinstance(error, UpstreamRejected):
        error.verbatim = None  # whether it quotes the credential is not known here
    return error


def _read(body: bytes) -> _Error:
    try:
        found = _body.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        plain = body[:_MAX_MESSAGE].decode("utf-8", "replace").strip()
        return _Error(message=None if plain[:1] in ("<", "{", "[") else plain or None)
    first = (found[0] if found else _Body()) if isinstance(found, list) else found
    if isinstance(first.error, _Error):
        return first.error
    return _Error(message=first.error or first.message)


def _delay(details: list[_Detail] | tuple[_Detail, ...]) -> int | None:
    """Seconds of a `RetryInfo`: `"19.5s"`."""
    for detail in details:
        try:
            return math.ceil(float((detail.retry_delay or "").removesuffix("s")))
        except ValueError:
            continue
    return None
