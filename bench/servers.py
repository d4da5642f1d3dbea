"""HTTP servers for Python next to one another, with the same small application: `python -m bench.servers`.

What a request costs them under wrk, and what they do when a caller hangs up, takes nothing, or when they are
told to stop. uvicorn is there with the gateway; granian is `pip install granian uvloop` into any environment,
whose interpreter is named with `--granian PYTHON`. Without it the others are measured.
"""

import argparse
import json
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench.errors import BenchError
from bench.procs import (
    Process,
    free_port,
    own_environment,
    pinned,
    rss_mb,
    settled_cpu_seconds,
    two_cores,
    wait_for_200,
)
from bench.server_apps import SLOW_PIECES, SLOW_S
from bench.wrk import Wrk

_ROOT = Path(__file__).parent.parent
_ROUNDS = 3
_SECONDS = 2.0
_CONNECTIONS = 64
_UVICORN = (
    *("uvicorn", "bench.server_apps:asgi", "--loop", "uvloop", "--http", "httptools", "--lifespan", "off"),
    *("--no-access-log", "--log-level", "warning", "--port"),
)
_GRANIAN = (
    *("granian", "--workers", "1", "--loop", "uvloop", "--no-access-log", "--log-level", "warning"),
    *("--host", "127.0.0.1", "--port"),
)
_PATIENCE_S = 5.0


class _Server:
    """One of them, running."""

    def __init__(self, name: str, command: Sequence[str], *, core: int, home: Path, port: int) -> None:
        self.name = name
        self.port = port
        env = own_environment() | {"PYTHONPATH": str(_ROOT)}
        self.process = Process(command, core=core, log=home / f"{port}.log", env=env)
        wait_for_200(self.process, port, "/state")

    def ask(self, path: str, *, buffer: int | None = None) -> socket.socket:
        """A connection on which a request has been sent."""
        sock = socket.socket()
        if buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.settimeout(_PATIENCE_S)
        sock.connect(("127.0.0.1", self.port))
        sock.sendall(b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path.encode())
        return sock

    def state(self) -> dict[str, int]:
        with self.ask("/state") as sock:
            answer = b""
            while b"}" not in answer:
                answer += sock.recv(65536)
        found: dict[str, int] = json.loads(answer[answer.index(b"{") :])
        return found


def _hang_up(server: _Server) -> str:
    """What becomes of an answer whose caller leaves in the middle of it."""
    with server.ask("/slow") as sock:
        sock.recv(65536)
    left = time.monotonic()
    whole_s = SLOW_PIECES * SLOW_S
    while server.state()["open"]:
        time.sleep(0.01)
    took_s = time.monotonic() - left
    return f"over after {took_s:.2f} s" if took_s < whole_s / 2 else "goes on to its end"


def _takes_nothing(server: _Server) -> str:
    """How much of an endless answer a server takes while its caller reads nothing."""
    before = rss_mb(server.process.pid)
    with server.ask("/flood", buffer=4096):
        written = -1
        while (now := server.state()["written"]) != written:
            written = now
            time.sleep(0.3)
        grown = rss_mb(server.process.pid) - before
    return f"{written / 1e6:.1f} MB, RSS +{grown:.1f} MB"


def _stop(server: _Server) -> str:
    """What becomes of an answer in the middle of which the server is told to stop."""
    with server.ask("/slow") as sock:
        answer = sock.recv(65536)
        began = time.monotonic()
        server.process.terminate()
        time.sleep(0.2)
        try:
            socket.create_connection(("127.0.0.1", server.port), timeout=1).close()
            taken = "still connects"
        except OSError:
            taken = "no new connections"
        try:
            while part := sock.recv(65536):
                answer += part
        except OSError:
            answer += b""
    whole = "answered whole" if answer.endswith(b"0\r\n\r\n") else "cut"
    server.process.stop()
    return f"{whole}, {taken}, {time.monotonic() - began:.1f} s"


def _commands(granian: str) -> dict[str, list[str]]:
    """By name, each without its port."""
    own = [sys.executable, "-m"]
    return {
        "ours": [*own, "bench.server_apps"],
        "uvicorn, ASGI": [*own, *_UVICORN],
        "granian, RSGI": [granian, "-m", *_GRANIAN],
        "granian, ASGI": [granian, "-m", *_GRANIAN],
    }


def _measure(servers: list[_Server], wrk: Wrk, load: int) -> dict[str, list[tuple[float, float, float]]]:
    """CPU µs a request, requests/s and p99 in ms of each round, in turns."""
    found: dict[str, list[tuple[float, float, float]]] = {server.name: [] for server in servers}
    for number in range(_ROUNDS + 1):
        for server in servers if number % 2 else servers[::-1]:
            before = settled_cpu_seconds(server.process.pid)
            with pinned(load):
                run = wrk.run(port=server.port, key="none", seconds=_SECONDS, path="/")
            cpu_s = settled_cpu_seconds(server.process.pid) - before
            if number:  # the first round warms up
                rate = run.requests / run.seconds
                found[server.name].append((cpu_s / run.requests * 1e6, rate, run.latency_p99_ms))
    return found


def _start(home: Path, core: int, granian: str) -> list[_Server]:
    servers = []
    for name, command in _commands(granian).items():
        port = free_port()
        words = [*command, str(port)]
        if name.startswith("granian"):
            kind = "rsgi" if name.endswith("RSGI") else "asgi"
            interface = "rsgi" if kind == "rsgi" else "asginl"
            words += ["--interface", interface, f"bench.server_apps:{kind}"]
        try:
            servers.append(_Server(name, words, core=core, home=home, port=port))
        except BenchError as error:
            print(
                f"{name} is left out: {error}. `pip install granian uvloop`, see --granian", file=sys.stderr
            )
    return servers


def main() -> int:
    """Print one row of Markdown for each server."""
    parser = argparse.ArgumentParser(prog="python -m bench.servers", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--granian", metavar="PYTHON", default=sys.executable, help="the interpreter that has granian"
    )
    core, load = two_cores()
    with tempfile.TemporaryDirectory(prefix="bench-servers-") as folder:
        home = Path(folder)
        servers = _start(home, core, parser.parse_args().granian)
        try:
            figures = _measure(servers, Wrk(home, connections=_CONNECTIONS), load)
            print("| server | CPU a request | requests/s | p99 | hang-up | takes nothing | told to stop |")
            print("|---|---|---|---|---|---|---|")
            for server in servers:
                cpu, rate, p99 = (statistics.median(each) for each in zip(*figures[server.name], strict=True))
                told = [probe(server) for probe in (_hang_up, _takes_nothing, _stop)]
                row = [server.name, f"{cpu:.1f} µs", f"{rate:,.0f}", f"{p99:.1f} ms", *told]
                print(f"| {' | '.join(row)} |", flush=True)
        finally:
            for server in servers:
                server.process.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
