"""What goes to a provider around a request's body: its address and its headers."""

from __future__ import annotations

from ai_gateway.call import Call, Way
from ai_gateway.dialects.exchange import Exchange
from ai_gateway.dialects.interface import Rendered
from ai_gateway.policy.targets import Target
from ai_gateway.upstream.headers import for_translated, for_upstream, value_of
from ai_gateway.upstream.transport import SentHeaders

__all__ = ["way_of"]


def way_of(call: Call, target: Target, exchange: Exchange, rendered: Rendered) -> Way:
    """Where a request goes, and with what headers: known already where the one before with the same head went
    the same way."""
    said = call.said
    if said is None:
        return _way(call, target, exchange, rendered)
    way = said.way
    if (
        way is None
        or way.target is not target
        or way.path != rendered.path
        or way.query != rendered.query
        or way.needed != rendered.headers
        or way.is_json is not exchange.is_json
        or way.foreign is not exchange.foreign
        or way.translated is not exchange.translated
    ):
        way = said.way = _way(call, target, exchange, rendered)
    return way


def _way(call: Call, target: Target, exchange: Exchange, rendered: Rendered) -> Way:
    own = "" if exchange.translated else call.query
    query = rendered.query
    url = target.upstream.url(
        rendered.path or call.path,
        model=target.model,
        query=f"{query}&{own}" if query and own else query or own,
    )
    return Way(
        target=target,
        path=rendered.path,
        query=query,
        needed=rendered.headers,
        foreign=exchange.foreign,
        translated=exchange.translated,
        is_json=exchange.is_json,
        url=url,
        sent=SentHeaders(_headers(call, target, exchange, rendered)),
    )


def _headers(call: Call, target: Target, exchange: Exchange, rendered: Rendered) -> list[tuple[str, str]]:
    """The caller's own headers pass; those of another dialect mean nothing to this provider."""
    upstream = target.upstream
    if exchange.foreign:
        return for_translated(call.headers, upstream, rendered.headers)
    kind = b"application/json" if exchange.is_json else value_of(call.headers, b"content-type")
    headers = for_upstream(call.headers, upstream, kind)
    if rendered.headers:
        own = dict(headers)
        headers += [pair for pair in rendered.headers if pair[1] not in own.get(pair[0], "")]
    return headers
