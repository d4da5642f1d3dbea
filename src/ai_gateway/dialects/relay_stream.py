"""A stream relayed in its own dialect: what the gateway watches for while the bytes pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import msgspec

from ai_gateway.core.sse import SseFramer, events
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.bounding import Bound, Closer, cut_usage
from ai_gateway.dialects.faults import as_fault
from ai_gateway.dialects.openai_errors import MIN_SECRET, blot
from ai_gateway.dialects.repeated import Repeated, same_but_text
from ai_gateway.errors import GatewayError, UpstreamError, UpstreamProtocolError

__all__ = ["EMPTY", "NOTHING", "PushChunk", "Relay", "Reply", "StreamRelay", "says_nothing", "text_size"]

EMPTY = msgspec.Raw(b"")
NOTHING = (b"", b"null", b"[]", b'""')
TRIES = 4
"""How often a stream is asked for what its events have in common, while they have nothing."""
T = TypeVar("T")
PushChunk = Callable[[bytes, bytes], bool]
"""Gets data, and the chunk that it came in: the same, in the framing of HTTP."""


class _Fault(msgspec.Struct):
    message: str | None = None


class Reply(msgspec.Struct, frozen=True, gc=False):
    """What a whole answer says of itself."""

    model: str | None = None
    usage: Usage | None = None
    output_bytes: int = 0
    """Of its text, where there is no `usage`: what to estimate it from."""
    tools_used: bool = False


class StreamRelay(Protocol):
    """Watches a stream pass. After each call: `failure` is set where the stream broke its protocol,
    `done` where it has said its last word, so that nothing after it is passed on."""

    usage: Usage | None
    model: str | None
    output_bytes: int
    tools_used: bool
    done: bool
    content: bool
    """Something has passed that a caller takes for an answer: a part of it, or its end. Not what only
    prepares one (`message_start`, a role without text, usage)."""
    failure: GatewayError | None
    fault: UpstreamError | None
    """A failure that the upstream reported inside its stream; `retryable` says whether another try could
    succeed."""
    cut_short: bool
    """The answer was ended at its bound."""

    @property
    def error(self) -> str | None:
        """`fault` in words, where it was passed on."""
        ...

    def feed(self, chunk: bytes) -> bytes:
        """The bytes that may go to the caller now: whole events, as they came."""
        ...

    def chunk_taker(self, push: PushChunk) -> PushChunk | None:
        """A function that gives what it gets to `push`, where the data is an event that need not be read.
        False where it is none, or `push` would not have it: then nothing has happened. None where every event
        must be read."""
        ...

    def finish(self) -> bytes:
        """What is still owed to the caller when the upstream has ended; may set `failure`."""
        ...

    def bound(self, grow: Callable[[int], int], *, input_tokens: int) -> None:
        """From the first byte on, let no more output pass than `grow` says, in bytes: it is asked at once,
        and again with the output's size whenever that would pass what it said last. The event that still
        goes past it is kept back, the answer is ended in its dialect for want of tokens, and `usage` is an
        estimate, of `input_tokens` where the provider has not told its own figure.
        """
        ...

    def error_event(self, error: GatewayError) -> bytes:
        """The dialect's way to report a failure in mid-stream."""
        ...


