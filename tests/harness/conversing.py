"""The data path in this process, with tools that a test writes and a model that it scripts."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from ai_gateway.admitting import Admitter
from ai_gateway.asking import Asker
from ai_gateway.call import Call, HeaderList, pairs_of
from ai_gateway.conversing import Converser
from ai_gateway.core.chat import Text
from ai_gateway.core.client import Client, ClientSettings
from ai_gateway.core.record import RequestRecord
from ai_gateway.core.server_tools import RunError, ServerTool, ToolOutcome
from ai_gateway.dialects.endpoints import Family
from ai_gateway.dialects.interface import Asked
from ai_gateway.ingress.routes import family_of, route
from ai_gateway.pipeline import Pipeline
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limiter import Limiter
from ai_gateway.policy.prices import Prices
from ai_gateway.policy.snapshot import ClientPolicy, KeyGrant
from ai_gateway.policy.upkeep import Upkeep
from ai_gateway.upstream.guard import Guard
from ai_gateway.upstream.media import MediaFetcher
from ai_gateway.upstream.pool import TransportPool
from ai_gateway.upstream.proxies import Proxies

Ran = Callable[[str], Awaitable[ToolOutcome]]


_CITY = {"type": "object", "properties": {"city": {"type": "string"}}}


def says(text: str) -> Ran:
    """A tool that always answers so."""

    async def run(arguments: str) -> ToolOutcome:
        return ToolOutcome(parts=(Text(text),))

    return run


class Tools:
    """The gateway's tools, as a test wants them."""

    def __init__(self, schema: object = _CITY, **tools: Ran) -> None:
        self._schema = msgspec.Raw(msgspec.json.encode(schema))
        self.ran: list[tuple[str, str]] = []
        self._tools = tools

    def offered(self, wanted: Sequence[str]) -> Mapping[str, ServerTool]:
        return {
            name: ServerTool(
                name=name, description=f"The tool {name}", parameters=self._schema, source="test"
            )
            for name in self._tools
            if not wanted or name in wanted
        }

    async def run(self, name: str, arguments: str) -> ToolOutcome:
        self.ran.append((name, arguments))
        if name not in self._tools:
            return ToolOutcome(parts=(Text(f"There is no tool {name}."),), error=RunError.UNKNOWN)
        return await self._tools[name](arguments)


@dataclass
class Told:
    """What a caller got, and what was written down of it."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    pieces: list[bytes] = field(default_factory=list)
    ended: bool = False
    aborted: bool = False
    row: RequestRecord | None = None

    @property
    def record(self) -> RequestRecord:
        assert self.row is not None, "no row was written"
        return self.row


class RecordingCaller:
    """A connection to nobody."""

    def __init__(self, body: bytes, told: Told, on_write: Callable[[bytes], None]) -> None:
        self.started = False
        self._body = body
        self._told = told
        self._on_write = on_write

    async def read_body(self) -> bytes:
        return self._body

    async def reply(self, status: int, headers: HeaderList, body: bytes, lines: bytes = b"") -> None:
        await self.start(status, headers, lines=lines)
        await self.end(body)

    async def start(
        self, status: int, headers: HeaderList, *, length: int | None = None, lines: bytes = b""
    ) -> None:
        assert not self.started, "an answer begins once"
        self.started = True
        headers = [*headers, *pairs_of(lines)]
        names = [name for name, _ in headers]
        assert len(names) == len(set(names)), "a header stands once"
        self._told.status = status
        self._told.headers = {name.decode(): value.decode() for name, value in headers}

    async def write(self, data: bytes) -> None:
        assert self.started
        assert not self._told.ended
        self._told.body += data
        self._told.pieces.append(data)
        self._on_write(data)

    def push(self, _: bytes) -> bool:
        return False

    def push_chunk(self, _: bytes, chunk: bytes) -> bool:
        return False

    async def end(self, data: bytes = b"") -> None:
        assert self._told.row is not None, "the row is settled before the last byte"
        await self.write(data)
        self._told.ended = True

    def abort(self) -> None:
        self._told.aborted = True


class DataPath:
    """The pipeline, with nothing around it."""

    def __init__(self, tools: Tools, transports: TransportPool, media: MediaFetcher, max_rounds: int) -> None:
        self.limiter = Limiter(Calendar("UTC"))
        prices = Prices({})
        asker = Asker(transports=transports, media=media, upkeep=Upkeep(), costs=prices, max_retries=2)
        self._numbers = itertools.count(1)
        self._told: dict[str, Told] = {}
        self._pipeline = Pipeline(
            asker=asker,
            converser=Converser(asker, tools, max_rounds=max_rounds),
            books=self,
            gate=_Open(),
            admitter=Admitter(self.limiter, prices),
        )

    def append(self, record: RequestRecord) -> None:
        self._told[record.id].row = record

    def append_all(self, records: Sequence[RequestRecord]) -> None:
        for record in records:
            self.append(record)

    @property
    def last(self) -> RequestRecord:
        """The row of the latest request."""
        return list(self._told.values())[-1].record

    async def ask(
        self,
        client: ClientPolicy,
        path: str,
        body: object,
        on_write: Callable[[bytes], None] = lambda _: None,
        headers: HeaderList | None = None,
    ) -> Told:
        """One request of a client."""
        parts = urlsplit(path)
        found = route("POST", parts.path, family_of(parts.path, Family.OPENAI))
        array = bool(found.endpoint.stream) and parts.query != "alt=sse"
        call = Call(
            id=f"req_{next(self._numbers):012x}",
            started_s=time.perf_counter(),
            started_ms=time.time_ns() // 1_000_000,
            method="POST",
            path=found.path,
            label=f"POST {parts.path}",
            endpoint=found.endpoint,
            headers=[(b"content-type", b"application/json"), *(headers or ())],
            key=None,
            address=None,
            grant=KeyGrant(client, "tail", None),
            asked=Asked(model=found.model, stream=found.endpoint.stream, array=array),
        )
        told = self._told[call.id] = Told()
        try:
            await self._pipeline.run(call, RecordingCaller(json.dumps(body).encode(), told, on_write))
        except asyncio.CancelledError:
            assert told.row is not None, "a hang-up leaves a row"
            raise
        return told


class _Open:
    def closed(self, in_flight: int) -> str | None:
        return None


@asynccontextmanager
async def data_path(tools: Tools, *, max_rounds: int = 8) -> AsyncIterator[DataPath]:
    transports = TransportPool(Proxies.from_environment())
    media = MediaFetcher(Guard(()), None)
    try:
        yield DataPath(tools, transports, media, max_rounds)
    finally:
        await media.close()
        await transports.close()


def policy(**settings: Any) -> ClientPolicy:
    """A client in gateway mode, unless `settings` say otherwise."""
    now = datetime.now(UTC)
    given = {"name": "app", "tool_mode": "gateway", "timeout_seconds": 20.0, **settings}
    return ClientPolicy.of(
        Client(id="cl_a", settings=ClientSettings(**given), created_at=now, updated_at=now)
    )
