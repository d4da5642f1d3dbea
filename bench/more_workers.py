"""What a second worker process brings: two cores, of which the load shares one."""

from collections.abc import Callable
from pathlib import Path

from bench.errors import BenchError
from bench.gateway import Gateway
from bench.measure import START_S, Measurement
from bench.procs import wait_for_200
from bench.target import Target, Upstreams


def measure_workers(
    measurement: Measurement,
    home: Path,
    cores: tuple[int, int],
    upstreams: Upstreams,
    rounds: int,
    note: Callable[[str], None],
) -> None:
    """Chat requests as fast as they go, by one worker and by two, in turns.

    Raises:
        BenchError: they do not start, or a request failed.
    """
    gateways = {}
    for workers in (1, 2):
        settings = {"AI_GATEWAY_SERVER__WORKERS": str(workers)}
        folder = home / f"gateway-{workers}-workers"
        try:
            gateways[workers] = Gateway(folder, core=cores, upstreams=upstreams, settings=settings)
        except BenchError as error:
            raise BenchError(f"{workers} workers: {error}") from error
    for number in range(rounds):
        for workers, gateway in gateways.items():
            note(f"round {number + 1} of {rounds}: {workers} workers")
            with gateway.start() as process:
                wait_for_200(process, gateway.endpoints.chat_port, gateway.ready_path, timeout_s=START_S)
                target = Target(gateway.name, gateway.endpoints, process.pid)
                measurement.warm_up(target)
                measurement.workers(target, workers)
