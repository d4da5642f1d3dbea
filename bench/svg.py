"""Two kinds of plot as SVG text: values as dots on a logarithmic axis, and lines over named places."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

COLOURS = ("#6b7280", "#2563eb", "#d97706", "#059669", "#9333ea")
"""Of the series in their order; each is told apart by its label too."""
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW = 760, 110, 120, 52, 34
_HEAD = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" viewBox="0 0 {w} {h}" role="img" '
    'font-family="system-ui, sans-serif" font-size="13">\n<title>{title}</title>\n'
    '<rect width="{w}" height="{h}" fill="#ffffff"/>\n'
)


def dots(title: str, unit: str, values: Mapping[str, float], colours: Mapping[str, str]) -> str:
    """One row for each name, its value on a shared logarithmic axis and in figures. Values are above 0."""
    height = _TOP + _ROW * len(values) + 30
    axis = _Axis(values.values(), _LEFT, _WIDTH - _RIGHT)
    bottom = _TOP + _ROW * len(values)
    parts = [_head(title, height)]
    for tick in axis.ticks():
        x = axis.place(tick)
        parts += [_line(x, _TOP, x, bottom, "#e5e7eb"), _text(x, bottom + 18, f"{tick:,g} {unit}", "middle")]
    for index, (name, value) in enumerate(values.items()):
        y, x = _TOP + _ROW * (index + 0.5), axis.place(value)
        parts += [
            _text(_LEFT - 12, y + 4, name, "end"),
            _line(_LEFT, y, x, y, colours[name], 3),
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{colours[name]}"/>',
            _text(x + 12, y + 4, f"{short(value)} {unit}", "start"),
        ]
    return "\n".join([*parts, "</svg>\n"])


def curves(
    title: str,
    unit: str,
    places: Sequence[str],
    series: Mapping[str, Sequence[float]],
    colours: Mapping[str, str],
) -> str:
    """A line for each name over `places`, on a logarithmic axis. Values are above 0."""
    height, bottom, right = 380, 330, _WIDTH - _RIGHT
    axis = _Axis([value for line in series.values() for value in line], bottom, _TOP)
    step = (right - _LEFT) / (len(places) - 1)
    parts = [_head(title, height)]
    for tick in axis.ticks():
        y = axis.place(tick)
        parts += [_line(_LEFT, y, right, y, "#e5e7eb"), _text(_LEFT - 10, y + 4, f"{tick:,g} {unit}", "end")]
    for index, place in enumerate(places):
        parts.append(_text(_LEFT + step * index, bottom + 22, place, "middle"))
    ends = _apart({name: axis.place(line[-1]) for name, line in series.items()})
    for name, line in series.items():
        points = " ".join(f"{_LEFT + step * i:.1f},{axis.place(value):.1f}" for i, value in enumerate(line))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colours[name]}" stroke-width="2.5"/>')
        parts.append(_text(right + 8, ends[name] + 4, name, "start", colours[name]))
    return "\n".join([*parts, "</svg>\n"])


def short(value: float) -> str:
    """Three figures, or all of them before the point."""
    digits = max(0, 2 - math.floor(math.log10(value))) if value > 0 else 0
    return f"{value:,.{min(digits, 3)}f}"


class _Axis:
    """A logarithmic axis over whole decades, from `start` to `end` in pixels."""

    def __init__(self, values: Iterable[float], start: float, end: float) -> None:
        found = [value for value in values if value > 0]
        self._low = math.floor(math.log10(min(found)))
        self._high = max(self._low + 1, math.ceil(math.log10(max(found))))
        self._start, self._end = start, end

    def place(self, value: float) -> float:
        share = (math.log10(max(value, 10**self._low)) - self._low) / (self._high - self._low)
        return self._start + share * (self._end - self._start)

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self._low, self._high + 1)]


def _apart(places: dict[str, float], least: float = 15) -> dict[str, float]:
    """The same, moved down where labels would cover each other."""
    moved: dict[str, float] = {}
    last = -math.inf
    for name, y in sorted(places.items(), key=lambda item: item[1]):
        last = moved[name] = max(y, last + least)
    return moved


def _head(title: str, height: float) -> str:
    head = _HEAD.format(w=_WIDTH, h=f"{height:g}", title=escape(title))
    return (
        head + f'<text x="16" y="28" font-size="15" font-weight="600" fill="#111827">{escape(title)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, width: float = 1) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {ends} stroke="{colour}" stroke-width="{width:g}"/>'


def _text(x: float, y: float, text: str, anchor: str, colour: str = "#374151") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
