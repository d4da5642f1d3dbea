"""Providers that fail as they are told to: the model's name, or the base URL, is the plan.

`e500.ok` fails once, then serves; the last step goes on for ever. What follows a `-` only makes a name
unique: `e500.ok-7`. The URL is `/KIND/TAG/v1`: the wire format, and a name for the client's upstream.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, Final

from tests.conformance.providers import PROVIDERS, ProviderKind, send
from tests.conformance.wire import PIECES, Said
from tests.harness.upstream import Reply, ScriptedUpstream, Seen

KINDS: Final = {name: PROVIDERS[name] for name in ("chat", "anthropic", "gemini")}
MESSAGE: Final = "the provider says so"
CREDENTIAL: Final = "sk-upstream-secret-4711"
_SAID: Final = f"{MESSAGE}: {CREDENTIAL}"
_NAMES: Final = {
    400: ("invalid_request_error", "INVALID_ARGUMENT"),
    401: ("authentication_error", "UNAUTHENTICATED"),
    404: ("not_found_error", "NOT_FOUND"),
    429: ("rate_limit_error", "RESOURCE_EXHAUSTED"),
}


def error_body(kind: ProviderKind, status: int) -> dict[str, Any]:
    """As each provider writes it."""
    anthropic, google = _NAMES.get(status, ("overloaded_error", "UNAVAILABLE"))
    match kind.name:
        case "anthropic":
            return {"type": "error", "error": {"type": anthropic, "message": _SAID}, "request_id": "req_1"}
        case "gemini":
            return {"error": {"code": status, "message": _SAID, "status": google}}
        case _:
            return {"error": {"message": _SAID, "type": anthropic, "param": None, "code": status}}


def error_event(kind: ProviderKind, status: int = 503) -> bytes:
    """Reported in the middle of a stream."""
    name = b"event: error\n" if kind.name == "anthropic" else b""
    return name + b"data: " + json.dumps(error_body(kind, status)).encode() + b"\n\n"


def events(kind: ProviderKind) -> list[bytes]:
    pieces = kind.speak(kind.model, Said(PIECES), True)
    assert isinstance(pieces, list)
    return [event + b"\n\n" for event in b"".join(pieces).split(b"\n\n") if event]


def opening(kind: ProviderKind) -> bytes:
    """What a stream begins with before it says anything."""
    if kind.name == "gemini":
        usage = {"promptTokenCount": 100, "totalTokenCount": 100}
        return b"data: " + json.dumps({"usageMetadata": usage, "modelVersion": kind.model}).encode() + b"\n\n"
    return b"".join(events(kind)[: 1 if kind.name == "chat" else 2])


class Faulty(ScriptedUpstream):
    """Counts hits by tag and plan."""

    def __init__(self) -> None:
        super().__init__(self._follow)
        self.hits: Counter[tuple[str, str]] = Counter()

    def base(self, kind: ProviderKind, tag: str) -> str:
        return f"{self.url}/{kind.name}/{tag}{kind.root}"

    async def _follow(self, seen: Seen, reply: Reply) -> None:
        _, name, tag, *_ = seen.target.split("/")
        kind = KINDS[name]
        plan = _model(kind, seen) or tag
        steps = plan.rpartition("/")[2].partition("-")[0].split(".")
        at = min(self.hits[tag, plan], len(steps) - 1)
        self.hits[tag, plan] += 1
        step = steps[at]
        if step[0] == "e" and step[1:4].isdigit():
            told = {"retry-after": step[5:]} if step[4:5] == "r" else {}
            await reply.json(error_body(kind, int(step[1:4])), status=int(step[1:4]), headers=told)
        else:
            await STEPS[step](kind, seen, reply)


def _model(kind: ProviderKind, seen: Seen) -> str | None:
    if kind.name == "gemini":
        return seen.target.partition("/models/")[2].partition(":")[0] or None
    return seen.json.get("model") if seen.body.startswith(b"{") else None


Step = Callable[[ProviderKind, Seen, Reply], Awaitable[None]]


async def _ok(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    if not seen.body.startswith(b"{"):
        await reply.json({"ok": True})
        return
    await send(reply, kind.speak(kind.model, Said(PIECES), kind.streams(seen)))


async def _reset(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    reply.reset()


async def _stall(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    await reply.hung_up()


async def _drip(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    """All of it, a few bytes at a time."""
    said = kind.speak(kind.model, Said(PIECES), kind.streams(seen))
    if isinstance(said, list):
        await reply.start_stream()
        whole = b"".join(said)
    else:
        whole = json.dumps(said).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(whole)}\r\n\r\n"
        await reply.raw(head.encode())
    write = reply.piece if isinstance(said, list) else reply.raw
    for start in range(0, len(whole), 64):
        await write(whole[start : start + 64])
        await asyncio.sleep(0.005)  # the provider's pace: that is the fault
    if isinstance(said, list):
        await reply.end_stream()


async def _half(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    await reply.raw(
        b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{"id": '
    )
    reply.writer.close()


async def _no_json(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    await reply.whole(b"<html>sorry</html>")


async def _error_in_200(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    if not kind.streams(seen):
        await reply.json(error_body(kind, 503))
        return
    await reply.start_stream()
    await reply.piece(error_event(kind))
    await reply.end_stream()


async def _dies(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    """Before its first content."""
    await reply.start_stream()
    await reply.piece(opening(kind))
    reply.reset()


async def _fails(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    """Likewise, in its dialect's words."""
    await reply.start_stream()
    await reply.piece(opening(kind) + error_event(kind))
    await reply.end_stream()


async def _refuses(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    """The request, not before the stream has begun."""
    await reply.start_stream()
    await reply.piece(opening(kind) + error_event(kind, 400))
    await reply.end_stream()


async def _ends(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    """Before its first content, without a word."""
    await reply.start_stream()
    await reply.piece(opening(kind))
    await reply.end_stream()


async def _breaks(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    """After its first content."""
    await reply.start_stream()
    first = next(at for at, event in enumerate(events(kind)) if PIECES[0].encode() in event)
    await reply.piece(b"".join(events(kind)[: first + 1]))
    reply.reset()


async def _breaks_off(kind: ProviderKind, seen: Seen, reply: Reply) -> None:
    """After its first content, and as if that were all."""
    await reply.start_stream()
    first = next(at for at, event in enumerate(events(kind)) if PIECES[0].encode() in event)
    await reply.piece(b"".join(events(kind)[: first + 1]))
    await reply.end_stream()


STEPS: Final[dict[str, Step]] = {
    "ok": _ok,
    "reset": _reset,
    "stall": _stall,
    "drip": _drip,
    "half": _half,
    "nojson": _no_json,
    "error200": _error_in_200,
    "dies": _dies,
    "fails": _fails,
    "refuses": _refuses,
    "ends": _ends,
    "breaks": _breaks,
    "breaksoff": _breaks_off,
}
