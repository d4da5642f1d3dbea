"""A provider's answer on its way to a caller of another dialect, event by event."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from ai_gateway.core.events import (
    ChoiceEvent,
    Event,
    Extension,
    Failed,
    Finish,
    FinishReason,
    RefusalDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnd,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.bounding import Bound, cut_usage
from ai_gateway.dialects.interface import StreamDecoder, StreamEncoder
from ai_gateway.dialects.relay_stream import PushChunk, Reply
from ai_gateway.dialects.tool_names import ToolNames
from ai_gateway.errors import GatewayError, UpstreamError, UpstreamProtocolError

__all__ = ["Meter", "TranslatedStream", "is_answer", "renamed"]


def renamed(events: list[Event], names: ToolNames) -> list[Event]:
    if not names:
        return events
    return [
        msgspec.structs.replace(event, name=names[event.name])
        if isinstance(event, ToolCallStart) and event.name in names
        else event
        for event in events
    ]


class Meter:
    """What has passed of an answer."""

    __slots__ = ("model", "output_bytes", "tools_used", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.model: str | None = None
        self.output_bytes = 0
        self.tools_used = False

    def see(self, event: Event) -> None:
        if type(event) is TextDelta or type(event) is ThinkingDelta or type(event) is RefusalDelta:
            self._measure(event.text)
        elif type(event) is ToolCallDelta:
            self._measure(event.arguments)
        elif type(event) is ToolCallStart:
            self.tools_used = True
        elif type(event) is UsageReport:
            self.usage = event.usage
        elif type(event) is Start:
            self.model = event.model

    def _measure(self, text: str) -> None:
        self.output_bytes += len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))

    def reply(self) -> Reply:
        return Reply(
            model=self.model,
            usage=self.usage,
            output_bytes=self.output_bytes,
            tools_used=self.tools_used,
        )


class _Open:
    """What has begun and not ended, in a stream that may have to be cut."""

    __slots__ = ("calls", "choices")

    def __init__(self) -> None:
        self.calls: dict[tuple[int, int], None] = {}
        """Choice and index, in the order in which they began."""
        self.choices: dict[int, bool] = {}
        """Whether each that has begun is still open."""

    def see(self, event: ChoiceEvent) -> None:
        self.choices.setdefault(event.choice, True)
        if type(event) is ToolCallStart:
            self.calls[event.choice, event.index] = None
        elif type(event) is ToolCallEnd:
            self.calls.pop((event.choice, event.index), None)
        elif type(event) is Finish:
            self.choices[event.choice] = False

    def ends(self) -> list[Event]:
        """What ends all of it, for want of tokens."""
        calls: list[Event] = [ToolCallEnd(index, choice) for choice, index in self.calls]
        cut = [choice for choice, still in self.choices.items() if still]
        return calls + [Finish(reason=FinishReason.LENGTH, choice=choice) for choice in sorted(cut)]


class TranslatedStream(Meter):
    """A provider's stream on its way to a caller of another dialect."""

    __slots__ = (
        "_bound",
        "_decoder",
        "_encoder",
        "_names",
        "_open",
        "_several",
        "content",
        "cut_short",
        "done",
        "failure",
        "fault",
    )

    def __init__(
        self, decoder: StreamDecoder, encoder: StreamEncoder, names: ToolNames, *, several: bool
    ) -> None:
        super().__init__()
        self._several = several
        self._decoder = decoder
        self._encoder = encoder
        self._names = names
        self._bound: Bound | None = None
        self._open = _Open()
        self.done = False
        self.content = False
        self.cut_short = False
        self.failure: GatewayError | None = None
        self.fault: UpstreamError | None = None

    @property
    def error(self) -> str | None:
        return None  # what the provider reports is not passed on: it is a failure here

    def bound(self, grow: Callable[[int], int], *, input_tokens: int) -> None:
        self._bound = Bound(grow, input_tokens=input_tokens, closer=None)

    def feed(self, chunk: bytes) -> bytes:
        try:
            events = self._decoder.feed(chunk)
        except UpstreamProtocolError as error:
            self.failure = error
            return b""
        out = self._encoded(events)
        if self._decoder.done and self.failure is None and not self.done:
            out += self._end()
        return out

    def chunk_taker(self, _: PushChunk) -> None:
        """Nothing is passed on as it came."""

    def finish(self) -> bytes:
        return self._end()

    def error_event(self, error: GatewayError) -> bytes:
        return self._encoder.error_event(error)

    def _end(self) -> bytes:
        """What is owed once the provider has said its last word, or hung up."""
        try:
            events = self._decoder.finish()
        except UpstreamProtocolError as error:
            self.failure = error
            return b""
        out = self._encoded(events)
        if self.failure is None and not self.done:
            out += self._last()
            self.done = True
        return out

    def _last(self) -> bytes:
        """What the caller's dialect owes at the end."""
        return self._encoder.finish()

    def _encoded(self, events: Iterable[Event]) -> bytes:
        out = []
        for event in events:
            if type(event) is Failed:
                self.failure = self.fault = event.error
                break
            if self._bound is not None and not self._fits(event, self._bound):
                out.append(self._cut(self._bound))
                break
            if self._bound is None:
                self.see(event)
            out.append(self._take(event))
        return b"".join(out)

    def _take(self, event: Event) -> bytes:
        if not self.content:
            self.content = is_answer(event)
        if (
            not self._several
            and type(event) is not Start
            and type(event) is not UsageReport
            and type(event) is not Failed
            and event.choice
        ):
            return b""
        if self._names and type(event) is ToolCallStart:
            event = msgspec.structs.replace(event, name=self._names.get(event.name, event.name))
        return self._encoder.feed(event)

    def _fits(self, event: Event, bound: Bound) -> bool:
        """Note an event, unless it is too much."""
        before = self.output_bytes
        self.see(event)
        fits = bound.admits(self.output_bytes)
        if not fits:
            self.output_bytes = before
        if type(event) is not Start and type(event) is not UsageReport and type(event) is not Failed:
            self._open.see(event)
        return fits

    def _cut(self, bound: Bound) -> bytes:
        """End the answer for want of tokens."""
        self.usage = cut_usage(self.usage, input_tokens=bound.input_tokens, output_bytes=self.output_bytes)
        self.done = self.cut_short = True
        events: list[Event] = [*self._open.ends(), UsageReport(self.usage)]
        return b"".join(map(self._take, events)) + self._last()


def is_answer(event: Event) -> bool:
    """Whether a caller takes it for an answer, or its end."""
    match event:
        case Start() | UsageReport() | Failed():
            return False
        case Extension(name="prompt_filter_results"):
            return False
        case TextDelta() | ThinkingDelta() | RefusalDelta():
            return bool(event.text)
        case _:
            return True
