"""Callers of chat streams: they count every event, check every end, and sample latencies."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Mapping
from typing import cast

import msgspec

from bench.errors import BenchError
from bench.jobs import StreamJob, StreamResult, percentile
from bench.payloads import MARK, STAMP_DIGITS, asked
from bench.procs import cpu_seconds
from bench.stub import Stub

_STAMP = re.compile(MARK + b"([0-9]{%d})" % STAMP_DIGITS)
_FINISH = re.compile(rb'"system_fingerprint":"fp_([0-9]{10})"')
_OUTPUT_TOKENS = re.compile(rb'"output_tokens":([0-9]+)')
_TERMINATOR = b"\r\n0\r\n\r\n"
_SAMPLE_EVERY = 7  # reads; all events of a sampled read count, so a read of many has its full weight
_OPENED_AT_ONCE = 32
_START_S = 120.0
_END_S = 60.0
_SLOW_S = 15.0  # for each of the two where a load may be too much for the server


def http_request(key: str, path: str, body: bytes, headers: Mapping[str, str]) -> bytes:
    """A whole request on the wire, `headers` beside the usual ones."""
    more = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {key}\r\n"
        f"content-type: application/json\r\naccept: text/event-stream\r\n{more}"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Load:
    """What the callers of one job share."""

    def __init__(self, job: StreamJob) -> None:
        loop = asyncio.get_running_loop()
        self.request = http_request(job.key, *asked(job.form, stream=True, model=job.model), job.headers)
        self.translated = job.form != "chat"
        self.measuring = False
        self.reads = 0  # of all callers, while measuring
        self.latencies_ns: list[int] = []
        self.callers: list[_Caller] = []
        self.waiting = job.streams
        self.open = job.streams
        self.all_flow: asyncio.Future[None] = loop.create_future()
        self.all_ended: asyncio.Future[None] = loop.create_future()

    def samples(self) -> bool:
        """Whether the latencies of this read are taken."""
        self.reads += self.measuring
        return self.measuring and self.reads % _SAMPLE_EVERY == 0

    def flows(self) -> None:
        self.waiting -= 1
        if self.waiting == 0 and not self.all_flow.done():
            self.all_flow.set_result(None)

    def ended(self) -> None:
        self.open -= 1
        if self.open == 0 and not self.all_ended.done():
            self.all_ended.set_result(None)

    def failed(self, message: str) -> None:
        """End the phase that is being waited for; later failures of other streams add nothing."""
        for future in (self.all_flow, self.all_ended):
            if not future.done():
                future.set_exception(BenchError(message))
                future.exception()  # retrieved: nobody may be waiting for it


class _Caller(asyncio.Protocol):
    """One stream, from the request to the last byte."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._head = b""
        self._in_head = True
        self._latest: deque[bytes] = deque(maxlen=8)  # the end of a stream comes in at most that many reads
        self._complete = False
        self.events = 0
        self.reads = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._load.callers.append(self)
        self._transport.write(self._load.request)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._complete:
            self._load.failed(f"a stream was cut after {self.events} events ({exc}); {self._seen()}")

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            data = self._read_head(data)
            if not data:
                return
        events = data.count(MARK)
        if events:
            if not self.events:
                self._load.flows()
            self.events += events
            self.reads += 1
            if self._load.samples():
                now = time.perf_counter_ns()
                self._load.latencies_ns += [now - int(stamp) for stamp in _STAMP.findall(data)]
        self._latest.append(data)
        if len(data) < len(_TERMINATOR) or data.endswith(b"\r\n\r\n"):
            self._check_end()

    def abort(self) -> None:
        """Give the stream up; nothing is reported any more."""
        self._complete = True
        self._transport.abort()

    def _read_head(self, data: bytes) -> bytes:
        self._head += data
        head, separator, rest = self._head.partition(b"\r\n\r\n")
        if not separator:
            return b""
        self._in_head = False
        if not head.startswith(b"HTTP/1.1 200") or b"transfer-encoding: chunked" not in head.lower():
            self._load.failed(f"not a stream: {self._head[:400]!r}")
        return rest

    def _check_end(self) -> None:
        tail = b"".join(self._latest)
        if not tail.endswith(_TERMINATOR):
            return
        if self._load.translated:
            self._check_translated(tail)
            return
        # Only the finish event has a number: how many events the stub wrote to this stream.
        counts = _FINISH.findall(tail)
        if not counts or int(counts[-1]) != self.events:
            self._load.failed(f"a stream ended after {self.events} events, not {counts}; {self._seen()}")
        elif tail.count(b"data: [DONE]") != 1 or b'"finish_reason":"stop"' not in tail:
            self._load.failed(f"a stream ended without its finish event or [DONE]; {self._seen()}")
        elif b'"usage":{' in tail:
            self._load.failed(f"a stream has a usage chunk that its caller did not ask for; {self._seen()}")
        else:
            self._end()

    def _check_translated(self, tail: bytes) -> None:
        """The stub counts one output token an event: the gateway's usage must say as many."""
        counts = _OUTPUT_TOKENS.findall(tail)
        if not counts or int(counts[-1]) != self.events:
            self._load.failed(f"a stream ended after {self.events} events, not {counts}; {self._seen()}")
        elif b"event: message_stop" not in tail or b'"stop_reason":"end_turn"' not in tail:
            self._load.failed(f"a stream ended without its last events; {self._seen()}")
        else:
            self._end()

    def _end(self) -> None:
        self._complete = True
        self._transport.abort()
        self._load.ended()

    def _seen(self) -> str:
        return f"last bytes {b''.join(self._latest)[-300:]!r}"


