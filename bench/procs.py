"""Processes: starting them on a core, and what /proc says about a process and all its descendants."""

import http.client
import os
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.errors import BenchError

PROC = Path("/proc")
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TERMINATE_S = 40.0
QUIET_S = 1.0
SETTLE_S = 15.0


def find_tool(name: str) -> str:
    """The path of a program that Debian packages; /usr/sbin is searched too, since users often lack it.

    Raises:
        BenchError: it is not installed.
    """
    path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/usr/local/sbin")
    if path is None:
        raise BenchError(f"{name} not found: install Debian packages nginx-light and wrk")
    return path


def two_cores() -> tuple[int, int]:
    """The core of the measured process and the core of the load.

    Raises:
        BenchError: fewer than two cores may be used.
    """
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise BenchError("two CPU cores are needed: one for the measured process, one for the load")
    return cores[0], cores[1]


@contextmanager
def pinned(*cores: int) -> Iterator[None]:
    """Keep the calling thread on `cores`; processes started meanwhile inherit that for good."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def raise_file_limit() -> None:
    """500 streams through a proxy are 1,000 sockets; the usual soft limit is 1,024 files."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def may_open(files: int) -> bool:
    """Whether a process may have so many open at once."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= files


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        assert isinstance(port, int)
        return port


def own_environment() -> dict[str, str]:
    """Ours, without settings and proxies that the caller's shell may hold for another gateway."""
    foreign = ("ai_gateway_", "litellm_", "portkey_", "http_proxy", "https_proxy", "all_proxy")
    return {name: value for name, value in os.environ.items() if not name.lower().startswith(foreign)}


class Process:
    """A child on a core or some, its output in a file, stopped with SIGTERM at the end of a `with`."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        core: int | Sequence[int],
        log: Path,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._name = Path(command[0]).name
        self._log = log
        cores = (core,) if isinstance(core, int) else core
        with log.open("ab") as output, pinned(*cores):
            self._popen = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=env,
                start_new_session=True,  # an interrupt from the terminal is ours to handle
            )

    @property
    def pid(self) -> int:
        """The process id of the child itself, the root of its tree."""
        return self._popen.pid

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def check_alive(self) -> None:
        """Raise `BenchError` with the end of its output if the child is gone."""
        if self._popen.poll() is not None:
            raise BenchError(f"{self._name} ended with code {self._popen.returncode}: {self._last_words()}")

    def terminate(self) -> None:
        """Tell the child to stop, and do not wait."""
        self._popen.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """End the child and wait for it; a child that ignores SIGTERM is killed."""
        if self._popen.poll() is not None:
            return
        self._popen.send_signal(signal.SIGTERM)
        try:
            self._popen.wait(TERMINATE_S)
        except subprocess.TimeoutExpired:
            self._popen.kill()
            self._popen.wait()

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-3:]) or "no output"


def wait_for_200(process: Process, port: int, path: str, *, timeout_s: float = 30.0) -> None:
    """Return when `GET path` on the loopback `port` is answered with 200.

    Raises:
        BenchError: the process ended, or the time is over.
    """
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        process.check_alive()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            time.sleep(0.002)
        finally:
            connection.close()
    raise BenchError(f"no 200 from http://127.0.0.1:{port}{path} after {timeout_s:.0f} s")


def _stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from `state` on (proc(5), field 3), or None when the process is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def tree(root: int) -> list[int]:
    """`root` and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))) is not None:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the whole tree, descendants that ended and were waited for included.

    The kernel hands it out in ticks, commonly 10 ms.
    """
    ticks = 0
    for pid in tree(root):
        if (fields := _stat(pid)) is not None:
            ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return ticks / TICKS_PER_SECOND


def core_busy_seconds(core: int) -> float:
    """What the core has worked since boot, for anybody (proc(5), /proc/stat)."""
    for line in (PROC / "stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
    raise BenchError(f"/proc/stat does not know core {core}")


def settled_cpu_seconds(root: int, *, patience_s: float = SETTLE_S) -> float:
    """`cpu_seconds` once the tree is idle, so that work left for after the reply is counted too.

    Idle is less than 3 % of a core over a second; a tree that is never idle is read after `patience_s`.
    """
    deadline = time.monotonic() + patience_s
    before = cpu_seconds(root)
    while True:
        time.sleep(QUIET_S)
        now = cpu_seconds(root)
        if now - before < 0.03 * QUIET_S or time.monotonic() > deadline:
            return now
        before = now


def rss_mb(root: int) -> float:
    """Resident memory of the whole tree in MB (10^6 bytes), as ps counts; shared pages for each process."""
    pages = 0
    for pid in tree(root):
        if (fields := _stat(pid)) is not None:
            pages += int(fields[21])
    return pages * PAGE_BYTES / 1e6


class PeakRss:
    """The highest `rss_mb` of a tree during a `with`, sampled four times a second."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-rss")
        self.mb = 0.0

    def __enter__(self) -> "PeakRss":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.mb = max(self.mb, rss_mb(self._root))
            if self._ended.wait(0.25):
                return
