"""Databases to copy: one of the newest schema takes 0.1 s of CPU to make, and the first of a process 0.8.

How they come to be is what `tests/unit/store/test_migrate.py`, `tests/unit/cli/test_first_launch.py` and
`tests/e2e/test_cli.py` are about.
"""

from __future__ import annotations

import atexit
import shutil
import sqlite3
import tempfile
from contextlib import closing
from functools import cache
from pathlib import Path

from argon2 import PasswordHasher

from ai_gateway.cli.first_launch import ADMIN_STATE, DEMO_STATE, DONE
from ai_gateway.store.accounts import PASSWORD_HASH, SESSION_SECRET
from ai_gateway.store.migrate import ensure_schema
from ai_gateway.store.passwords import new_password, new_secret


def empty_database(path: Path) -> None:
    """At `path`: what `ensure_schema` leaves of a new one. Its folder is made."""
    _copy(_empty(), path)


def launched_database(path: Path) -> None:
    """At `path`: what a first launch leaves, of an admin whose password is lost and of a demo client that
    was deleted."""
    _copy(_launched(), path)


def _copy(template: Path, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(template, path)
    path.chmod(0o600)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ai-gateway-databases-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _empty() -> Path:
    path = _folder() / "empty.db"
    ensure_schema(path)
    return path


@cache
def _launched() -> Path:
    path = _folder() / "launched.db"
    empty_database(path)
    settings = {
        ADMIN_STATE: DONE,
        DEMO_STATE: DONE,
        PASSWORD_HASH: PasswordHasher(1, 64, 1).hash(new_password()),
        SESSION_SECRET: new_secret(),
    }
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany("INSERT INTO settings (name, value) VALUES (?, ?)", settings.items())
    return path
