"""How a request is opened: relayed where the provider speaks the caller's dialect, else translated."""

from __future__ import annotations

import re
from collections.abc import Callable

from ai_gateway.core.chat import ChatRequest, DialectName, HostedTool, Tool
from ai_gateway.dialects import completions
from ai_gateway.dialects.count_exchange import CountExchange
from ai_gateway.dialects.embed_exchange import EmbedExchange
from ai_gateway.dialects.endpoints import COMPLETIONS, Endpoint, Family, Job
from ai_gateway.dialects.exchange import Exchange
from ai_gateway.dialects.forms import model_in_form
from ai_gateway.dialects.interface import Asked, Dialect
from ai_gateway.dialects.registry import DIALECTS, families
from ai_gateway.dialects.relay_exchange import RelayExchange, relay_exchange
from ai_gateway.dialects.translation import Moment, Translation
from ai_gateway.errors import BadRequest, NotFound
from ai_gateway.providers import Provider

__all__ = ["dialect_for", "open_exchange"]

# Once: members of an enumeration are looked up slowly.
_CHAT = Job.CHAT
_OPENAI_CHAT, _OPENAI_RESPONSES = DialectName.OPENAI_CHAT, DialectName.OPENAI_RESPONSES
_RESPONSES_ONLY = re.compile(
    r"(gpt-[0-9.]+-)?codex|gpt-[0-9.]+-codex|codex-|gpt-5(\.[0-9]+)?-pro|o[13]-pro|.*-deep-research|"
    r"computer-use-preview"
)
"""OpenAI's models that have no Chat Completions.

Source: OpenAI docs, "Models", the endpoints of each."""
_TOOLS_NEED_RESPONSES = re.compile(r"gpt-(5\.[4-9]|[6-9])")
"""Generations that refuse tools together with reasoning in Chat Completions (recorded traffic)."""


def open_exchange(
    endpoint: Endpoint,
    body: bytes,
    asked: Asked,
    provider: Provider,
    *,
    content_type: str | None,
    moment: Moment,
    serves: Callable[[str | None], str | None],
) -> Exchange:
    """Read a request for `provider`; `serves` tells the model asked for behind the caller's name.

    Raises:
        BadRequest: the body is not what the endpoint takes (`param` names the field).
        NotFound: this provider has no such endpoint, and none that could stand in for it.
    """
    if endpoint.job is not _CHAT:
        return _open_other(endpoint, body, asked, provider, content_type, moment)
    if endpoint.dialect in provider.dialects and (endpoint is not COMPLETIONS or provider.completions):
        exchange = relay_exchange(endpoint, body, provider, asked, moment)
        if (
            _OPENAI_RESPONSES not in provider.dialects
            or endpoint.dialect is not _OPENAI_CHAT
            or not _responses_only(provider, serves(exchange.model))
        ):
            return exchange
    caller = _caller(endpoint)
    read = caller.parse_request(body, asked)
    return Translation(
        endpoint,
        caller,
        read,
        body=body,
        provider=provider,
        target=_target(provider, read, serves(read.model) or ""),
        moment=moment,
        array=asked.array,
    )


def _open_other(
    endpoint: Endpoint,
    body: bytes,
    asked: Asked,
    provider: Provider,
    content_type: str | None,
    moment: Moment,
) -> Exchange:
    """What is no conversation."""
    family = endpoint.family in families(provider.dialects)
    match endpoint.job:
        case Job.COUNT:
            if family and endpoint.family is Family.ANTHROPIC:
                return relay_exchange(endpoint, body, provider, asked, moment)
            return CountExchange(endpoint, body, asked, provider)
        case Job.EMBED if family:
            return relay_exchange(endpoint, body, provider, asked, moment)
        case Job.EMBED:
            return EmbedExchange(endpoint, body, asked, provider)
        case _:
            pass
    if not family:
        raise NotFound(f"this client's provider ({provider.title}) has no such endpoint", code="unknown_path")
    return _relay_any(endpoint, body, asked, provider, content_type, moment)


def _caller(endpoint: Endpoint) -> Dialect:
    if endpoint is COMPLETIONS:
        return completions.DIALECT
    assert endpoint.dialect is not None
    return DIALECTS[endpoint.dialect]


def dialect_for(endpoint: Endpoint, provider: Provider, request: ChatRequest, model: str) -> DialectName:
    """The dialect to ask a provider in where the request is translated in any case: the caller's own where
    it can be."""
    own, target = endpoint.dialect, _target(provider, request, model)
    if own is None or own not in provider.dialects:
        return target
    if own is not DialectName.OPENAI_CHAT or target is not DialectName.OPENAI_RESPONSES:
        return own
    asked = any(isinstance(tool, Tool) and not tool.ours for tool in request.tools)
    return own if asked and not _responses_only(provider, model) else target


def _target(provider: Provider, request: ChatRequest, model: str) -> DialectName:
    """The dialect to ask a provider in that does not speak the caller's."""
    if _responses_only(provider, model) or (
        request.tools
        and _OPENAI_RESPONSES in provider.dialects
        and not request.stop
        and not any(isinstance(tool, HostedTool) for tool in request.tools)
        and _TOOLS_NEED_RESPONSES.match(model)
    ):
        return _OPENAI_RESPONSES
    return provider.dialects[0]


def _responses_only(provider: Provider, model: str | None) -> bool:
    return (
        model is not None
        and _OPENAI_RESPONSES in provider.dialects
        and _RESPONSES_ONLY.match(model) is not None
    )


def _relay_any(
    endpoint: Endpoint,
    body: bytes,
    asked: Asked,
    provider: Provider,
    content_type: str | None,
    moment: Moment,
) -> RelayExchange:
    """Of an endpoint that is not known. JSON is opened whatever its content-type says: the provider may do
    so too."""
    if body[:64].lstrip()[:1] == b"{":
        try:
            return relay_exchange(endpoint, body, provider, asked, moment)
        except BadRequest:
            if content_type is not None and "json" in content_type.lower():
                raise
        model = None
    else:
        model = model_in_form(content_type.encode("latin-1"), body) if content_type and body else None
    return RelayExchange(
        endpoint,
        body,
        streaming=endpoint.stream is True,
        provider=provider,
        moment=moment,
        path=asked,
        model=asked.model if endpoint.model_in_path else model or asked.model,
        is_json=False,
    )
