"""`python -m bench.compare REV_A REV_B`: two revisions of this repository, measured in turns in one run.

A revision is anything that git knows, or `.` for the files as they lie here, committed or not. Each gateway
runs from its own folder with the packages of this environment. What is printed is B by A: below 1, B is the
better one. Exit code 0: measured; 1: not measured, with a line that says why; 2: bad usage.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import measure
from bench.errors import BenchError
from bench.gateway import Gateway
from bench.measure import PACED100, Durations, Measurement
from bench.nginx import start_stub
from bench.procs import find_tool, free_port, pinned, raise_file_limit, two_cores, wait_for_200
from bench.results import Results, Summary, round_ratios, summary
from bench.target import Target, Upstreams
from bench.worker import LoadProcess
from bench.wrk import Wrk

ROOT = Path(__file__).parents[1]
HERE = "."
SECTIONS = ("requests", "streams", "translation", "start")
_SHORT = Durations(warm_up=1.0, chat=3.0, rate=2.0, window=3.0)
_ROWS = (
    ("chat_cpu_us", "CPU us a request"),
    ("paced100_cpu_us", "CPU us an event, 100 streams"),
    ("translated_cpu_us", "CPU us a translated request"),
    ("chat_rss_mb", "RSS under load, MB"),
    ("rss_idle_mb", "RSS idle, MB"),
    ("start_ms", "second start to first 200, ms"),
)


@dataclass(frozen=True)
class Side:
    """One of the two, as a column: A or B."""

    name: str
    revision: str
    source: Path


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return int(text)


def _sections(text: str) -> frozenset[str]:
    chosen = frozenset(text.split(","))
    if not chosen <= set(SECTIONS):
        raise argparse.ArgumentTypeError(f"choose from {','.join(SECTIONS)}")
    return chosen


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("a", metavar="REV_A", help="the revision before")
    parser.add_argument("b", metavar="REV_B", nargs="?", default=HERE, help="the one after (.)")
    parser.add_argument("--rounds", type=_count, default=7, metavar="N", help="each has a turn in each (7)")
    everything = frozenset(SECTIONS)
    parser.add_argument("--only", type=_sections, default=everything, metavar="LIST", help=",".join(SECTIONS))
    return parser


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"git {words[0]}: {done.stderr.strip()}")
    return done.stdout.strip()


@contextmanager
def checked_out(name: str, revision: str, home: Path) -> Iterator[Side]:
    """The revision in a folder of its own, for as long as the `with` lasts.

    Raises:
        BenchError: git does not know it.
    """
    if revision == HERE:
        yield Side(name, "the files here", ROOT / "src")
        return
    commit = _git("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    _git("worktree", "add", "--detach", str(home), commit)
    try:
        yield Side(name, _git("log", "-1", "--format=%h %s", commit), home / "src")
    finally:
        _git("worktree", "remove", "--force", str(home))


def compare(arguments: argparse.Namespace, results: Results) -> list[Side]:
    """Fill `results`, with the sides' names as targets. Raises: BenchError."""
    for tool in ("nginx", "wrk"):
        find_tool(tool)
    core, load_core = two_cores()
    raise_file_limit()
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        revisions = (("A", arguments.a), ("B", arguments.b))
        sides = [
            stack.enter_context(checked_out(name, rev, home / f"tree-{name}")) for name, rev in revisions
        ]
        stack.enter_context(pinned(load_core))
        load = stack.enter_context(LoadProcess(core=load_core))
        upstreams = Upstreams(chat_port=free_port(), stream_port=load.stub_port)
        stub = stack.enter_context(start_stub(home / "stub", core=load_core, port=upstreams.chat_port))
        wait_for_200(stub, upstreams.chat_port, "/v1/models")
        wrk = Wrk(home, connections=measure.CONNECTIONS)
        measurement = Measurement(
            results=results, wrk=wrk, load=load, chat_stub_pid=stub.pid, durations=_SHORT
        )
        gateways = [
            Gateway(home / side.name, core=core, upstreams=upstreams, name=side.name, source=side.source)
            for side in sides
        ]
        _starts(arguments, measurement, gateways)
        _loads(arguments, measurement, gateways, stack)
    return sides


def _turns(gateways: list[Gateway], number: int) -> list[Gateway]:
    """AB, BA, AB, ...: a machine that slows down steadily then favours neither."""
    return gateways if number % 2 == 0 else gateways[::-1]


def _starts(arguments: argparse.Namespace, measurement: Measurement, gateways: list[Gateway]) -> None:
    for number in range(arguments.rounds if "start" in arguments.only else 0):
        _progress(f"round {number + 1} of {arguments.rounds}: starts")
        for gateway in _turns(gateways, number):
            measurement.start(gateway)


def _loads(
    arguments: argparse.Namespace, measurement: Measurement, gateways: list[Gateway], stack: ExitStack
) -> None:
    if arguments.only == {"start"}:
        return
    targets = {}
    for gateway in gateways:
        process = stack.enter_context(gateway.start())
        wait_for_200(process, gateway.endpoints.chat_port, gateway.ready_path)
        targets[gateway.name] = Target(gateway.name, gateway.endpoints, process.pid)
        measurement.check(targets[gateway.name])
        measurement.warm_up(targets[gateway.name])
    for number in range(arguments.rounds):
        _progress(f"round {number + 1} of {arguments.rounds}: loads")
        turns = [targets[gateway.name] for gateway in _turns(gateways, number)]
        for target in turns if "requests" in arguments.only else ():
            measurement.chat(target)
        for target in turns if "translation" in arguments.only else ():
            measurement.translated(target)
        for target in turns if "streams" in arguments.only else ():
            measurement.streams(target, PACED100)


def table(results: Results, sides: list[Side]) -> str:
    """Medians of both, and the ratio of each round: median, least and most."""
    lines = [f"{side.name}: {side.revision}" for side in sides]
    lines += ["", f"  {'':<32}{'A':>10}{'B':>10}{'B by A':>10}   rounds from, to"]
    for metric, label in _ROWS:
        a, b = results.runs(metric, "A"), results.runs(metric, "B")
        ratio = summary(round_ratios(b, a))
        if ratio is not None:
            cells = "".join(f"{results.median(metric, name):>10,.1f}" for name in ("A", "B"))
            lines.append(f"  {label:<32}{cells}{ratio.median:>9.3f}x   {_verdict(ratio)}")
    return "\n".join(lines)


def _verdict(ratio: Summary) -> str:
    told = f"{ratio.least:.3f} to {ratio.most:.3f}"
    if ratio.least <= 1 <= ratio.most:
        return f"{told}: no difference that all rounds show"
    return f"{told}: {'less' if ratio.most < 1 else 'more'} in every round"


def _progress(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> int:
    """Measure and print."""
    arguments = parser().parse_args()
    results = Results()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what we started ends with us
    try:
        sides = compare(arguments, results)
    except KeyboardInterrupt:
        return 130
    except (BenchError, OSError) as error:
        print(f"bench.compare: {error}", file=sys.stderr)
        return 1
    print(table(results, sides))
    return 0


if __name__ == "__main__":
    sys.exit(main())
