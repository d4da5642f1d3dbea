"""What the pipeline asks of an upstream connection, whoever makes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from ai_gateway.upstream.known_answer import KnownAnswer

__all__ = [
    "SentHead",
    "SentHeaders",
    "Take",
    "TakeChunk",
    "Transport",
    "UpstreamRequest",
    "UpstreamResponse",
    "pass_on",
]

Take = Callable[[bytes], bool]
"""Gets a part of a body; False: no more for now."""

TakeChunk = Callable[[bytes, bytes], bool]
"""Gets the data of a chunk of a chunked body, and the whole chunk (RFC 9112, section 7.1); False: it had no
use for them, and nothing has happened."""


class SentHeaders(msgspec.Struct, eq=False):
    """Headers that several requests have in common."""

    pairs: list[tuple[str, str]]
    head: SentHead | None = None
    """The head that they were in last."""


class SentHead(msgspec.Struct, frozen=True, eq=False):
    """A request's head but for the length of its body, and where it goes."""

    method: str
    url: str
    origin: tuple[str, str, int]
    lines: bytes
    pool: list[Any]  # Any: of whatever connections its transport has
    """Of that origin."""


class UpstreamRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request. `first_s` bounds the wait for the first byte, `timeout_s` that for each next one."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes
    timeout_s: float
    first_s: float = 0.0
    """0.0: as `timeout_s`."""
    sent: SentHeaders | None = None
    """`headers`, where others have them, too."""
    repeatable: bool = True
    """May be sent again where a connection that was kept closes without an answer. Others get a connection of
    their own: nobody can tell whether the upstream has acted on them."""

    @property
    def patience_s(self) -> float:
        return self.first_s or self.timeout_s


class UpstreamResponse(Protocol):
    """An answer whose body has not been read yet."""

    @property
    def status(self) -> int: ...

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """As received; names in lower case."""
        ...

    @property
    def known(self) -> KnownAnswer | None:
        """The head, where it is one that comes again."""
        ...

    async def chunk(self) -> bytes:
        """The next bytes of the body as they came from the network; empty at its end.

        Raises:
            UpstreamTimeout: nothing came within `timeout_s`.
            UpstreamProtocolError: the body broke off, or broke HTTP.
        """
        ...

    def arrived(self) -> bytes | None:
        """All of the body, where it has come as soon as this; None where it must be waited for."""
        ...

    async def pass_on(self, take: Take, take_chunk: TakeChunk | None = None) -> bool:
        """Call `take` with each part of the body as it comes, until it wants no more (True) or the body has
        ended (False). Where a part comes as a chunk, `take_chunk` may be tried first. What they raise comes
        out of here. Raises as `chunk` does.
        """
        ...

    async def drain(self) -> None:
        """Take what little is left after the last word, so that the connection can serve again.

        Never raises, never waits long: a connection that is not done by then is closed.
        """
        ...

    def close(self) -> None:
        """Hang up at once, without waiting. A no-op where the body was read to its end."""
        ...


class Transport(Protocol):
    """Sends requests over pooled connections."""

    async def send(self, request: UpstreamRequest) -> UpstreamResponse:
        """The answer's head.

        Raises:
            UpstreamUnreachable: no connection, or one that closed before it answered.
            UpstreamTimeout: no answer within `first_s`.
            UpstreamProtocolError: the answer is not HTTP.
        """
        ...

    async def close(self) -> None: ...


async def pass_on(response: UpstreamResponse, take: Take) -> bool:
    """`UpstreamResponse.pass_on`, of one that has only `chunk`."""
    while chunk := await response.chunk():
        if not take(chunk):
            return True
    return False
