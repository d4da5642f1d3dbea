"""What the metrics tell of the running gateway itself, read at each scrape."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ai_gateway.config.model import PrometheusSettings
from ai_gateway.ingress.health import Health
from ai_gateway.ingress.metrics import MetricsPage, fingerprint
from ai_gateway.observe.metrics import LimitUse, Process, Readings, render
from ai_gateway.observe.tally import Tally
from ai_gateway.pipeline import Pipeline
from ai_gateway.policy.access import names_model
from ai_gateway.policy.circuit import CircuitState, State
from ai_gateway.policy.interface import Accounts
from ai_gateway.policy.snapshot import ClientPolicy
from ai_gateway.policy.upkeep import Upkeep
from ai_gateway.store.protocols import METRICS_PASSWORD, ServingStore

__all__ = ["Alone", "Metering", "Spool", "Whole", "address_of", "knows", "metrics_page", "process_of"]

CLIENTS_AT_ONCE = 50
"""Between so many, requests get their turn."""


class Spool(Protocol):
    """The queue of rows."""

    dropped: int

    @property
    def depth(self) -> int: ...

    @property
    def backlog_bytes(self) -> int: ...


class Whole(Protocol):
    """All processes of the gateway together."""

    def in_flight(self) -> int:
        """Requests that are being served."""
        ...

    def circuits(self, now_s: float) -> Sequence[CircuitState]:
        """Those that have failures to tell of."""
        ...

    def dropped(self) -> int:
        """Rows that were refused because the spool was full."""
        ...

    def process(self) -> Process:
        """What the system knows of it."""
        ...


class Alone:
    """A gateway of one process."""

    def __init__(self, pipeline: Pipeline, upkeep: Upkeep, spool: Spool) -> None:
        self._started_s = time.time()
        self._pipeline = pipeline
        self._spool = spool
        self.circuits = upkeep.circuits

    def in_flight(self) -> int:
        return self._pipeline.in_flight

    def dropped(self) -> int:
        return self._spool.dropped

    def process(self) -> Process:
        return process_of([os.getpid()], self._started_s, time.process_time())


class Metering:
    """Answers scrapes: looks around in the event loop, renders in a thread."""

    def __init__(
        self,
        tally: Tally,
        *,
        pipeline: Pipeline,
        limiter: Accounts,
        spool: Spool,
        health: Health,
        whole: Whole,
    ) -> None:
        self._tally = tally
        self._pipeline = pipeline
        self._limiter = limiter
        self._whole = whole
        self._spool = spool
        self._health = health

    async def render(self) -> bytes:
        """The metrics as text."""
        readings = await self._read()
        return await asyncio.to_thread(self._render, readings)

    def _render(self, readings: Readings) -> bytes:
        return render(self._tally.sums(readings.clients), readings)

    async def _read(self) -> Readings:
        clients = self._pipeline.snapshot.clients
        spool, health = self._spool, self._health
        return Readings(
            version=health.version,
            clients={client.id: client.name for client in clients.values()},
            active_clients=_active(clients.values(), time.time()),
            in_flight=self._whole.in_flight(),
            open_circuits=self._open_circuits(clients.values()),
            rejections=self._limiter.refusals(),
            limits=await self._limits(list(clients.values())),
            spool_depth=spool.depth,
            spool_bytes=spool.backlog_bytes,
            dropped_rows=self._whole.dropped(),
            database_up=not (health.database_fault or health.accounting_fault),
            process=self._whole.process(),
        )

    def _open_circuits(self, clients: Iterable[ClientPolicy]) -> dict[str, int]:
        found = Counter({client.upstream.provider_name: 0 for client in clients if client.upstream})
        for circuit in self._whole.circuits(time.monotonic()):
            found[circuit.provider] += circuit.state is not State.CLOSED
        return dict(found)

    async def _limits(self, clients: list[ClientPolicy]) -> list[LimitUse]:
        found: list[LimitUse] = []
        for number, client in enumerate(clients, 1):
            wall_s = time.time()
            account = self._limiter.account(client.id, wall_s)
            found += [
                LimitUse(client.id, state.name, (state.used + state.held) / state.limit)
                for state in account.states(client.limits, now_s=time.monotonic(), wall_s=wall_s)
            ]
            if number % CLIENTS_AT_ONCE == 0:
                await asyncio.sleep(0)
        return found


def knows(pipeline: Pipeline, client_id: str, model: str) -> bool:
    """Whether a client's settings, or its provider's list, have this model."""
    client = pipeline.snapshot.clients.get(client_id)
    return client is not None and names_model(client, model)


def address_of(pipeline: Pipeline, client_id: str, provider: str, backend: str) -> tuple[str, int] | None:
    """Host and port of a client's backend (empty: its main one), while that still is at this provider."""
    client = pipeline.snapshot.clients.get(client_id)
    if client is None:
        return None
    if backend:
        upstream = next((each.upstream for each in client.fallbacks if each.backend == backend), None)
    else:
        upstream = client.upstream
    if upstream is None or upstream.provider_name != provider or upstream.provider.builtin:
        return None
    parts = urlsplit(upstream.base)
    if not parts.hostname:
        return None
    return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)


async def metrics_page(settings: PrometheusSettings, store: ServingStore, metering: Metering) -> MetricsPage:
    """`/metrics`, behind the configured password or else the generated one. Raises: StoreError."""
    password = settings.password.reveal()
    digest = (
        fingerprint(password) if password else bytes.fromhex(await store.get_setting(METRICS_PASSWORD) or "")
    )
    return MetricsPage(username=settings.username, password_sha256=digest, render=metering.render)


def process_of(pids: Sequence[int], start_time_s: float, cpu_s: float) -> Process:
    """What Linux knows of these processes together; nobody else tells their memory and files."""
    memory = files = 0
    for pid in pids:
        with contextlib.suppress(OSError, ValueError):
            pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
            memory += pages * os.sysconf("SC_PAGE_SIZE")
            files += sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    return Process(
        start_time_s=start_time_s, cpu_s=cpu_s, memory_bytes=memory or None, open_files=files or None
    )


def _active(clients: Iterable[ClientPolicy], now_s: float) -> int:
    return sum(
        client.settings.is_active and (client.expires_at_s is None or now_s < client.expires_at_s)
        for client in clients
    )
