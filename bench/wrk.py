"""wrk as the load of chat requests."""

import re
import resource
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.errors import BenchError
from bench.payloads import asked
from bench.procs import find_tool

_SCRIPT = """\
wrk.method = "POST"
wrk.headers["content-type"] = "application/json"
wrk.headers["authorization"] = "Bearer {key}"
{headers}
wrk.body = [==[{body}]==]
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format("requests=%d us=%d p50=%d p99=%d\\n",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99)))
  io.write(string.format("connect=%d read=%d write=%d status=%d timeout=%d\\n",
    e.connect, e.read, e.write, e.status, e.timeout))
end
"""
_ERRORS = ("connect", "read", "write", "status", "timeout")


def _lua(headers: Mapping[str, str]) -> str:
    return "\n".join(f"wrk.headers['{name}'] = '{value}'" for name, value in headers.items())


@dataclass(frozen=True)
class WrkResult:
    """One run; latencies in ms, `load_cpu_s` is wrk's own."""

    requests: int
    seconds: float
    latency_p50_ms: float
    latency_p99_ms: float
    load_cpu_s: float


class Wrk:
    """Chat requests over `connections` keep-alive connections, each sending as soon as it has its answer.

    wrk runs where the calling thread runs, so the caller is pinned to the load's core.
    """

    def __init__(self, home: Path, *, connections: int) -> None:
        self._home = home
        self._connections = connections
        self._wrk = find_tool("wrk")

    def run(
        self,
        *,
        port: int,
        key: str,
        seconds: float,
        form: str = "chat",
        headers: Mapping[str, str] | None = None,
        path: str | None = None,
    ) -> WrkResult:
        """One run of whole seconds, in one of the forms of `payloads.asked`; `headers` have no quotes; `path`
        where it is not the form's.

        Raises:
            BenchError: any request failed.
        """
        script = self._home / "chat.lua"
        known, body = asked(form, stream=False)
        script.write_text(_SCRIPT.format(key=key, body=body.decode(), headers=_lua(headers or {})))
        command = [
            *(self._wrk, "--threads", "1", "--connections", str(self._connections), "--timeout", "10s"),
            *(
                "--duration",
                f"{seconds:.0f}s",
                "--script",
                str(script),
                f"http://127.0.0.1:{port}{path or known}",
            ),
        ]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        figures = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", done.stdout)}
        if done.returncode or not figures:
            raise BenchError(
                f"wrk ended with code {done.returncode}: {(done.stderr or done.stdout).strip()!r}"
            )
        errors = {name: figures[name] for name in _ERRORS if figures[name]}
        if errors or not figures["requests"]:
            raise BenchError(f"wrk at port {port}: {figures['requests']} requests, errors {errors}")
        return WrkResult(
            requests=figures["requests"],
            seconds=figures["us"] / 1e6,
            latency_p50_ms=figures["p50"] / 1e3,
            latency_p99_ms=figures["p99"] / 1e3,
            load_cpu_s=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        )
