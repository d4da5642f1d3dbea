"""Puts a run together: which targets, in which order."""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from bench import admission, measure, peers
from bench.control_path import measure_control
from bench.errors import BenchError
from bench.gateway import Gateway
from bench.measure import (
    FAST32,
    PACED5000,
    START_S,
    TRANSLATED_FAST32,
    TRANSLATED_PACED100,
    Measurement,
)
from bench.more_workers import measure_workers
from bench.nginx import Proxy, start_stub
from bench.options import Options
from bench.procs import (
    core_busy_seconds,
    cpu_seconds,
    find_tool,
    free_port,
    may_open,
    pinned,
    raise_file_limit,
    two_cores,
    wait_for_200,
)
from bench.results import DIRECT, GATEWAY, MACHINE, Results
from bench.target import Endpoints, Server, Target, Upstreams
from bench.worker import LoadProcess
from bench.wrk import Wrk

_Load = Callable[[Target, str, Callable[[], float | None]], None]
"""Takes a target through a load, which is named, and which gives the highest RSS in MB where it knows."""


@dataclass
class Run:
    """One run of the benchmark: `results` fill while it goes on; `notes` are for the reader."""

    options: Options
    results: Results = field(default_factory=Results)
    notes: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)

    def measure(self) -> None:
        """Raises: BenchError."""
        for tool in ("nginx", "wrk"):
            find_tool(tool)
        cores = two_cores()
        raise_file_limit()
        found = list(peers.installed(progress, self.note)) if self.options.peers else []
        self.versions |= {peer.name: peer.version() for peer in found}
        with ExitStack() as stack:
            stack.enter_context(pinned(cores[1]))
            if "admission" in self.options.sections:
                progress("admission, in process")
                for _ in range(self.options.rounds):
                    admission.measure(self.results)
            if self.options.sections != {"admission"}:
                with _quiet(self.results, cores):
                    _Rounds(self, stack, cores).run(found)

    def note(self, text: str) -> None:
        """Something that the reader of the results must know."""
        self.notes.append(text)
        progress(text)


def progress(text: str) -> None:
    """A line for whoever waits."""
    print(text, file=sys.stderr, flush=True)


@contextmanager
def _quiet(results: Results, cores: tuple[int, int]) -> Iterator[None]:
    """Record which share of the two cores went to others: a busy machine measures nothing."""

    def others() -> float:
        return sum(map(core_busy_seconds, cores)) - cpu_seconds(os.getpid())

    before, began = others(), time.monotonic()
    yield
    spent_s = len(cores) * (time.monotonic() - began)
    results.add("foreign_busy", MACHINE, 100 * (others() - before) / spent_s)


