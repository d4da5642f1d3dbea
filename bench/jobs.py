"""What the benchmark asks of its load process, and what comes back: one JSON object a line."""

import msgspec

from bench.payloads import MODEL


class StreamJob(msgspec.Struct, frozen=True, kw_only=True, tag="streams"):
    """Open `streams` chat streams at once, measure for `window_s` when all of them flow, then end them."""

    port: int
    key: str
    streams: int
    interval_s: float  # between two events of one stream; 0: as fast as they are taken
    window_s: float
    form: str = "chat"  # or `messages`: which dialect the callers speak
    model: str = MODEL
    headers: dict[str, str] = {}  # beside the usual ones
    must_end: bool = True  # False: the load may be too much; streams that stay behind are cut
    measured_pid: int | None  # the root of the process tree whose CPU time is read; None for direct


class StreamResult(msgspec.Struct, frozen=True, kw_only=True):
    """One window; `None` where nothing stood between load and stub."""

    window_s: float
    sent: int  # events that the stub wrote in the window
    received: int  # events that the callers got in the window
    reads: int  # reads in which they came
    cpu_s: float | None
    load_cpu_s: float  # of stub and callers together
    latency_p50_ms: float | None  # None: no event came in the window
    latency_p99_ms: float | None
    with_usage: int  # streams for which the stub was asked for usage
    delivered: int  # events over the whole life of the streams, all checked
    ended: bool = True  # False: some were cut, see `must_end`


class RequestJob(msgspec.Struct, frozen=True, kw_only=True, tag="requests"):
    """Send `rate` chat requests a second, at random times, over at most `connections` connections."""

    port: int
    key: str
    connections: int
    rate: float
    seconds: float
    headers: dict[str, str] = {}


class RequestResult(msgspec.Struct, frozen=True, kw_only=True):
    """Latency counts from the moment at which a request was due, waiting for a connection included."""

    requests: int
    latency_p50_ms: float
    latency_p99_ms: float
    curve_ms: dict[str, float]  # by the names of `CURVE`


class Failure(msgspec.Struct, frozen=True, tag="failure"):
    """The load was not clean."""

    message: str


class Hello(msgspec.Struct, frozen=True):
    """The load process is ready; its stub listens on `port`."""

    port: int


Job = StreamJob | RequestJob

CURVE = {
    "p10": 0.10,
    "p25": 0.25,
    "p50": 0.50,
    "p75": 0.75,
    "p90": 0.90,
    "p95": 0.95,
    "p99": 0.99,
    "p999": 0.999,
}
"""The percentiles that are recorded, by name."""


def percentile(values: list[float], share: float) -> float:
    """The value that `share` (0 to 1) of the sorted `values` do not exceed; NaN of none."""
    if not values:
        return float("nan")
    return values[min(len(values) - 1, int(len(values) * share))]
