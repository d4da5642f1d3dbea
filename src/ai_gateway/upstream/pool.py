"""Which transport carries a request."""

from __future__ import annotations

from ai_gateway.providers import Upstream
from ai_gateway.upstream.transport import Transport

__all__ = ["TransportPool"]


class TransportPool:
    """The transports of the process: one for the network, one for what is built in."""

    def __init__(self, *, network: Transport, builtin: Transport) -> None:
        self._network = network
        self._builtin = builtin

    def of(self, upstream: Upstream) -> Transport:
        return self._builtin if upstream.provider.builtin else self._network

    async def close(self) -> None:
        await self._network.close()
        await self._builtin.close()
