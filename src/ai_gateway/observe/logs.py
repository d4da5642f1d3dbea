"""Logs: JSON lines, or text on a terminal; one line a request; no bodies, no keys."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from typing import Literal, TextIO

import msgspec

from ai_gateway.core.record import RequestRecord
from ai_gateway.core.rows import OWN, Rows, Shared

__all__ = ["RequestLog", "configure"]

Format = Literal["auto", "json", "text"]
_REQUEST_FIELDS = (
    "client_name",
    "endpoint",
    "provider",
    "model_asked",
    "model_served",
    "status",
    "error",
    "dialect",
    "streaming",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "usage_estimated",
    "cost_usd",
    "ttfb_ms",
    "latency_ms",
    "overhead_ms",
    "attempts",
    "key_tail",
    "caller_address",
)
_NOISY = ("uvicorn.error", "uvicorn.access", "asyncio", "aiohttp", "urllib3", "opentelemetry")
"""Loggers of libraries that are heard from warnings on."""
_ECHOING = "python_multipart"
"""A warning for each damaged form: whoever sends one could fill the log, and is told in the answer and in the
request's own line."""
_AT, _ID, _TRACE = map(OWN.index, ("started_at", "id", "trace"))
_OWN_FIELDS = ("input_tokens", "output_tokens", "cached_tokens")
_MEASURES = ("cost_usd", "ttfb_ms", "latency_ms", "overhead_ms")
_HEAD = _REQUEST_FIELDS[: _REQUEST_FIELDS.index(_OWN_FIELDS[0])]
_TAIL = ("attempts", "key_tail")
_figures = itemgetter(*map(OWN.index, _OWN_FIELDS))
_measures = itemgetter(*map(OWN.index, _MEASURES))
_ADDRESS = OWN.index("caller_address")
_Line = msgspec.defstruct(
    "_Line",
    [
        ("time", str),
        ("level", msgspec.Raw),
        ("id", str),
        (_HEAD[0], msgspec.Raw),
        *((name, int) for name in _OWN_FIELDS),
        ("usage_estimated", bool),
        *((name, float | None) for name in _MEASURES),
        (_TAIL[0], msgspec.Raw),
        ("caller_address", str | None),
        ("trace_id", str | msgspec.UnsetType, msgspec.UNSET),
    ],
    gc=False,
)
"""Of members that follow each other and are alike in many rows, the first has the JSON of all."""
_Said = tuple[msgspec.Raw, msgspec.Raw, bool, msgspec.Raw]
_encoder = msgspec.json.Encoder()
_MILLISECONDS = tuple(f".{ms:03d}Z" for ms in range(1000))
_DELETE = b"\x7f"
"""Of ASCII, the one character that no terminal shows and JSON does not escape."""
_LEVELS = {logging.INFO: "info", logging.WARNING: "warning", logging.ERROR: "error"}


def configure(*, level: str, format: Format, stream: TextIO | None = None) -> bool:  # noqa: A002 - the config's word
    """Set up the process's log; returns whether lines are JSON."""
    stream = stream or sys.stdout
    as_json = format == "json" or (format == "auto" and not stream.isatty())
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_JsonFormatter() if as_json else _TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    logging.getLogger(_ECHOING).setLevel(logging.CRITICAL)
    return as_json


class RequestLog:
    """Writes a line for each request. Called in batches from the accounting thread, off the data path."""

    def __init__(self, *, as_json: bool, stream: TextIO | None = None) -> None:
        self._lines = _json_lines if as_json else _text_lines
        self._stream = stream or sys.stdout

    def _write(self, lines: str | bytes) -> None:
        """Raises: OSError, ValueError."""
        if isinstance(lines, str):
            self._stream.write(lines)
        elif (binary := getattr(self._stream, "buffer", None)) is not None:
            binary.write(lines)  # nothing waits in the text layer: whoever writes there flushes
        else:
            self._stream.write(lines.decode())

    def write(self, records: Sequence[RequestRecord]) -> None:
        """A request's level is info; warning where it ended with 5xx, error where that was our own fault."""
        least = logging.getLogger("ai_gateway.requests").getEffectiveLevel()
        if least > logging.INFO:
            records = _of_level(records, least)
        if not records:
            return
        try:
            self._write(self._lines(records))
            self._stream.flush()
        except (OSError, ValueError):
            return  # nobody reads the log any more: no reason to stop serving


