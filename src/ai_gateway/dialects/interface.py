"""What a dialect is: the functions that turn its bytes into canonical requests and events, and back.

Everything here is pure: bytes and structs in, bytes and structs out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from ai_gateway.core.answer import Answer
from ai_gateway.core.chat import ChatRequest, DialectName
from ai_gateway.core.events import Event
from ai_gateway.errors import GatewayError, UpstreamError
from ai_gateway.providers import Provider

__all__ = ["AnswerContext", "Asked", "Dialect", "Rendered", "StreamDecoder", "StreamEncoder", "Target"]


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the path says of a request, where the body does not (Gemini's model and streaming)."""

    model: str | None = None
    stream: bool | None = None
    array: bool = False
    """Gemini without `alt=sse`: the stream is one JSON array."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a request is rendered for."""

    provider: Provider
    """The row of the table, with the provider's quirks."""
    default_max_tokens: int = 0
    """Output tokens to allow where the dialect demands a figure and the caller gave none; 0: the dialect's
    own default."""


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """A body ready for the upstream."""

    body: bytes
    path: str | None = None
    """Relative to the API's root, e.g. `/messages`; None: the caller's own."""
    query: str = ""
    """Without a question mark."""
    headers: tuple[tuple[str, str], ...] = ()
    """That the body needs (e.g. `anthropic-beta`)."""
    usage_asked: bool = False
    """The gateway asked for the usage chunk: the caller did not, and must not see it."""
    dropped: tuple[str, ...] = ()
    """Request members left out, by the caller's own names (`logit_bias`, `messages.2.content.0`, …)."""


class AnswerContext(msgspec.Struct, frozen=True, kw_only=True):
    """What an encoder needs to know beside the events."""

    request: ChatRequest
    """As the caller sent it: what the answer echoes."""
    id: str
    """Hexadecimal, unique to this answer: ids that the provider does not give are made of it."""
    created_s: int
    """Unix time."""
    same_dialect: bool = False
    """The provider speaks the caller's dialect: the caller may go on by the provider's own ids."""


class StreamDecoder(Protocol):
    """A provider's stream, from the bytes of its body. Framing is the decoder's own business."""

    done: bool
    """It has said its last word: nothing after it counts."""

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` completes; empty where more bytes are needed.

        Raises:
            UpstreamProtocolError: not this dialect.
        """
        ...

    def finish(self) -> list[Event]:
        """The body has ended: what was still owed.

        Raises:
            UpstreamProtocolError: the stream stopped before its end.
        """
        ...


class StreamEncoder(Protocol):
    """A stream for a caller. Feed it events in the order of `core.events`; `finish` comes once, last."""

    def feed(self, event: Event) -> bytes: ...

    def finish(self) -> bytes:
        """What the dialect owes at the end of an answer (closing events, usage, terminator)."""
        ...

    def error_event(self, error: GatewayError) -> bytes:
        """The last bytes of a stream that failed: no `finish` follows."""
        ...


def _is_portable(request: ChatRequest) -> None:
    """Nothing in a request of most dialects leans on what only one provider keeps."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """One wire format, both ways."""

    name: DialectName
    parse_request: Callable[[bytes, Asked], ChatRequest]
    """Raises: BadRequest, whose `param` names the field."""
    check_foreign: Callable[[ChatRequest], None] = _is_portable
    """For a provider of another dialect. Raises: BadRequest where the request leans on what only its own
    dialect's provider keeps (an earlier response, a cached prompt)."""
    render_request: Callable[[ChatRequest, Target], Rendered]
    """Raises: BadRequest where the request holds content that the dialect has no form for; what is harmless
    to leave out is listed in `Rendered.dropped`."""
    decode_response: Callable[[bytes], list[Event]]
    """Raises: UpstreamProtocolError, or the failure that the body reports."""
    stream_decoder: Callable[[Provider], StreamDecoder]
    encode_response: Callable[[Answer, AnswerContext], bytes]
    stream_encoder: Callable[[AnswerContext], StreamEncoder]
    stream_type: str
    """Content-type of a stream to a caller."""
    several_choices: bool = False
    """Callers can ask for several answers; to others only the first one goes."""
    render_error: Callable[[GatewayError, str], bytes]
    """With the request id."""
    parse_error: Callable[[int, bytes, str, int | None], UpstreamError]
    """Status, body, the credential that was sent (blotted out of messages), `retry-after` in seconds."""
