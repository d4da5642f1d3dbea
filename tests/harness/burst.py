"""Many requests at the same moment, from one process: what a load generator does, with every answer kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

from tests.harness.gateway import HOST, ClientInfo

MAX_LINE: Final = 1 << 20


@dataclass(frozen=True)
class Answer:
    """What came back. A body that broke off is not `complete`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool = True

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def request(
    client: ClientInfo, path: str, body: object = None, *, method: str = "POST", **headers: str
) -> bytes:
    """A request as bytes; a body that is none is sent as JSON. `x_header=` becomes `x-header`."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    told = {
        "host": HOST,
        "authorization": f"Bearer {client.api_key}",
        "content-type": "application/json",
        "content-length": str(len(data)),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


class Burst:
    """Connections that are open before the first byte is sent, so that what is sent arrives at once."""

    def __init__(self, port: int, connections: int) -> None:
        self._port = port
        self._size = connections
        self._open: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def __aenter__(self) -> Burst:
        self._open = await asyncio.gather(
            *(asyncio.open_connection(HOST, self._port, limit=MAX_LINE) for _ in range(self._size))
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for _, writer in self._open:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in self._open), return_exceptions=True)

    async def send(self, requests: Iterable[bytes]) -> list[Answer]:
        """Each request on a connection of its own; the answers in the same order."""
        pairs = list(zip(requests, self._open, strict=False))
        for data, (_, writer) in pairs:
            writer.write(data)
        return await asyncio.gather(*(_read(reader) for _, (reader, _) in pairs))


async def at_once(port: int, requests: Sequence[bytes]) -> list[Answer]:
    """All of them at the same moment."""
    async with Burst(port, len(requests)) as burst:
        return await burst.send(requests)


async def one(port: int, data: bytes) -> Answer:
    return (await at_once(port, [data]))[0]


def ask(port: int, data: bytes) -> Answer:
    """One request, for a test that has no event loop."""
    return asyncio.run(one(port, data))


async def _read(reader: asyncio.StreamReader) -> Answer:
    """Status 0: there was no answer."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return Answer(0, {}, b"", complete=False)
    first, *lines = head.rstrip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body, complete = bytearray(), True
    try:
        if "content-length" in headers:
            body += await reader.readexactly(int(headers["content-length"]))
        else:
            while size := int(await reader.readline(), 16):
                body += (await reader.readexactly(size + 2))[:-2]
            await reader.readexactly(2)
    except (asyncio.IncompleteReadError, ConnectionError, ValueError):
        complete = False
    return Answer(int(first.split(" ")[1]), headers, bytes(body), complete)
