"""A request of one dialect answered by a provider of another: everything goes through the canonical types."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ai_gateway.core.answer import collect
from ai_gateway.core.chat import ChatRequest, DialectName, Message, Role, Text
from ai_gateway.core.events import (
    Event,
    Failed,
    RefusalDelta,
    Start,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallStart,
    UsageReport,
)
from ai_gateway.core.usage import Usage
from ai_gateway.dialects.content_array import ARRAY_TYPE, ArrayEncoder
from ai_gateway.dialects.counting import estimate_tokens
from ai_gateway.dialects.endpoints import Endpoint
from ai_gateway.dialects.exchange import Settings
from ai_gateway.dialects.interface import (
    AnswerContext,
    Dialect,
    Rendered,
    StreamDecoder,
    StreamEncoder,
    Target,
)
from ai_gateway.dialects.registry import DIALECTS, FIELD_NAMES, URL_KINDS
from ai_gateway.dialects.relay_stream import Reply, StreamRelay
from ai_gateway.dialects.tool_names import ToolNames, fit_tool_names
from ai_gateway.errors import GatewayError, UpstreamError, UpstreamProtocolError
from ai_gateway.providers import Provider

__all__ = ["Moment", "Translation", "instructed", "spelled"]


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What makes an answer's ids unique."""

    id: str
    """Hexadecimal."""
    created_s: int
    """Unix time."""


class Translation:
    """An exchange between a caller of one dialect and a provider of another."""

    translated = True
    is_json = True

    def __init__(
        self,
        endpoint: Endpoint,
        caller: Dialect,
        request: ChatRequest,
        *,
        body: bytes,
        provider: Provider,
        target: DialectName,
        moment: Moment,
        array: bool = False,
    ) -> None:
        if target is not request.dialect:
            caller.check_foreign(request)
        self.endpoint = endpoint
        self._array = array
        self.body = body
        self.model: str | None = request.model or None
        self.streaming = request.stream
        self.canonical: ChatRequest | None = request
        self.url_kinds = URL_KINDS[target] if provider.fetches_urls else frozenset()
        self._request = request
        self._caller = caller
        self._provider = provider
        self._target = DIALECTS[target]
        self._moment = moment
        self._names: ToolNames = {}
        self._asked = request

    def input_estimate(self) -> int:
        return estimate_tokens(self._request)

    def render(self, settings: Settings, provider: Provider) -> Rendered | None:
        request = self.canonical or self._request
        self._request = msgspec.structs.replace(request, model=settings.model or request.model)
        wanted, self._names = fit_tool_names(instructed(self._request, settings), self._target.name)
        target = Target(provider=provider, default_max_tokens=settings.max_output_tokens)
        rendered = self._target.render_request(wanted, target)
        return msgspec.structs.replace(
            rendered, dropped=spelled(rendered.dropped, self._asked.dialect), usage_asked=False
        )

    def local_answer(self) -> bytes:
        raise AssertionError("a conversation is always answered by a provider")

    def stream(self, rendered: Rendered, credential: str) -> StreamRelay:
        return TranslatedStream(
            self._target.stream_decoder(self._provider),
            self._encoder(),
            self._names,
            several=self._caller.several_choices,
        )

    def whole(self, body: bytes) -> tuple[bytes, Reply]:
        return self._answer(self._target.decode_response(body))

    def convert(self, body: bytes, *, streamed: bool) -> tuple[bytes, Reply]:
        if streamed:
            decoder = self._target.stream_decoder(self._provider)
            return self._answer([*decoder.feed(body), *decoder.finish()])
        events = _renamed(self._target.decode_response(body), self._names)
        encoder = self._encoder()
        meter = _Meter()
        out = []
        for event in events:
            meter.see(event)
            out.append(encoder.feed(event))
        out.append(encoder.finish())
        return b"".join(out), meter.reply()

    def stream_type(self) -> bytes:
        return ARRAY_TYPE.encode() if self._array else self._caller.stream_type.encode()

    def parse_error(
        self, status: int, body: bytes, credential: str, retry_after_s: int | None
    ) -> UpstreamError:
        return self._target.parse_error(status, body, credential, retry_after_s)

    def _answer(self, events: list[Event]) -> tuple[bytes, Reply]:
        meter = _Meter()
        events = _renamed(events, self._names)
        for event in events:
            meter.see(event)
        return self._caller.encode_response(collect(events), self._context()), meter.reply()

    def _encoder(self) -> StreamEncoder:
        encoder = self._caller.stream_encoder(self._context())
        return ArrayEncoder(encoder) if self._array else encoder

    def _context(self) -> AnswerContext:
        request = msgspec.structs.replace(self._asked, model=self._request.model)
        return AnswerContext(request=request, id=self._moment.id, created_s=self._moment.created_s)


