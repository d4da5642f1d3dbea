"""Token counting: asked of the provider where it counts, else estimated."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from ai_gateway.core.chat import ChatRequest, DialectName
from ai_gateway.dialects import counting
from ai_gateway.dialects.endpoints import Endpoint, Family
from ai_gateway.dialects.exchange import Settings
from ai_gateway.dialects.interface import Asked, Rendered, Target
from ai_gateway.dialects.registry import DIALECTS, URL_KINDS
from ai_gateway.dialects.relay_stream import Reply, StreamRelay
from ai_gateway.dialects.tool_names import fit_tool_names
from ai_gateway.dialects.translation import instructed, spelled
from ai_gateway.errors import UpstreamError, UpstreamProtocolError
from ai_gateway.providers import Provider

__all__ = ["CountExchange"]

Render = Callable[[ChatRequest, Target], Rendered]
Read = Callable[[bytes], int]

_COUNTERS: dict[DialectName, tuple[Render, Read]] = {
    DialectName.ANTHROPIC: (counting.render_anthropic_count, counting.read_anthropic_count),
    DialectName.GEMINI: (counting.render_gemini_count, counting.read_gemini_count),
    DialectName.OPENAI_RESPONSES: (counting.render_openai_count, counting.read_openai_count),
}


class CountExchange:
    """How many tokens a conversation has."""

    translated = True
    foreign = True
    is_json = True
    streaming = False

    def __init__(self, endpoint: Endpoint, body: bytes, asked: Asked, provider: Provider) -> None:
        self.endpoint = endpoint
        self.body = body
        self._encode: Callable[[int], bytes]
        if endpoint.family is Family.ANTHROPIC:
            request, self._encode = counting.parse_anthropic_count(body), counting.encode_anthropic_count
        else:
            request, self._encode = counting.parse_gemini_count(body, asked), counting.encode_gemini_count
        self.model: str | None = request.model or asked.model
        self.canonical: ChatRequest | None = request
        self._request = request
        counter = provider.counts_tokens
        self._counter = counter if counter in _COUNTERS else None
        self.url_kinds = (
            URL_KINDS[counter] if counter is not None else frozenset({"image", "document", "audio", "video"})
        )

    def output_asked(self) -> int | None:
        return 0

    def input_estimate(self) -> int:
        return counting.estimate_tokens(self._request)

    def render(self, settings: Settings, provider: Provider) -> Rendered | None:
        request = msgspec.structs.replace(
            self.canonical or self._request, model=settings.model or self._request.model
        )
        self._request = instructed(request, settings)
        if self._counter is None:
            return None
        wanted, _ = fit_tool_names(self._request, self._counter)
        rendered = _COUNTERS[self._counter][0](wanted, Target(provider=provider))
        return msgspec.structs.replace(rendered, dropped=spelled(rendered.dropped, request.dialect))

    def local_answer(self) -> bytes:
        return self._encode(counting.estimate_tokens(self._request))

    def stream(self, rendered: Rendered, credential: str) -> StreamRelay:
        raise UpstreamProtocolError("the upstream answered a token count with a stream")

    def whole(self, body: bytes) -> tuple[bytes, Reply]:
        assert self._counter is not None
        return self._encode(_COUNTERS[self._counter][1](body)), Reply()

    def convert(self, body: bytes, *, streamed: bool) -> tuple[bytes, Reply]:
        raise UpstreamProtocolError("the upstream answered a token count with a stream")

    def stream_type(self) -> bytes:
        return b"application/json"

    def parse_error(
        self, status: int, body: bytes, credential: str, retry_after_s: int | None
    ) -> UpstreamError:
        assert self._counter is not None
        return DIALECTS[self._counter].parse_error(status, body, credential, retry_after_s)