def _of_level(records: Sequence[RequestRecord], least: int) -> Sequence[RequestRecord]:
    rows = Rows.of(records)
    if all(_level(shared.first) < least for shared in set(rows.shared)):
        return []
    return [record for record in rows if _level(record) >= least]


def _level(record: RequestRecord) -> int:
    if record.status < 500:
        return logging.INFO
    return logging.ERROR if record.error == "internal_error" else logging.WARNING


def _json_lines(records: Sequence[RequestRecord]) -> str | bytes:
    """Made by column, encoded at once: most batches have nothing in them that a terminal could not show. Only
    where all is ASCII, bytes."""
    rows = Rows.of(records)
    columns = rows.columns
    levels, heads, estimated, tails = _all_said(rows)
    moments = _moments(columns[_AT])
    traces = columns[_TRACE]
    ids = repeat(msgspec.UNSET) if traces.count(None) == len(traces) else map(_trace_id, traces)
    lines = list(
        map(
            _Line,
            moments,
            levels,
            columns[_ID],
            heads,
            *_figures(columns),
            estimated,
            *_measures(columns),
            tails,
            columns[_ADDRESS],
            ids,
        )
    )
    text = _encoder.encode_lines(lines)
    if text.isascii() and _DELETE not in text:
        return text
    return "".join([_json(line) + "\n" for line in lines])


def _all_said(rows: Rows) -> Iterable[Iterable[object]]:
    """The members of `_said`, each for all rows."""
    if rows.is_alike:
        return map(repeat, _said(rows.shared[0]))
    return zip(*map(_said, rows.shared), strict=True)


def _said(shared: Shared) -> _Said:
    """What the lines say of what rows share: level and event, who asked for what and what came of it,
    whether the usage is estimated, attempts and key."""
    said: _Said | None = shared.said
    if said is None:
        row = shared.first
        said = shared.said = (
            msgspec.Raw(_encoder.encode(_LEVELS[_level(row)]) + b',"event":"request"'),
            msgspec.Raw(_members(row, _HEAD)),
            row.usage_estimated,
            msgspec.Raw(_members(row, _TAIL)),
        )
    return said


def _members(row: RequestRecord, names: Sequence[str]) -> bytes:
    """JSON of these, without the name of the first."""
    _, _, found = _encoder.encode({name: getattr(row, name) for name in names})[:-1].partition(b":")
    return found


def _moments(started: Sequence[int]) -> Iterable[str]:
    """Most batches are of one second."""
    second = started[0] // 1000
    begin, first = _second(second), 1000 * second
    if min(started) >= first:
        try:
            return [begin + _MILLISECONDS[ms - first] for ms in started]
        except IndexError:
            pass  # of a later second
    return map(_moment, started)


def _trace_id(trace: str | None) -> str | msgspec.UnsetType:
    return msgspec.UNSET if trace is None else trace.split("-")[1]


def _text_lines(records: Sequence[RequestRecord]) -> str:
    return "".join(map(_text_line, records))


def _text_line(record: RequestRecord) -> str:
    tokens = f"{record.input_tokens}+{record.output_tokens} tokens"
    error = f" {record.error}" if record.error else ""
    line = (
        f"{_moment(record.started_at)} {_LEVELS[_level(record)]} "
        f"{record.status}{error} {record.endpoint} "
        f"{record.client_name or '-'} {record.model_served or record.model_asked or '-'} "
        f"{tokens} {record.latency_ms:.0f} ms {record.id}"
    )
    return _one_line(line) + "\n"


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {
            "time": _time(record.created),
            "level": record.levelname.lower(),
            "event": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            fields["exception"] = self.formatException(record.exc_info)
        return _json(fields)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = _one_line(f"{_time(record.created)} {record.levelname.lower()} {record.getMessage()}")
        if not record.exc_info:
            return line
        # Indented: no message of an exception can pass for a line of the log.
        trace = self.formatException(record.exc_info).split("\n")
        return "\n".join([line, *(f"    {_one_line(each)}" for each in trace)])


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _moment(ms: int) -> str:
    """As `_time`."""
    return _second(ms // 1000) + _MILLISECONDS[ms % 1000]


@lru_cache(maxsize=16)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").removesuffix("+00:00")


def _json(fields: Mapping[str, object] | msgspec.Struct) -> str:
    """One line that a terminal can show, too: JSON itself escapes only the first 32 characters."""
    text = msgspec.json.encode(fields).decode()
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in text)


def _one_line(text: str) -> str:
    """No caller can forge a line, nor steer a terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
