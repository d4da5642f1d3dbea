"""The composition root: the only place that wires objects."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from ai_gateway import __version__
from ai_gateway.admin.feed import Feed
from ai_gateway.admin.loader import Loader, Parts
from ai_gateway.admin.site import AdminSite
from ai_gateway.admitting import Admitter
from ai_gateway.asking import Asker
from ai_gateway.config import Settings
from ai_gateway.core.client import Client
from ai_gateway.core.headroom import LimitState
from ai_gateway.core.record import RequestRecord
from ai_gateway.ingress.api import Api, Page
from ai_gateway.ingress.health import Health
from ai_gateway.ingress.listening import certificates_of, listen
from ai_gateway.ingress.responses import SECURITY_HEADERS
from ai_gateway.metering import Metering, knows, metrics_page
from ai_gateway.observe.logs import RequestLog, configure
from ai_gateway.observe.model_names import ModelNames
from ai_gateway.observe.startup import summary, warnings
from ai_gateway.observe.tally import Tally
from ai_gateway.pipeline import Pipeline
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.circuit import CircuitState
from ai_gateway.policy.forwarded import networks
from ai_gateway.policy.limiter import Limiter, states
from ai_gateway.policy.limits import Limits
from ai_gateway.policy.prices import Prices
from ai_gateway.policy.snapshot import Snapshot
from ai_gateway.policy.upkeep import Upkeep
from ai_gateway.store.accounting import SqliteAccounting
from ai_gateway.store.clients import SqlClientStore
from ai_gateway.store.keyring import KeySource
from ai_gateway.store.migrate import ensure_schema
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.spool import Spool
from ai_gateway.store.writer import Writer
from ai_gateway.upstream.catalog import Catalog
from ai_gateway.upstream.guard import Guard
from ai_gateway.upstream.media import MediaFetcher
from ai_gateway.upstream.pool import TransportPool
from ai_gateway.upstream.proxies import Proxies

__all__ = ["serve"]

SNAPSHOT_POLL_S = 0.25
PURGE_INTERVAL_S = 3600.0
PURGE_CHUNK = 1000
PURGE_PAUSE_S = 0.05
FLUSH_TIMEOUT_S = 30.0
RESTORE_TIMEOUT_S = 30.0
MIN_RESTORED = 1024
"""Admissions of a client that are taken over at least: a limit may be set later."""
DAY_MS = 86_400_000

RowReader = Callable[[Sequence[RequestRecord]], None]
_log = logging.getLogger("ai_gateway")


def serve(settings: Settings, *, config_path: Path) -> int:
    """Run until a signal says stop. Returns the exit code: 1 where it could not start.

    Raises: StoreError where the database or the key file cannot be used.
    """
    as_json = configure(level=settings.logging.level, format=settings.logging.format)
    _raise_descriptor_limit()
    sys.setswitchinterval(0.001)  # the accounting thread gives way to the event loop sooner
    ensure_schema(settings.database.path)
    runner = asyncio.Runner(loop_factory=_loop_factory())
    with runner:
        return runner.run(_run(settings, config_path, RequestLog(as_json=as_json)))


def _raise_descriptor_limit() -> None:
    """A stream holds two sockets; the usual soft limit of 1,024 is for programs that use select()."""
    if sys.platform == "win32":
        return
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # a system may refuse even its own hard limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _loop_factory() -> type[asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    import uvloop

    return uvloop.Loop


class Admission:
    """Says no while the process stops, while it serves as many requests as it may, and while accounting
    could not take another row. Each ends by itself."""

    def __init__(self, spool: Spool, health: Health, *, reject_when_full: bool, max_concurrency: int) -> None:
        """`max_concurrency` 0: unlimited."""
        self._spool = spool
        self._health = health
        self._reject_when_full = reject_when_full
        self._max_concurrency = max_concurrency

    def tell(self, fault: str | None, in_flight: int) -> None:
        """Bring what accounting knows of itself into the health endpoints; `fault` is the writer's."""
        health, spool = self._health, self._spool
        health.accounting_fault = fault or (None if spool.healthy else "the spool cannot be written")
        health.accounting_full = self._reject_when_full and spool.is_full
        health.spool_depth = spool.depth
        full = self._max_concurrency and in_flight >= self._max_concurrency
        health.overloaded = f"{in_flight} in flight, which is server.max_concurrency" if full else None

    def closed(self, in_flight: int) -> str | None:
        if self._health.draining:
            return "the gateway is stopping: try again on another connection"
        if self._max_concurrency and in_flight > self._max_concurrency:
            return "the gateway serves as many requests as it may: try again later"
        if self._reject_when_full and self._spool.is_full:
            return "the gateway cannot write its accounting: try again later"
        return None


