"""`python -m bench`: measure, print, exit 0; exit 1 with one line when it could not be measured cleanly."""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import admission, measure
from bench.errors import BenchError
from bench.gateway import Gateway
from bench.measure import (
    FAST32,
    PACED100,
    PACED500,
    TRANSLATED_FAST32,
    TRANSLATED_PACED100,
    Durations,
    Measurement,
    StreamLoad,
)
from bench.nginx import Proxy, start_stub
from bench.procs import (
    core_busy_seconds,
    cpu_seconds,
    find_tool,
    free_port,
    pinned,
    raise_file_limit,
    two_cores,
    wait_for_200,
)
from bench.report import as_json, environment, table
from bench.results import DIRECT, GATEWAY, MACHINE, Results
from bench.target import Endpoints, Server, Target, Upstreams
from bench.worker import LoadProcess
from bench.wrk import Wrk

SECTIONS = ("admission", "requests", "streams", "translation", "rss", "start")


@dataclass(frozen=True)
class Options:
    """What to measure."""

    sections: frozenset[str]
    runs: int
    durations: Durations
    gateway_only: bool

    @property
    def chat(self) -> bool:
        """Whether chat requests are run; the memory under load needs them too."""
        return bool(self.sections & {"requests", "rss"})

    @property
    def streams(self) -> tuple[StreamLoad, ...]:
        """The stream loads to run; for the memory under load the heaviest is enough."""
        if "streams" in self.sections:
            return (FAST32, PACED100, PACED500)
        return (PACED500,) if "rss" in self.sections else ()


def _sections(text: str) -> frozenset[str]:
    chosen = frozenset(text.split(","))
    if not chosen <= set(SECTIONS):
        raise argparse.ArgumentTypeError(f"choose from {','.join(SECTIONS)}")
    return chosen


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures to FILE as well")
    parser.add_argument("--quick", action="store_true", help="one short run, for development")
    parser.add_argument(
        "--only", type=_sections, default=frozenset(SECTIONS), metavar="LIST", help=",".join(SECTIONS)
    )
    parser.add_argument("--gateway-only", action="store_true", help="neither direct nor nginx")
    return parser.parse_args()


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _measure(options: Options, results: Results, stack: ExitStack) -> None:
    for tool in ("nginx", "wrk"):
        find_tool(tool)
    measured_core, load_core = two_cores()
    raise_file_limit()
    stack.enter_context(pinned(load_core))
    if "admission" in options.sections:
        _progress("admission, in process")
        admission.measure(results)
    if options.sections == {"admission"}:
        return
    home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
    load = stack.enter_context(LoadProcess(core=load_core))
    upstreams = Upstreams(chat_port=free_port(), stream_port=load.stub_port)
    stub = stack.enter_context(start_stub(home / "stub", core=load_core, port=upstreams.chat_port))
    wait_for_200(stub, upstreams.chat_port, "/v1/models")
    measurement = Measurement(
        results=results,
        wrk=Wrk(home, connections=measure.CONNECTIONS),
        load=load,
        chat_stub_pid=stub.pid,
        durations=options.durations,
    )
    _progress("ai-gateway: first launch, two clients")
    servers: list[Server] = [Gateway(home / "gateway", core=measured_core, upstreams=upstreams)]
    targets: list[Target] = []
    if not options.gateway_only:
        servers.insert(0, Proxy(home, core=measured_core, upstreams=upstreams))
        targets.append(Target(DIRECT, Endpoints(upstreams.chat_port, upstreams.stream_port), None))
    _starts(options, measurement, servers)
    if not (options.chat or options.streams or "translation" in options.sections):
        return
    for server in servers:
        process = stack.enter_context(server.start())
        wait_for_200(process, server.endpoints.chat_port, server.ready_path)
        targets.append(Target(server.name, server.endpoints, process.pid))
    with _quiet(results, measured_core, [target.pid for target in targets if target.pid is not None]):
        _loads(options, measurement, results, targets)


@contextmanager
def _quiet(results: Results, core: int, pids: list[int]) -> Iterator[None]:
    """Record which share of the measured core went to others: a busy machine measures nothing."""

    def others() -> float:
        return core_busy_seconds(core) - sum(cpu_seconds(pid) for pid in pids)

    before, began = others(), time.monotonic()
    yield
    results.add("foreign_busy", MACHINE, 100 * (others() - before) / (time.monotonic() - began))


def _starts(options: Options, measurement: Measurement, servers: list[Server]) -> None:
    if not options.sections & {"start", "rss"}:
        return
    for run in range(options.runs):
        for server in servers:
            _progress(f"run {run + 1} of {options.runs}: {server.name}: start")
            measurement.start(server)


def _loads(options: Options, measurement: Measurement, results: Results, targets: list[Target]) -> None:
    """All runs of all loads; the targets take turns, so that a slow minute of the machine hits them all."""
    for target in targets:
        measurement.check(target)
        measurement.warm_up(target)
    for run in range(options.runs):
        peaks = dict.fromkeys((target.name for target in targets), 0.0)

        def note(target: Target, what: str, run: int = run) -> None:
            _progress(f"run {run + 1} of {options.runs}: {target.name}: {what}")

        for target in targets if options.chat else ():
            note(target, "chat requests")
            peaks[target.name] = max(peaks[target.name], measurement.chat(target))
        if "requests" in options.sections:
            measurement.rate(targets)
        _translation(options, measurement, targets, note)
        for load in options.streams:
            for target in targets:
                note(target, f"{load.kind} streams")
                peaks[target.name] = max(peaks[target.name], measurement.streams(target, load))
        for name, mb in peaks.items():
            if mb:
                results.add("rss_load_mb", name, mb)


def _translation(
    options: Options,
    measurement: Measurement,
    targets: list[Target],
    note: Callable[[Target, str], None],
) -> None:
    """Requests and streams of a caller whose dialect is not the provider's: the gateway's alone."""
    for target in targets:
        if target.name != GATEWAY or "translation" not in options.sections:
            continue
        note(target, "translated requests and streams")
        measurement.translated(target)
        for load in (TRANSLATED_FAST32, TRANSLATED_PACED100):
            measurement.streams(target, load)


def main() -> int:
    """Exit code 0 whenever the measurement succeeded: aims are reported, not enforced."""
    arguments = _arguments()
    options = Options(
        sections=arguments.only,
        runs=1 if arguments.quick else 3,
        durations=measure.QUICK if arguments.quick else Durations(),
        gateway_only=arguments.gateway_only,
    )
    results = Results()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what we started ends with us
    try:
        with ExitStack() as stack:
            _measure(options, results, stack)
        print(", ".join(f"{name} {value}" for name, value in environment().items()))
        print(table(results))
        if arguments.json:
            arguments.json.write_bytes(as_json(results, quick=arguments.quick, runs=options.runs))
    except KeyboardInterrupt:
        return 130
    except (BenchError, OSError) as error:  # OSError: a full disk, a report that cannot be written
        print(f"bench: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
