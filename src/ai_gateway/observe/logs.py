"""Logs: JSON lines, or text on a terminal; one line a request; no bodies, no keys."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import repeat
from operator import itemgetter
from typing import Literal, TextIO

import msgspec
from msgspec.structs import astuple

from ai_gateway.core.record import RequestRecord

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
_AT, _ID, _TRACE, _STATUS = map(
    RequestRecord.__struct_fields__.index, ("started_at", "id", "trace", "status")
)
_shown = itemgetter(*map(RequestRecord.__struct_fields__.index, _REQUEST_FIELDS))
_Line = msgspec.defstruct(
    "_Line",
    [
        *((name, str) for name in ("time", "level", "event", "id")),
        *((name, object) for name in _REQUEST_FIELDS),
        ("trace_id", str | msgspec.UnsetType, msgspec.UNSET),
    ],
    gc=False,
)
_encoder = msgspec.json.Encoder()
_DELETE = "\x7f"
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

    def write(self, records: Sequence[RequestRecord]) -> None:
        """A request's level is info; warning where it ended with 5xx, error where that was our own fault."""
        least = logging.getLogger("ai_gateway.requests").getEffectiveLevel()
        if least > logging.INFO:
            records = [record for record in records if _level(record) >= least]
        if not records:
            return
        try:
            self._stream.write(self._lines(records))
            self._stream.flush()
        except (OSError, ValueError):
            return  # nobody reads the log any more: no reason to stop serving


def _level(record: RequestRecord) -> int:
    if record.status < 500:
        return logging.INFO
    return logging.ERROR if record.error == "internal_error" else logging.WARNING


def _json_lines(records: Sequence[RequestRecord]) -> str:
    """Made by column, encoded at once: most batches have nothing in them that a terminal could not show."""
    columns = tuple(zip(*map(astuple, records), strict=True))
    levels = repeat("info") if max(columns[_STATUS]) < 500 else [_LEVELS[_level(each)] for each in records]
    moments = map(_moment, columns[_AT])
    traces = map(_trace_id, columns[_TRACE])
    lines = list(map(_Line, moments, levels, repeat("request"), columns[_ID], *_shown(columns), traces))
    text = _encoder.encode_lines(lines).decode()
    if text.isascii() and _DELETE not in text:
        return text
    return "".join([_json(line) + "\n" for line in lines])


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


@lru_cache(maxsize=64)
def _moment(ms: int) -> str:
    """As `_time`: many rows fall into one second, and some into one millisecond."""
    return f"{_second(ms // 1000)}.{ms % 1000:03d}Z"


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
