"""Reads of the history, and the program that answers them, in a process beside the gateway.

`reader.py` starts it as `python -m ai_gateway.store.reads URI CACHE_KIB WAY`, so that a long read takes
neither the interpreter nor the processor from a request. It imports next to nothing: it is there in a moment,
and takes little memory. On stdin come `Ask`s, on stdout go `Told`s, each MessagePack after its length (4
bytes, big-endian).
"""

from __future__ import annotations

import csv
import io
import os
import signal
import sqlite3
import sys
import threading
from collections.abc import Sequence
from queue import SimpleQueue
from typing import BinaryIO, Literal

import msgspec

from ai_gateway.store.courtesy import Courtesy

__all__ = ["LENGTH_BYTES", "Ask", "Told", "Value", "Way", "answer", "framed", "give_way"]

LENGTH_BYTES = 4
THREADS = 3
"""Reads at the same time: a long report does not hold up a page."""
BUSY_TIMEOUT_S = 5.0

Value = str | int | float | None
Way = Literal["idle", "nice"]
"""`idle`: takes what processor time nobody else wants; `nice`: a tenth of what the gateway gets beside it."""
_NICE: dict[Way, int] = {"idle": 19, "nice": 10}
LOOK_OPS = 4000
"""Of SQLite's virtual machine: some 0.2 ms."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Ask(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """One SELECT, and the form in which its rows are wanted."""

    sql: str
    values: dict[str, Value]
    form: Literal["rows", "json", "csv"] = "rows"
    """`json`: an array of objects by column; `csv`: lines without a head."""
    most: int | None = None
    """Rows that `json` and `csv` may hold; `count` tells of all."""
    key: tuple[int, ...] = ()
    """Columns of which the last row's values are told."""
    number: int = 0
    more: tuple[tuple[str, dict[str, Value]], ...] = ()
    """Further SELECTs that see the same moment. What is told is one JSON array, whatever the form: for each
    SELECT an array of objects by column."""


class Told(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """The answer to the `Ask` with this number."""

    number: int
    count: int = 0
    rows: list[list[Value]] = []
    text: bytes = b""
    last: list[Value] = []
    fault: str | None = None
    fault_code: int | None = None
    """SQLite's extended code."""


def answer(connection: sqlite3.Connection, ask: Ask) -> Told:
    """Blocking. Never raises sqlite3.Error: a fault is told."""
    try:
        if ask.more:
            return Told(number=ask.number, text=_at_one_moment(connection, ask))
        names, rows = _found(connection, ask.sql, ask.values)
    except sqlite3.Error as error:
        return Told(number=ask.number, fault=str(error), fault_code=getattr(error, "sqlite_errorcode", None))
    last = [rows[-1][index] for index in ask.key] if rows else []
    shown = rows[: ask.most]
    if ask.form == "rows":
        return Told(number=ask.number, count=len(rows), rows=shown, last=last)
    text = _csv(shown) if ask.form == "csv" else msgspec.json.encode(_objects(names, shown))
    return Told(number=ask.number, count=len(rows), text=text, last=last)


_Rows = list[list[Value]]
"""The driver's are tuples, which are written alike."""


def _at_one_moment(connection: sqlite3.Connection, ask: Ask) -> bytes:
    """Raises: sqlite3.Error."""
    connection.execute("BEGIN")
    try:
        found = [_found(connection, *each) for each in ((ask.sql, ask.values), *ask.more)]
    finally:
        connection.rollback()
    return msgspec.json.encode([_objects(names, rows) for names, rows in found])


def _found(connection: sqlite3.Connection, sql: str, values: dict[str, Value]) -> tuple[list[str], _Rows]:
    cursor = connection.execute(sql, values)
    return [column[0] for column in cursor.description], cursor.fetchall()


def _objects(names: Sequence[str], rows: Sequence[Sequence[Value]]) -> list[dict[str, Value]]:
    return [dict(zip(names, row, strict=True)) for row in rows]


def _csv(rows: Sequence[Sequence[Value]]) -> bytes:
    """Lines of RFC 4180. Texts that a spreadsheet would take for a formula get a quote."""
    buffer = io.StringIO()
    csv.writer(buffer).writerows([_cell(value) for value in row] for row in rows)
    return buffer.getvalue().encode()


def _cell(value: Value) -> Value:
    # Source: OWASP, "CSV Injection".
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def framed(message: Ask | Told) -> bytes:
    data = msgspec.msgpack.encode(message)
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


class _Answerer:
    """Threads that take asks off a queue, each with its own connection."""

    def __init__(self, uri: str, cache_kib: int, out: BinaryIO, way: Way) -> None:
        self.asks: SimpleQueue[Ask] = SimpleQueue()
        self._uri, self._cache_kib = uri, cache_kib
        self._rests = way == "idle"
        self._out, self._writing = out, threading.Lock()

    def start(self) -> None:
        for _ in range(THREADS):
            threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while True:
            ask = self.asks.get()
            try:
                connection = connection or self._connect()
                told = answer(connection, ask)
            except sqlite3.Error as error:
                told = Told(number=ask.number, fault=str(error), fault_code=error.sqlite_errorcode)
            if told.fault is not None and connection is not None:
                connection.close()  # it may be the connection's fault
                connection = None
            self._send(framed(told))

    def _send(self, data: bytes) -> None:
        try:
            with self._writing:
                self._out.write(data)
                self._out.flush()
        except OSError:
            os._exit(0)  # nobody listens any more

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
        connection.execute("PRAGMA query_only = ON")
        connection.execute(f"PRAGMA cache_size = -{self._cache_kib}")
        if self._rests:
            connection.set_progress_handler(Courtesy().look, LOOK_OPS)
        return connection


def give_way(way: Way, pid: int = 0) -> None:
    """Set the priority of a process (0: this one). Raises: OSError."""
    if sys.platform == "linux" and way == "idle":
        # Whatever wakes up is run at once instead of this; the nicest of ordinary processes is not left
        # before its slice ends, some milliseconds (sched(7)).
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    elif sys.platform != "win32":
        os.setpriority(os.PRIO_PROCESS, pid, _NICE[way])


def main() -> None:
    """Answer until stdin ends: that is how the gateway, or its death, ends this."""
    uri, cache_kib, way = sys.argv[1:]
    for name in (signal.SIGINT, signal.SIGTERM):  # sent to a whole group: the gateway decides
        signal.signal(name, signal.SIG_IGN)
    own: Way = "idle" if way == "idle" else "nice"
    give_way(own)
    answerer = _Answerer(uri, int(cache_kib), sys.stdout.buffer, own)
    answerer.start()
    decoder = msgspec.msgpack.Decoder(Ask)
    while length := sys.stdin.buffer.read(LENGTH_BYTES):
        answerer.asks.put(decoder.decode(sys.stdin.buffer.read(int.from_bytes(length, "big"))))
    os._exit(0)  # a read that still runs has no reader


if __name__ == "__main__":
    main()