class Control:
    """The control path: brings changes into the data path, and keeps house."""

    def __init__(
        self,
        store: SqlClientStore,
        pipeline: Pipeline,
        health: Health,
        admission: Admission,
        writer: Writer,
        limiter: Limiter,
        prices: Prices,
    ) -> None:
        self._prices = prices
        self._limiter = limiter
        self._store = store
        self._admission = admission
        self._writer = writer
        self._pipeline = pipeline
        self._health = health
        self._saves: set[asyncio.Task[None]] = set()
        self._last_seen: dict[str, datetime] = {}
        """By client id, as of the last refresh."""

    async def refresh(self) -> None:
        """Swap in a new snapshot where something has changed. Raises: StoreError."""
        version = await self._store.version()
        if version != self._pipeline.snapshot.version:
            clients = await self._store.list_clients()
            snapshot = Snapshot.of(clients, version)
            self._pipeline.snapshot = snapshot
            self._last_seen = {client.id: client.last_seen for client in clients if client.last_seen}
            self._limiter.keep(frozenset(snapshot.clients))
            self._prices.prepare(each.upstream for each in snapshot.clients.values() if each.upstream)
        self._health.database_fault = None

    async def take_over(self) -> None:
        """See the clients, and go on counting where the last process stopped. Raises: StoreError."""
        if not await asyncio.to_thread(self._writer.flush, RESTORE_TIMEOUT_S):
            _log.warning("rows of the last run are still in the spool: limits do not count them")
        await self.refresh()
        wall_s, now_s = time.time(), time.monotonic()
        month = self._limiter.calendar.day(wall_s).month
        self._limiter.restore_days(await self._store.spent(since_day=f"{month}-01"), wall_s=wall_s)
        since_ms = round(wall_s * 1000) - DAY_MS
        yesterday = datetime.fromtimestamp(wall_s, UTC) - timedelta(days=1)
        clients = self._pipeline.snapshot.clients
        for client in [clients[name] for name, seen in self._last_seen.items() if seen > yesterday]:
            most = max(MIN_RESTORED, client.limits.minute, client.limits.hour, client.limits.day)
            moments = await self._store.admissions(client.id, since_ms=since_ms, limit=most)
            self._limiter.restore_admissions(client.id, moments, now_s=now_s, wall_s=wall_s)

    async def watch(self, stop: asyncio.Event) -> None:
        """See every change of a client within a second, whoever made it."""
        while not await _paused(stop, SNAPSHOT_POLL_S):
            self._admission.tell(self._writer.fault, self._pipeline.in_flight)
            try:
                await self.refresh()
            except StoreError as error:
                if self._health.database_fault is None:
                    _log.error("the database is away, serving on with what is known: %s", error)
                self._health.database_fault = "the database cannot be reached"
        await asyncio.gather(*self._saves)

    def save_models(self, client_id: str, models: Sequence[str]) -> None:
        """Store a fetched list some time soon."""
        task = asyncio.create_task(self._save_models(client_id, models))
        self._saves.add(task)
        task.add_done_callback(self._saves.discard)

    async def _save_models(self, client_id: str, models: Sequence[str]) -> None:
        try:
            await self._store.set_models(client_id, models)
        except StoreError as error:
            _log.warning("the model list of client %s was not stored: %s", client_id, error)


