"""A real process, killed with SIGKILL again and again: no row is lost, none is counted twice."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ai_gateway.store.accounting import SqliteAccounting
from ai_gateway.store.migrate import ensure_schema
from ai_gateway.store.spool import Spool
from ai_gateway.store.writer import Writer
from tests.unit.store.support import files

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

CHILD = """
import os, pathlib, sys
from ai_gateway.store import spool as spool_module
from ai_gateway.store.accounting import SqliteAccounting
from ai_gateway.store.spool import Spool
from ai_gateway.store.writer import Writer
from tests.unit.store.support import row
folder, name, segment_bytes = pathlib.Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
spool_module.SEGMENT_BYTES = segment_bytes
spool = Spool(folder / "spool", max_bytes=1 << 30)
writer = Writer(spool, SqliteAccounting(folder / "gateway.db"))
writer.start()
for i in range(10**9):
    spool.append(row(id=f"{name}-{i}", error_message="x" * (i % 700)))
    os.write(1, b"%d\\n" % i)  # the caller has its last byte
"""


def run_and_kill(folder: Path, name: str, *, rows: int, segment_bytes: int) -> int:
    """Let a process append at least `rows` rows, kill it; how many appends had returned."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), name, str(segment_bytes)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    said = b""
    while said.count(b"\n") < rows:
        chunk = os.read(process.stdout.fileno(), 65_536)
        assert chunk, "the process has ended by itself"
        said += chunk
    process.send_signal(signal.SIGKILL)
    said += process.stdout.read()
    process.stdout.close()
    assert process.wait(30) == -signal.SIGKILL
    return said.count(b"\n")


def test_every_row_whose_append_returned_is_there_once(tmp_path: Path) -> None:
    ensure_schema(tmp_path / "gateway.db")
    acknowledged: dict[str, int] = {}
    for life, rows in enumerate((1, 37, 1500, 4000, 250, 7000)):
        name = f"life{life}"
        acknowledged[name] = run_and_kill(
            tmp_path, name, rows=rows, segment_bytes=20_000 if life % 2 else 1 << 20
        )

    spool = Spool(tmp_path / "spool", max_bytes=1 << 30)
    writer = Writer(spool, SqliteAccounting(tmp_path / "gateway.db"))
    writer.start()
    assert writer.flush(60.0)
    writer.stop()
    spool.close()

    with closing(sqlite3.connect(tmp_path / "gateway.db")) as connection:
        names = {name for (name,) in connection.execute("SELECT id FROM requests")}
        counted = connection.execute("SELECT sum(requests), sum(input_tokens) FROM usage_daily").fetchone()
    for name, count in acknowledged.items():
        own = {other for other in names if other.startswith(f"{name}-")}
        assert {f"{name}-{i}" for i in range(count)} <= own
        assert len(own) <= count + 1  # the one in whose append it died may be there, too
    assert counted == (len(names), 3 * len(names))
    assert not files(tmp_path / "spool", "*.jsonl")
    assert not files(tmp_path / "spool", "*.bad")
