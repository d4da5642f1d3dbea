"""Errors as OpenAI spells them, out and in.

Source: OpenAI API reference, "Error codes"; shapes of compatible providers from recorded traffic.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from ai_gateway.errors import GatewayError, UpstreamError, UpstreamRejected

__all__ = ["MIN_SECRET", "blot", "parse_error", "render_error", "render_error_event", "without"]

E = TypeVar("E", bound=GatewayError)

_MAX_MESSAGE = 2000


def render_error(error: GatewayError) -> bytes:
    """`{"error": {"message", "type", "param", "code"}}`."""
    return msgspec.json.encode(
        {
            "error": {
                "message": error.message,
                "type": error.kind,
                "param": error.param,
                "code": error.code,
            }
        }
    )


def render_error_event(error: GatewayError) -> bytes:
    """The same as a stream's last event: SDKs raise it; no `[DONE]` follows, since nothing is done."""
    return b"data: " + render_error(error) + b"\n\n"


def parse_error(
    status: int, body: bytes, *, credential: str = "", retry_after_s: int | None = None
) -> UpstreamError:
    """What an upstream's error answer means for the caller.

    A 4xx keeps its status, message, type, param and code; anything else is a 502 that keeps the message.
    `credential` is the key that was sent: should the provider quote it, it is blotted out.
    """
    found = _Found.read(body)
    message = found.message or f"the upstream answered with status {status}"
    message = without(message, credential)[:_MAX_MESSAGE]
    if 400 <= status < 500:
        return UpstreamRejected(
            message,
            status=status,
            kind=found.kind,
            code=found.code,
            param=found.param,
            retry_after_s=retry_after_s,
            verbatim=body if found.nested and (not credential or credential.encode() not in body) else None,
        )
    return UpstreamError(message, retry_after_s=retry_after_s)


class _Found:
    """Message, type, code and param, wherever a provider puts them."""

    __slots__ = ("code", "kind", "message", "nested", "param")

    def __init__(self) -> None:
        self.message: str | None = None
        self.kind: str | None = None
        self.code: str | None = None
        self.param: str | None = None
        self.nested = False
        """Already `{"error": {"message": …}}`: it can pass as it came."""

    @classmethod
    def read(cls, body: bytes) -> _Found:
        found = cls()
        try:
            value = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            if body[:1] not in (b"<", b"{", b"["):
                found.message = body[:_MAX_MESSAGE].decode("utf-8", "replace").strip() or None
            return found
        found._take(value)
        inner = value.get("error") if isinstance(value, dict) else None
        found.nested = isinstance(inner, dict) and isinstance(inner.get("message"), str)
        return found

    def _take(self, value: object) -> None:
        if isinstance(value, list) and value:  # Google's compatible endpoint wraps its error in a list
            value = value[0]
        if isinstance(value, str):
            self.message = self.message or value
            return
        if not isinstance(value, dict):
            return
        inner = value.get("error")
        if isinstance(inner, dict):
            self._take(inner)
            return
        self.code = self.code or _text(value.get("code"))
        self.kind = self.kind or _text(value.get("type"))
        self.param = self.param or _text(value.get("param"))
        for name in ("message", "error", "detail"):  # flat shapes: Mistral, xAI, Ollama, FastAPI servers
            text = _message(value.get(name))
            if text:
                self.message = text
                return


def _message(value: object) -> str | None:
    if isinstance(value, str):
        return value or None
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value).decode()
    return None


def _text(value: object) -> str | None:
    if isinstance(value, bool) or value is None:
        return None
    return str(value) if isinstance(value, (str, int)) else None


MIN_SECRET = 4
"""Characters: fewer would be found in any text."""


def blot(error: E, credential: str) -> E:
    """The error itself, with the credential blotted out of everything in it that reaches callers and logs."""
    error.message = without(error.message, credential)
    error.kind = without(error.kind, credential)
    error.code = without(error.code, credential) if error.code else error.code
    error.param = without(error.param, credential) if error.param else error.param
    return error


def without(text: str, credential: str) -> str:
    """A provider's text with the credential blotted out, should it quote it."""
    return text.replace(credential, "***") if len(credential) >= MIN_SECRET else text