class Gauges:
    """How the process is, for the dashboard."""

    def __init__(self, health: Health, pipeline: Pipeline, limiter: Limiter, upkeep: Upkeep) -> None:
        self._health = health
        self._pipeline = pipeline
        self._limiter = limiter
        self._upkeep = upkeep

    def in_flight(self) -> int:
        return self._pipeline.in_flight

    def health(self) -> tuple[str, dict[str, str | int]]:
        return self._health.report()

    def limit_states(self, client: Client) -> Sequence[LimitState]:
        wall_s = time.time()
        account = self._limiter.account(client.id, wall_s)
        return states(account, Limits.of(client.settings), now_s=time.monotonic(), wall_s=wall_s)

    def circuits(self) -> Sequence[CircuitState]:
        return self._upkeep.circuits(time.monotonic())


async def _run(settings: Settings, config_path: Path, requests: RequestLog) -> int:
    database = settings.database.path
    keys = KeySource(database.parent / "secret.key", os.environ)
    accounting = settings.accounting
    health = Health(__version__)
    async with contextlib.AsyncExitStack() as stack:
        store = await SqlClientStore.open(database, keys.box)
        stack.push_async_callback(store.close)
        ledger = SqliteAccounting(database, fsync=accounting.fsync)
        spool = Spool(database.parent / "spool", max_bytes=accounting.spool_max_bytes, fsync=accounting.fsync)
        stack.callback(spool.close)
        last = stack.enter_context(contextlib.ExitStack())  # after the last row has been told
        feed = Feed()
        readers: list[RowReader] = [requests.write, feed.put]
        writer = Writer(spool, ledger, on_read=partial(_announce, readers))
        writer.start()
        stack.callback(_finish_accounting, writer)
        proxies = Proxies.from_environment()
        transports = TransportPool(proxies)
        stack.push_async_callback(transports.close)
        gate = Admission(
            spool,
            health,
            reject_when_full=accounting.on_full == "reject",
            max_concurrency=settings.server.max_concurrency,
        )
        media = MediaFetcher(Guard(settings.network.allowed_hosts), proxies)
        stack.push_async_callback(media.close)
        limiter, upkeep = Limiter(Calendar(settings.limits.timezone)), Upkeep()
        prices = Prices(settings.prices.overrides)
        asker = Asker(
            transports=transports,
            media=media,
            upkeep=upkeep,
            costs=prices,
            max_retries=settings.upstream.max_retries,
        )
        pipeline = Pipeline(
            asker=asker,
            sink=spool.append,
            gate=gate,
            admitter=Admitter(limiter, prices, block_unpriced=settings.prices.unknown == "block"),
            trace_ratio=settings.telemetry.sample_ratio if settings.telemetry.enabled else None,
        )
        control = Control(store, pipeline, health, gate, writer, limiter, prices)
        await control.take_over()
        loader = Loader(
            Parts(
                settings=settings,
                config_path=config_path,
                environ=os.environ,
                version=__version__,
                started_ms=time.time_ns() // 1_000_000,
                box=keys.box,
                pipeline=pipeline,
                transports=transports,
                proxies=proxies,
                state=Gauges(health, pipeline, limiter, upkeep),
                feed=feed,
            )
        )
        stack.push_async_callback(loader.close)
        if settings.telemetry.enabled:
            _send_telemetry(settings, pipeline, readers, last)
        metrics = None
        if settings.prometheus.enabled:
            tally = Tally(ModelNames(partial(knows, pipeline)))
            readers.append(tally.add)
            metering = Metering(
                tally, pipeline=pipeline, limiter=limiter, upkeep=upkeep, spool=spool, health=health
            )
            metrics = (await metrics_page(settings.prometheus, store, metering)).answer
        api = Api(
            pipeline=pipeline,
            catalog=Catalog(transports, control.save_models),
            health=health,
            pages={"/": Page(307, [(b"location", b"/admin")], b"")},
            admin=AdminSite(loader.load, version=__version__, headers=list(SECURITY_HEADERS)),
            max_body_bytes=settings.server.max_body_bytes,
            trusted_proxies=networks(settings.server.trusted_proxies),
            metrics=metrics,
        )
        stop = asyncio.Event()
        certificates = certificates_of(settings.server.https)
        tasks = [asyncio.create_task(work) for work in (control.watch(stop), _purge(settings, stop))]
        if certificates is not None:
            tasks.append(asyncio.create_task(certificates.watch(stop, health.note_certificate)))
        for task in tasks:
            task.add_done_callback(_complain)
        stack.push_async_callback(_finish, stop, tasks)
        gc.collect()
        gc.freeze()  # what the start has made stays: no collection need look at it again
        introduce = partial(_introduce, settings, config_path, pipeline.snapshot)
        return await listen(settings.server, api, health, introduce, certificates)


