"""The measurements: each takes one target through one load and records what it saw."""

import time
from contextlib import nullcontext
from dataclasses import dataclass

import msgspec

from bench.control import Done
from bench.errors import BenchError
from bench.gateway import post_chat
from bench.jobs import RequestJob, RequestResult, StreamJob
from bench.payloads import chat_reply
from bench.procs import PeakRss, cpu_seconds, rss_mb, settled_cpu_seconds, wait_for_200
from bench.results import GATEWAY, Results
from bench.target import Server, Target
from bench.worker import LoadProcess
from bench.wrk import Wrk, WrkResult

CONNECTIONS = 64
IDLE_AFTER_S = 2.0
PACE_S = 0.010
MAX_RATE = 8000.0  # requests/s that the paced load can send without being felt itself
MIN_RATE = 1.0  # under which a few seconds bring no figures
START_S = 120.0  # for a slow start
REST_S = 60.0  # for a peer to work off what it has left


@dataclass(frozen=True)
class StreamLoad:
    """One of the stream loads; `kind` begins the names of its metrics."""

    kind: str
    streams: int
    interval_s: float
    form: str = "chat"


FAST32 = StreamLoad("fast32", 32, 0.0)
PACED100 = StreamLoad("paced100", 100, PACE_S)
PACED500 = StreamLoad("paced500", 500, PACE_S)
PACED5000 = StreamLoad("paced5000", 5000, 0.1)
TRANSLATED_FAST32 = StreamLoad("translated_fast32", 32, 0.0, form="messages")
TRANSLATED_PACED100 = StreamLoad("translated_paced100", 100, PACE_S, form="messages")


@dataclass(frozen=True)
class Durations:
    """Seconds of each load."""

    warm_up: float = 2.0
    chat: float = 6.0
    rate: float = 4.0
    window: float = 5.0


DEFAULT = Durations()
QUICK = Durations(warm_up=1.0, chat=2.0, rate=2.0, window=2.0)


