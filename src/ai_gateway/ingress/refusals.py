"""What a connection says by itself, where there is no request that could be answered."""

from __future__ import annotations

from http import HTTPStatus

from ai_gateway.dialects.openai_errors import render_error
from ai_gateway.errors import GatewayError
from ai_gateway.ingress.responses import SECURITY_HEADERS

__all__ = ["RequestTimeout", "refusal"]

_SECURITY = b"".join(b"%b: %b\r\n" % header for header in SECURITY_HEADERS)


class RequestTimeout(GatewayError):
    """The request stopped coming before its end."""

    status, kind, code = 408, "invalid_request_error", "request_timeout"


def refusal(error: GatewayError, own_lines: bytes) -> bytes:
    """The last answer of a connection; `own_lines` are the server's own headers."""
    body = render_error(error)
    head = [b"HTTP/1.1 %d %b\r\n" % (error.status, HTTPStatus(error.status).phrase.encode()), own_lines]
    head += [_SECURITY, b"content-type: application/json\r\nconnection: close\r\n"]
    if error.retry_after_s is not None:
        head.append(b"retry-after: %d\r\n" % error.retry_after_s)
    head.append(b"content-length: %d\r\n\r\n" % len(body))
    return b"".join(head) + body
