"""What the gateway's tools did in a turn that a caller's own tools go on with.

Where a model calls tools of both in one answer, the caller is told of its own calls only, and comes back
with their results. The gateway's calls and results, and signed thoughts that led to them, are kept here until
then. A turn that is not there any more costs the model that memory, nothing else.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict

import msgspec

from ai_gateway.core.chat import Message, Role, Text, ToolCall, ToolResult

__all__ = [
    "MAX_BYTES",
    "MAX_TURN_BYTES",
    "TTL_S",
    "KeptResponse",
    "KeptTurn",
    "KeptTurns",
    "Place",
]

TTL_S = 3600.0
"""Since it was last asked for."""
MAX_BYTES = 32 * 1024 * 1024
"""Of all turns together, as JSON; the oldest go first."""
MAX_TURN_BYTES = 4 * 1024 * 1024

_encode = msgspec.json.Encoder().encode
_Key = tuple[str, ...]


class Place:
    """Where in a conversation something was said: what its user had said before.

    Some providers number their calls from 0 in every conversation: by its id alone, a call of one user would
    be taken for another's. What the system and the model said does not matter here: callers rewrite it.
    """

    def __init__(self) -> None:
        self._said = hashlib.sha256()

    def pass_by(self, message: Message) -> None:
        if message.role is not Role.USER:
            return
        for part in message.parts:
            if isinstance(part, Text):
                text = part.text.encode("utf-8", "surrogatepass")
                self._said.update(b"%d:%b" % (len(text), text))
            elif isinstance(part, ToolResult):
                self._said.update(b"result,")

    @property
    def name(self) -> str:
        return self._said.hexdigest()

    @classmethod
    def after(cls, messages: tuple[Message, ...]) -> str:
        """The name of the place behind `messages`, as the caller sent them."""
        place = cls()
        for message in messages:
            place.pass_by(message)
        return place.name


class KeptTurn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn of a model."""

    place: str
    """Behind which messages of the caller."""
    messages: tuple[Message, ...]
    """All that was said since then; the last one holds the calls of both."""
    results: tuple[ToolResult, ...]
    """Of the gateway's calls in the last message."""
    own_calls: tuple[ToolCall, ...]
    """The caller's in it."""


class KeptResponse(msgspec.Struct, frozen=True, kw_only=True):
    """What the provider keeps of a turn (the Responses API does, by id), where the caller knows it by the id
    of its first round."""

    id: str
    """Of its last round."""
    results: tuple[ToolResult, ...] = ()
    """Of the gateway's calls in it, that the provider has not been told yet."""


class _Entry(msgspec.Struct):
    value: KeptTurn | KeptResponse
    keys: tuple[_Key, ...]
    """All by which it is found; the first one is its own."""
    size: int
    until_s: float


class KeptTurns:
    """By client, and place and id of a caller's call; or id of a response."""

    def __init__(self) -> None:
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._found: dict[_Key, _Entry] = {}
        self._bytes = 0

    def keep(self, client_id: str, turn: KeptTurn, now_s: float) -> None:
        keys = [(client_id, turn.place, call.id) for call in turn.own_calls]
        if keys:
            self._put((*keys, (client_id, turn.place, "")), turn, now_s)

    def keep_response(self, client_id: str, told: str, response: KeptResponse, now_s: float) -> None:
        """`told` is the id that the caller knows."""
        self._put(((client_id, told),), response, now_s)

    def _put(self, keys: tuple[_Key, ...], value: KeptTurn | KeptResponse, now_s: float) -> None:
        size = len(_encode(value))
        if size > MAX_TURN_BYTES:
            return
        self._drop(keys[0])
        entry = self._entries[keys[0]] = _Entry(value, keys, size, now_s + TTL_S)
        self._found.update(dict.fromkeys(keys, entry))
        self._bytes += size
        while self._entries:
            oldest = next(iter(self._entries))
            if self._bytes <= MAX_BYTES and self._entries[oldest].until_s > now_s:
                break
            self._drop(oldest)

    def find(self, client_id: str, place: str, call_id: str, now_s: float) -> KeptTurn | None:
        """The turn in which the caller was asked there for this call, or, without an id, the latest there."""
        found = self._get((client_id, place, call_id), now_s)
        return found if isinstance(found, KeptTurn) else None

    def find_response(self, client_id: str, told: str, now_s: float) -> KeptResponse | None:
        found = self._get((client_id, told), now_s)
        return found if isinstance(found, KeptResponse) else None

    def _get(self, key: _Key, now_s: float) -> KeptTurn | KeptResponse | None:
        entry = self._found.get(key)
        if entry is None or entry.until_s <= now_s:
            return None
        entry.until_s = now_s + TTL_S
        self._entries.move_to_end(entry.keys[0])
        return entry.value

    def _drop(self, key: _Key) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        self._bytes -= entry.size
        for each in entry.keys:
            if self._found.get(each) is entry:
                del self._found[each]
