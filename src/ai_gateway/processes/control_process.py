"""The control process of a gateway of several: what there is once."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import socket
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ai_gateway.assembly import (
    FLUSH_TIMEOUT_S,
    DataPath,
    api_of,
    open_data_path,
    open_ledger,
    open_office,
    tend,
)
from ai_gateway.background import paused
from ai_gateway.control import SNAPSHOT_POLL_S
from ai_gateway.housekeeping import purge
from ai_gateway.ingress.api import Api
from ai_gateway.ingress.connection import GatewayProtocol
from ai_gateway.ingress.handing import Handed, HandedProtocol
from ai_gateway.ingress.listening import announce, certificates_of, server_of
from ai_gateway.ingress.tls import Certificates
from ai_gateway.metering import process_of
from ai_gateway.observe.logs import RequestLog
from ai_gateway.observe.metrics import Process
from ai_gateway.observe.startup import introduce
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.circuit import CircuitState
from ai_gateway.process import finish_undisturbed
from ai_gateway.processes.channel import CircuitReport, Receiver
from ai_gateway.processes.common import Common
from ai_gateway.processes.supervisor import Start
from ai_gateway.shared.limiter import SharedLimiter
from ai_gateway.shared.region import Column, Mark, Region, SlotState
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.shared_spool import CollectingSpool
from ai_gateway.store.writer import Writer

__all__ = ["Sweeper", "Whole", "control"]

START_POLL_S = 0.02
SWEEP_S = 0.1

_log = logging.getLogger("ai_gateway")


async def control(common: Common, start: Start) -> None:
    """The control process. Raises: StoreError."""
    settings, region, slot = common.settings, common.region, start.slot
    common.ends[1].close()
    for each in common.bound:
        each.close()
    async with contextlib.AsyncExitStack() as stack:
        accounting = settings.accounting
        spool = CollectingSpool(
            common.spool_folder,
            common.together(),
            slot,
            max_bytes=accounting.spool_max_bytes,
            fsync=accounting.fsync,
        )
        stack.callback(spool.close)
        patience_s = FLUSH_TIMEOUT_S + settings.server.shutdown_timeout_seconds
        requests = RequestLog(as_json=common.as_json)
        ledger = open_ledger(settings, stack, spool, requests, patience_s=patience_s)
        limiter = SharedLimiter(region, slot, Calendar(settings.limits.timezone), is_control=True)
        data = await open_data_path(
            settings,
            stack,
            spool,
            limiter,
            ledger.writer,
            load=region.cell(Column.IN_FLIGHT, slot),
            total=common.in_flight,
        )
        if region.marks[Mark.RESTORED]:
            await _refresh(data)
        else:
            await data.control.take_over()
        whole = Whole(common, data)
        office = await open_office(data, stack, ledger, whole, common.config_path)
        certificates = certificates_of(settings.server.https)
        tend(
            data,
            stack,
            certificates,
            partial(purge, settings),
            Sweeper(common.region, limiter, spool, ledger.writer).watch,
            partial(_introduce_all, common, data),
        )

        gc.collect()
        gc.freeze()
        await _serve_handed(common, slot, data, api_of(data, office), whole, certificates)


async def _refresh(data: DataPath) -> None:
    """See the clients; where the database is away, as soon as it is back: the workers serve on meanwhile, and
    a start that failed would wait at its end for rows that nobody can store."""
    told = False
    while True:
        try:
            await data.control.refresh()
            return
        except StoreError as error:
            if not told:
                _log.error("the control process waits for the database: %s", error)
            told = True
        await asyncio.sleep(SNAPSHOT_POLL_S)


async def _serve_handed(
    common: Common, slot: int, data: DataPath, api: Api, whole: Whole, certificates: Certificates | None
) -> None:
    """Serve connections that workers hand over, until a signal says stop."""
    loop, region = asyncio.get_running_loop(), common.region
    connecting: set[asyncio.Task[object]] = set()

    def connect(handed: Handed, end: socket.socket) -> None:
        def protocol() -> HandedProtocol:
            return HandedProtocol.make(handed, server.config, server.server_state, loop)

        task: asyncio.Task[object] = loop.create_task(loop.connect_accepted_socket(protocol, end))
        connecting.add(task)
        task.add_done_callback(connecting.discard)

    receiver = Receiver(common.ends[0], connect, whole.note_circuits)

    def started() -> None:
        loop.add_reader(receiver.fileno(), receiver.receive)
        region.column(Column.STATE)[slot] = SlotState.SERVING
        region.marks[Mark.RESTORED] = 1

    GatewayProtocol.websocket_paths = frozenset({b"/admin/ws"})
    server = server_of(
        common.settings.server, api, data.health, started, certificates, protocol=HandedProtocol
    )
    try:
        await server.serve(sockets=[])
    finally:
        finish_undisturbed()
        loop.remove_reader(receiver.fileno())
        common.ends[0].close()


async def _introduce_all(common: Common, data: DataPath, stop: asyncio.Event) -> None:
    """Say what runs, once all workers serve."""
    region, server = common.region, common.settings.server
    while len(region.slots_in(SlotState.SERVING)) <= server.workers:
        if await paused(stop, START_POLL_S):
            return
    if not region.marks[Mark.ANNOUNCED]:
        region.marks[Mark.ANNOUNCED] = 1
        announce(server, is_tls=server.https.enabled)
        clients = data.pipeline.snapshot.clients.values()
        introduce(common.settings, common.config_path, {client.name: client.fault for client in clients})


class Sweeper:
    """Clears up after processes that have died, and tells the others how accounting is."""

    def __init__(
        self, region: Region, limiter: SharedLimiter, spool: CollectingSpool, writer: Writer
    ) -> None:
        self._region = region
        self._limiter = limiter
        self._spool = spool
        self._writer = writer
        self._released: set[int] = set()

    async def watch(self, stop: asyncio.Event) -> None:
        """Look around until `stop`."""
        while not await paused(stop, SWEEP_S):
            self._region.marks[Mark.ACCOUNTING_FAULT] = int(self._writer.fault is not None)
            dead = self._region.slots_in(SlotState.DEAD)
            if newly := [slot for slot in dead if slot not in self._released]:
                await self._release(newly)
            if dead:
                self._free(dead)

    async def _release(self, slots: list[int]) -> None:
        """What they held of limits."""
        for _ in self._limiter.release(slots, time.time()):
            await asyncio.sleep(0)
        for slot in slots:
            self._region.column(Column.IN_FLIGHT)[slot] = 0
        self._released.update(slots)

    def _free(self, slots: list[int]) -> None:
        """Those whose rows are all in the database may be used again."""
        try:
            left = self._spool.left(slots)
        except OSError as error:
            _log.warning("cannot look into the spool: %s", error)
            return
        region = self._region
        for slot in slots:
            if slot not in left:
                region.marks[Mark.GONE_DROPPED] += region.column(Column.DROPPED)[slot]
                self._released.discard(slot)
                for column in reversed(Column):  # its state comes last: then it may be taken at once
                    region.column(column)[slot] = 0


class Whole:
    """All processes of the gateway together, as the control process sees them."""

    def __init__(self, common: Common, data: DataPath) -> None:
        self.in_flight = common.in_flight
        self._region = common.region
        self._data = data
        self._started_s = time.time()
        self._cpu_s = 0.0
        self._reports: dict[int, CircuitReport] = {}
        """By process id."""

    def circuits(self, now_s: float) -> Sequence[CircuitState]:
        """Each process has its own."""
        alive = set(self._region.column(Column.PID))
        self._reports = {pid: report for pid, report in self._reports.items() if pid in alive}
        others = (state for report in self._reports.values() for state in report.circuits)
        return [*self._data.upkeep.circuits(now_s), *others]

    def note_circuits(self, report: CircuitReport) -> None:
        self._reports[report.pid] = report

    def dropped(self) -> int:
        return sum(self._region.column(Column.DROPPED)) + self._region.marks[Mark.GONE_DROPPED]

    def process(self) -> Process:
        pids = [pid for pid in self._region.column(Column.PID) if pid]
        cpu_s = self._region.marks[Mark.GONE_CPU_US] / 1e6 + sum(map(_cpu_s, pids))
        self._cpu_s = max(self._cpu_s, cpu_s)  # between the death of one and its last account
        return process_of(pids, self._started_s, self._cpu_s)


def _cpu_s(pid: int) -> float:
    """User and system time of a process; 0.0 where the system does not tell (proc(5), /proc/PID/stat)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return time.process_time() if pid == os.getpid() else 0.0
