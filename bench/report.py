"""The results as a table for people and as JSON for programs."""

import datetime
import platform
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.aims import AIMS, Aim, behind, busy_machine, shared_load
from bench.procs import find_tool
from bench.results import COLUMNS, GATEWAY, NGINX, Results, Summary, summary

_LABEL_WIDTH, _WIDTH = 38, 13


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A run: what it depends on, and the value of every round."""

    environment: dict[str, str]
    rounds: int
    quick: bool
    notes: list[str]
    metrics: dict[str, dict[str, list[float]]]

    @property
    def results(self) -> Results:
        return Results(self.metrics)


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
    _Row("chat_rss_mb", "RSS at most, MB", 1),
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
        _Row(f"{kind}_rss_mb", "RSS at most, MB", 1),
        _Row(f"{kind}_busy", "its core busy, %", 0),
        _Row(f"{kind}_load_busy", "load's core busy, %", 0),
    ]
    if kind == "paced5000":
        rows.append(_Row(f"{kind}_rss_kb_each", "RSS for each open stream, kB", 1, True))
    if kind != "fast32":
        rows.insert(1, _Row(f"{kind}_achieved", "of the expected rate, %", 1))
    return tuple(rows)


_SECTIONS = (
    ("Chat requests: 1 KB in, 0.7 KB out, 64 connections, as fast as they go", _CHAT),
    ("Chat requests at half of ai-gateway's rate (peers: of their own), at random times", _RATE),
    ("32 streams, as fast as the upstream writes", _stream_rows("fast32")),
    ("100 streams, one event each 10 ms", _stream_rows("paced100")),
    ("500 streams, one event each 10 ms", _stream_rows("paced500")),
    ("5,000 streams, one event each 100 ms", _stream_rows("paced5000")),
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
        "Control path: dashboard, socket, queries of the whole history and an export, at half load",
        (
            _Row("quiet_p50_ms", "latency p50 without, ms", 2),
            _Row("control_p50_ms", "latency p50 with, ms", 2),
            _Row("quiet_p99_ms", "latency p99 without, ms", 2),
            _Row("control_p99_ms", "latency p99 with, ms", 2),
            _Row("control_exported_rows", "rows exported meanwhile", 0),
            _Row("control_history_queries", "queries of the history meanwhile", 0),
            _Row("control_messages", "socket's messages meanwhile", 0),
        ),
    ),
    (
        "Worker processes: two cores, which the load shares",
        (
            _Row("workers1_rps", "one: requests/s", 0),
            _Row("workers2_rps", "two: requests/s", 0),
            _Row("workers1_cpu_us", "one: CPU us a request", 1),
            _Row("workers2_cpu_us", "two: CPU us a request", 1),
        ),
    ),
    (
        "Process tree",
        (
            _Row("rss_idle_mb", "RSS idle, MB", 1, True),
            _Row("rss_load_mb", "RSS under load, MB", 1, True),
            _Row("start_ms", "second start to first 200, ms", 0, True),
        ),
    ),
)


def columns(results: Results) -> list[str]:
    """The targets that were measured."""
    return [column for column in COLUMNS if column in results.targets()]


def _cells(row: _Row, results: Results, shown: list[str]) -> Iterator[str]:
    for column in shown:
        value = results.median(row.metric, column)
        yield "-" if value is None else f"{value:,.{row.digits}f}"
    yield _spread(summary(results.runs(row.metric, GATEWAY)))
    ratio = summary(results.ratios(row.metric)) if row.compared and NGINX in shown else None
    yield "" if ratio is None else f"{ratio.median:.2f}x"


def _spread(found: Summary | None) -> str:
    return "" if found is None or found.least == found.most else f"{100 * found.spread:.0f} %"


def _line(label: str, cells: Iterator[str]) -> str:
    return f"  {label:<{_LABEL_WIDTH}}" + "".join(f"{cell:>{_WIDTH}}" for cell in cells)


def remarks(report: Report) -> list[str]:
    """What a reader must know before comparing."""
    busy = busy_machine(report.results)
    quick = ["one short round: these figures are rough"] if report.quick else []
    return [
        *quick,
        *([] if busy is None else [busy]),
        *report.notes,
        *behind(report.results),
        *shared_load(report.results),
    ]


def figure_of(aim: Aim, results: Results) -> str:
    """The median, and from which least to which most value the rounds went."""
    found = aim.summary(results)
    if found is None:
        return ""
    digits = 2 if aim.unit in ("x", " ms") and found.median < 100 else 1
    least, median, most = (f"{value:,.{digits}f}" for value in (found.least, found.median, found.most))
    return f"{median}{aim.unit}" + (f" ({least} to {most})" if least != most else "")


def bound_of(aim: Aim) -> str:
    """The bound as text."""
    return f"{'at least' if aim.at_least else 'at most'} {aim.bound:g}{aim.unit}"


def table(report: Report) -> str:
    """What it depends on, every measured row, then remarks, then the aims."""
    results = report.results
    shown = columns(results)
    lines = [", ".join(f"{name} {value}" for name, value in report.environment.items())]
    for title, rows in _SECTIONS:
        measured = [row for row in rows if any(results.runs(row.metric, column) for column in shown)]
        if measured:
            lines += ["", title, _line("", iter([*shown, "its spread", "by nginx"]))]
            lines += [_line(row.label, _cells(row, results, shown)) for row in measured]
    said = remarks(report)
    if said:
        lines += ["", "Remarks", *(f"  {remark}" for remark in said)]
    lines += ["", "Aims"]
    for aim in AIMS:
        figure = figure_of(aim, results)
        lines.append(
            f"  {aim.text}: {figure + ', ' if figure else ''}{bound_of(aim)}: {aim.verdict(results)}"
        )
    return "\n".join(lines)


def environment() -> dict[str, str]:
    """What the figures depend on."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    nginx = subprocess.run([find_tool("nginx"), "-v"], capture_output=True, text=True, check=True).stderr
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "cpu": model[0].partition(":")[2].strip() if model else platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "nginx": nginx.strip().rpartition("/")[2],
    }


def as_json(report: Report) -> bytes:
    """The report, for `read`: the same whether it was measured or read."""
    plain = read(msgspec.json.encode(report))  # where a whole number was counted, a float is meant
    return msgspec.json.format(msgspec.json.encode(plain), indent=1) + b"\n"


def read(text: bytes) -> Report:
    """A report that `as_json` wrote."""
    return msgspec.json.decode(text, type=Report)
