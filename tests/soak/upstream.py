"""An upstream of OpenAI's dialect that follows plans. Lean: it shares a core with the callers."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Final

from tests.harness.upstream import DONE, chunk_event, completion
from tests.soak.plans import INPUT, OUTPUT, WORDS

LATE_S: Final = 0.5
_PLAN: Final = re.compile(rb'"content": ?"([a-z-]+) (\d+)"')
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_USAGE: Final = {
    "prompt_tokens": INPUT,
    "completion_tokens": OUTPUT,
    "total_tokens": INPUT + OUTPUT,
}


def _answer(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


_WHOLE: Final = _answer(
    200,
    json.dumps(completion("".join(WORDS), prompt_tokens=INPUT, completion_tokens=OUTPUT)).encode(),
)
_FAILED: Final = _answer(500, b'{"error": {"message": "down"}}')
_REFUSED: Final = _answer(400, b'{"error": {"message": "no", "type": "invalid_request_error"}}')
_OPENING: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_PIECES: Final = [_chunk(chunk_event(word)) for word in WORDS]
_ENDING: Final = (
    _chunk(chunk_event(finish="stop"))
    + _chunk(b"data: " + json.dumps({"choices": [], "usage": _USAGE}).encode() + b"\n\n" + DONE)
    + b"0\r\n\r\n"
)


class PlannedUpstream(asyncio.Protocol):
    """One connection. `failed` is shared: what has failed once, and is served the second time."""

    def __init__(self, failed: set[bytes], connections: set[PlannedUpstream]) -> None:
        self._failed = failed
        self._connections = connections
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)

    def close(self) -> None:
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, blank, rest = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not blank or (length and len(rest) < int(length[1])):
            return
        self._received = b""
        self._serve(rest)

    def _serve(self, body: bytes) -> None:
        found = _PLAN.search(body)
        assert found is not None, body
        plan, loop = found[1], asyncio.get_running_loop()
        if plan in (b"fails-once", b"resets-once", b"stream-fails-once") and found[0] not in self._failed:
            self._failed.add(found[0])
            if plan == b"fails-once":
                self._transport.write(_FAILED)
            elif plan == b"stream-fails-once":
                self._transport.write(_OPENING)
                self._transport.abort()
            else:
                self._transport.abort()
        elif plan == b"refused":
            self._transport.write(_REFUSED)
        elif plan == b"breaks":
            self._transport.write(_OPENING + _PIECES[0])
            loop.call_later(0.005, self._transport.abort)
        elif plan == b"left-early":
            loop.call_later(LATE_S, self._write, _WHOLE)
        elif plan == b"left-midway":
            self._transport.write(_OPENING + _PIECES[0])
            loop.call_later(LATE_S, self._write, b"".join(_PIECES[1:]) + _ENDING)
        elif b'"stream": true' in body or b'"stream":true' in body:
            self._transport.write(_OPENING + _PIECES[0])
            self._piece(1)
        else:
            self._transport.write(_WHOLE)

    def _piece(self, at: int) -> None:
        """The rest of a stream, a piece at a time."""
        if at < len(_PIECES):
            self._write(_PIECES[at])
            asyncio.get_running_loop().call_soon(self._piece, at + 1)
        else:
            self._write(_ENDING)

    def _write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)
