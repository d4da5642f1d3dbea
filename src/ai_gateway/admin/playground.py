"""A request of the data path that is made in process, as a client whose key is not needed."""

from __future__ import annotations

import asyncio
import random
import time

import msgspec
from starlette.responses import Response

from ai_gateway.admin.asgi import Receive, Scope, Send
from ai_gateway.admin.schemas.traffic import PlaygroundChat
from ai_gateway.call import Call, HeaderList, pairs_of
from ai_gateway.dialects.endpoints import CHAT
from ai_gateway.pipeline import Pipeline
from ai_gateway.policy.snapshot import ClientPolicy, KeyGrant

__all__ = ["AsgiCaller", "ChatResponse"]

LABEL = "POST /admin/api/v1/playground/chat"


class AsgiCaller:
    """A `Caller` that answers over ASGI."""

    def __init__(self, body: bytes, send: Send) -> None:
        self._body = body
        self._send = send
        self.started = False
        self.aborted = False

    async def read_body(self) -> bytes:
        return self._body

    async def reply(self, status: int, headers: HeaderList, body: bytes, lines: bytes = b"") -> None:
        await self.start(status, headers, length=len(body), lines=lines)
        await self.end(body)

    async def start(
        self, status: int, headers: HeaderList, *, length: int | None = None, lines: bytes = b""
    ) -> None:
        self.started = True
        headers = [*headers, *pairs_of(lines)]
        if length is not None:
            headers.append((b"content-length", str(length).encode()))
        headers.append((b"cache-control", b"no-store"))
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    def push(self, _: bytes) -> bool:
        return False  # ASGI has no way to write without waiting

    def push_chunk(self, _: bytes, chunk: bytes) -> bool:
        return False

    async def end(self, data: bytes = b"") -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": False})

    def abort(self) -> None:
        """Without a last message the server breaks the connection."""
        self.aborted = True


class ChatResponse(Response):
    """The data path's own answer, bytes as they come."""

    def __init__(
        self, pipeline: Pipeline, client: ClientPolicy, chat: PlaygroundChat, *, address: str | None
    ) -> None:
        super().__init__()
        self._pipeline = pipeline
        self._client = client
        self._asked = chat.model_dump(exclude={"client_id"}, exclude_none=True)
        if not chat.model:
            del self._asked["model"]  # the client's default
        if chat.stream:
            self._asked["stream_options"] = {"include_usage": True}
        self._address = address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = AsgiCaller(msgspec.json.encode(self._asked), send)
        answer = asyncio.create_task(self._pipeline.run(self._call(), caller))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait((answer, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (answer, leaving):
                task.cancel()
            done = await asyncio.gather(answer, leaving, return_exceptions=True)
        if isinstance(done[0], Exception):
            raise done[0]

    def _call(self) -> Call:
        started_ms = time.time_ns() // 1_000_000
        return Call(
            id=f"req_{started_ms:012x}{random.getrandbits(64):016x}",
            started_s=time.perf_counter(),
            started_ms=started_ms,
            method="POST",
            path=CHAT.path,
            label=LABEL,
            endpoint=CHAT,
            headers=[(b"content-type", b"application/json")],
            key=None,
            address=self._address,
            grant=KeyGrant(self._client, "", None),
        )


async def _left(receive: Receive) -> None:
    """Returns when the caller hangs up."""
    while (await receive())["type"] != "http.disconnect":
        pass
