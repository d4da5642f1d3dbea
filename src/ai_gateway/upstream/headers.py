"""Which headers pass the gateway, in each direction.

Source: RFC 9110, section 7.6.1 (hop-by-hop fields).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from ai_gateway.core.trace import TraceContext
from ai_gateway.providers import Upstream

__all__ = [
    "REQUEST_IDS",
    "HeaderPairs",
    "Headers",
    "for_caller",
    "for_translated",
    "for_upstream",
    "is_event_stream",
    "is_json",
    "is_plain",
    "retry_after_s",
    "traced",
    "translated_headers",
    "value_of",
]

Headers = Sequence[tuple[bytes, bytes]]
HeaderPairs = list[tuple[bytes, bytes]]

_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_NOT_UPSTREAM = _HOP_BY_HOP | {
    b"accept-encoding",  # the gateway reads what passes: identity only
    b"api-key",
    b"authorization",
    b"content-length",
    b"content-type",
    b"cookie",
    b"expect",
    b"forwarded",
    b"host",
    b"origin",
    b"referer",
    b"via",
    b"x-api-key",
    b"x-goog-api-key",
    b"x-real-ip",
}
_TRACE = frozenset({b"traceparent", b"tracestate"})
_TRACEPARENT = "traceparent"
_TRACESTATE = "tracestate"
REQUEST_IDS = (b"x-request-id", b"request-id", b"apim-request-id")
_NOT_UPSTREAM_PREFIXES = (b"x-forwarded-", b"x-gateway-", b"cf-", b"sec-")
_NOT_CALLER = _HOP_BY_HOP | {
    b"alt-svc",
    b"clear-site-data",
    b"content-length",
    b"content-security-policy",
    b"date",
    b"link",
    b"nel",
    b"permissions-policy",
    b"referrer-policy",
    b"refresh",
    b"report-to",
    b"reporting-endpoints",
    b"server",
    b"service-worker-allowed",
    b"set-cookie",
    b"strict-transport-security",
    b"via",
    b"www-authenticate",
    b"x-accel-redirect",
    b"x-content-type-options",
    b"x-frame-options",
    b"x-powered-by",
    b"x-request-id",
    b"x-sendfile",
    b"x-xss-protection",
}
"""What would steer a browser, or a proxy before the gateway, in the gateway's own name."""
_PERSISTENCE = (b"keep-alive", b"close")
_SANDBOX = (b"content-security-policy", b"sandbox; default-src 'none'; frame-ancestors 'none'")
"""A page of the upstream's runs no script on the origin where an admin is signed in."""
_NOT_CALLER_PREFIXES = (b"x-ratelimit-", b"anthropic-ratelimit-", b"x-gateway-", b"cf-", b"access-control-")


def for_upstream(headers: Headers, upstream: Upstream, content_type: bytes | None) -> list[tuple[str, str]]:
    """The caller's end-to-end headers without its credentials, then the provider's own."""
    named: Sequence[bytes] = ()
    result: list[tuple[str, str]] = []
    for name, value in headers:
        if name in _NOT_UPSTREAM:
            if name == b"connection" and value not in _PERSISTENCE:
                named = _connection_options(headers)
        elif not name.startswith(_NOT_UPSTREAM_PREFIXES):
            result.append((name.decode("latin-1"), value.decode("latin-1")))
    if named:
        result = [(name, value) for name, value in result if name.encode("latin-1") not in named]
    if content_type is not None:
        result.append(("Content-Type", content_type.decode("latin-1")))
    result.append(("Accept-Encoding", "identity"))
    result.extend(upstream.headers)
    for default in upstream.provider.headers:
        if not any(name == default[0] for name, _ in result):
            result.append(default)
    return result


def for_translated(
    headers: Headers, upstream: Upstream, needed: Sequence[tuple[str, str]]
) -> list[tuple[str, str]]:
    """What a translated request carries: the trace that it belongs to, what its body needs (`needed`), and
    the provider's own headers."""
    result = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers if name in _TRACE]
    result.append(("Content-Type", "application/json"))
    result.append(("Accept-Encoding", "identity"))
    result.extend(needed)
    result.extend(upstream.headers)
    result.extend(upstream.provider.headers)
    return result