class Relay(Generic[T]):
    """What all streams have in common: framing, reading, and stopping at the first fault.

    `T` is the type that each event's data is read into; a `lenient` relay lets pass what it cannot read.

    An event that says what the one before it said, but for its text, is not read again (`repeated.py`): but
    for `output_bytes`, and a closer's memory, that would change nothing.
    """

    _texts: tuple[bytes, ...] = ()
    """The members that hold an event's text; empty where each event says something else, too, or a closer
    remembers texts."""

    __slots__ = (
        "_bound",
        "_credential",
        "_decoder",
        "_framer",
        "_lenient",
        "_repeated",
        "_tries",
        "content",
        "cut_short",
        "done",
        "failure",
        "fault",
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
        self.content = False
        self.cut_short = False
        self.failure: GatewayError | None = None
        self.fault: UpstreamError | None = None
        self._bound: Bound | None = None
        self._repeated: Repeated | None = None
        self._tries = TRIES if self._texts else 0

    @property
    def error(self) -> str | None:
        return None if self.fault is None else self.fault.message

    def bound(self, grow: Callable[[int], int], *, input_tokens: int) -> None:
        self._bound = Bound(grow, input_tokens=input_tokens, closer=self._closer())

    def feed(self, chunk: bytes) -> bytes:
        if self._repeated is not None and not self._framer.pending and self._repeats(self._repeated, chunk):
            return chunk
        try:
            block = self._framer.feed(chunk)
        except UpstreamProtocolError as error:
            self.failure = error
            return b""
        return self._pass(block)

    def chunk_taker(self, push: PushChunk) -> PushChunk | None:
        def take(data: bytes, chunk: bytes) -> bool:
            repeated = self._repeated
            if repeated is None or framer.pending:
                return False
            size = repeated.text_size(data)
            if size < 0 or (bound is not None and self.output_bytes + size > bound.limit):
                return False
            if not push(data, chunk):
                return False
            self.output_bytes += size
            self._tries = TRIES
            return True

        framer, bound = self._framer, self._bound
        return take if self._texts else None

    def _pass(self, block: bytes) -> bytes:
        """What of a block goes to the caller. Where the provider reports a failure, not the credential."""
        passed = self._shown(block)
        if self.fault is not None and len(self._credential) >= MIN_SECRET:
            passed = passed.replace(self._credential.encode(), b"***")
        return passed

    def _shown(self, block: bytes) -> bytes:
        """The block without what is not for the caller; the same bytes, uncopied, where that is nothing."""
        kept: list[bytes] = []
        start, shown_from = self._skip(block), 0
        bound = self._bound
        for end, data in events(block, start):
            self._repeated = None  # an event like the ones before this one need not leave things as they are
            shown = self._watch(data) if bound is None else self._fits(data, bound)
            if self.failure is not None:
                break
            if not shown:
                kept.append(block[shown_from:start])
                shown_from = end
            elif self._tries:
                self._learn(block[start:end])
            start = end
            if self.done:
                break
        if not kept and start == len(block):
            return block
        kept.append(block[shown_from:start])
        if bound is not None:
            kept.append(bound.ending)
        return b"".join(kept)

    def _skip(self, block: bytes) -> int:
        """Where the first event ends, or begins, that must be read."""
        start, repeated = 0, self._repeated
        if repeated is not None:
            while (end := block.find(b"\n\n", start) + 2) >= 2 and self._repeats(repeated, block[start:end]):
                start = end
        return start

    def _repeats(self, repeated: Repeated, event: bytes) -> bool:
        """Whether an event need not be read; its text is counted then."""
        size = repeated.text_size(event)
        if size < 0 or (self._bound is not None and not self._bound.admits(self.output_bytes + size)):
            return False
        self.output_bytes += size
        self._tries = TRIES
        return True

    def _learn(self, event: bytes) -> None:
        """What the next events may have in common with one that was read. Its like with a longer text must
        change nothing but the size of what was said."""
        if not self.content or self.fault is not None or self.done:
            return
        self._tries -= 1
        found = same_but_text(event, self._texts)
        if found is None:
            return
        repeated, longer = found
        before = self.output_bytes
        try:
            for _, data in events(longer):
                self._take(self._decoder.decode(data))
        except msgspec.ValidationError:
            return
        if self.output_bytes - before == repeated.text_size(longer):
            self._repeated = repeated
        self.output_bytes = before

    def _fits(self, data: bytes, bound: Bound) -> bool:
        """Look at one event that may be too much: then it is not shown, and the answer is over."""
        before, tools = self.output_bytes, self.tools_used
        shown = self._watch(data)
        if self.failure is not None or bound.admits(self.output_bytes):
            if shown and data and bound.closer is not None:
                bound.closer.see(data)
            return shown
        self.output_bytes, self.tools_used = before, tools
        self.usage = cut_usage(self.usage, input_tokens=bound.input_tokens, output_bytes=before)
        if bound.closer is not None:
            bound.ending = bound.closer.close(data, self.usage)
        self.done = self.cut_short = self.content = True
        return False

    def _closer(self) -> Closer | None:
        """None where it is not known how such a stream ends."""
        return None

    def _watch(self, data: bytes) -> bool:
        """Look at one event; whether the caller gets to see it."""
        if not data:
            return True
        if data[:6] == b"[DONE]":
            self.done = True
            self.content = self.content or self.fault is None
            return True
        try:
            event = self._decoder.decode(data)
        except msgspec.ValidationError:
            self.content = True
            return True
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            if self._lenient:
                self.content = True
                return True
            self.failure = UpstreamProtocolError(
                f"the upstream sent an event that is not valid JSON: {error}"
            )
            return False
        shown = self._take(event)
        if not self.content and self.fault is None:
            self.content = self._answers(data)
        return shown

    def _answers(self, data: bytes) -> bool:
        """Whether an event is, or ends, an answer: asked until one does, so it may take its time."""
        raise AssertionError("each relay knows what its dialect begins with")

    def _take(self, event: T) -> bool:
        """Note what `event` says; whether the caller gets to see it."""
        raise AssertionError("each relay watches in its own way")

    def _note_fault(self, raw: msgspec.Raw, told: bytes | None = None) -> None:
        """Note a failure that the provider reports. `told` is the object that names its type and code, where
        that is not `raw`."""
        if bytes(raw) in NOTHING:
            return
        try:
            message = msgspec.json.decode(raw, type=_Fault).message
        except msgspec.DecodeError:
            message = None
        if not message:
            message = bytes(raw)[:500].decode("utf-8", "replace")
        self._set_fault(bytes(raw) if told is None else told, message)

    def _set_fault(self, told: bytes, message: str) -> None:
        self.fault = blot(as_fault(told, message), self._credential)


def text_size(raw: msgspec.Raw) -> int:
    """Bytes of the text in a member that may be absent, null or empty."""
    text = bytes(raw)
    return 0 if text in NOTHING else len(text) - 2


def says_nothing(raw: msgspec.Raw) -> bool:
    """A member that is null or empty."""
    return bytes(raw) in NOTHING or bytes(raw) == b"{}"
