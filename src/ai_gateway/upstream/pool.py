"""Which transport carries a request."""

from __future__ import annotations

from ai_gateway.providers import Upstream
from ai_gateway.upstream.echo import EchoTransport
from ai_gateway.upstream.http1 import Http1Transport
from ai_gateway.upstream.proxies import Proxies
from ai_gateway.upstream.transport import Transport

__all__ = ["TransportPool"]


class TransportPool:
    """The transports of the process: the fast one, one through forward proxies, and what is built in."""

    def __init__(self, proxies: Proxies | None) -> None:
        self._direct = Http1Transport()
        self._builtin = EchoTransport()
        self._proxies = proxies
        self._proxied: Transport | None = None

    def of(self, upstream: Upstream) -> Transport:
        if upstream.provider.builtin:
            return self._builtin
        if self._proxies is not None and self._proxies.of(upstream.base) is not None:
            return self._through_proxy(self._proxies)
        return self._direct

    def _through_proxy(self, proxies: Proxies) -> Transport:
        if self._proxied is None:
            from ai_gateway.upstream.aiohttp_transport import AiohttpTransport  # most have no use for it

            self._proxied = AiohttpTransport(proxies)
        return self._proxied

    async def close(self) -> None:
        for transport in (self._direct, self._builtin, self._proxied):
            if transport is not None:
                await transport.close()
