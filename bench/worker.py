"""The load process: stub and callers of streams in one, so that they share a core and a clock.

It reads jobs from stdin and writes results to stdout, one JSON object a line; `LoadProcess` is its handle.
"""

import asyncio
import gc
import sys
from pathlib import Path
from subprocess import PIPE, Popen
from types import TracebackType
from typing import IO, TypeVar

import msgspec
import uvloop

from bench.errors import BenchError
from bench.jobs import Failure, Hello, Job, RequestJob, RequestResult, StreamJob, StreamResult
from bench.paced import run_requests
from bench.procs import pinned
from bench.streams import run_streams
from bench.stub import Stub

_encode = msgspec.json.encode
_T = TypeVar("_T")


class LoadProcess:
    """The load process as its parent sees it; `with` starts and ends it."""

    def __init__(self, *, core: int) -> None:
        with pinned(core):
            self._popen = Popen(
                [sys.executable, "-m", "bench.worker"],
                stdin=PIPE,
                stdout=PIPE,
                start_new_session=True,
                cwd=Path(__file__).parent.parent,
            )
        assert self._popen.stdin is not None
        assert self._popen.stdout is not None
        self._to: IO[bytes] = self._popen.stdin
        self._from: IO[bytes] = self._popen.stdout
        self.stub_port = msgspec.json.decode(self._answer(), type=Hello).port

    def __enter__(self) -> "LoadProcess":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._popen.kill()  # it holds nothing that is worth an orderly end
        self._popen.wait()
        self._to.close()
        self._from.close()

    def streams(self, job: StreamJob) -> StreamResult:
        """Run one stream load; raises `BenchError` when it was not clean."""
        return self._result(job, StreamResult)

    def requests(self, job: RequestJob) -> RequestResult:
        """Run one load of paced requests; raises `BenchError` when it was not clean."""
        return self._result(job, RequestResult)

    def _result(self, job: Job, kind: type[_T]) -> _T:
        self._to.write(_encode(job) + b"\n")
        self._to.flush()
        answer = self._answer()
        if answer.startswith(b'{"type":"failure"'):
            raise BenchError(msgspec.json.decode(answer, type=Failure).message)
        return msgspec.json.decode(answer, type=kind)

    def _answer(self) -> bytes:
        line = self._from.readline()
        if not line:
            raise BenchError(f"the load process ended with code {self._popen.wait()}")
        return line


async def _run(job: Job, stub: Stub) -> StreamResult | RequestResult | Failure:
    gc.collect()
    gc.disable()  # a collection in the middle would be a pause that the measured process did not make
    try:
        match job:
            case StreamJob():
                return await run_streams(job, stub)
            case RequestJob():
                return await run_requests(job)
    except BenchError as error:
        return Failure(str(error))
    finally:
        gc.enable()


async def _serve() -> None:
    jobs = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(jobs), sys.stdin)
    stub = Stub()
    port = await stub.listen()
    print(_encode(Hello(port)).decode(), flush=True)
    decoder = msgspec.json.Decoder(Job)
    while line := await jobs.readline():
        result = await _run(decoder.decode(line), stub)
        print(_encode(result).decode(), flush=True)


if __name__ == "__main__":
    uvloop.run(_serve())
