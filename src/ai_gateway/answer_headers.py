"""The headers of answers: what a provider's may keep, and what the gateway says about its own part."""

from __future__ import annotations

from functools import lru_cache

from ai_gateway.call import Call, HeaderList
from ai_gateway.core.ledger import Entry
from ai_gateway.dialects.exchange import Exchange
from ai_gateway.dialects.interface import Rendered
from ai_gateway.errors import GatewayError, LimitReached
from ai_gateway.providers import Upstream
from ai_gateway.upstream.headers import for_caller, translated_headers

__all__ = ["answer_lines", "cost_line", "passed_headers", "refusal_headers", "retyped"]

SHOWN = 500
"""Characters of a name that comes from a caller."""
MAX_DROPPED_CHARS = 4000
PATIENT_S = 60
"""SDKs wait as long as `retry-after` says only up to a minute; beyond, they come back within seconds."""
_THOUSANDTHS = [f"{number:03d}" for number in range(1000)]
"""As they are written behind a decimal point."""


def passed_headers(
    received: HeaderList, upstream: Upstream, exchange: Exchange, rendered: Rendered
) -> HeaderList:
    """Those of a provider's answer that the caller gets, and what the request had to go without."""
    if exchange.translated:
        own = exchange.stream_type() if exchange.streaming else b"application/json"
        headers = translated_headers(received, upstream, own)
    else:
        headers = for_caller(received, upstream)
    if rendered.dropped:
        headers.append((b"x-gateway-dropped", header_text(", ".join(rendered.dropped), MAX_DROPPED_CHARS)))
    return headers


def retyped(headers: HeaderList, content_type: bytes) -> HeaderList:
    """`headers` with another content-type."""
    return [(b"content-type", content_type), *(pair for pair in headers if pair[0] != b"content-type")]


def refusal_headers(error: GatewayError) -> HeaderList:
    """Of an answer that tells of an error: when to come back."""
    headers: HeaderList = [(b"content-type", b"application/json")]
    retry_s = error.retry_after_s or 0
    if error.retry_after_s is not None:
        headers.append((b"retry-after", str(retry_s).encode()))
    if isinstance(error, LimitReached) and not (error.should_retry and retry_s <= PATIENT_S):
        headers.append((b"x-should-retry", b"false"))  # SDKs would try again within seconds
    return headers


def answer_lines(call: Call, entry: Entry) -> bytes:
    """What the gateway says about its own part: headers as they are written (see `Caller.reply`)."""
    record, standing = entry.record, entry.standing
    micros = int(record.overhead_ms * 1000.0 + 0.5)
    model = (record.model_served or "")[:SHOWN]  # of what is remembered, callers must not decide the length
    return (
        f"x-request-id: {call.id}\r\n{_whose(record.provider, model)}"
        f"x-gateway-attempts: {record.attempts}\r\n"
        f"x-gateway-overhead-ms: {micros // 1000}.{_THOUSANDTHS[micros % 1000]}\r\n"
        f"{'' if standing is None else standing.lines()}"
    ).encode()


@lru_cache(maxsize=1024)
def _whose(provider: str | None, model: str) -> str:
    """Who answers."""
    told = "" if provider is None else f"x-gateway-provider: {provider}\r\n"
    return f"{told}x-gateway-model: {header_text(model).decode()}\r\n" if model else told


def cost_line(usd: float) -> bytes:
    """Without an exponent, to a millionth of a millionth."""
    amount = f"{usd:.12f}".rstrip("0").rstrip(".")
    return f"x-gateway-cost: {amount}\r\n".encode()


def header_text(text: str, limit: int = SHOWN) -> bytes:
    """Visible ASCII only: names of models and members come from the caller."""
    if text.isascii() and text.isprintable():
        return text[:limit].encode()
    return bytes(ord(c) if 32 <= ord(c) < 127 else ord("?") for c in text[:limit])