def traced(headers: Sequence[tuple[str, str]], trace: TraceContext, attempt: int) -> list[tuple[str, str]]:
    """`headers` with the span of this call as the parent of whatever the provider does. The caller's state of
    the trace passes only where its `traceparent` was valid."""
    left_out = (_TRACEPARENT,) if trace.parent_id else (_TRACEPARENT, _TRACESTATE)
    return [
        *(pair for pair in headers if pair[0] not in left_out),
        (_TRACEPARENT, trace.traceparent(attempt)),
    ]


def translated_headers(
    headers: Headers, upstream: Upstream, content_type: bytes
) -> list[tuple[bytes, bytes]]:
    """What a translated answer keeps of the provider's headers: the id by which it knows the request."""
    secret = upstream.credential.encode()
    result = [(b"content-type", content_type)]
    for name in REQUEST_IDS:
        value = value_of(headers, name)
        if value is not None and not (secret and secret in value):
            result.append((b"x-upstream-request-id", value))
            break
    return result


def for_caller(headers: Headers, upstream: Upstream) -> list[tuple[bytes, bytes]]:
    """The provider's end-to-end headers, but none that quotes its credential; its limits and its request id
    are not the gateway's."""
    secret = upstream.credential.encode()
    named: Sequence[bytes] = ()
    kind: bytes | None = None
    upstream_id: bytes | None = None
    result: list[tuple[bytes, bytes]] = []
    for pair in headers:
        name, value = pair
        if name in _NOT_CALLER:
            if name == b"connection" and value not in _PERSISTENCE:
                named = _connection_options(headers)
            elif name == b"x-request-id" and upstream_id is None:
                upstream_id = value
            continue
        if name == b"content-type" and kind is None:
            kind = value
        # Not `in`, which asks first whether it is given a number, by way of an error.
        if not name.startswith(_NOT_CALLER_PREFIXES) and not (secret and value.find(secret) >= 0):
            result.append(pair)
    if named:
        result = [pair for pair in result if pair[0] not in named]
    if upstream_id is not None and not (secret and secret in upstream_id):
        result.append((b"x-upstream-request-id", upstream_id))
    if not is_json(kind) and not is_event_stream(kind):
        result.append(_SANDBOX)
    return result


def value_of(headers: Headers, name: bytes) -> bytes | None:
    """The first value of a header; names are in lower case."""
    for key, value in headers:
        if key == name:
            return value
    return None


def is_json(content_type: bytes | None) -> bool:
    if content_type == b"application/json":
        return True
    kind = (content_type or b"").partition(b";")[0].strip().lower()
    return kind == b"application/json" or kind.endswith(b"+json")


def is_event_stream(content_type: bytes | None) -> bool:
    if content_type == b"text/event-stream":
        return True
    return (content_type or b"").partition(b";")[0].strip().lower() == b"text/event-stream"


def is_plain(headers: Headers) -> bool:
    """Whether the body is as it is, not compressed."""
    return (value_of(headers, b"content-encoding") or b"identity") == b"identity"


def retry_after_s(headers: Headers) -> int | None:
    """Whole seconds from `retry-after`, given as seconds or as a date; None where absent or unreadable."""
    text = (value_of(headers, b"retry-after") or b"").decode("latin-1").strip()
    if text.isdecimal() and len(text) < 9:
        return int(text)
    date = (value_of(headers, b"date") or b"").decode("latin-1")
    try:
        moment, now = parsedate_to_datetime(text), parsedate_to_datetime(date)
        return max(0, round((_aware(moment) - _aware(now)).total_seconds()))
    except (ValueError, OverflowError):  # no date, or a year that no clock reaches
        return None


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _connection_options(headers: Headers) -> Sequence[bytes]:
    """Of all its lines: a second one counts like the first."""
    options: list[bytes] = []
    for name, value in headers:
        if name == b"connection" and value not in _PERSISTENCE:
            options += [option.strip().lower() for option in value.split(b",")]
    return options
