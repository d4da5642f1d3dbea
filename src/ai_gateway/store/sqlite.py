"""SQLite connections, and what its errors mean to an admin."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ai_gateway.store.protocols import StoreError

__all__ = ["BUSY_TIMEOUT_S", "connect", "fault", "uri"]

BUSY_TIMEOUT_S = 5.0

# On each parameter of these two types the driver looks for a protocol: that fails, with an exception made and
# thrown away, and takes more than all else that it does for a row. An adapter is found at once.
sqlite3.register_adapter(bool, int)
sqlite3.register_adapter(type(None), {None: None}.get)

_REMEDIES = {
    sqlite3.SQLITE_BUSY: "is locked by another program: end that program, or try again",
    sqlite3.SQLITE_LOCKED: "is locked by another program: end that program, or try again",
    sqlite3.SQLITE_READONLY: "cannot be written: check the owner and mode of the file and its folder",
    sqlite3.SQLITE_PERM: "cannot be written: check the owner and mode of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that the folder exists and that both can be written",
    sqlite3.SQLITE_FULL: "cannot grow, the disk is full: make room",
    sqlite3.SQLITE_IOERR: "cannot be read or written: check the disk and the room on it",
    sqlite3.SQLITE_CORRUPT: "is damaged: restore it from a backup",
    sqlite3.SQLITE_NOTADB: "is not an SQLite database: move that file away, or set another database.path",
}

CACHE_KIB = 512
"""Of pages, for each connection: the newest rows are what is touched, and the system caches the file."""


def uri(path: Path, *, create: bool = False) -> str:
    """SQLite's URI of a file, which must exist unless `create`."""
    return f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"


def connect(
    path: Path, *, create: bool = False, timeout_s: float = BUSY_TIMEOUT_S, any_thread: bool = False
) -> sqlite3.Connection:
    """A connection in autocommit mode: transactions begin where the code says BEGIN.

    `timeout_s` is how long it waits for other writers. Raises: sqlite3.Error.
    """
    connection = sqlite3.connect(
        uri(path, create=create),
        uri=True,
        timeout=timeout_s,
        isolation_level=None,
        check_same_thread=not any_thread,
    )
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


def fault(error: BaseException | None, path: Path) -> StoreError:
    """What to tell an admin about an error of SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    if isinstance(code, int):
        remedy = _REMEDIES.get(code & 0xFF)  # the low byte is the class, the rest its detail
        if remedy is not None:
            return StoreError(f"the database {path} {remedy}")
    return StoreError(f"the database {path} cannot be used: {error}")
