"""Whether the control path's load slows the data path: the same requests, with and without it."""

import re
from collections.abc import Callable

from bench.control import ControlLoad
from bench.gateway import Gateway
from bench.history import ROWS, fill
from bench.measure import Measurement
from bench.options import Options
from bench.procs import wait_for_200
from bench.results import GATEWAY
from bench.target import Target

_QUICK_ROWS = 100_000
_PAIRS = 2  # a round
_LEAST_PAIRS = 8  # of more than one round: 99th percentiles go up and down


def measure_control(
    measurement: Measurement, gateway: Gateway, options: Options, load_core: int, note: Callable[[str], None]
) -> None:
    """The 99th percentile at half load, quiet and with the control path busy, in turns.

    Raises:
        BenchError: a part of the load did not happen.
    """
    rows = ROWS if options.rounds > 1 else _QUICK_ROWS
    note(f"ai-gateway: writing a history of {rows:,} rows")
    fill(gateway.database, rows)
    password = re.findall(r"Password: +(\S+)", gateway.command_line("admin", "reset-password"))[0]
    with gateway.start() as process:
        wait_for_200(process, gateway.endpoints.chat_port, gateway.ready_path)
        target = Target(GATEWAY, gateway.endpoints, process.pid)
        pairs = _PAIRS if options.rounds == 1 else max(_LEAST_PAIRS, _PAIRS * options.rounds)
        for number in range(pairs):
            note(f"pair {number + 1} of {pairs}: ai-gateway: half load, control path quiet, then busy")
            rate = measurement.saturation(target) / 2  # each time: machines change their speed within minutes
            measurement.half_load(target, rate, "quiet")
            port = gateway.endpoints.chat_port
            with ControlLoad(port=port, username="admin", password=password, core=load_core) as load:
                measurement.half_load(target, rate, "control")
            measurement.control(load.done)
