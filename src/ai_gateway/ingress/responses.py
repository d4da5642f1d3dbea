"""Headers that stand on every answer, and the few answers that need no pipeline."""

from __future__ import annotations

__all__ = ["SECURITY_HEADERS"]

# Source: OWASP Secure Headers Project; RFC 6797 for HSTS, which is added under HTTPS only.
SECURITY_HEADERS: tuple[tuple[bytes, bytes], ...] = (
    (b"x-frame-options", b"DENY"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