class _Rounds:
    """The servers of a run, and the rounds that they go through."""

    def __init__(self, run: Run, stack: ExitStack, cores: tuple[int, int]) -> None:
        self._run, self._stack = run, stack
        self._core, self._load_core = cores
        self._options, self._results = run.options, run.results
        self._home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        load = stack.enter_context(LoadProcess(core=self._load_core))
        self._upstreams = Upstreams(chat_port=free_port(), stream_port=load.stub_port)
        chat_port = self._upstreams.chat_port
        stub = stack.enter_context(start_stub(self._home / "stub", core=self._load_core, port=chat_port))
        wait_for_200(stub, chat_port, "/v1/models")
        self._measurement = Measurement(
            results=self._results,
            wrk=Wrk(self._home, connections=measure.CONNECTIONS),
            load=load,
            chat_stub_pid=stub.pid,
            durations=self._options.durations,
        )

    def run(self, found: list[peers.Peer]) -> None:
        """Raises: BenchError."""
        progress("ai-gateway: first launch, two clients")
        gateway = Gateway(self._home / "gateway", core=self._core, upstreams=self._upstreams)
        servers: list[Server] = [gateway]
        if not self._options.gateway_only:
            servers.insert(0, Proxy(self._home, core=self._core, upstreams=self._upstreams))
        made = [peer(self._home, core=self._core, upstreams=self._upstreams) for peer in found]
        servers += [peer for peer in made if self._works(peer)]
        self._starts(servers)
        if self._options.loads:
            self._loads(servers)
        own = [server for server in servers if not server.is_peer]
        self._section("open", partial(self._open_streams, own))
        control = (self._measurement, gateway, self._options, self._load_core, progress)
        self._section("control", partial(measure_control, *control))
        workers = (self._measurement, self._home, (self._core, self._load_core), self._upstreams)
        self._section("workers", partial(measure_workers, *workers, self._options.rounds, progress))

    def _works(self, peer: Server) -> bool:
        """Whether it starts and answers; told where it does not."""
        progress(f"{peer.name}: first start")
        try:
            with peer.start() as process:
                wait_for_200(process, peer.endpoints.chat_port, peer.ready_path, timeout_s=START_S)
                self._measurement.check(Target(peer.name, peer.endpoints, process.pid, is_peer=True))
        except BenchError as error:
            self._run.note(f"{peer.name} is left out: {error}")
            return False
        return True

    def _section(self, name: str, measured: Callable[[], None]) -> None:
        """A part that stands alone: where it fails, that is told, and its figures so far are kept."""
        if name not in self._options.sections:
            return
        try:
            measured()
        except BenchError as error:
            self._run.note(f"`{name}` was not measured to its end: {error}")

    def _direct(self) -> list[Target]:
        if self._options.gateway_only:
            return []
        return [Target(DIRECT, Endpoints(self._upstreams.chat_port, self._upstreams.stream_port), None)]

    def _starts(self, servers: list[Server]) -> None:
        if not self._options.sections & {"start", "rss"}:
            return
        for number in range(self._options.rounds):
            for server in servers:
                self._progress(number, server.name, "start")
                self._measurement.start(server)

    def _progress(self, number: int, name: str, what: str) -> None:
        progress(f"round {number + 1} of {self._options.rounds}: {name}: {what}")

    def _loads(self, servers: list[Server]) -> None:
        """All rounds of all loads; the targets take turns, so that a slow minute hits them all."""
        with ExitStack() as stack:
            targets = self._direct()
            for server in servers:
                process = stack.enter_context(server.start())
                wait_for_200(process, server.endpoints.chat_port, server.ready_path, timeout_s=START_S)
                targets.append(Target(server.name, server.endpoints, process.pid, server.is_peer))
            for target in targets:
                self._measurement.check(target)
                self._measurement.warm_up(target)
            for number in range(self._options.rounds):
                peaks = dict.fromkeys((target.name for target in targets), 0.0)
                self._round(number, targets, peaks)
                for name, mb in peaks.items():
                    if mb:
                        self._results.add("rss_load_mb", name, mb)

    def _round(self, number: int, targets: list[Target], peaks: dict[str, float]) -> None:
        def load(target: Target, what: str, call: Callable[[], float | None]) -> None:
            self._progress(number, target.name, what)
            peaks[target.name] = max(peaks[target.name], self._one(target, what, call) or 0.0)

        for target in targets if self._options.chat else ():
            load(target, "chat requests", partial(self._measurement.chat, target))
        if "requests" in self._options.sections:
            self._half_load(targets, load)
        for target in targets:
            if target.name == GATEWAY and "translation" in self._options.sections:
                load(target, "translated requests", partial(self._measurement.translated, target))
                for kind in (TRANSLATED_FAST32, TRANSLATED_PACED100):
                    load(target, f"{kind.kind} streams", partial(self._measurement.streams, target, kind))
        for kind in self._options.streams:
            for target in targets:
                if target.is_peer and kind is FAST32:
                    continue  # they would fall behind without end
                load(target, f"{kind.kind} streams", partial(self._measurement.streams, target, kind))

    def _half_load(self, targets: list[Target], load: _Load) -> None:
        """Ours and nginx at the same rate, a peer at its own."""
        direct = next((target for target in targets if target.name == DIRECT), None)
        own = self._measurement.half_rate([target for target in targets if not target.is_peer])
        for target in targets:
            rate = self._measurement.half_rate([target]) if target.is_peer else own
            if rate is not None:
                load(target, "half load", partial(self._measurement.rate, target, rate, direct))

    def _one(self, target: Target, what: str, call: Callable[[], float | None]) -> float | None:
        """A peer that cannot carry a load is told of, and measured no further in it; ours may not fail."""
        try:
            return call()
        except BenchError as error:
            if not target.is_peer:
                raise
            self._run.note(f"{target.name}, {what}: {error}")
            return None
        finally:
            if target.is_peer:
                self._measurement.rest(target)

    def _open_streams(self, servers: list[Server]) -> None:
        """Very many slow streams, each time through a server just started: nothing is left of other loads."""
        if not may_open(2 * PACED5000.streams + 1000):
            self._run.note("5,000 open streams: not measured, the limit of open files is too low")
            return
        for number in range(self._options.rounds):
            for target in self._direct():
                self._progress(number, target.name, f"{PACED5000.kind} streams")
                self._measurement.streams(target, PACED5000)
            for server in servers:
                self._progress(number, server.name, f"{PACED5000.kind} streams")
                with server.start() as process:
                    wait_for_200(process, server.endpoints.chat_port, server.ready_path)
                    target = Target(server.name, server.endpoints, process.pid)
                    self._measurement.warm_up(target)
                    self._measurement.streams(target, PACED5000)
