"""Errors of Chat Completions, out and in: OpenAI's own form, and the fragments that streams report.

Source: OpenAI API reference, "Error codes"; OpenRouter documentation, "Errors and Debugging".
"""

from __future__ import annotations

import msgspec

from ai_gateway.dialects import openai_errors
from ai_gateway.dialects.faults import told_status
from ai_gateway.errors import GatewayError, UpstreamError, UpstreamRejected

__all__ = ["parse_error", "render_error", "reported_error"]


def render_error(error: GatewayError, request_id: str) -> bytes:
    """`{"error": {"message", "type", "param", "code"}}`; the request's id travels in a header only."""
    return openai_errors.render_error(error)


def parse_error(status: int, body: bytes, credential: str, retry_after_s: int | None) -> UpstreamError:
    """What an error answer means for the caller: a 4xx keeps its status, anything else is a 502."""
    return openai_errors.parse_error(status, body, credential=credential, retry_after_s=retry_after_s)


def reported_error(raw: bytes | msgspec.Raw) -> UpstreamError:
    """A failure inside an answer of status 200: an `error` member's value, or a whole flat error object.

    The provider's own status or word decides: a 4xx is the provider's refusal, anything else its failure.
    """
    value = bytes(raw)
    status = told_status(value)
    error = openai_errors.parse_error(status, b'{"error":' + value + b"}")
    if isinstance(error, UpstreamRejected):
        error.verbatim = None  # whether it quotes the credential is not known here
    if error.message.startswith("the upstream answered with status"):
        error.message = "the upstream reported a failure"
    return error
