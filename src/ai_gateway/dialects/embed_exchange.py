"""Embeddings between OpenAI's API and Gemini's."""

from __future__ import annotations

import msgspec

from ai_gateway.core.chat import ChatRequest, DialectName
from ai_gateway.core.members import open_object
from ai_gateway.core.usage import Usage
from ai_gateway.dialects import embeddings
from ai_gateway.dialects.endpoints import BATCH_EMBED_CONTENT, Endpoint, Family
from ai_gateway.dialects.estimates import members_estimate
from ai_gateway.dialects.exchange import Settings
from ai_gateway.dialects.interface import Asked, Rendered, Target
from ai_gateway.dialects.registry import DIALECTS, families
from ai_gateway.dialects.relay_stream import Reply, StreamRelay
from ai_gateway.errors import NotFound, UpstreamError, UpstreamProtocolError
from ai_gateway.providers import Provider

__all__ = ["EmbedExchange"]


class EmbedExchange:
    """A request for embeddings in one API, answered by the other."""

    translated = True
    foreign = True
    is_json = True
    streaming = False
    canonical: ChatRequest | None = None
    url_kinds: frozenset[str] = frozenset()

    def __init__(self, endpoint: Endpoint, body: bytes, asked: Asked, provider: Provider) -> None:
        """Raises: NotFound where the provider has no embeddings."""
        self.endpoint = endpoint
        self.body = body
        has = families(provider.dialects)
        if endpoint.family is Family.OPENAI and Family.GEMINI in has:
            self._request = embeddings.parse_openai(body)
        elif endpoint.family is Family.GEMINI and Family.OPENAI in has:
            self._request = embeddings.parse_gemini(body, asked, endpoint is BATCH_EMBED_CONTENT)
        else:
            raise NotFound(
                f"this client's provider ({provider.title}) has no embeddings", code="unknown_path"
            )
        self.model: str | None = self._request.model or asked.model

    def output_asked(self) -> int | None:
        return 0

    def input_estimate(self) -> int:
        return members_estimate(open_object(self.body), self.endpoint.texts)

    def render(self, settings: Settings, provider: Provider) -> Rendered | None:
        self._request = msgspec.structs.replace(self._request, model=settings.model or self._request.model)
        if self.endpoint.family is Family.OPENAI:
            return embeddings.render_gemini(self._request)
        return embeddings.render_openai(self._request, Target(provider=provider))

    def local_answer(self) -> bytes:
        raise AssertionError("embeddings are always made by a provider")

    def stream(self, rendered: Rendered, credential: str) -> StreamRelay:
        raise UpstreamProtocolError("the upstream answered embeddings with a stream")

    def whole(self, body: bytes) -> tuple[bytes, Reply]:
        if self.endpoint.family is Family.OPENAI:
            answer = embeddings.read_gemini(body)
            encoded = embeddings.encode_openai(answer, self._request, self.input_estimate())
        else:
            answer = embeddings.read_openai(body)
            encoded = embeddings.encode_gemini(answer, self._request, self.endpoint is BATCH_EMBED_CONTENT)
        usage = None if answer.input_tokens is None else Usage(input=answer.input_tokens)
        return encoded, Reply(model=answer.model, usage=usage)

    def convert(self, body: bytes, *, streamed: bool) -> tuple[bytes, Reply]:
        raise UpstreamProtocolError("the upstream answered embeddings with a stream")

    def stream_type(self) -> bytes:
        return b"application/json"

    def parse_error(
        self, status: int, body: bytes, credential: str, retry_after_s: int | None
    ) -> UpstreamError:
        name = DialectName.GEMINI if self.endpoint.family is Family.OPENAI else DialectName.OPENAI_CHAT
        return DIALECTS[name].parse_error(status, body, credential, retry_after_s)