def _send_telemetry(
    settings: Settings, pipeline: Pipeline, readers: list[RowReader], last: contextlib.ExitStack
) -> None:
    """Begin to export; `last` ends it."""
    # Here, since its library takes longer to import than the gateway takes to start.
    from ai_gateway.observe.telemetry import Telemetry

    telemetry = Telemetry(settings.telemetry, __version__, named=partial(knows, pipeline))
    readers.append(telemetry.read)
    last.callback(telemetry.stop)


def _announce(readers: Sequence[RowReader], records: Sequence[RequestRecord]) -> None:
    """Tell everybody of finished requests. The accounting thread's."""
    for read in readers:
        read(records)


def _introduce(settings: Settings, config_path: Path, snapshot: Snapshot) -> None:
    """Say what runs, and what an admin should act on."""
    clients = snapshot.clients.values()
    _log.info("%s", summary(settings, config_path=config_path, clients=len(clients)))
    faults = {client.name: client.fault for client in clients if client.fault is not None}
    for line in warnings(settings, config_path=config_path, faults=faults):
        _log.warning("%s", line)


async def _paused(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long; True at once where the process stops."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True


def _complain(task: asyncio.Task[None]) -> None:
    """The control path's work ends only with the process: say so at once where it does not."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _log.critical("changes of clients are no longer seen, restart the gateway", exc_info=error)


async def _finish(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Let the control path's work end by itself: a query that is cancelled leaves its thread behind."""
    stop.set()
    await asyncio.gather(*tasks, return_exceptions=True)  # what failed has been told


async def _purge(settings: Settings, stop: asyncio.Event) -> None:
    """Delete rows past their retention, a chunk at a time."""
    accounting = settings.accounting
    while not await _paused(stop, PURGE_INTERVAL_S):
        now_ms = time.time_ns() // 1_000_000
        rows_before_ms = now_ms - accounting.retention_days * DAY_MS
        bodies_before_ms = now_ms - accounting.body_retention_days * DAY_MS
        store = SqliteAccounting(settings.database.path)
        try:
            while await asyncio.to_thread(
                store.purge,
                rows_before_ms=rows_before_ms,
                bodies_before_ms=bodies_before_ms,
                limit=PURGE_CHUNK,
            ):
                if await _paused(stop, PURGE_PAUSE_S):  # the writer gets in between
                    return
            while await asyncio.to_thread(store.purge_steps, now_ms=now_ms, limit=PURGE_CHUNK):
                if await _paused(stop, PURGE_PAUSE_S):
                    return
        except StoreError as error:
            _log.warning("old rows were not deleted, the next round tries again: %s", error)
        finally:
            await asyncio.to_thread(store.close)


def _finish_accounting(writer: Writer) -> None:
    if not writer.flush(FLUSH_TIMEOUT_S):
        _log.warning("some rows are still in the spool: they are written at the next start")
    writer.stop()