class _Message(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Message


class _Reply(msgspec.Struct):
    choices: list[_Choice]


def _text(body: bytes) -> str | None:
    """What a chat completion says; None where it is none."""
    try:
        return msgspec.json.decode(body, type=_Reply).choices[0].message.content
    except (msgspec.DecodeError, IndexError):
        return None


class Measurement:
    """Loads and stubs, and the results that they fill."""

    def __init__(
        self, *, results: Results, wrk: Wrk, load: LoadProcess, chat_stub_pid: int, durations: Durations
    ) -> None:
        self._results = results
        self._wrk = wrk
        self._load = load
        self._chat_stub_pid = chat_stub_pid
        self._durations = durations

    def start(self, server: Server) -> None:
        """Time from exec to the first 200, and the memory of the server two seconds after."""
        began = time.perf_counter()
        with server.start() as process:
            wait_for_200(process, server.endpoints.chat_port, server.ready_path, timeout_s=START_S)
            self._results.add("start_ms", server.name, (time.perf_counter() - began) * 1e3)
            time.sleep(IDLE_AFTER_S)
            self._results.add("rss_idle_mb", server.name, rss_mb(process.pid))

    def check(self, target: Target) -> None:
        """One chat request must bring the stub's reply: byte for byte, or from a peer its text."""
        ends = target.endpoints
        status, body = post_chat(ends.chat_port, ends.chat_key, ends.chat_headers)
        same = (
            _text(body) == _text(chat_reply().encode()) if target.is_peer else body == chat_reply().encode()
        )
        if status != 200 or not same:
            raise BenchError(f"{target.name} answers a chat request with {status}: {body[:300]!r}")

    def warm_up(self, target: Target) -> None:
        """Connections pooled, code specialized, caches filled: as after the first moments in production."""
        self._run_wrk(target, self._durations.warm_up)

    def translated(self, target: Target) -> None:
        """As `chat`, asked in another dialect than the provider's."""
        assert target.pid is not None
        self._run_wrk(target, self._durations.warm_up, form="messages")
        before = settled_cpu_seconds(target.pid)
        run = self._run_wrk(target, self._durations.chat, form="messages")
        cpu_s = settled_cpu_seconds(target.pid) - before
        self._add(target, "translated_rps", run.requests / run.seconds)
        self._add(target, "translated_cpu_us", cpu_s / run.requests * 1e6)
        self._add(target, "translated_p50_ms", run.latency_p50_ms)

    def chat(self, target: Target) -> float:
        """Chat requests as fast as they go; the peak RSS in MB, 0 for direct."""
        stub_before = cpu_seconds(self._chat_stub_pid)
        before = None if target.pid is None else settled_cpu_seconds(target.pid)
        with nullcontext(None) if target.pid is None else PeakRss(target.pid) as peak:
            run = self._run_wrk(target, self._durations.chat)
            busy_s = None if target.pid is None or before is None else cpu_seconds(target.pid) - before
        stub_cpu_s = cpu_seconds(self._chat_stub_pid) - stub_before
        self._add(target, "chat_rps", run.requests / run.seconds)
        self._add(target, "chat_p50_ms", run.latency_p50_ms)
        self._add(target, "chat_p99_ms", run.latency_p99_ms)
        self._add(target, "chat_load_busy", 100 * (run.load_cpu_s + stub_cpu_s) / run.seconds)
        if target.pid is not None and before is not None and busy_s is not None:
            cpu_s = settled_cpu_seconds(target.pid) - before
            self._add(target, "chat_cpu_us", cpu_s / run.requests * 1e6)
            self._add(target, "chat_busy", 100 * busy_s / run.seconds)
        if peak is not None:
            self._add(target, "chat_rss_mb", peak.mb)
        return 0.0 if peak is None else peak.mb

    def half_rate(self, targets: list[Target]) -> float | None:
        """Half of the requests a second that the slowest of `targets` reached last; None without any."""
        reached = [self._results.runs("chat_rps", target.name)[-1:] for target in targets]
        known = [value for values in reached for value in values]
        return min(MAX_RATE, max(MIN_RATE, min(known) / 2)) if known else None

    def rate(self, target: Target, rate: float, direct: Target | None) -> None:
        """Latency at `rate`, and what it is more than that of `direct` right before."""
        plain = None if direct is None or direct is target else self.latency(direct, rate)
        result = self.latency(target, rate)
        self._add(target, "rate_rps", result.requests / self._durations.rate)
        for name, latency_ms in result.curve_ms.items():
            self._add(target, f"rate_{name}_ms", latency_ms)
        if plain is not None:
            self._add(target, "rate_added_p50_ms", result.latency_p50_ms - plain.latency_p50_ms)
            self._add(target, "rate_added_p99_ms", result.latency_p99_ms - plain.latency_p99_ms)

    def latency(self, target: Target, rate: float, *, seconds: float | None = None) -> RequestResult:
        """Chat requests at `rate` a second."""
        ends = target.endpoints
        return self._load.requests(
            RequestJob(
                port=ends.chat_port,
                key=ends.chat_key,
                connections=CONNECTIONS,
                rate=rate,
                seconds=self._durations.rate if seconds is None else seconds,
                headers=dict(ends.chat_headers),
            )
        )

    def saturation(self, target: Target) -> float:
        """Requests a second, as fast as they go; not recorded."""
        run = self._run_wrk(target, self._durations.chat)
        return run.requests / run.seconds

    def workers(self, target: Target, workers: int) -> None:
        """Requests a second and CPU a request, recorded by the number of workers."""
        assert target.pid is not None
        before, stub_before = settled_cpu_seconds(target.pid), cpu_seconds(self._chat_stub_pid)
        run = self._run_wrk(target, self._durations.chat)
        cpu_s = settled_cpu_seconds(target.pid) - before
        load_cpu_s = run.load_cpu_s + cpu_seconds(self._chat_stub_pid) - stub_before
        self._add(target, f"workers{workers}_rps", run.requests / run.seconds)
        self._add(target, f"workers{workers}_cpu_us", cpu_s / run.requests * 1e6)
        self._add(target, f"workers{workers}_load_cpu_us", load_cpu_s / run.requests * 1e6)

    def half_load(self, target: Target, rate: float, name: str) -> None:
        """Latency at `rate`, recorded under `name`."""
        result = self.latency(target, min(MAX_RATE, rate), seconds=2 * self._durations.rate)
        self._add(target, f"{name}_p50_ms", result.latency_p50_ms)
        self._add(target, f"{name}_p99_ms", result.latency_p99_ms)

    def control(self, done: Done) -> None:
        """What the control path's load got through meanwhile."""
        for name in ("exported_rows", "history_queries", "messages"):
            self._results.add(f"control_{name}", GATEWAY, getattr(done, name))

    def _run_wrk(self, target: Target, seconds: float, form: str = "chat") -> WrkResult:
        ends = target.endpoints
        return self._wrk.run(
            port=ends.chat_port, key=ends.chat_key, seconds=seconds, form=form, headers=ends.chat_headers
        )

    def rest(self, target: Target) -> None:
        """Wait until a target that fell behind has worked off what it was given, or given that up."""
        if target.pid is not None:
            settled_cpu_seconds(target.pid, patience_s=REST_S)

    def streams(self, target: Target, load: StreamLoad) -> float:
        """One stream load; the peak RSS in MB, 0 for direct."""
        ends = target.endpoints
        idle_mb = 0.0 if target.pid is None else rss_mb(target.pid)
        job = StreamJob(
            port=ends.stream_port,
            key=ends.stream_key,
            streams=load.streams,
            interval_s=load.interval_s,
            window_s=self._durations.window,
            form=load.form,
            model=ends.stream_model,
            headers=dict(ends.stream_headers),
            must_end=not target.is_peer,
            measured_pid=target.pid,
        )
        with nullcontext(None) if target.pid is None else PeakRss(target.pid) as peak:
            result = self._load.streams(job)
        if target.name == GATEWAY and result.with_usage < load.streams:
            asked = f"{result.with_usage} of {load.streams} streams"
            raise BenchError(f"ai-gateway asked its upstream for usage in {asked}: accounting is not on")
        kind = load.kind
        self._add(target, f"{kind}_delivered", result.delivered)
        if load.interval_s:
            expected = load.streams / load.interval_s * result.window_s
            self._add(target, f"{kind}_achieved", 100 * result.received / expected)
        self._add(target, f"{kind}_rate", result.received / result.window_s)
        for name, latency_ms in (("p50", result.latency_p50_ms), ("p99", result.latency_p99_ms)):
            if latency_ms is not None:
                self._add(target, f"{kind}_{name}_ms", latency_ms)
        self._add(target, f"{kind}_per_read", result.received / max(1, result.reads))
        self._add(target, f"{kind}_load_busy", 100 * result.load_cpu_s / result.window_s)
        if result.cpu_s is not None:
            self._add(target, f"{kind}_cpu_us", result.cpu_s / max(1, result.received) * 1e6)
            self._add(target, f"{kind}_busy", 100 * result.cpu_s / result.window_s)
        if peak is not None:
            self._add(target, f"{kind}_rss_mb", peak.mb)
            self._add(target, f"{kind}_rss_kb_each", (peak.mb - idle_mb) * 1e3 / load.streams)
        return 0.0 if peak is None else peak.mb

    def _add(self, target: Target, metric: str, value: float) -> None:
        self._results.add(metric, target.name, value)
