from __future__ import annotations

import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from ai_gateway.store import migrate, sqlite
from ai_gateway.store.migrate import REVISIONS, ensure_schema
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.schema import metadata
from tests.unit.store.support import run_python

MIGRATE = """
import pathlib, sys
from ai_gateway.store.migrate import ensure_schema
from ai_gateway.store.protocols import StoreError
if len(sys.argv) > 2:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    ensure_schema(pathlib.Path(sys.argv[1]))
except StoreError as error:
    sys.exit(f"refused: {error}")
print(sorted({"alembic", "sqlalchemy"} & set(sys.modules)))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data of 100% & #1?" / "gateway.db"


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def definitions(path: Path) -> Iterator[tuple[str, frozenset[str]]]:
    """Of each table and index: its name and the parts of its SQL, whose order may differ."""
    for name, sql in query(path, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name"):
        if name != "alembic_version":
            yield str(name), frozenset(part.strip(" ,\t") for part in re.split(r"\n|,\s", str(sql)))


def test_the_migrations_yield_the_schema(path: Path, tmp_path: Path) -> None:
    ensure_schema(path)
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(path))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()

    straight = create_engine(f"sqlite:///{tmp_path / 'straight.db'}")
    metadata.create_all(straight)
    straight.dispose()
    assert list(definitions(path)) == list(definitions(tmp_path / "straight.db"))


def test_the_known_revisions_are_those_in_the_folder() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    walked = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(walked)) == REVISIONS


def test_a_new_database_is_private_and_in_wal_mode(path: Path) -> None:
    ensure_schema(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert query(path, "PRAGMA journal_mode") == [("wal",)]
    assert query(path, "SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]
    assert query(path, "SELECT id, version FROM changes") == [(1, 0)]


def test_a_second_start_changes_nothing_and_imports_little(path: Path) -> None:
    ensure_schema(path)
    before = path.read_bytes()
    done = run_python(MIGRATE, str(path))
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
    assert path.read_bytes() == before


def test_processes_that_migrate_at_once(path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", MIGRATE, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert query(path, "SELECT id, version FROM changes") == [(1, 0)]
    assert query(path, "SELECT version_num FROM alembic_version") == [(REVISIONS[-1],)]


def test_a_failed_migration_leaves_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        connection.execute("CREATE TABLE usage_daily (day TEXT)")  # one of the last tables, in the way
    with pytest.raises(StoreError, match="usage_daily"):
        ensure_schema(path)
    tables = query(path, "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    assert tables == [("alembic_version",), ("usage_daily",)]


def test_a_newer_programs_database_is_refused(path: Path) -> None:
    ensure_schema(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(StoreError, match=r"newer ai-gateway.*9999"):
        ensure_schema(path)


def test_another_programs_database_is_refused_untouched(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE clients (id INTEGER)")
    with pytest.raises(StoreError, match="another program's"):
        ensure_schema(path)
    assert query(path, "SELECT name FROM sqlite_master") == [("clients",)]


def test_what_is_no_database(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"this is a text file, and a long one at that" * 100)
    with pytest.raises(StoreError, match="not an SQLite database"):
        ensure_schema(path)


def test_a_folder_in_its_place(path: Path) -> None:
    path.mkdir(parents=True)
    with pytest.raises(StoreError, match="cannot be opened"):
        ensure_schema(path)


def test_a_file_where_its_folder_should_be(path: Path) -> None:
    path.parent.write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        ensure_schema(path)


def test_a_place_that_cannot_be_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_schema(path)
    monkeypatch.setattr("os.access", lambda place, mode: Path(place) != path.parent)
    with pytest.raises(StoreError, match=f"{re.escape(str(path.parent))} cannot be written"):
        ensure_schema(path)


def test_a_locked_database(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.parent.mkdir()
    monkeypatch.setattr(migrate, "_WAL_DEADLINE_S", 0.1)
    monkeypatch.setattr(sqlite, "connect", partial(sqlite.connect, timeout_s=0.1))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked by another program"):
            ensure_schema(path)
        other.execute("ROLLBACK")
    ensure_schema(path)


def test_a_locked_database_that_needs_no_migration_does_not_hold_up_the_start(path: Path) -> None:
    ensure_schema(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ensure_schema(path)


@pytest.mark.skipif(sys.platform == "win32", reason="there are no limits on a file's size")
@pytest.mark.parametrize("room", [0, 4096, 20_000])
def test_no_room_on_the_disk(path: Path, room: int) -> None:
    done = run_python(MIGRATE, str(path), str(room))
    assert done.returncode == 1
    assert done.stderr.startswith("refused: "), done.stderr
    assert "disk" in done.stderr
    ensure_schema(path)  # with room, it goes on from there