async def _within(future: "asyncio.Future[None]", seconds: float, what: str) -> None:
    try:
        await asyncio.wait_for(asyncio.shield(future), seconds)
    except TimeoutError:
        raise BenchError(f"{what} within {seconds:.0f} s") from None


async def _open(load: _Load, job: StreamJob) -> None:
    loop = asyncio.get_running_loop()
    for start in range(0, job.streams, _OPENED_AT_ONCE):
        batch = range(start, min(start + _OPENED_AT_ONCE, job.streams))
        try:
            await asyncio.gather(
                *(loop.create_connection(lambda: _Caller(load), "127.0.0.1", job.port) for _ in batch)
            )
        except OSError as error:
            raise BenchError(f"cannot open {job.streams} streams to port {job.port}: {error}") from error


async def _window(load: _Load, job: StreamJob, stub: Stub) -> StreamResult:
    """The measured part; the rest of the result is known when the streams have ended."""

    def counters() -> tuple[float, int, int, int, float, float | None]:
        cpu = None if job.measured_pid is None else cpu_seconds(job.measured_pid)
        events, reads = sum(c.events for c in load.callers), sum(c.reads for c in load.callers)
        return time.perf_counter(), stub.sent, events, reads, time.process_time(), cpu

    started, sent, events, reads, load_cpu, cpu = counters()
    load.measuring = True
    await asyncio.sleep(job.window_s)
    load.measuring = False
    ended, sent_after, events_after, reads_after, load_cpu_after, cpu_after = counters()
    latencies_ms = sorted(ns / 1e6 for ns in load.latencies_ns)
    return StreamResult(
        window_s=ended - started,
        sent=sent_after - sent,
        received=events_after - events,
        reads=reads_after - reads,
        cpu_s=None if cpu is None or cpu_after is None else cpu_after - cpu,
        load_cpu_s=load_cpu_after - load_cpu,
        latency_p50_ms=percentile(latencies_ms, 0.50) if latencies_ms else None,
        latency_p99_ms=percentile(latencies_ms, 0.99) if latencies_ms else None,
        with_usage=stub.with_usage,
        delivered=0,
    )


async def _flow(load: _Load, job: StreamJob) -> None:
    """Wait until every stream has brought an event; not for long where some may never."""
    try:
        seconds = _START_S if job.must_end else _SLOW_S
        await _within(load.all_flow, seconds, f"not all of {job.streams} streams flowed")
    except BenchError:
        if job.must_end or load.all_flow.done():
            raise


async def _ends(load: _Load, job: StreamJob) -> bool:
    """Whether all streams came to their end in time."""
    try:
        seconds = _END_S if job.must_end else _SLOW_S
        await _within(load.all_ended, seconds, f"not all of {job.streams} streams came to their end")
    except BenchError:
        if job.must_end or load.all_ended.done():
            raise
        return False
    return True


async def run_streams(job: StreamJob, stub: Stub) -> StreamResult:
    """Measure one job.

    Raises:
        BenchError: a stream was refused, cut, or did not deliver every event and its proper end.
    """
    load = _Load(job)
    stub.begin(job.interval_s, job.streams)
    try:
        await _open(load, job)
        await _flow(load, job)
        result = await _window(load, job, stub)
        stub.finish()
        ended = await _ends(load, job)
        delivered = sum(caller.events for caller in load.callers)
        return msgspec.structs.replace(result, delivered=delivered, ended=ended)
    finally:
        stub.finish()
        for caller in load.callers:
            caller.abort()
