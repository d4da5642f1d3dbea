"""One call of the API, and who makes it."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Protocol

import msgspec

from ai_gateway.core.ledger import Standing
from ai_gateway.core.trace import TraceContext
from ai_gateway.dialects.endpoints import Endpoint
from ai_gateway.dialects.interface import Asked
from ai_gateway.policy.snapshot import ClientPolicy, KeyGrant
from ai_gateway.policy.targets import Target
from ai_gateway.upstream.transport import SentHeaders

__all__ = ["Call", "Caller", "HeaderList", "Said", "Way", "pairs_of"]

HeaderList = list[tuple[bytes, bytes]]


class Said(msgspec.Struct, kw_only=True, eq=False):
    """What the head of a request says, for the next request with the same head. It holds the key: never to
    be shown."""

    method: str
    path: str
    label: str
    endpoint: Endpoint
    headers: HeaderList
    """But for the length of the body."""
    key: str | None
    query: str
    asked: Asked
    content_type: str | None
    granted: tuple[object, KeyGrant, Standing | None] | None = None
    """What the key opens, and how its client is told of its limits, in the snapshot of this moment."""
    client: ClientPolicy | None = None
    model: str | None = None
    target: Target | None = None
    """Where `client` is led that asks for `model`."""
    way: Way | None = None
    """Of the last request."""


class Way(msgspec.Struct, eq=False):
    """Where a request goes, and with what headers: all of it follows from its head and from what stands here
    first."""

    target: Target
    path: str | None
    """Of the rendered request, as its query and headers."""
    query: str
    needed: Sequence[tuple[str, str]]
    foreign: bool
    translated: bool
    is_json: bool
    """As of the exchange."""
    url: str
    sent: SentHeaders


class Call(msgspec.Struct, eq=False):
    """What the caller wants, before its body is read."""

    id: str
    started_s: float
    """Of the monotonic clock."""
    started_ms: int
    """Unix time."""
    method: str
    path: str
    """Relative to the API's root, e.g. `/chat/completions`."""
    label: str
    """Method and path as the caller wrote it, for the log."""
    endpoint: Endpoint
    headers: HeaderList
    key: str | None
    address: str | None
    query: str = ""
    """Without the key."""
    grant: KeyGrant | None = None
    """What it may, where that is known without a key: calls of the gateway's own."""
    asked: Asked = Asked()
    """What the path says beside the endpoint."""
    trace: TraceContext | None = None
    """Where requests are traced."""
    said: Said | None = None
    """Where the caller may send the same head again."""
    body: bytes | None = None
    """Where it has come whole already."""

    @property
    def answer_id(self) -> str:
        """What makes the ids in its answer unique: hexadecimal."""
        return self.id.removeprefix("req_")

    @property
    def created_s(self) -> int:
        """Unix time of the answer."""
        return self.started_ms // 1000


class Caller(Protocol):
    """The connection to the caller. Writes wait while it does not read."""

    started: bool

    async def read_body(self) -> bytes:
        """Raises: BodyTooLarge."""
        ...

    def reply(self, status: int, headers: HeaderList, body: bytes, lines: bytes = b"") -> Awaitable[None]:
        """A whole answer. `lines` are further headers, as they are written: a name, a colon, a space, a value
        and a line's end each."""
        ...

    async def start(
        self, status: int, headers: HeaderList, *, length: int | None = None, lines: bytes = b""
    ) -> None:
        """`length` in bytes, where it is known beforehand; `lines` as of `reply`."""
        ...

    async def write(self, data: bytes) -> None: ...

    def push(self, data: bytes) -> bool:
        """Write without waiting. False where nothing was written, since the answer has not begun or the
        caller does not keep up: `write` will do."""
        ...

    def push_chunk(self, data: bytes, chunk: bytes) -> bool:
        """As `push`; `chunk` is the same data in the framing of a chunk (RFC 9112, section 7.1)."""
        ...

    async def end(self, data: bytes = b"") -> None: ...

    def abort(self) -> None:
        """Break the connection: what has been sent must not look complete."""
        ...


def pairs_of(lines: bytes) -> HeaderList:
    """The headers in `lines` (see `Caller.reply`)."""
    pairs = (line.partition(b": ") for line in lines.split(b"\r\n")[:-1])
    return [(name, value) for name, _, value in pairs]
