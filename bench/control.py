"""The control path's load: a dashboard with its socket, queries of the whole history, an export, on and on.

`python -m bench.control PORT USERNAME` reads the password from stdin, runs until stdin ends and writes what
it did, as JSON. It takes only what its core has left over, so as not to slow the load that is measured.
"""

import contextlib
import http.client
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE
from types import TracebackType

import msgspec
import websockets.sync.client
from websockets.exceptions import WebSocketException

from bench.errors import BenchError
from bench.procs import pinned

_API = "/admin/api/v1"
_HISTORY = (
    "/usage?group=day",
    "/usage?group=client",
    "/usage?group=day,client,model",
    "/requests?limit=200&q=nothing-has-this",
    "/requests?limit=200&status=error",
)
_DASHBOARD = ("/overview", "/series?step=minute", "/series?step=hour", "/requests?limit=50", "/status")
_REFRESH_S = 1.0
_TIMEOUT_S = 120.0


class Done(msgspec.Struct):
    """What the load got through."""

    exported_rows: int = 0
    history_queries: int = 0
    refreshes: int = 0
    messages: int = 0
    failures: list[str] = []


class _SignIn(msgspec.Struct):
    username: str
    password: str


class ControlLoad:
    """The load in its own process, as its parent sees it; `with` runs it, `done` tells what it did."""

    def __init__(self, *, port: int, username: str, password: str, core: int) -> None:
        with pinned(core):
            self._popen = subprocess.Popen(
                [sys.executable, "-m", "bench.control", str(port), username],
                stdin=PIPE,
                stdout=PIPE,
                cwd=Path(__file__).parents[1],
                start_new_session=True,
            )
        self._password = password
        self.done = Done()

    def __enter__(self) -> "ControlLoad":
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._popen.stdin.write(self._password.encode() + b"\n")
        self._popen.stdin.flush()
        if self._popen.stdout.readline() != b"ready\n":
            raise BenchError("the control path's load could not sign in")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            told, _ = self._popen.communicate(timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            told, _ = self._popen.communicate()
        if kind is None:
            self.done = _checked(told)


def _checked(told: bytes) -> Done:
    """Raises: BenchError where a part of the load did not happen."""
    try:
        done = msgspec.json.decode(told, type=Done)
    except msgspec.DecodeError:
        raise BenchError("the control path's load ended without a report") from None
    if done.failures:
        raise BenchError(f"the control path's load failed: {done.failures[0]}")
    if not (done.exported_rows and done.history_queries and done.refreshes and done.messages):
        raise BenchError(f"a part of the control path's load did nothing: {done}")
    return done


class _Load:
    def __init__(self, port: int, cookie: str) -> None:
        self._port, self._cookie = port, cookie
        self._ended = threading.Event()
        self.done = Done()

    def run_until(self, wait: Callable[[], object]) -> Done:
        parts = (self._dashboard, self._socket, self._history, self._export)
        threads = [threading.Thread(target=self._part, args=(part,), daemon=True) for part in parts]
        for thread in threads:
            thread.start()
        wait()
        self._ended.set()
        for thread in threads:
            thread.join(5)
        return self.done

    def _part(self, part: Callable[[], None]) -> None:
        try:
            part()
        except (OSError, http.client.HTTPException, WebSocketException, BenchError) as error:
            if not self._ended.is_set():
                self.done.failures.append(f"{part.__name__.strip('_')}: {error}")

    def _dashboard(self) -> None:
        while not self._ended.is_set():
            for path in _DASHBOARD:
                self._get(path)
            self.done.refreshes += 1
            self._ended.wait(_REFRESH_S)

    def _history(self) -> None:
        while not self._ended.is_set():
            for path in _HISTORY:
                self._get(path)
                self.done.history_queries += 1

    def _export(self) -> None:
        while not self._ended.is_set():
            self._get("/usage.csv", self._count)

    def _socket(self) -> None:
        headers = {"Cookie": self._cookie}
        address = f"ws://127.0.0.1:{self._port}/admin/ws"
        origin = websockets.Origin(f"http://127.0.0.1:{self._port}")
        with websockets.sync.client.connect(address, additional_headers=headers, origin=origin) as socket:
            while not self._ended.is_set():
                socket.recv(timeout=_TIMEOUT_S)
                self.done.messages += 1

    def _count(self, block: bytes) -> None:
        self.done.exported_rows += block.count(b"\n")

    def _get(self, path: str, use: Callable[[bytes], None] = lambda _: None) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_S)
        try:
            connection.request("GET", _API + path, headers={"cookie": self._cookie})
            response = connection.getresponse()
            while block := response.read1(1 << 18):
                use(block)
                if self._ended.is_set():
                    return
            if response.status != 200:
                raise BenchError(f"{path} answers {response.status}")
        finally:
            connection.close()


def _sign_in(port: int, username: str, password: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    body = msgspec.json.encode(_SignIn(username, password))
    connection.request("POST", f"{_API}/session", body, {"content-type": "application/json"})
    response = connection.getresponse()
    if response.status != 200:
        raise BenchError(f"signing in: {response.status} {response.read()!r}")
    return (response.headers["set-cookie"] or "").partition(";")[0]


def _give_way() -> None:
    """Take only what the core has left over.

    Source: sched(7), "The autogroup feature": where sessions are groups of their own, a class and a nice
    value count within the session alone, and the session has a nice value.
    """
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):  # a kernel without it
        Path("/proc/self/autogroup").write_text("19")


def main() -> int:
    """Runs the load until stdin ends."""
    _give_way()
    port = int(sys.argv[1])
    cookie = _sign_in(port, sys.argv[2], sys.stdin.readline().strip())
    print("ready", flush=True)
    print(msgspec.json.encode(_Load(port, cookie).run_until(sys.stdin.read)).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())
