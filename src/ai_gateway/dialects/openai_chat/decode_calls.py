"""The tool calls of one choice, however a server cuts them up.

Some leave out `index`, `id` or both, repeat the name in every delta, give all calls one index, or send the
arguments as an object. What identifies a call: its index, else its id, else a name begins another one.

Source: OpenAI API reference, "The chat completion chunk object"; recorded traffic.
"""

from __future__ import annotations

import hashlib

import msgspec

from ai_gateway.core.chat import DialectName
from ai_gateway.core.events import Event, ToolCallDelta, ToolCallEnd, ToolCallStart
from ai_gateway.core.signature import Signature, unwrap
from ai_gateway.dialects.openai_chat.answer_wire import EMPTY, CallDelta, FunctionDelta, read_as, text_of
from ai_gateway.errors import UpstreamProtocolError

__all__ = ["CallReader", "google_signature"]

_LEGACY = -1  # `function_call` has no index


class _Google(msgspec.Struct):
    thought_signature: str | None = None


class _ExtraContent(msgspec.Struct):
    google: _Google | None = None


_extra_content = msgspec.json.Decoder(_ExtraContent)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_string = msgspec.json.Decoder(str)


def google_signature(raw: msgspec.Raw, kind: str) -> Signature | None:
    """`extra_content.google.thought_signature`: Gemini's, or any other that the gateway wrapped.

    Source: Gemini API, "OpenAI compatibility", thought signatures.
    """
    found = read_as(_extra_content, raw)
    if found is None or found.google is None or not found.google.thought_signature:
        return None
    return unwrap(found.google.thought_signature, DialectName.OPENAI_CHAT, kind=kind)


class _Call:
    __slots__ = ("custom", "given_id", "index", "key", "name", "pieces", "signature")

    def __init__(self, key: int | None, index: int) -> None:
        self.key = key
        """The server's index."""
        self.index = index
        """Ours."""
        self.given_id = ""
        self.name = ""
        """Empty until the call has begun."""
        self.custom = False
        self.pieces: list[str] = []
        """The arguments so far."""
        self.signature: Signature | None = None

    def is_whole(self) -> bool:
        """Whether nothing can be missing from the arguments."""
        try:
            _object.decode("".join(self.pieces))
        except (msgspec.DecodeError, RecursionError):
            return False
        return True


class CallReader:
    """`take` each delta, `close` at the end. `seed` (of the answer) makes up the ids that are left out."""

    __slots__ = ("_calls", "_choice", "_ids")

    def __init__(self, choice: int) -> None:
        self._choice = choice
        self._calls: list[_Call] = []
        self._ids: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._calls)

    def take(self, delta: CallDelta, seed: str, out: list[Event], signature: Signature | None = None) -> None:
        """Append the events of one entry of `tool_calls`; `signature` is the message's, for this call."""
        function, custom = delta.function, delta.custom
        name = text_of(function.name) if function else text_of(custom.name) if custom else ""
        if custom is not None:
            piece = msgspec.json.encode(text_of(custom.input)).decode()[1:-1]
        else:
            piece = _arguments(function)
        call = self._find(_number(delta.index), _id_of(delta), name, piece)
        if call is None:
            return
        call.custom = call.custom or custom is not None
        if delta.extra_content is not EMPTY:
            signature = google_signature(delta.extra_content, "tool_call") or signature
        call.signature = call.signature or signature
        if piece:
            call.pieces.append(piece)
        if call.name:
            self._add(call, piece, out)
        elif name:
            self._begin(call, name, seed, out)
            self._add(call, "".join(call.pieces), out)

    def take_legacy(self, function: FunctionDelta, seed: str, out: list[Event]) -> None:
        """`function_call`, the form before tools."""
        self.take(CallDelta(index=_LEGACY, function=function), seed, out)

    def close(self, out: list[Event]) -> None:
        """End every call.

        Raises:
            UpstreamProtocolError: one with arguments never got a name.
        """
        for call in self._calls:
            if not call.name:
                if call.pieces:
                    raise UpstreamProtocolError("the upstream sent a tool call without a name")
                continue
            if call.custom:
                out.append(ToolCallDelta(call.index, '"}', self._choice))
            out.append(ToolCallEnd(call.index, self._choice))

    def _begin(self, call: _Call, name: str, seed: str, out: list[Event]) -> None:
        call.name = name
        identifier = call.given_id
        if not identifier or identifier in self._ids:
            text = f"{seed}:{self._choice}:{call.index}:{name}"
            identifier = "call_" + hashlib.blake2s(text.encode(), digest_size=12).hexdigest()
        self._ids.add(identifier)
        out.append(
            ToolCallStart(
                index=call.index, id=identifier, name=name, signature=call.signature, choice=self._choice
            )
        )
        if call.custom:
            out.append(ToolCallDelta(call.index, '{"input":"', self._choice))

    def _add(self, call: _Call, piece: str, out: list[Event]) -> None:
        if piece:
            out.append(ToolCallDelta(call.index, piece, self._choice))

    def _find(self, key: int | None, identifier: str, name: str, piece: str) -> _Call | None:
        """The call that a delta belongs to, a new one where it begins another; None: it says nothing."""
        call = self._by_id(identifier, name) if key is None else self._by_key(key, identifier, name, piece)
        if call is None:
            if not (name or identifier) and key is None:
                return None
            call = _Call(key, len(self._calls))
            self._calls.append(call)
        call.given_id = call.given_id or identifier
        return call

    def _by_key(self, key: int, identifier: str, name: str, piece: str) -> _Call | None:
        call = next((one for one in reversed(self._calls) if one.key == key), None)
        if call is None or not (call.name and name):
            return call
        # The name again: of the same call, or of another one where all of them have this index.
        if identifier and call.given_id:
            return call if call.given_id == identifier else None
        return None if piece and call.is_whole() else call

    def _by_id(self, identifier: str, name: str) -> _Call | None:
        if identifier:
            call = next((one for one in reversed(self._calls) if one.given_id == identifier), None)
            if call is not None or name or not self._calls:
                return call
            return self._calls[-1]  # a server that makes up another id for each delta
        return None if name or not self._calls else self._calls[-1]


def _number(index: object) -> int | None:
    if isinstance(index, str) and index.isascii() and index.isdigit():
        return int(index[:9])
    return index if isinstance(index, int) and not isinstance(index, bool) else None


def _id_of(delta: CallDelta) -> str:
    if isinstance(delta.id, int) and not isinstance(delta.id, bool):
        return str(delta.id)
    return text_of(delta.id)


def _arguments(function: FunctionDelta | None) -> str:
    """The piece of JSON that a delta adds: the text of a string, or an object as it stands."""
    if function is None or function.arguments is EMPTY:
        return ""
    raw = bytes(function.arguments)
    if raw[:1] == b'"':
        return _string.decode(raw)
    return "" if raw == b"null" else raw.decode()
