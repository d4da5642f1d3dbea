"""The model list of each client: stored, or fetched once and remembered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ai_gateway.errors import UpstreamError
from ai_gateway.policy.snapshot import ClientPolicy
from ai_gateway.upstream.models import fetch_models
from ai_gateway.upstream.pool import TransportPool

__all__ = ["Catalog"]

Save = Callable[[str, Sequence[str]], None]


class Catalog:
    """Answers from memory; many callers that miss at once share one fetch."""

    def __init__(self, transports: TransportPool, save: Save) -> None:
        self._transports = transports
        self._save = save
        """Told of each new list (client id, models); must not block."""
        self._lists: dict[tuple[str, str], tuple[str, ...]] = {}
        self._fetches: dict[tuple[str, str], asyncio.Task[list[str]]] = {}

    async def models(self, client: ClientPolicy) -> Sequence[str]:
        """Raises: UpstreamError where the provider must be asked and does not answer."""
        if client.settings.models:
            return client.settings.models
        upstream = client.upstream
        if upstream is None:
            raise UpstreamError(f"this client's backend is not usable: {client.fault}")
        key = (client.id, upstream.base)
        known = self._lists.get(key)
        if known is not None:
            return known
        task = self._fetches.get(key)
        if task is None:
            transport = self._transports.of(upstream)
            task = asyncio.create_task(
                fetch_models(transport, upstream, timeout_s=client.settings.timeout_seconds)
            )
            self._fetches[key] = task
            task.add_done_callback(lambda done: self._keep(key, done))
        return await asyncio.shield(task)  # a caller that leaves does not take the others' answer along

    def _keep(self, key: tuple[str, str], task: asyncio.Task[list[str]]) -> None:
        del self._fetches[key]
        if task.cancelled() or task.exception() is not None:
            return
        models = task.result()
        self._lists[key] = tuple(models)
        self._save(key[0], models)
