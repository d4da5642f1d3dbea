"""docs/performance.md: the part that a run writes, its plots, and the figures that they come from.

`python -m bench.page` writes page and plots again, from the figures of the run that is checked in.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from bench.aims import AIMS
from bench.jobs import CURVE
from bench.report import Report, as_json, bound_of, columns, figure_of, read, remarks
from bench.results import COLUMNS, Results
from bench.svg import COLOURS, curves, dots

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "performance.md"
FOLDER = DOCS / "performance"
FIGURES = FOLDER / "figures.json"
BEGIN, END = "<!-- bench: from here on written by `make bench` -->", "<!-- bench: to here -->"
_COLOURS = dict(zip(COLUMNS, COLOURS, strict=True))

_ROWS = (
    ("CPU a request, µs", "chat_cpu_us", 1),
    ("requests/s, one core", "chat_rps", 0),
    ("added latency at half load, p50, ms", "rate_added_p50_ms", 2),
    ("added latency at half load, p99, ms", "rate_added_p99_ms", 2),
    ("CPU a chunk, 100 paced streams, µs", "paced100_cpu_us", 1),
    ("chunks delivered, 100 paced streams, %", "paced100_achieved", 1),
    ("chunks delivered, 500 paced streams, %", "paced500_achieved", 1),
    ("RSS idle, MB", "rss_idle_mb", 1),
    ("RSS under load, MB", "rss_load_mb", 1),
    ("second start to first 200, ms", "start_ms", 0),
)
_DOTS = (
    ("cpu-a-request", "CPU time a chat request (logarithmic scale)", "µs", "chat_cpu_us"),
    (
        "cpu-a-chunk",
        "CPU time a chunk, 100 streams with one each 10 ms (logarithmic scale)",
        "µs",
        "paced100_cpu_us",
    ),
    ("memory", "Memory of an idle process, RSS (logarithmic scale)", "MB", "rss_idle_mb"),
)
LEAST_DELIVERED = 50.0
"""In per cent of the expected chunks: of a server that delivers fewer, the cost of a chunk says nothing."""
_LATENCY = ("latency", "Latency of a chat request at half load, by percentile (logarithmic scale)")


def write(report: Report) -> None:
    """Write figures, plots and the page's generated part; what people wrote around it stays.

    Raises:
        OSError: a file cannot be read or written.
    """
    FOLDER.mkdir(exist_ok=True)
    FIGURES.write_bytes(as_json(report))
    for name, text in plots(report.results).items():
        (FOLDER / name).write_text(text)
    before, _, rest = PAGE.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{generated(report)}\n\n{END}{after}")


def generated(report: Report) -> str:
    """What stands between the marks."""
    results = report.results
    parts = [
        "### What was measured",
        _table(["", ""], ([name, value] for name, value in report.environment.items())),
        f"Rounds: {report.rounds}. Figures are medians; in brackets, from the least to the most of a round.",
        "### Aims",
        _table(
            ["aim", "bound", "measured", ""],
            ([aim.text, bound_of(aim), figure_of(aim, results), aim.verdict(results)] for aim in AIMS),
        ),
        "### Side by side",
        _table(["", *columns(results)], _rows(results)),
        *(f"![{title}](performance/{name}.svg)" for name, title in _plot_titles(results)),
    ]
    said = remarks(report)
    if said:
        parts += ["### Remarks", "\n".join(f"- {remark}" for remark in said)]
    return "\n\n".join(parts)


def _table(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def _rows(results: Results) -> Iterator[list[str]]:
    for label, metric, digits in _ROWS:
        cells = [results.median(metric, column) for column in columns(results)]
        if any(cell is not None for cell in cells):
            told = ["" if cell is None else f"{cell:,.{digits}f}" for cell in cells]
            yield [label, *_unless_behind(results, metric, told)]
    for label, metric in (
        ("CPU a request, by nginx's", "chat_cpu_us"),
        ("CPU a chunk, by nginx's", "paced100_cpu_us"),
    ):
        ratios = [results.ratio(metric, of=column) for column in columns(results)]
        told = ["" if ratio is None else f"{ratio:,.1f}x" for ratio in ratios]
        yield [label, *_unless_behind(results, metric, told)]


def _unless_behind(results: Results, metric: str, cells: list[str]) -> list[str]:
    """A row's cells, where a server fell behind told so."""
    pairs = zip(columns(results), cells, strict=True)
    return [cell if _keeps_up(results, metric, column) else "fell behind" for column, cell in pairs]


def _keeps_up(results: Results, metric: str, column: str) -> bool:
    delivered = results.median("paced100_achieved", column) if metric == "paced100_cpu_us" else None
    return delivered is None or delivered >= LEAST_DELIVERED


def _plot_titles(results: Results) -> Iterator[tuple[str, str]]:
    drawn = plots(results)
    for name, title in (*((name, title) for name, title, _, _ in _DOTS), _LATENCY):
        if f"{name}.svg" in drawn:
            yield name, title


def plots(results: Results) -> dict[str, str]:
    """SVG by the name of its file; of what was measured."""
    drawn = {}
    for name, title, unit, metric in _DOTS:
        values = {column: results.median(metric, column) for column in columns(results)}
        known = {
            column: value for column, value in values.items() if value and _keeps_up(results, metric, column)
        }
        if known:
            drawn[f"{name}.svg"] = dots(title, unit, known, _COLOURS)
    lines = dict(_latencies(results))
    if lines:
        places = [place.replace("p999", "p99.9") for place in CURVE]
        drawn[f"{_LATENCY[0]}.svg"] = curves(_LATENCY[1], "ms", places, lines, _COLOURS)
    return drawn


def _latencies(results: Results) -> Iterator[tuple[str, list[float]]]:
    for column in columns(results):
        values = [results.median(f"rate_{place}_ms", column) for place in CURVE]
        known = [value for value in values if value is not None]
        if len(known) == len(values):
            yield column, known


def main() -> int:
    """Write again from the figures that are there."""
    write(read(FIGURES.read_bytes()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