def instructed(request: ChatRequest, settings: Settings) -> ChatRequest:
    """The request with the client's system prompt before everything else, and its output cap."""
    if settings.system_prompt:
        first = Message(role=Role.SYSTEM, parts=(Text(settings.system_prompt),))
        request = msgspec.structs.replace(request, messages=(first, *request.messages))
    cap, own = settings.max_output_tokens, request.max_output_tokens
    if cap and own is not None and own > cap:
        request = msgspec.structs.replace(request, max_output_tokens=cap)
    return request


def spelled(dropped: tuple[str, ...], dialect: DialectName) -> tuple[str, ...]:
    """Canonical names as the caller writes them; each once."""
    names = FIELD_NAMES[dialect]
    return tuple(dict.fromkeys(names.get(name, name) for name in dropped))


def _renamed(events: list[Event], names: ToolNames) -> list[Event]:
    if not names:
        return events
    return [
        msgspec.structs.replace(event, name=names[event.name])
        if isinstance(event, ToolCallStart) and event.name in names
        else event
        for event in events
    ]


class _Meter:
    """What has passed of an answer."""

    __slots__ = ("model", "output_bytes", "tools_used", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.model: str | None = None
        self.output_bytes = 0
        self.tools_used = False

    def see(self, event: Event) -> None:
        match event:
            case TextDelta(text) | ThinkingDelta(text) | RefusalDelta(text) | ToolCallDelta(_, text):
                self.output_bytes += len(text)
            case ToolCallStart():
                self.tools_used = True
            case UsageReport(usage):
                self.usage = usage
            case Start(model=model):
                self.model = model
            case _:
                pass

    def reply(self) -> Reply:
        return Reply(
            model=self.model,
            usage=self.usage,
            output_bytes=self.output_bytes,
            tools_used=self.tools_used,
        )


class TranslatedStream(_Meter):
    """A provider's stream on its way to a caller of another dialect."""

    __slots__ = ("_decoder", "_encoder", "_names", "_several", "done", "error", "failure")

    def __init__(
        self, decoder: StreamDecoder, encoder: StreamEncoder, names: ToolNames, *, several: bool
    ) -> None:
        super().__init__()
        self._several = several
        self._decoder = decoder
        self._encoder = encoder
        self._names = names
        self.done = False
        self.failure: GatewayError | None = None
        self.error: str | None = None

    def feed(self, chunk: bytes) -> bytes:
        try:
            events = self._decoder.feed(chunk)
        except UpstreamProtocolError as error:
            self.failure = error
            return b""
        out = self._encoded(events)
        if self._decoder.done and self.failure is None:
            out += self._end()
        return out

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
        if self.failure is None:
            out += self._encoder.finish()
            self.done = True
        return out

    def _encoded(self, events: Iterable[Event]) -> bytes:
        out = []
        for event in events:
            if isinstance(event, Failed):
                self.failure = event.error
                break
            self.see(event)
            if not (self._several or isinstance(event, Start | UsageReport)) and event.choice:
                continue
            if self._names and isinstance(event, ToolCallStart):
                event = msgspec.structs.replace(event, name=self._names.get(event.name, event.name))
            out.append(self._encoder.feed(event))
        return b"".join(out)
