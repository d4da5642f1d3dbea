"""A request and its answer relayed: the provider speaks the caller's dialect."""

from __future__ import annotations

from ai_gateway.core.chat import ChatRequest
from ai_gateway.core.members import write_object
from ai_gateway.core.structs import quick_to_set
from ai_gateway.dialects import relay_limits
from ai_gateway.dialects.endpoints import COMPLETIONS, Endpoint, Family
from ai_gateway.dialects.estimates import members_estimate
from ai_gateway.dialects.exchange import Exchange, Settings
from ai_gateway.dialects.interface import Asked, Rendered
from ai_gateway.dialects.openai_errors import parse_error
from ai_gateway.dialects.registry import DIALECTS
from ai_gateway.dialects.relay_answer import read_reply, stream_relay
from ai_gateway.dialects.relay_openai import read_reply as read_openai_reply
from ai_gateway.dialects.relay_request import RelayRequest
from ai_gateway.dialects.relay_stream import Reply, StreamRelay
from ai_gateway.dialects.translation import Moment, Translation
from ai_gateway.errors import UpstreamError, UpstreamProtocolError
from ai_gateway.providers import Provider

__all__ = ["RelayExchange", "relay_exchange"]

_OPENAI = Family.OPENAI
_FAMILY_DIALECTS = {Family.ANTHROPIC: "anthropic", Family.GEMINI: "gemini"}


@quick_to_set
class RelayExchange(RelayRequest, kw_only=True, eq=False, gc=False):
    """Bytes pass as they are, but for the few members that must change. Made by `relay_exchange`."""

    provider: Provider
    moment: Moment
    path: Asked
    """What it says of the request."""
    model: str | None = None
    is_json: bool = True
    translated: bool = False
    foreign: bool = False
    canonical: ChatRequest | None = None
    url_kinds: frozenset[str] = frozenset()

    output_asked = relay_limits.output_asked

    def input_estimate(self) -> int:
        return members_estimate(self.members, self.endpoint.texts)

    def render(self, settings: Settings, provider: Provider) -> Rendered | None:
        members, asked, cap = self.members, self.asked, settings.max_output_tokens
        if (
            settings.model == self.stated
            and members is not None
            and not self.streaming
            and not settings.system_prompt
            and settings.output_limit is None
            and (not cap or (asked is not None and asked <= cap))
            and not provider.rejects
            and not self.endpoint.model_in_path
            and write_object(members) == self.body
        ):
            return Rendered(body=self.body)  # as most do: nothing is to be changed
        return self.written(
            settings.model,
            settings.system_prompt,
            settings.max_output_tokens,
            settings.output_limit,
            provider.output_cap,
            self.streaming and provider.asks_for_usage,
            provider.rejects,
        )

    def local_answer(self) -> bytes:
        raise AssertionError("a relayed request is always answered by a provider")

    def stream(self, rendered: Rendered, credential: str) -> StreamRelay:
        return stream_relay(
            self.endpoint,
            hide_usage=rendered.usage_asked,
            tell_usage=self.wants_usage,
            terminator_optional=self.provider.terminator_optional,
            credential=credential,
            array=self.path.array,
        )

    def whole(self, body: bytes) -> tuple[bytes, Reply]:
        endpoint = self.endpoint
        try:
            if endpoint.family is _OPENAI:
                return body, read_openai_reply(body, endpoint.known)
            return body, read_reply(endpoint, body)
        except UpstreamProtocolError:
            if not self.endpoint.known:
                return body, Reply()  # only an endpoint that we know owes us JSON
            raise

    def convert(self, body: bytes, *, streamed: bool) -> tuple[bytes, Reply]:
        return self._again().convert(body, streamed=streamed)

    def stream_type(self) -> bytes:
        if self.path.array:
            return b"application/json"
        return b"text/event-stream"

    def parse_error(
        self, status: int, body: bytes, credential: str, retry_after_s: int | None
    ) -> UpstreamError:
        if self.endpoint.family is Family.OPENAI:
            return parse_error(status, body, credential=credential, retry_after_s=retry_after_s)
        name = next(name for name in DIALECTS if name == _FAMILY_DIALECTS[self.endpoint.family])
        return DIALECTS[name].parse_error(status, body, credential, retry_after_s)

    def _again(self) -> Exchange:
        """The same exchange, read in full: for a provider that streams unasked, or not though it was asked.

        Rare, so the body is read a second time only then.
        """
        name = self.endpoint.dialect
        if name is None or self.endpoint is COMPLETIONS:
            raise UpstreamProtocolError("the upstream's answer has another form than was asked for")
        dialect = DIALECTS[name]
        return Translation(
            self.endpoint,
            dialect,
            dialect.parse_request(self.body, self.path),
            body=self.body,
            provider=self.provider,
            target=name,
            moment=self.moment,
            array=self.path.array,
        )


def relay_exchange(
    endpoint: Endpoint, body: bytes, provider: Provider, path: Asked, moment: Moment
) -> RelayExchange:
    """A request whose body is JSON, opened. Raises: as `RelayRequest.read` does."""
    exchange = RelayExchange(endpoint, body, provider=provider, moment=moment, path=path)
    exchange.read()
    exchange.model = path.model if endpoint.model_in_path else exchange.stated or path.model
    return exchange
