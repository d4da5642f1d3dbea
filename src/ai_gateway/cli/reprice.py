"""What a stored row costs by today's prices: `ai-gateway usage --reprice`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import msgspec

from ai_gateway.core.chat import DialectName
from ai_gateway.core.client import Client, ClientSettings
from ai_gateway.core.record import Attempt, RequestRecord
from ai_gateway.core.usage import Usage
from ai_gateway.dialects import anthropic, gemini
from ai_gateway.dialects.openai_usage import read_usage
from ai_gateway.policy.prices import Prices
from ai_gateway.providers import PROVIDERS, BaseUrlRequired, Upstream

__all__ = ["Repricer"]

_SAME = 1e-9
"""Costs that differ by less, of their size, are the same."""
_attempts = msgspec.json.Decoder(list[Attempt])
_READERS: dict[DialectName, Callable[[bytes], Usage | None]] = {
    DialectName.OPENAI_CHAT: read_usage,
    DialectName.OPENAI_RESPONSES: read_usage,
    DialectName.ANTHROPIC: anthropic.read_usage,
    DialectName.GEMINI: gemini.read_usage,
}


class Repricer:
    """Prices rows of the log again: each at its own time, by what its provider reported."""

    def __init__(self, prices: Prices, clients: Iterable[Client]) -> None:
        self._prices = prices
        self._clients = {client.id: client.settings for client in clients}
        self._upstreams: dict[tuple[str, str, str], Upstream | None] = {}

    def price(self, row: RequestRecord) -> RequestRecord:
        """The row with its new cost. It is the same one where the client is gone, the provider is none that
        is known, or nothing was used."""
        settings = self._clients.get(row.client_id or "")
        if settings is None or row.provider is None:
            return row
        if row.attempt_log is not None:
            return self._attempted(row, settings)
        if not _used(row):
            return row
        upstream = self._upstream(row.client_id or "", settings, row.provider, "")
        if upstream is None:
            return row
        cost = self._cost(row, upstream, row.model_served or row.model_asked or "", row.model_reported, row)
        return msgspec.structs.replace(row, cost_usd=_kept(row.cost_usd, cost))

    def _attempted(self, row: RequestRecord, settings: ClientSettings) -> RequestRecord:
        """The sum of all attempts; unknown as soon as the cost of one is."""
        attempts = _attempts.decode(row.attempt_log or "[]")
        spent: list[float | None] = []
        changed = False
        for attempt in filter(_used, attempts):
            upstream = self._upstream(row.client_id or "", settings, attempt.provider, attempt.backend)
            if upstream is None:
                return row
            reported = row.model_reported if attempt is attempts[-1] else None
            cost = _kept(attempt.cost_usd, self._cost(row, upstream, attempt.model, reported, attempt))
            changed = changed or cost != attempt.cost_usd
            attempt.cost_usd = cost
            spent.append(cost)
        if not spent:
            return row
        known = [cost for cost in spent if cost is not None]
        return msgspec.structs.replace(
            row,
            cost_usd=_kept(row.cost_usd, sum(known) if len(known) == len(spent) else None),
            attempt_log=msgspec.json.encode(attempts).decode() if changed else row.attempt_log,
        )

    def _cost(
        self,
        row: RequestRecord,
        upstream: Upstream,
        model: str,
        reported: str | None,
        used: RequestRecord | Attempt,
    ) -> float | None:
        return self._prices.cost(upstream, model, row.started_at / 1000, _usage(used, upstream), reported)

    def _upstream(
        self, client_id: str, settings: ClientSettings, provider: str, backend: str
    ) -> Upstream | None:
        """As the client has it today; None where nobody can tell whose prices those were."""
        key = (client_id, provider, backend)
        if key not in self._upstreams:
            self._upstreams[key] = _made(provider, _address(settings, provider, backend))
        return self._upstreams[key]


def _address(settings: ClientSettings, provider: str, backend: str) -> str | None:
    """The base URL of a client's backend; None: it has no such backend any more."""
    if not backend and settings.backend == provider:
        return settings.base_url
    for extra in settings.extra_backends:
        if extra.backend == provider and backend in ("", extra.name):
            return extra.base_url
    return None


def _made(provider: str, address: str | None) -> Upstream | None:
    row = PROVIDERS.get(provider)
    if row is None or (address is None and row.priced_by_address):
        return None
    try:
        return Upstream.of(provider, base_url=address or "")
    except BaseUrlRequired:  # its prices do not depend on it
        return Upstream.of(provider, base_url="https://unknown.invalid")


def _usage(used: RequestRecord | Attempt, upstream: Upstream) -> Usage:
    """What the provider reported, else the row's own figures."""
    if used.usage_raw is not None and not used.usage_estimated:
        found = _READERS[upstream.provider.dialects[0]](used.usage_raw.encode("utf-8", "replace"))
        if found is not None:
            return found
    return Usage(
        input=max(used.input_tokens - used.cached_tokens - used.cache_write_tokens, 0),
        cache_read=used.cached_tokens,
        cache_write=used.cache_write_tokens,
        output=max(used.output_tokens - used.reasoning_tokens, 0),
        reasoning=used.reasoning_tokens,
        estimated=used.usage_estimated,
    )


def _used(row: RequestRecord | Attempt) -> bool:
    return bool(row.input_tokens or row.output_tokens or row.usage_raw)


def _kept(old: float | None, new: float | None) -> float | None:
    """The old cost, where the new one differs by no more than rounding."""
    if old is not None and new is not None and math.isclose(old, new, rel_tol=_SAME):
        return old
    return new
