"""One request and its answer, as the pipeline sees them: relayed or translated, it makes no difference.

`open_exchange` decides which: a caller whose dialect the provider speaks is relayed, any other translated.
"""

from __future__ import annotations

from typing import Protocol

import msgspec

from ai_gateway.core.chat import ChatRequest
from ai_gateway.dialects.endpoints import Endpoint
from ai_gateway.dialects.interface import Rendered
from ai_gateway.dialects.relay_stream import Reply, StreamRelay
from ai_gateway.errors import UpstreamError
from ai_gateway.providers import Provider

__all__ = ["Exchange", "Settings"]


class Settings(msgspec.Struct, frozen=True):
    """What the client's settings make of a request."""

    model: str | None
    """To ask the provider for."""
    system_prompt: str = ""
    max_output_tokens: int = 0
    """Of each answer, where the request has a limit or must have one. 0: unlimited."""
    output_limit: int | None = None
    """Of all answers together: told to the provider in any case. None: unlimited."""


class Exchange(Protocol):
    """A request that has been read, and the reader of its answer."""

    endpoint: Endpoint
    body: bytes
    """As the caller sent it."""
    model: str | None
    """The model asked for."""
    streaming: bool
    translated: bool
    foreign: bool
    """The caller's own headers mean nothing to the provider: it speaks another dialect."""
    is_json: bool
    """Whether the request's body is JSON."""
    canonical: ChatRequest | None
    """Where the request is translated: what may hold addresses of media that must be fetched first."""
    url_kinds: frozenset[str]
    """The media that the provider takes by address."""

    def output_asked(self) -> int | None:
        """Output tokens that the caller limits all its answers to; None where it sets no readable limit."""
        ...

    def input_estimate(self) -> int:
        """Input tokens, estimated."""
        ...

    def render(self, settings: Settings, provider: Provider) -> Rendered | None:
        """The request for the provider; None where the gateway answers by itself (`local_answer`).

        Raises: BadRequest where the provider has no form for what it holds.
        """
        ...

    def local_answer(self) -> bytes: ...

    def stream(self, rendered: Rendered, credential: str) -> StreamRelay:
        """The reader of an answer that streams, to a caller who asked for that."""
        ...

    def whole(self, body: bytes) -> tuple[bytes, Reply]:
        """A whole answer for the caller, and what it says of itself.

        Raises: UpstreamError where the body is not what it should be.
        """
        ...

    def convert(self, body: bytes, *, streamed: bool) -> tuple[bytes, Reply]:
        """As `whole`, where the provider's answer has the other form than the caller asked for: `streamed`
        says that the body is a whole stream (the caller gets an answer), else the caller gets a stream."""
        ...

    def stream_type(self) -> bytes:
        """Content-type of a stream to the caller."""
        ...

    def parse_error(
        self, status: int, body: bytes, credential: str, retry_after_s: int | None
    ) -> UpstreamError: ...
