"""`GET /metrics`: HTTP Basic authentication, then the text.

Source: RFC 7617 (Basic authentication); Prometheus, "Exposition formats".
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Awaitable, Callable

from ai_gateway.ingress.api import HeaderList, Page

__all__ = ["MetricsPage", "fingerprint"]

CONTENT_TYPE = b"text/plain; version=0.0.4; charset=utf-8"
_REALM = b'Basic realm="ai-gateway metrics", charset="UTF-8"'


def fingerprint(text: str) -> bytes:
    """SHA-256: what is compared tells neither content nor length by the time that it takes."""
    return hashlib.sha256(text.encode()).digest()


class MetricsPage:
    """Answers scrapes. It touches nothing that a request of the API waits for."""

    def __init__(
        self,
        *,
        username: str,
        password_sha256: bytes,
        render: Callable[[], Awaitable[bytes]],
    ) -> None:
        self._username = fingerprint(username)
        self._password = password_sha256
        self._render = render

    async def answer(self, headers: HeaderList) -> Page:
        """The page for a scrape with these headers, or 401."""
        if not self._admits(dict(headers).get(b"authorization", b"")):
            plain = (b"content-type", b"text/plain; charset=utf-8")
            return Page(401, [(b"www-authenticate", _REALM), plain], b"user name and password needed\n")
        headers = [(b"content-type", CONTENT_TYPE), (b"cache-control", b"no-store")]
        return Page(200, headers, await self._render())

    def _admits(self, authorization: bytes) -> bool:
        scheme, _, token = authorization.partition(b" ")
        if scheme.lower() != b"basic":
            return False
        try:
            pair = base64.b64decode(token.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return False
        username, _, password = pair.partition(":")
        # Both are compared, whatever the first one says.
        named = hmac.compare_digest(fingerprint(username), self._username)
        return hmac.compare_digest(fingerprint(password), self._password) and named
