"""Chat requests at a set rate, for the latency that a proxy adds while it is not saturated."""

import asyncio
import os
import random
import time
from collections import deque
from typing import cast

import httptools

from bench.errors import BenchError
from bench.jobs import CURVE, RequestJob, RequestResult, percentile
from bench.payloads import asked
from bench.streams import http_request
from bench.timer import expirations, open_timer

_DRAIN_S = 10.0
_OVERSAMPLING = 4


class _Load:
    """Due requests, and the connections that are free to carry them."""

    def __init__(self, job: RequestJob) -> None:
        self.request = http_request(job.key, *asked("chat", stream=False), job.headers)
        self.free: list[_Connection] = []
        self.due: deque[int] = deque()
        self.in_flight = 0
        self.latencies_ns: list[int] = []
        self.failure: str | None = None

    def offer(self, due_ns: int) -> None:
        """A request is due; it goes out at once if a connection is free."""
        if self.free:
            self.free.pop().send(due_ns)
        else:
            self.due.append(due_ns)

    def answered(self, connection: "_Connection", due_ns: int) -> None:
        self.latencies_ns.append(time.perf_counter_ns() - due_ns)
        if self.due:
            connection.send(self.due.popleft())
        else:
            self.free.append(connection)

    def failed(self, message: str) -> None:
        self.failure = self.failure or message


class _Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self._due_ns = 0
        self._closing = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._load.free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._closing:
            self._load.failed(f"a keep-alive connection was closed ({exc})")

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._load.failed(f"bad HTTP: {error} in {data[:300]!r}")

    def send(self, due_ns: int) -> None:
        """Carry the request that was due at `due_ns`."""
        self._due_ns = due_ns
        self._load.in_flight += 1
        self._transport.write(self._load.request)

    def close(self) -> None:
        """Done with this connection."""
        self._closing = True
        self._transport.abort()

    def on_message_complete(self) -> None:
        self._load.in_flight -= 1
        if self._parser.get_status_code() != 200:
            self._load.failed(f"status {self._parser.get_status_code()}")
        self._load.answered(self, self._due_ns)


async def _drain(load: _Load) -> None:
    deadline = time.monotonic() + _DRAIN_S
    while (load.in_flight or load.due) and load.failure is None:
        if time.monotonic() > deadline:
            raise BenchError(f"{load.in_flight + len(load.due)} requests unanswered after {_DRAIN_S:.0f} s")
        await asyncio.sleep(0.01)


async def run_requests(job: RequestJob) -> RequestResult:
    """Send requests at random times (each of four points in the mean interval has one with a chance of 1/4).

    Raises:
        BenchError: a request failed, or was not answered.
    """
    loop = asyncio.get_running_loop()
    load = _Load(job)
    chance = random.Random(1)  # the same times for every target

    def tick() -> None:
        now = time.perf_counter_ns()
        for _ in range(expirations(timer)):
            if chance.random() < 1 / _OVERSAMPLING:
                load.offer(now)

    opened = await asyncio.gather(
        *(
            loop.create_connection(lambda: _Connection(load), "127.0.0.1", job.port)
            for _ in range(job.connections)
        )
    )
    timer = open_timer(1 / job.rate / _OVERSAMPLING)
    loop.add_reader(timer, tick)
    try:
        await asyncio.sleep(job.seconds)
    finally:
        loop.remove_reader(timer)
        os.close(timer)
    try:
        await _drain(load)
    finally:
        for _, connection in opened:
            connection.close()
    if load.failure is not None:
        raise BenchError(f"requests at {job.rate:.0f}/s: {load.failure}")
    latencies_ms = sorted(ns / 1e6 for ns in load.latencies_ns)
    return RequestResult(
        requests=len(latencies_ms),
        latency_p50_ms=percentile(latencies_ms, 0.50),
        latency_p99_ms=percentile(latencies_ms, 0.99),
        curve_ms={name: percentile(latencies_ms, share) for name, share in CURVE.items()},
    )
