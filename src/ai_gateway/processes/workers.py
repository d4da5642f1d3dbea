"""A gateway of several processes: workers that serve requests, and one that has what there is once.

Every process has the data path. Workers accept connections, each on sockets of its own that share the port.
The control process moves all rows into the database, and so has metrics, request log, telemetry and the
dashboard; connections for those are handed to it. Limits and the state of each process are in shared memory.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from ai_gateway.assembly import DataPath, Office, api_of, open_data_path, tend
from ai_gateway.background import paused
from ai_gateway.config import ConfigError, Settings
from ai_gateway.ingress.api import HeaderList, Page
from ai_gateway.ingress.handing import HandingProtocol, refuse_control
from ai_gateway.ingress.listening import bind, certificates_of, listen
from ai_gateway.policy.calendar import Calendar
from ai_gateway.process import finish_undisturbed, loop_factory
from ai_gateway.processes.channel import Channel, channel_ends
from ai_gateway.processes.common import Common
from ai_gateway.processes.control_process import control
from ai_gateway.processes.supervisor import Role, Start, Supervisor
from ai_gateway.shared.limiter import SharedLimiter
from ai_gateway.shared.region import Column, Mark, Region, SlotState
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.shared_spool import SharedSpool, new_token

__all__ = ["serve_together"]

SPARE_SLOTS = 8
"""Besides two for each worker: the slot of a process that has died is cleared before it is used again."""
RESTORED_POLL_S = 0.01
REPORT_S = 0.5
_UNAVAILABLE = Page(503, [(b"content-type", b"text/plain; charset=utf-8")], b"send this request again\n")


def serve_together(settings: Settings, config_path: Path, *, as_json: bool) -> int:
    """Run several processes until a signal says stop. Returns the exit code: 1 where they could not start."""
    certificates_of(settings.server.https)  # what is wrong with them is told once, here
    bound = bind(settings.server, times=settings.server.workers)
    if not bound:
        return 1
    ends = channel_ends()
    common = Common(
        settings=settings,
        config_path=config_path,
        as_json=as_json,
        region=Region(2 * settings.server.workers + SPARE_SLOTS, folder=settings.database.path.parent),
        token=new_token(),
        bound=bound,
        ends=ends,
    )

    def without_control() -> None:
        common.region.marks[Mark.ACCOUNTING_FAULT] = 1  # rows wait for the next one

    roles = [Role("the control process", partial(_run, control, common), on_end=without_control)]
    roles += [
        Role(
            f"worker {number + 1}", partial(_run, partial(_work, number), common), on_wait=bound[number].rest
        )
        for number in range(settings.server.workers)
    ]
    grace_s = settings.server.shutdown_timeout_seconds
    gc.collect()
    gc.freeze()  # the children share what is not touched
    return Supervisor(common.region, roles, on_stop=common.close_sockets, grace_s=grace_s).run()


def _run(role: Callable[[Common, Start], Awaitable[None]], common: Common, start: Start) -> int:
    """A child's life. Returns its exit code."""
    server_log = logging.getLogger("ai_gateway.server")
    server_log.setLevel(max(logging.WARNING, server_log.getEffectiveLevel()))  # the supervisor has said it

    async def run() -> None:
        loop = asyncio.get_running_loop()

        def alone() -> None:
            loop.remove_reader(start.lifeline)
            os.kill(os.getpid(), signal.SIGTERM)  # the supervisor is gone

        loop.add_reader(start.lifeline, alone)
        await role(common, start)

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(run())
    except (StoreError, ConfigError) as error:
        print(f"ai-gateway: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


class _Accounting:
    """What a worker knows of it: rows are moved by the control process."""

    def __init__(self, region: Region, spool: SharedSpool) -> None:
        self._region = region
        self._spool = spool

    @property
    def fault(self) -> str | None:
        """Why rows wait. Asked a few times a second, which is when a broken spool is tried again, and all
        spools are measured."""
        self._spool.measure()
        if not self._spool.healthy:
            self._spool.retry()
        return "rows wait for the database" if self._region.marks[Mark.ACCOUNTING_FAULT] else None

    def flush(self, timeout_s: float) -> bool:
        return True


async def _work(number: int, common: Common, start: Start) -> None:
    """A worker. Raises: StoreError."""
    settings, region, slot = common.settings, common.region, start.slot
    common.ends[0].close()
    for each in common.bound:
        if each is not common.bound[number]:
            each.close()
    while not region.marks[Mark.RESTORED]:  # noqa: ASYNC110 - another process sets it
        await asyncio.sleep(RESTORED_POLL_S)
    async with contextlib.AsyncExitStack() as stack:
        spool = SharedSpool(
            common.spool_folder,
            common.together(),
            slot,
            max_bytes=settings.accounting.spool_max_bytes,
            fsync=settings.accounting.fsync,
        )
        stack.callback(spool.close)
        limiter = SharedLimiter(region, slot, Calendar(settings.limits.timezone))
        data = await open_data_path(
            settings,
            stack,
            spool,
            limiter,
            _Accounting(region, spool),
            load=region.cell(Column.IN_FLIGHT, slot),
            total=common.in_flight,
        )
        await data.control.refresh()
        channel = HandingProtocol.channel = Channel(common.ends[1])
        certificates = certificates_of(settings.server.https)
        tend(data, stack, certificates, partial(_report_circuits, data, channel))
        api = api_of(data, Office(admin=refuse_control, metrics=_no_metrics))

        def started() -> None:
            region.column(Column.STATE)[slot] = SlotState.SERVING

        gc.collect()
        gc.freeze()
        await listen(
            settings.server, api, data.health, started, certificates, common.bound[number], HandingProtocol
        )
        finish_undisturbed()


async def _no_metrics(headers: HeaderList) -> Page:
    return _UNAVAILABLE


async def _report_circuits(data: DataPath, channel: Channel, stop: asyncio.Event) -> None:
    """Tell the control process of this process' circuits, while there are any."""
    told = False
    while not await paused(stop, REPORT_S):
        circuits = list(data.upkeep.circuits(time.monotonic()))
        if circuits or told:
            with contextlib.suppress(OSError):  # the next round tells it
                channel.report(circuits)
                told = bool(circuits)
