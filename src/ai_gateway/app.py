"""Starts the gateway: one process, or several."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from functools import partial
from pathlib import Path

from ai_gateway.assembly import api_of, open_data_path, open_ledger, open_office, tend
from ai_gateway.config import Settings
from ai_gateway.housekeeping import purge
from ai_gateway.ingress.listening import announce, bind, certificates_of, listen
from ai_gateway.metering import Alone
from ai_gateway.observe.logs import RequestLog, configure
from ai_gateway.observe.startup import introduce
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limiter import Limiter
from ai_gateway.process import loop_factory, prepare
from ai_gateway.store.migrate import ensure_schema
from ai_gateway.store.spool import Spool

__all__ = ["serve"]

_log = logging.getLogger("ai_gateway")


def serve(settings: Settings, *, config_path: Path) -> int:
    """Run until a signal says stop. Returns the exit code: 1 where it could not start.

    Raises: StoreError where the database or the key file cannot be used.
    """
    as_json = configure(level=settings.logging.level, format=settings.logging.format)
    prepare()
    ensure_schema(settings.database.path)
    if settings.server.workers > 1:
        # Here, since a process alone needs nothing of it.
        from ai_gateway.processes.workers import serve_together

        return serve_together(settings, config_path, as_json=as_json)
    runner = asyncio.Runner(loop_factory=loop_factory())
    with runner:
        return runner.run(_serve_alone(settings, config_path, RequestLog(as_json=as_json)))


async def _serve_alone(settings: Settings, config_path: Path, requests: RequestLog) -> int:
    accounting = settings.accounting
    async with contextlib.AsyncExitStack() as stack:
        spool = Spool(
            settings.database.path.parent / "spool",
            max_bytes=accounting.spool_max_bytes,
            fsync=accounting.fsync,
        )
        stack.callback(spool.close)
        ledger = open_ledger(settings, stack, spool, requests)
        limiter = Limiter(Calendar(settings.limits.timezone))
        data = await open_data_path(settings, stack, spool, limiter, ledger.writer)
        await data.control.take_over()
        whole = Alone(data.pipeline, data.upkeep, spool)
        api = api_of(data, await open_office(data, stack, ledger, whole, config_path))
        certificates = certificates_of(settings.server.https)
        tend(data, stack, certificates, partial(purge, settings))
        gc.collect()
        gc.freeze()  # what the start has made stays: no collection need look at it again
        bound = bind(settings.server)
        if not bound:
            return 1

        def started() -> None:
            announce(settings.server, is_tls=certificates is not None)
            clients = data.pipeline.snapshot.clients.values()
            introduce(settings, config_path, {client.name: client.fault for client in clients})

        await listen(settings.server, api, data.health, started, certificates, bound[0])
    return 0
