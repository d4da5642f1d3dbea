"""The same small application for servers of each kind: it reads a request's body, then answers.

`/` answers with JSON of some 700 bytes, `/slow` with a chunk each 50 ms, `/flood` with chunks as fast as they
are taken; `/state` tells how many answers are open, and how many bytes they have handed over to the server.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from bench.payloads import chat_reply

BODY = chat_reply().encode()
PIECE = b"x" * 65536
FLOOD_PIECES = 1000
SLOW_PIECES = 40
SLOW_S = 0.05
JSON = "application/json"
STREAM = "application/octet-stream"

# Any: messages of ASGI and RSGI are mappings of anything, and granian need not be installed.
Message = dict[str, Any]
Send = Callable[[bytes], Awaitable[None]]
Opened = Callable[[], Coroutine[Any, Any, Send]]


class _State:
    open = written = 0


def _state() -> bytes:
    return json.dumps({"open": _State.open, "written": _State.written}).encode()


def _whole(path: str) -> bytes | None:
    """None where an answer is made piece by piece."""
    return {"/": BODY, "/state": _state()}.get(path)


async def _pieces(path: str, send: Send) -> None:
    count, piece = (FLOOD_PIECES, PIECE) if path == "/flood" else (SLOW_PIECES, b"slow\n")
    _State.open += 1
    try:
        for _ in range(count):
            await send(piece)
            _State.written += len(piece)
            if path == "/slow":
                await asyncio.sleep(SLOW_S)
    finally:
        _State.open -= 1


async def asgi(scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:
    """ASGI 3."""
    more = True
    while more:
        more = (await receive()).get("more_body", False)

    async def start(kind: str, length: int | None) -> None:
        headers = [(b"content-type", kind.encode())]
        if length is not None:
            headers.append((b"content-length", b"%d" % length))
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def piece(data: bytes) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": True})

    whole = _whole(scope["path"])
    await start(STREAM if whole is None else JSON, None if whole is None else len(whole))
    if whole is None:
        await _pieces(scope["path"], piece)
    await send({"type": "http.response.body", "body": whole or b"", "more_body": False})


async def rsgi(scope: Any, protocol: Any) -> None:
    """RSGI, as granian has it."""
    await protocol()
    whole = _whole(scope.path)
    if whole is not None:
        protocol.response_bytes(200, [("content-type", JSON)], whole)
        return
    stream = protocol.response_stream(200, [("content-type", STREAM)])
    await _pieces(scope.path, stream.send_bytes)


class Direct:
    """On connections of the gateway's own, without ASGI."""

    async def answer(self, caller: Any) -> None:
        caller.max_body = 1 << 20
        await caller.read_body()
        whole = _whole(caller.path)
        if whole is not None:
            await caller.reply(200, [(b"content-type", JSON.encode())], whole)
            return
        await caller.start(200, [(b"content-type", STREAM.encode())])
        await _pieces(caller.path, caller.write)
        await caller.end()


def serve_direct(port: int) -> None:
    """Serve `Direct` as the gateway is served, until a signal."""
    import uvloop

    from ai_gateway.config.model import ServerSettings
    from ai_gateway.ingress.health import Health
    from ai_gateway.ingress.listening import bind, server_of

    async def run() -> None:
        settings = ServerSettings(host="127.0.0.1", port=port)
        app: Any = Direct()
        (bound,) = bind(settings)
        server = server_of(settings, app, Health("bench"), lambda: None, None)
        await server.serve(sockets=bound.sockets)

    uvloop.run(run())


if __name__ == "__main__":
    import sys

    serve_direct(int(sys.argv[1]))
