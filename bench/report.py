"""The results as a table for people and as JSON for programs."""

import platform
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.procs import find_tool
from bench.results import AIMS, DIRECT, GATEWAY, MACHINE, NGINX, Results

_COLUMNS = (DIRECT, NGINX, GATEWAY)
_LABEL_WIDTH, _WIDTH = 38, 13


@dataclass(frozen=True)
class _Row:
    metric: str
    label: str
    digits: int
    compared: bool = False  # with nginx


_CHAT = (
    _Row("chat_rps", "requests/s", 0, True),
    _Row("chat_cpu_us", "CPU us a request", 1, True),
    _Row("chat_p50_ms", "latency p50, ms", 2, True),
    _Row("chat_p99_ms", "latency p99, ms", 2, True),
    _Row("chat_rss_mb", "RSS at most, MiB", 1),
    _Row("chat_busy", "its core busy, %", 0),
    _Row("chat_load_busy", "load's core busy, %", 0),
)
_RATE = (
    _Row("rate_rps", "requests/s", 0),
    _Row("rate_p50_ms", "latency p50, ms", 2),
    _Row("rate_p99_ms", "latency p99, ms", 2),
    _Row("rate_added_p50_ms", "added to direct at p50, ms", 2, True),
    _Row("rate_added_p99_ms", "added to direct at p99, ms", 2, True),
)


def _stream_rows(kind: str) -> tuple[_Row, ...]:
    rows = [
        _Row(f"{kind}_rate", "events/s", 0),
        _Row(f"{kind}_cpu_us", "CPU us an event", 1, True),
        _Row(f"{kind}_p50_ms", "event latency p50, ms", 2),
        _Row(f"{kind}_p99_ms", "event latency p99, ms", 2),
        _Row(f"{kind}_per_read", "events a read of the caller", 2),
        _Row(f"{kind}_rss_mb", "RSS at most, MiB", 1),
        _Row(f"{kind}_busy", "its core busy, %", 0),
        _Row(f"{kind}_load_busy", "load's core busy, %", 0),
    ]
    if kind != "fast32":
        rows.insert(1, _Row(f"{kind}_achieved", "of the expected rate, %", 1))
    return tuple(rows)


_SECTIONS = (
    ("Chat requests: 1 KB in, 0.7 KB out, 64 connections, as fast as they go", _CHAT),
    ("Chat requests at half of ai-gateway's rate, at random times", _RATE),
    ("32 streams, as fast as the upstream writes", _stream_rows("fast32")),
    ("100 streams, one event each 10 ms", _stream_rows("paced100")),
    ("500 streams, one event each 10 ms", _stream_rows("paced500")),
    (
        "Translated: Anthropic's Messages in, Chat Completions out; requests and streams as above",
        (
            _Row("translated_rps", "requests/s", 0),
            _Row("translated_cpu_us", "CPU us a request", 1),
            _Row("translated_p50_ms", "latency p50, ms", 2),
            _Row("translated_fast32_rate", "32 streams, fast: events/s", 0),
            _Row("translated_fast32_cpu_us", "32 streams, fast: CPU us an event", 1),
            _Row("translated_paced100_achieved", "100 streams: of the expected rate, %", 1),
            _Row("translated_paced100_cpu_us", "100 streams: CPU us an event", 1),
            _Row("translated_paced100_p50_ms", "100 streams: event latency p50, ms", 2),
        ),
    ),
    (
        "Admission by all limits and settlement, in process",
        (
            _Row("admission_us", "CPU us a request", 1),
            _Row("limit_headers_us", "limit headers, CPU us an answer", 1),
        ),
    ),
    (
        "Process tree",
        (
            _Row("rss_idle_mb", "RSS idle, MiB", 1, True),
            _Row("rss_load_mb", "RSS under load, MiB", 1, True),
            _Row("start_ms", "second start to first 200, ms", 0, True),
        ),
    ),
)
BEHIND_BELOW = 98.0  # per cent of the expected rate
FULL_ABOVE = 95.0  # per cent of a core
QUIET_BELOW = 5.0  # likewise


def _cells(row: _Row, results: Results) -> Iterator[str]:
    for column in _COLUMNS:
        value = results.median(row.metric, column)
        yield "-" if value is None else f"{value:,.{row.digits}f}"
    ratio = results.ratio(row.metric) if row.compared else None
    yield "" if ratio is None else f"{ratio:.2f}x"


def _line(label: str, cells: Iterator[str]) -> str:
    return f"  {label:<{_LABEL_WIDTH}}" + "".join(f"{cell:>{_WIDTH}}" for cell in cells)


def _remarks(results: Results) -> Iterator[str]:
    """What a reader must know before comparing."""
    foreign = results.median("foreign_busy", MACHINE)
    if foreign is not None and foreign > QUIET_BELOW:
        yield f"  the machine was not quiet: others took {foreign:.0f} % of the measured core; measure again"
    for streams in (100, 500):
        for column in _COLUMNS:
            figures = (f"paced{streams}_{name}" for name in ("achieved", "busy", "load_busy"))
            achieved, busy, load_busy = (results.median(figure, column) for figure in figures)
            who = f"{column}, {streams} streams"
            if achieved is not None and achieved < BEHIND_BELOW:
                yield f"  {who}: FELL BEHIND, {achieved:.1f} % of the expected events"
            if busy is not None and busy > FULL_ABOVE:
                yield f"  {who}: its core was full; events wait, share reads, and each then costs less"
            if load_busy is not None and load_busy > FULL_ABOVE:
                yield f"  {who}: the load's core was full; rate and latency are the load's too"


def table(results: Results) -> str:
    """Every measured row, then remarks, then the aims."""
    lines = []
    for title, rows in _SECTIONS:
        measured = [row for row in rows if any(results.runs(row.metric, column) for column in _COLUMNS)]
        if measured:
            lines += ["", title, _line("", iter([*_COLUMNS, "by nginx"]))]
            lines += [_line(row.label, _cells(row, results)) for row in measured]
    remarks = list(_remarks(results))
    if remarks:
        lines += ["", "Remarks", *remarks]
    lines += ["", "Aims"]
    for aim in AIMS:
        value = aim.figure(results)
        shown = "" if value is None else f"{value:,.1f}{aim.unit}, "
        lines.append(f"  {aim.text}: {shown}aim {aim.bound:g}{aim.unit}: {aim.verdict(results)}")
    return "\n".join(lines)


def environment() -> dict[str, str]:
    """What the figures depend on."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    nginx = subprocess.run([find_tool("nginx"), "-v"], capture_output=True, text=True, check=True).stderr
    return {
        "cpu": model[0].partition(":")[2].strip() if model else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "nginx": nginx.strip().rpartition("/")[2],
    }


def as_json(results: Results, *, quick: bool, runs: int) -> bytes:
    """The same figures with the value of every run."""
    aims = [
        {"aim": a.text, "bound": a.bound, "value": a.figure(results), "verdict": a.verdict(results)}
        for a in AIMS
    ]
    document = {
        "environment": environment(),
        "quick": quick,
        "runs": runs,
        "metrics": results.as_json(),
        "aims": aims,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
