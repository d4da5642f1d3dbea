"""A stream relayed in its own dialect: what the gateway watches for while the bytes pass."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

import msgspec

from ai_gateway.core.sse import SseFramer, events
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.openai_errors import without
from ai_gateway.errors import GatewayError, UpstreamProtocolError

__all__ = ["EMPTY", "NOTHING", "Relay", "Reply", "StreamRelay", "text_size"]

EMPTY = msgspec.Raw(b"")
NOTHING = (b"", b"null", b"[]", b'""')
T = TypeVar("T")


class _Fault(msgspec.Struct):
    message: str | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What a whole answer says of itself."""

    model: str | None = None
    usage: Usage | None = None
    output_bytes: int = 0
    tools_used: bool = False


class StreamRelay(Protocol):
    """Watches a stream pass. After each call: `failure` is set where the stream broke its protocol,
    `done` where it has said its last word, so that nothing after it is passed on."""

    usage: Usage | None
    model: str | None
    output_bytes: int
    tools_used: bool
    done: bool
    failure: GatewayError | None
    error: str | None
    """A failure that the upstream reported inside its stream, and that was passed on."""

    def feed(self, chunk: bytes) -> bytes:
        """The bytes that may go to the caller now: whole events, as they came."""
        ...

    def finish(self) -> bytes:
        """What is still owed to the caller when the upstream has ended; may set `failure`."""
        ...

    def error_event(self, error: GatewayError) -> bytes:
        """The dialect's way to report a failure in mid-stream."""
        ...


class Relay(Generic[T]):
    """What all streams have in common: framing, reading, and stopping at the first fault.

    `T` is the type that each event's data is read into; a `lenient` relay lets pass what it cannot read.
    """

    __slots__ = (
        "_credential",
        "_decoder",
        "_framer",
        "_lenient",
        "done",
        "error",
        "failure",
        "model",
        "output_bytes",
        "tools_used",
        "usage",
    )

    def __init__(self, credential: str, decoder: msgspec.json.Decoder[T], *, lenient: bool = False) -> None:
        self._credential = credential
        self._decoder = decoder
        self._lenient = lenient
        self._framer = SseFramer()
        self.usage: Usage | None = None
        self.model: str | None = None
        self.output_bytes = 0
        self.tools_used = False
        self.done = False
        self.failure: GatewayError | None = None
        self.error: str | None = None

    def feed(self, chunk: bytes) -> bytes:
        try:
            block = self._framer.feed(chunk)
        except UpstreamProtocolError as error:
            self.failure = error
            return b""
        return self._pass(block)

    def _pass(self, block: bytes) -> bytes:
        """The block without what is not for the caller; the same bytes, uncopied, where that is nothing."""
        kept: list[bytes] = []
        start = shown_from = 0
        for end, data in events(block):
            shown = self._watch(data)
            if self.failure is not None:
                break
            if not shown:
                kept.append(block[shown_from:start])
                shown_from = end
            start = end
            if self.done:
                break
        if not kept and start == len(block):
            return block
        kept.append(block[shown_from:start])
        return b"".join(kept)

    def _watch(self, data: bytes) -> bool:
        """Look at one event; whether the caller gets to see it."""
        if not data:
            return True
        if data[:6] == b"[DONE]":
            self.done = True
            return True
        try:
            event = self._decoder.decode(data)
        except msgspec.ValidationError:
            return True
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if self._lenient:
                return True
            self.failure = UpstreamProtocolError(
                f"the upstream sent an event that is not valid JSON: {error}"
            )
            return False
        return self._take(event)

    def _take(self, event: T) -> bool:
        """Note what `event` says; whether the caller gets to see it."""
        raise AssertionError("each relay watches in its own way")

    def _note_fault(self, raw: msgspec.Raw) -> None:
        if bytes(raw) in NOTHING:
            return
        try:
            self.error = msgspec.json.decode(raw, type=_Fault).message
        except msgspec.DecodeError:
            self.error = None
        if not self.error:
            self.error = bytes(raw)[:500].decode("utf-8", "replace")
        self.error = without(self.error, self._credential)


def text_size(raw: msgspec.Raw) -> int:
    """Bytes of the text in a member that may be absent, null or empty."""
    text = bytes(raw)
    return 0 if text in NOTHING else len(text) - 2
