"""A request of one dialect answered by a provider of another: everything goes through the canonical types."""

from __future__ import annotations

from typing import Protocol

import msgspec

from ai_gateway.core.answer import collect
from ai_gateway.core.chat import ChatRequest, DialectName, Message, Role, Text
from ai_gateway.core.events import Event
from ai_gateway.dialects.content_array import ARRAY_TYPE, ArrayEncoder
from ai_gateway.dialects.counting import estimate_tokens
from ai_gateway.dialects.endpoints import Endpoint
from ai_gateway.dialects.exchange import Settings
from ai_gateway.dialects.interface import (
    AnswerContext,
    Dialect,
    Rendered,
    StreamEncoder,
    Target,
)
from ai_gateway.dialects.registry import DIALECTS, FIELD_NAMES, URL_KINDS
from ai_gateway.dialects.relay_stream import Reply, StreamRelay
from ai_gateway.dialects.tool_names import ToolNames, fit_tool_names
from ai_gateway.dialects.translated_stream import Meter, TranslatedStream, renamed
from ai_gateway.errors import UpstreamError
from ai_gateway.providers import Provider

__all__ = ["Moment", "Translation", "instructed", "spelled"]


class Moment(Protocol):
    """What makes an answer's ids unique."""

    @property
    def answer_id(self) -> str:
        """Hexadecimal."""
        ...

    @property
    def created_s(self) -> int:
        """Unix time."""
        ...


class Translation:
    """An exchange between a caller of one dialect and a provider of another."""

    translated = True
    foreign = True
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

    def output_asked(self) -> int | None:
        own = self._asked.max_output_tokens
        return None if own is None else max(0, own) * max(1, self._asked.n or 1)

    def input_estimate(self) -> int:
        return estimate_tokens(self._request)

    def render(self, settings: Settings, provider: Provider) -> Rendered | None:
        request = self.canonical or self._request
        if settings.model and settings.model != request.model:
            request = msgspec.structs.replace(request, model=settings.model)
        self._request = request
        wanted, self._names = fit_tool_names(self._instructed(settings), self._target.name)
        target = Target(provider=provider, default_max_tokens=settings.max_output_tokens)
        rendered = self._target.render_request(wanted, target)
        dropped = rendered.dropped
        if not dropped and not rendered.usage_asked:
            return rendered
        if self._asked.max_output_tokens is None:  # the gateway's own limit is nobody's loss
            dropped = tuple(name for name in dropped if name != "max_output_tokens")
        return msgspec.structs.replace(
            rendered, dropped=spelled(dropped, self._asked.dialect), usage_asked=False
        )

    def _instructed(self, settings: Settings) -> ChatRequest:
        return instructed(self._request, settings)

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
        events = renamed(self._target.decode_response(body), self._names)
        encoder = self._encoder()
        meter = Meter()
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
        meter = Meter()
        events = renamed(events, self._names)
        for event in events:
            meter.see(event)
        return self._caller.encode_response(collect(events), self._context()), meter.reply()

    def _encoder(self) -> StreamEncoder:
        encoder = self._caller.stream_encoder(self._context())
        return ArrayEncoder(encoder) if self._array else encoder

    def _context(self) -> AnswerContext:
        request, model = self._asked, self._request.model
        if model != request.model:
            request = msgspec.structs.replace(request, model=model)
        return AnswerContext(
            request=request,
            id=self._moment.answer_id,
            created_s=self._moment.created_s,
            same_dialect=self._target.name is self._caller.name,
        )


def instructed(request: ChatRequest, settings: Settings) -> ChatRequest:
    """The request with the client's system prompt before everything else, its output cap, and the limit that
    all its answers share."""
    if settings.system_prompt:
        first = Message(role=Role.SYSTEM, parts=(Text(settings.system_prompt),))
        request = msgspec.structs.replace(request, messages=(first, *request.messages))
    cap, own = settings.max_output_tokens, request.max_output_tokens
    if settings.output_limit is not None:
        limit = max(1, settings.output_limit // max(1, request.n or 1))
        own = min(own or limit, limit)
    if cap and own is not None:
        own = min(own, cap)
    if own == request.max_output_tokens:
        return request
    return msgspec.structs.replace(request, max_output_tokens=own)


def spelled(dropped: tuple[str, ...], dialect: DialectName) -> tuple[str, ...]:
    """Canonical names as the caller writes them; each once."""
    names = FIELD_NAMES[dialect]
    return tuple(dict.fromkeys(names.get(name, name) for name in dropped))
