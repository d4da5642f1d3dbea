"""Every failure that a caller can see.

GatewayError
├── BadRequest                 400  the caller's request is wrong; `param` names the field
│   └── ContextLengthExceeded  400  input over the client's per-request cap
├── Unauthenticated            401
├── Forbidden                  403  known caller, but not this client, address or model
├── NotFound                   404
├── MethodNotAllowed           405
├── BodyTooLarge               413
├── LimitReached               429  a rate limit, quota or budget of the client's is used up
├── Overloaded                 503  draining, too many requests, or accounting cannot take another row
└── UpstreamError              502  the provider failed; the caller did nothing wrong
    ├── UpstreamRejected       4xx  the provider refused the request: its status and message
    ├── UpstreamUnreachable    502  no connection
    ├── UpstreamProtocolError  502  a connection, but not the protocol that we speak
    ├── UpstreamTimeout        504
    └── ToolLoop               502  the model went on calling the gateway's tools

A dialect decides only how these are spelled. Messages are safe to show: no credential is ever in one.
"""

from __future__ import annotations

__all__ = [
    "BadRequest",
    "BodyTooLarge",
    "ContextLengthExceeded",
    "Forbidden",
    "GatewayError",
    "LimitReached",
    "MethodNotAllowed",
    "NotFound",
    "Overloaded",
    "ToolLoop",
    "Unauthenticated",
    "UpstreamError",
    "UpstreamProtocolError",
    "UpstreamRejected",
    "UpstreamTimeout",
    "UpstreamUnreachable",
]


class GatewayError(Exception):
    """A failure with a place in the error table.

    `status` is the HTTP status, `kind` the broad class (OpenAI's `type`), `code` the exact reason,
    `param` the request field at fault, `retry_after_s` the seconds after which a retry may succeed,
    `retryable` whether another try, or another provider, could succeed where this one failed.
    """

    status: int = 500
    kind: str = "api_error"
    code: str | None = None
    retryable: bool = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s
        if code is not None:
            self.code = code


class BadRequest(GatewayError):
    """Malformed JSON, a wrong type, a missing field, an unsupported feature."""

    status, kind = 400, "invalid_request_error"


class ContextLengthExceeded(BadRequest):
    """More input tokens than the client may send in one request."""

    code = "context_length_exceeded"


class Unauthenticated(GatewayError):
    """No key, an unknown key, or one that has expired."""

    status, kind, code = 401, "authentication_error", "invalid_api_key"


class Forbidden(GatewayError):
    """`code` is `client_disabled`, `ip_not_allowed` or `model_not_allowed`."""

    status, kind = 403, "permission_error"


class NotFound(GatewayError):
    """No such path, or no such model."""

    status, kind = 404, "invalid_request_error"


class MethodNotAllowed(GatewayError):
    """The path exists, the method does not."""

    status, kind = 405, "invalid_request_error"


class BodyTooLarge(GatewayError):
    """The request body is over `server.max_body_bytes`."""

    status, kind, code = 413, "invalid_request_error", "request_too_large"


class LimitReached(GatewayError):
    """A limit of the client's own is used up.

    `reason` names it for logs and metrics: `minute`, `hour`, `day`, `concurrency`, `quota_requests`,
    `quota_input_tokens`, `quota_output_tokens`, `budget_day`, `budget_month`. `should_retry` is false where
    only midnight, or an admin, helps: SDKs retry 429 by themselves otherwise.
    """

    status, kind, code = 429, "rate_limit_error", "rate_limit_exceeded"

    def __init__(self, message: str, *, reason: str, retry_after_s: int, quota: bool = False) -> None:
        super().__init__(message, retry_after_s=retry_after_s)
        self.reason = reason
        self.should_retry = not quota
        if quota:
            self.code = "insufficient_quota"


class Overloaded(GatewayError):
    """The gateway takes no request now: it is draining, at `server.max_concurrency`, or the accounting
    spool is full."""

    status, kind, code, retryable = 503, "api_error", "overloaded", True


class UpstreamError(GatewayError):
    """The provider answered with a 5xx, or failed in the middle of its answer."""

    status, kind, retryable = 502, "api_error", True
    code: str | None = "upstream_error"
    arrived: bool = True
    """The request went out: perhaps the provider acts on it."""


class UpstreamRejected(UpstreamError):
    """The provider refused the request with a 4xx: its status, message and type are kept.

    It may take the same request later where it was too slow (408) or too busy (429), but not where the
    account has no credit left, which comes as 429 too.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        kind: str | None = None,
        code: str | None = None,
        param: str | None = None,
        retry_after_s: int | None = None,
        verbatim: bytes | None = None,
    ) -> None:
        super().__init__(message, code=code, param=param, retry_after_s=retry_after_s)
        self.verbatim = verbatim
        """The provider's own error body, where it is already in the caller's dialect and holds no secret."""
        self.status = status
        self.kind = kind or _KIND_OF_STATUS.get(status, "invalid_request_error")
        self.code = code
        self.retryable = status in _PASSING and not (_is_spent(kind) or _is_spent(code))


class UpstreamUnreachable(UpstreamError):
    """No connection: DNS, refused, TLS, or closed before the first byte of an answer."""

    arrived = False

    @classmethod
    def unanswered(cls) -> UpstreamUnreachable:
        """The connection was closed after the request had gone out."""
        error = cls("the upstream closed the connection without an answer")
        error.arrived = True
        return error


class UpstreamProtocolError(UpstreamError):
    """The provider broke its own wire format: our caller did nothing wrong."""


class UpstreamTimeout(UpstreamError):
    """No first byte, or no next one, within the client's `timeout_seconds`."""

    status, code = 504, "upstream_timeout"

    @classmethod
    def connecting(cls) -> UpstreamTimeout:
        """The request did not even go out."""
        error = cls("could not connect to the upstream in time")
        error.arrived = False
        return error


class ToolLoop(UpstreamError):
    """The model went on calling the gateway's tools when it was to answer. Another try would cost as much."""

    code, retryable = "tool_loop", False


_PASSING = (408, 429)
_KIND_OF_STATUS = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


def _is_spent(word: str | None) -> bool:
    """`insufficient_quota`, `insufficient_credits`, `billing_hard_limit_reached`, …: only money helps."""
    return word is not None and word.startswith(("insufficient_", "billing"))
