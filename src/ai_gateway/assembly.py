"""The parts of a gateway, put together: what every process of one has, and what it has once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ai_gateway import __version__
from ai_gateway.admin.feed import Feed
from ai_gateway.admin.loader import Loader, Parts
from ai_gateway.admin.site import AdminSite
from ai_gateway.admitting import Admitter
from ai_gateway.asking import Asker
from ai_gateway.background import complain, finish
from ai_gateway.config import Settings
from ai_gateway.control import Accounting, Control
from ai_gateway.conversing import Converser
from ai_gateway.core.record import RequestRecord
from ai_gateway.gate import Admission
from ai_gateway.gauges import Gauges
from ai_gateway.ingress.api import Api, HeaderList, Page
from ai_gateway.ingress.asgi import AsgiApp
from ai_gateway.ingress.health import Health
from ai_gateway.ingress.responses import SECURITY_HEADERS
from ai_gateway.ingress.tls import Certificates
from ai_gateway.metering import Metering, Whole, address_of, knows, metrics_page
from ai_gateway.observe.logs import RequestLog
from ai_gateway.observe.model_names import ModelNames
from ai_gateway.observe.tally import Tally
from ai_gateway.pipeline import Count, Pipeline
from ai_gateway.policy.forwarded import networks
from ai_gateway.policy.interface import Accounts
from ai_gateway.policy.prices import Prices
from ai_gateway.policy.upkeep import Upkeep
from ai_gateway.store.accounting import SqliteAccounting
from ai_gateway.store.keyring import KeySource
from ai_gateway.store.pace import Pace
from ai_gateway.store.serving import SqliteServing
from ai_gateway.store.spool import Spool
from ai_gateway.store.writer import Writer
from ai_gateway.tools.configuration import limits_of
from ai_gateway.tools.keeper import ToolKeeper
from ai_gateway.tools.toolbox import Toolbox
from ai_gateway.upstream.catalog import Catalog
from ai_gateway.upstream.guard import Guard
from ai_gateway.upstream.media import MediaFetcher
from ai_gateway.upstream.pool import TransportPool
from ai_gateway.upstream.proxies import Proxies

__all__ = ["DataPath", "Ledger", "Office", "api_of", "open_data_path", "open_ledger", "open_office", "tend"]

FLUSH_TIMEOUT_S = 30.0

RowReader = Callable[[Sequence[RequestRecord]], None]
MetricsAnswer = Callable[[HeaderList], Awaitable[Page]]


@dataclass(frozen=True, kw_only=True)
class DataPath:
    """What carries requests, and sees changes of clients and tools."""

    settings: Settings
    keys: KeySource
    store: SqliteServing
    health: Health
    spool: Spool
    limiter: Accounts
    upkeep: Upkeep
    proxies: Proxies | None
    transports: TransportPool
    toolbox: Toolbox
    pipeline: Pipeline
    control: Control
    keeper: ToolKeeper


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """Where finished rows go: into the database, and to who reads them on their way."""

    writer: Writer
    feed: Feed
    readers: list[RowReader]
    last: contextlib.ExitStack
    """Ends after the last row has been told."""


@dataclass(frozen=True, kw_only=True)
class Office:
    """What people and their tools look at."""

    admin: AsgiApp
    metrics: MetricsAnswer | None


def open_ledger(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    spool: Spool,
    requests: RequestLog,
    *,
    patience_s: float = FLUSH_TIMEOUT_S,
) -> Ledger:
    """Begin to move rows into the database; `stack` ends it, when all are there or after `patience_s`."""
    pace = Pace()
    store = SqliteAccounting(settings.database.path, fsync=settings.accounting.fsync, pace=pace)
    last = stack.enter_context(contextlib.ExitStack())
    feed = Feed()
    readers: list[RowReader] = [requests.write, feed.put]
    writer = Writer(spool, store, on_read=partial(_announce, readers), pace=pace)
    writer.start()
    stack.callback(writer.finish, patience_s)
    return Ledger(writer=writer, feed=feed, readers=readers, last=last)


async def open_data_path(
    settings: Settings,
    stack: contextlib.AsyncExitStack,
    spool: Spool,
    limiter: Accounts,
    accounting: Accounting,
    *,
    load: Count | None = None,
    total: Callable[[], int] | None = None,
) -> DataPath:
    """`load` and `total`: where several processes count their requests in flight. Raises: StoreError."""
    database = settings.database.path
    keys = KeySource(database.parent / "secret.key", os.environ)
    health = Health(__version__)
    store = SqliteServing(database, keys.box)
    stack.push_async_callback(store.close)
    proxies = Proxies.from_environment()
    transports = TransportPool(proxies)
    stack.push_async_callback(transports.close)
    gate = Admission(
        spool,
        health,
        reject_when_full=settings.accounting.on_full == "reject",
        max_concurrency=settings.server.max_concurrency,
        total=total,
    )
    guard = Guard(settings.network.allowed_hosts)
    media = MediaFetcher(guard, proxies)
    stack.push_async_callback(media.close)
    toolbox = Toolbox(limits_of(settings), guard, proxies)
    stack.push_async_callback(toolbox.close)
    upkeep, prices = Upkeep(), Prices(settings.prices.overrides)
    asker = Asker(
        transports=transports,
        media=media,
        upkeep=upkeep,
        costs=prices,
        max_retries=settings.upstream.max_retries,
    )
    pipeline = Pipeline(
        asker=asker,
        converser=Converser(asker, toolbox, max_rounds=settings.tools.max_iterations),
        books=spool,
        gate=gate,
        admitter=Admitter(limiter, prices, block_unpriced=settings.prices.unknown == "block"),
        trace_ratio=settings.telemetry.sample_ratio if settings.telemetry.enabled else None,
        load=load,
    )
    return DataPath(
        settings=settings,
        keys=keys,
        store=store,
        health=health,
        spool=spool,
        limiter=limiter,
        upkeep=upkeep,
        proxies=proxies,
        transports=transports,
        toolbox=toolbox,
        pipeline=pipeline,
        control=Control(store, pipeline, health, gate, accounting, limiter, prices),
        keeper=ToolKeeper(settings, store, toolbox, lambda: pipeline.snapshot.version),
    )


async def open_office(
    data: DataPath, stack: contextlib.AsyncExitStack, ledger: Ledger, whole: Whole, config_path: Path
) -> Office:
    """The dashboard, metrics and telemetry. Raises: StoreError."""
    settings, pipeline = data.settings, data.pipeline
    loader = Loader(
        Parts(
            settings=settings,
            config_path=config_path,
            environ=os.environ,
            version=__version__,
            started_ms=time.time_ns() // 1_000_000,
            box=data.keys.box,
            pipeline=pipeline,
            transports=data.transports,
            proxies=data.proxies,
            toolbox=data.toolbox,
            reload_tools=data.keeper.reload,
            state=Gauges(data.health, data.limiter, whole.in_flight, whole.circuits),
            feed=ledger.feed,
        )
    )
    stack.push_async_callback(loader.close)
    if settings.telemetry.enabled:
        _send_telemetry(settings, pipeline, ledger)
    metrics = None
    if settings.prometheus.enabled:
        tally = Tally(ModelNames(partial(knows, pipeline)))
        ledger.readers.append(tally.add)
        metering = Metering(
            tally,
            pipeline=pipeline,
            limiter=data.limiter,
            spool=data.spool,
            health=data.health,
            whole=whole,
        )
        metrics = (await metrics_page(settings.prometheus, data.store, metering)).answer
    admin = AdminSite(loader.load, version=__version__, headers=list(SECURITY_HEADERS))
    return Office(admin=admin, metrics=metrics)


def api_of(data: DataPath, office: Office) -> Api:
    """Answers every request that reaches the process."""
    server = data.settings.server
    return Api(
        pipeline=data.pipeline,
        catalog=Catalog(data.transports, data.control.save_models),
        health=data.health,
        pages={"/": Page(307, [(b"location", b"/admin")], b"")},
        admin=office.admin,
        max_body_bytes=server.max_body_bytes,
        trusted_proxies=networks(server.trusted_proxies),
        metrics=office.metrics,
    )


def tend(
    data: DataPath,
    stack: contextlib.AsyncExitStack,
    certificates: Certificates | None,
    *others: Callable[[asyncio.Event], Coroutine[Any, Any, None]],  # Any: nothing is sent into them
) -> None:
    """Start the work beside the requests; `stack` ends it. `others`: what this process alone does."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(work(stop)) for work in (data.control.watch, data.keeper.watch, *others)]
    if certificates is not None:
        tasks.append(asyncio.create_task(certificates.watch(stop, data.health.note_certificate)))
    for task in tasks:
        task.add_done_callback(complain)
    stack.push_async_callback(finish, stop, tasks)


def _send_telemetry(settings: Settings, pipeline: Pipeline, ledger: Ledger) -> None:
    """Begin to export."""
    # Here, since its library takes longer to import than the gateway takes to start.
    from ai_gateway.observe.telemetry import Telemetry

    telemetry = Telemetry(
        settings.telemetry,
        __version__,
        named=partial(knows, pipeline),
        located=partial(address_of, pipeline),
    )
    ledger.readers.append(telemetry.read)
    ledger.last.callback(telemetry.stop)


def _announce(readers: Sequence[RowReader], records: Sequence[RequestRecord]) -> None:
    """Tell everybody of finished requests. The accounting thread's."""
    for read in readers:
        read(records)
