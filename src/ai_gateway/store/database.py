"""Connections of the control path: SQLAlchemy over aiosqlite, whose queries run in threads of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ai_gateway.store import sqlite

__all__ = ["Database"]

POOL_SIZE = 2


class Database:
    """Short reads and write transactions. Other processes may change the same database at the same time."""

    def __init__(self, engine: AsyncEngine, path: Path) -> None:
        """Use `open`: it sets the connections up."""
        self._engine = engine
        self.path = path

    @classmethod
    def open(cls, path: Path, *, pool_size: int = POOL_SIZE) -> Database:
        """Of a file that `ensure_schema` has prepared; connects at its first use."""
        database, _, _ = sqlite.uri(path).partition("?")
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=database, query={"mode": "rw", "uri": "true"}),
            pool_size=pool_size,
            # Autocommit of the driver: a single SELECT then costs no BEGIN and leaves no lock behind.
            connect_args={"timeout": sqlite.BUSY_TIMEOUT_S, "isolation_level": None},
        )
        event.listen(engine.sync_engine, "connect", _set_up)
        return cls(engine, path)

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """For single statements, each of which sees one moment. Raises: StoreError."""
        async with self._faults(), self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that holds the write lock from its start: what it reads cannot change.

        Raises: StoreError; IntegrityError as it comes.
        """
        async with self._faults(), self._engine.begin() as connection:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @asynccontextmanager
    async def _faults(self) -> AsyncIterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise sqlite.fault(error.orig, self.path) from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise sqlite.fault(error, self.path) from error


def _set_up(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA secure_delete = ON")  # an old credential leaves no copy in a free page
    cursor.execute(f"PRAGMA cache_size = -{sqlite.CACHE_KIB}")
    cursor.close()
