"""Brings a database to this program's schema, before anything else opens it."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from pathlib import Path

from ai_gateway.store import sqlite
from ai_gateway.store.protocols import StoreError

__all__ = ["REVISIONS", "ensure_schema"]

REVISIONS = ("0001", "0002", "0003", "0004")
"""Those in `migrations/versions`, oldest first: known here, so that a start without a migration does not
pay for importing Alembic."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_WAL_DEADLINE_S = 10.0
_WAL_RETRY_S = 0.02


def ensure_schema(path: Path) -> None:
    """Create the database at `path` (mode 0600), or migrate it, in one transaction; WAL mode on.

    Several processes may do this at once: the first migrates, the others wait and find it done.

    Raises: StoreError where it cannot be used, or was written by a newer program; says what to do.
    """
    try:
        _create_file(path)
        connection = sqlite.connect(path)
        try:
            revision = _revision(connection)
            _use_wal(connection)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise sqlite.fault(error, path) from error
    except OSError as error:
        raise StoreError(f"the database {path} cannot be used: {error.strerror or error}") from error
    if revision == REVISIONS[-1]:
        return
    if revision is None:
        _refuse_foreign(path)
    elif revision not in REVISIONS:
        raise StoreError(
            f"the database {path} was written by a newer ai-gateway (schema {revision}, known up to "
            f"{REVISIONS[-1]}): install that one, or restore an older backup"
        )
    _migrate(path)


def _create_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # It holds request bodies and encrypted credentials; SQLite gives its -wal and -shm the same mode.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for place in (path, path.parent):
        if not os.access(place, os.W_OK):  # SQLite would open it read-only, and fail at the first write
            raise PermissionError(errno.EACCES, f"{place} cannot be written")


def _revision(connection: sqlite3.Connection) -> str | None:
    if not _has_table(connection, "alembic_version"):
        return None
    row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row and str(row[0])


def _has_table(connection: sqlite3.Connection, name: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.execute(query, (name,)).fetchone() is not None


def _use_wal(connection: sqlite3.Connection) -> None:
    """Readers and the writer do not block each other; the mode is kept in the file.

    The switch needs the file alone, and SQLite does not always wait for that: a process that starts
    at the same moment is waited for here.
    """
    deadline = time.monotonic() + _WAL_DEADLINE_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(_WAL_RETRY_S)


def _refuse_foreign(path: Path) -> None:
    try:
        connection = sqlite.connect(path)
        try:
            # One statement: another process may have migrated it since we looked.
            query = """SELECT count(*) > 0 AND sum(name = 'alembic_version') = 0
                       FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"""
            foreign = connection.execute(query).fetchone()[0]
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise sqlite.fault(error, path) from error
    if foreign:
        raise StoreError(
            f"{path} is another program's database: move that file away, or set another database.path"
        )


def _migrate(path: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.pool import NullPool

    engine = create_engine("sqlite://", creator=lambda: sqlite.connect(path), poolclass=NullPool)
    # Taking the write lock first makes the second of two processes wait, then find nothing to do.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise sqlite.fault(error.orig, path) from error
    finally:
        engine.dispose()
