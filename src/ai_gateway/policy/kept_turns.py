"""What the gateway's tools did in a turn that a caller's own tools go on with.

Where a model calls tools of both in one answer, the caller is told of its own calls only, and comes back
with their results. The gateway's calls and results, and signed thoughts that led to them, are kept here until
then. A turn that is not there any more costs the model that memory, nothing else.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from ai_gateway.core.chat import ChatRequest, Message, Role, ToolCall, ToolResult

__all__ = [
    "MAX_BYTES",
    "MAX_TURN_BYTES",
    "TTL_S",
    "KeptResponse",
    "KeptTurn",
    "KeptTurns",
    "restored",
    "resumed",
]

TTL_S = 3600.0
"""Since it was last asked for."""
MAX_BYTES = 32 * 1024 * 1024
"""Of all turns together, as JSON; the oldest go first."""
MAX_TURN_BYTES = 4 * 1024 * 1024

_PREVIOUS = "previous_response_id"
_encode = msgspec.json.Encoder().encode


class KeptTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of a model."""

    messages: tuple[Message, ...]
    """All that was said since the caller's request; the last one holds the calls of both."""
    results: tuple[ToolResult, ...]
    """Of the gateway's calls in the last message."""
    own_ids: frozenset[str]
    """Of the caller's calls in it."""


class KeptResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider keeps of a turn (the Responses API does, by id), where the caller knows it by the id
    of its first round."""

    id: str
    """Of its last round."""
    results: tuple[ToolResult, ...] = ()
    """Of the gateway's calls in it, that the provider has not been told yet."""


class _Entry(msgspec.Struct):
    value: KeptTurn | KeptResponse
    size: int
    until_s: float


class KeptTurns:
    """By client and id: of a caller's call, or of a response."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._bytes = 0

    def keep(self, client_id: str, turn: KeptTurn, now_s: float) -> None:
        if turn.own_ids:
            self._put((client_id, min(turn.own_ids)), turn, now_s)

    def keep_response(self, client_id: str, told: str, response: KeptResponse, now_s: float) -> None:
        """`told` is the id that the caller knows."""
        self._put((client_id, told), response, now_s)

    def _put(self, key: tuple[str, str], value: KeptTurn | KeptResponse, now_s: float) -> None:
        size = len(_encode(value))
        if size > MAX_TURN_BYTES:
            return
        self._drop(key)
        self._entries[key] = _Entry(value, size, now_s + TTL_S)
        self._bytes += size
        while self._entries:
            oldest = next(iter(self._entries))
            if self._bytes <= MAX_BYTES and self._entries[oldest].until_s > now_s:
                break
            self._drop(oldest)

    def find(self, client_id: str, own_ids: frozenset[str], now_s: float) -> KeptTurn | None:
        """The turn in which the caller was asked for exactly these calls."""
        found = self._get((client_id, min(own_ids, default="")), now_s)
        return found if isinstance(found, KeptTurn) and found.own_ids == own_ids else None

    def find_response(self, client_id: str, told: str, now_s: float) -> KeptResponse | None:
        found = self._get((client_id, told), now_s)
        return found if isinstance(found, KeptResponse) else None

    def _get(self, key: tuple[str, str], now_s: float) -> KeptTurn | KeptResponse | None:
        entry = self._entries.get(key)
        if entry is None or entry.until_s <= now_s:
            return None
        entry.until_s = now_s + TTL_S
        self._entries.move_to_end(key)
        return entry.value

    def _drop(self, key: tuple[str, str]) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size


def restored(request: ChatRequest, find: Callable[[frozenset[str]], KeptTurn | None]) -> ChatRequest:
    """The request with the turns that `find` still has, in place of what the caller knows of them."""
    messages: list[Message] = []
    results: tuple[ToolResult, ...] = ()
    changed = False
    for message in request.messages:
        if results:
            if message.role is Role.USER:
                message = msgspec.structs.replace(message, parts=(*results, *message.parts))
            else:
                messages.append(Message(role=Role.USER, parts=results))
            results = ()
        turn = _turn_of(message, find)
        if turn is None:
            messages.append(message)
            continue
        messages += turn.messages
        results, changed = turn.results, True
    if results:
        messages.append(Message(role=Role.USER, parts=results))
    return msgspec.structs.replace(request, messages=tuple(messages)) if changed else request


def resumed(request: ChatRequest, find: Callable[[str], KeptResponse | None]) -> ChatRequest:
    """The request that goes on after an earlier response, with the id by which the provider knows that."""
    raw = (request.extra or {}).get(_PREVIOUS)
    if raw is None:
        return request
    try:
        found = find(msgspec.json.decode(raw, type=str))
    except msgspec.ValidationError:
        return request  # the provider's to refuse
    if found is None:
        return request
    extra = {**(request.extra or {}), _PREVIOUS: msgspec.Raw(_encode(found.id))}
    results = (Message(role=Role.USER, parts=found.results),) if found.results else ()
    return msgspec.structs.replace(request, extra=extra, messages=(*results, *request.messages))


def _turn_of(message: Message, find: Callable[[frozenset[str]], KeptTurn | None]) -> KeptTurn | None:
    if message.role is not Role.ASSISTANT:
        return None
    own = frozenset(part.id for part in message.parts if isinstance(part, ToolCall))
    return find(own) if own else None
