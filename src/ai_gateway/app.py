"""The composition root: the only place that wires objects."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ai_gateway import __version__
from ai_gateway.admin.feed import Feed
from ai_gateway.admin.loader import Loader, Parts
from ai_gateway.admin.site import AdminSite
from ai_gateway.admitting import Admitter
from ai_gateway.asking import Asker
from ai_gateway.background import complain, finish
from ai_gateway.config import Settings
from ai_gateway.control import Control
from ai_gateway.conversing import Converser
from ai_gateway.core.record import RequestRecord
from ai_gateway.gate import Admission
from ai_gateway.gauges import Gauges
from ai_gateway.housekeeping import purge
from ai_gateway.ingress.api import Api, Page
from ai_gateway.ingress.health import Health
from ai_gateway.ingress.listening import certificates_of, listen
from ai_gateway.ingress.responses import SECURITY_HEADERS
from ai_gateway.metering import Metering, address_of, knows, metrics_page
from ai_gateway.observe.logs import RequestLog, configure
from ai_gateway.observe.model_names import ModelNames
from ai_gateway.observe.startup import summary, warnings
from ai_gateway.observe.tally import Tally
from ai_gateway.pipeline import Pipeline
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.forwarded import networks
from ai_gateway.policy.limiter import Limiter
from ai_gateway.policy.prices import Prices
from ai_gateway.policy.snapshot import Snapshot
from ai_gateway.policy.upkeep import Upkeep
from ai_gateway.process import loop_factory, prepare
from ai_gateway.store.accounting import SqliteAccounting
from ai_gateway.store.keyring import KeySource
from ai_gateway.store.migrate import ensure_schema
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

__all__ = ["serve"]

FLUSH_TIMEOUT_S = 30.0

RowReader = Callable[[Sequence[RequestRecord]], None]
_log = logging.getLogger("ai_gateway")


def serve(settings: Settings, *, config_path: Path) -> int:
    """Run until a signal says stop. Returns the exit code: 1 where it could not start.

    Raises: StoreError where the database or the key file cannot be used.
    """
    as_json = configure(level=settings.logging.level, format=settings.logging.format)
    prepare()
    ensure_schema(settings.database.path)
    runner = asyncio.Runner(loop_factory=loop_factory())
    with runner:
        return runner.run(_run(settings, config_path, RequestLog(as_json=as_json)))


async def _run(settings: Settings, config_path: Path, requests: RequestLog) -> int:
    database = settings.database.path
    keys = KeySource(database.parent / "secret.key", os.environ)
    accounting = settings.accounting
    health = Health(__version__)
    async with contextlib.AsyncExitStack() as stack:
        store = SqliteServing(database, keys.box)
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
        guard = Guard(settings.network.allowed_hosts)
        media = MediaFetcher(guard, proxies)
        stack.push_async_callback(media.close)
        toolbox = Toolbox(limits_of(settings), guard, proxies)
        stack.push_async_callback(toolbox.close)
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
            converser=Converser(asker, toolbox, max_rounds=settings.tools.max_iterations),
            sink=spool.append,
            gate=gate,
            admitter=Admitter(limiter, prices, block_unpriced=settings.prices.unknown == "block"),
            trace_ratio=settings.telemetry.sample_ratio if settings.telemetry.enabled else None,
        )
        control = Control(store, pipeline, health, gate, writer, limiter, prices)
        await control.take_over()
        keeper = ToolKeeper(settings, store, toolbox, lambda: pipeline.snapshot.version)
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
                toolbox=toolbox,
                reload_tools=keeper.reload,
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
        tasks = [
            asyncio.create_task(work)
            for work in (control.watch(stop), purge(settings, stop), keeper.watch(stop))
        ]
        if certificates is not None:
            tasks.append(asyncio.create_task(certificates.watch(stop, health.note_certificate)))
        for task in tasks:
            task.add_done_callback(complain)
        stack.push_async_callback(finish, stop, tasks)
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

    telemetry = Telemetry(
        settings.telemetry,
        __version__,
        named=partial(knows, pipeline),
        located=partial(address_of, pipeline),
    )
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


def _finish_accounting(writer: Writer) -> None:
    if not writer.flush(FLUSH_TIMEOUT_S):
        _log.warning("some rows are still in the spool: they are written at the next start")
    writer.stop()
