"""Local model servers, on the ports that they have by default."""

from __future__ import annotations

import asyncio

from ai_gateway.admin.schemas.meta import Discovered
from ai_gateway.errors import UpstreamError
from ai_gateway.providers import Upstream
from ai_gateway.upstream.models import fetch_models
from ai_gateway.upstream.pool import TransportPool

__all__ = ["LOCAL", "discover"]

TIMEOUT_S = 0.5
LOCAL = (("ollama", "http://127.0.0.1:11434"), ("lmstudio", "http://127.0.0.1:1234/v1"))


async def discover(
    transports: TransportPool, places: tuple[tuple[str, str], ...] = LOCAL
) -> list[Discovered]:
    """Those of `places` (provider, base URL) that list their models within half a second."""
    found = await asyncio.gather(*(_look(transports, backend, base_url) for backend, base_url in places))
    return [each for each in found if each is not None]


async def _look(transports: TransportPool, backend: str, base_url: str) -> Discovered | None:
    upstream = Upstream.of(backend, base_url=base_url)
    try:
        async with asyncio.timeout(2 * TIMEOUT_S):
            models = await fetch_models(transports.of(upstream), upstream, timeout_s=TIMEOUT_S)
    except (UpstreamError, TimeoutError):
        return None
    return Discovered(backend=backend, base_url=base_url, models=models)
