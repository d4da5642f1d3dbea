"""Clients, keys, usage and settings through SQLAlchemy: the control path's side of the database."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from sqlalchemy import URL, Row, Select, and_, case, delete, event, func, insert, or_, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ai_gateway.core.client import Client, ClientKey, ClientSettings
from ai_gateway.core.keys import hash_key, key_tail, new_key
from ai_gateway.store import schema, sealing, sqlite
from ai_gateway.store.crypto import SecretBox
from ai_gateway.store.protocols import DuplicateName, NoSuchClient, SpentRow, StoreError, UsageRow

__all__ = ["SqlClientStore"]

_clients, _keys, _usage = schema.clients, schema.client_keys, schema.usage_daily
_ID_BYTES = 8
_MS_A_SECOND = 1000
_POOL_SIZE = 2


class SqlClientStore:
    """A `ClientStore`. Other processes may change the same database at the same time."""

    def __init__(self, engine: AsyncEngine, box: SecretBox, path: Path) -> None:
        """Use `open`: it sets the connections up."""
        self._engine = engine
        self._box = box
        self._path = path

    @classmethod
    async def open(cls, path: Path, box: SecretBox) -> SqlClientStore:
        """The store of a database that `ensure_schema` has prepared. Raises: StoreError."""
        database, _, _ = sqlite.uri(path).partition("?")
        engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=database, query={"mode": "rw", "uri": "true"}),
            pool_size=_POOL_SIZE,
            # Autocommit of the driver: a single SELECT then costs no BEGIN and leaves no lock behind.
            connect_args={"timeout": sqlite.BUSY_TIMEOUT_S, "isolation_level": None},
        )
        event.listen(engine.sync_engine, "connect", _set_up)
        store = cls(engine, box, path)
        try:
            await store.version()
        except StoreError:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        await self._engine.dispose()

    async def version(self) -> int:
        async with self._reading() as connection:
            return int((await connection.execute(select(schema.changes.c.version))).scalar_one())

    async def list_clients(self) -> Sequence[Client]:
        return await self._load(_select_clients())

    async def get_client(self, id_or_name: str) -> Client:
        named = or_(_clients.c.id == id_or_name, _clients.c.name == id_or_name)
        found = await self._load(_select_clients().where(named))
        if not found:
            raise NoSuchClient(f"there is no client '{id_or_name}'")
        return next((client for client in found if client.id == id_or_name), found[0])

    async def create_client(self, settings: ClientSettings, *, now: datetime) -> tuple[Client, str]:
        client_id = f"cl_{secrets.token_hex(_ID_BYTES)}"
        key = new_key(settings.key_prefix)
        async with self._changing(settings.name) as connection:
            row = self._row(client_id, settings, now)
            await connection.execute(insert(_clients).values(id=client_id, created_at=_ms(now), **row))
            await connection.execute(_insert_key(client_id, key, now))
        return await self.get_client(client_id), key

    async def update_client(self, client_id: str, settings: ClientSettings, *, now: datetime) -> Client:
        settings = settings.after((await self.get_client(client_id)).settings)
        async with self._changing(settings.name) as connection:
            row = self._row(client_id, settings, now)
            done = await connection.execute(update(_clients).where(_clients.c.id == client_id).values(**row))
            _require(client_id, done.rowcount)
        return await self.get_client(client_id)

    async def set_models(self, client_id: str, models: Sequence[str]) -> None:
        async with self._changing() as connection:
            query = select(_clients.c.settings).where(_clients.c.id == client_id)
            stored = (await connection.execute(query)).scalar_one_or_none()
            _require(client_id, stored is not None)
            values = {"settings": sealing.with_models(str(stored), models)}
            await connection.execute(update(_clients).where(_clients.c.id == client_id).values(**values))

    async def delete_client(self, client_id: str) -> None:
        async with self._changing() as connection:
            await connection.execute(delete(_keys).where(_keys.c.client_id == client_id))
            done = await connection.execute(delete(_clients).where(_clients.c.id == client_id))
            _require(client_id, done.rowcount)

    async def rotate_key(self, client_id: str, *, now: datetime, grace_s: int = 0) -> str:
        async with self._changing() as connection:
            query = select(_clients.c.settings).where(_clients.c.id == client_id)
            stored = (await connection.execute(query)).scalar_one_or_none()
            _require(client_id, stored is not None)
            key = new_key(sealing.key_prefix(str(stored)))
            end = _ms(now + timedelta(seconds=grace_s))
            own = _keys.c.client_id == client_id
            sooner = case((_keys.c.expires_at < end, _keys.c.expires_at), else_=end)
            await connection.execute(update(_keys).where(own).values(expires_at=sooner))
            await connection.execute(delete(_keys).where(own, _keys.c.expires_at <= _ms(now)))
            await connection.execute(_insert_key(client_id, key, now))
        return key

    async def usage(self, *, since_day: str | None = None, client: str | None = None) -> Sequence[UsageRow]:
        name = func.coalesce(_clients.c.name, _usage.c.client_name)
        columns = (
            _usage.c.day,
            name.label("client"),
            _usage.c.model,
            _usage.c.requests,
            _usage.c.errors,
            _usage.c.input_tokens,
            _usage.c.output_tokens,
            _usage.c.cached_tokens,
            _usage.c.cost_usd,
            _usage.c.unpriced_requests,
        )
        query = select(*columns).select_from(_usage.outerjoin(_clients, _clients.c.id == _usage.c.client_id))
        if since_day is not None:
            query = query.where(_usage.c.day >= since_day)
        if client is not None:
            query = query.where(or_(_usage.c.client_id == client, name == client))
        async with self._reading() as connection:
            rows = await connection.execute(query.order_by(_usage.c.day, name, _usage.c.model))
            return [UsageRow(**row._mapping) for row in rows]

    async def spent(self, *, since_day: str) -> Sequence[SpentRow]:
        columns = (
            _usage.c.client_id,
            _usage.c.day,
            func.sum(_usage.c.admitted_requests).label("requests"),
            func.sum(_usage.c.input_tokens).label("input_tokens"),
            func.sum(_usage.c.output_tokens).label("output_tokens"),
            func.coalesce(func.sum(_usage.c.cost_usd), 0.0).label("cost_usd"),
        )
        query = select(*columns).where(_usage.c.day >= since_day).group_by(_usage.c.client_id, _usage.c.day)
        async with self._reading() as connection:
            rows = await connection.execute(query)
            return [SpentRow(**row._mapping) for row in rows]

    async def admissions(self, client_id: str, *, since_ms: int, limit: int) -> Sequence[tuple[float, int]]:
        table = schema.requests
        newest = (
            select(table.c.started_at)
            .where(table.c.client_id == client_id, table.c.started_at > since_ms, table.c.admitted)
            .order_by(table.c.started_at.desc())
            .limit(limit)
            .subquery()
        )
        last, count = func.max(newest.c.started_at), func.count()
        query = select(last, count).group_by(newest.c.started_at // _MS_A_SECOND).order_by(last)
        async with self._reading() as connection:
            rows = await connection.execute(query)
            return [(at_ms / _MS_A_SECOND, number) for at_ms, number in rows]

    async def get_setting(self, name: str) -> str | None:
        query = select(schema.settings.c.value).where(schema.settings.c.name == name)
        async with self._reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def set_setting(self, name: str, value: str) -> None:
        table = schema.settings
        async with self._writing() as connection:
            done = await connection.execute(update(table).where(table.c.name == name).values(value=value))
            if not done.rowcount:
                await connection.execute(insert(table).values(name=name, value=value))

    async def _load(self, query: Select[Any]) -> list[Client]:
        """Clients by name. One statement, so that it sees one moment."""
        async with self._reading() as connection:
            rows = (await connection.execute(query)).all()
        grouped: dict[str, list[Row[Any]]] = {}
        for row in rows:
            grouped.setdefault(row.id, []).append(row)
        return sorted((self._client(group) for group in grouped.values()), key=lambda c: c.settings.name)

    def _client(self, rows: Sequence[Row[Any]]) -> Client:
        """A client out of its row, which is repeated for each of its keys."""
        row = rows[0]
        try:
            settings = sealing.unseal(row._mapping, self._box)
        except ValidationError as error:
            reason = error.errors()[0]["msg"]
            raise StoreError(f"the stored settings of client {row.id} are not valid: {reason}") from error
        return Client(
            id=row.id,
            settings=settings,
            keys=tuple(_client_key(each) for each in rows if each.key_hash is not None),
            created_at=_time(row.created_at),
            updated_at=_time(row.updated_at),
            last_seen=None if row.last_seen is None else _time(row.last_seen),
        )

    def _row(self, client_id: str, settings: ClientSettings, now: datetime) -> Mapping[str, object]:
        return {**sealing.seal(client_id, settings, self._box), "updated_at": _ms(now)}

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        """For single statements, each of which sees one moment."""
        async with self._faults(), self._engine.connect() as connection:
            yield connection

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that holds the write lock from its start: what it reads cannot change."""
        async with self._faults(), self._engine.begin() as connection:
            await connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @asynccontextmanager
    async def _changing(self, name: str = "") -> AsyncIterator[AsyncConnection]:
        """A transaction that raises the version. `name` is the one that may turn out to be taken."""
        try:
            async with self._writing() as connection:
                version = schema.changes.c.version
                await connection.execute(update(schema.changes).values(version=version + 1))
                yield connection
        except IntegrityError as error:
            raise DuplicateName(f"there is already a client named '{name}'") from error

    @asynccontextmanager
    async def _faults(self) -> AsyncIterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise sqlite.fault(error.orig, self._path) from error
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise sqlite.fault(error, self._path) from error


def _set_up(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute(f"PRAGMA cache_size = -{sqlite.CACHE_KIB}")
    cursor.close()


def _select_clients() -> Select[Any]:
    """Every client once for each of its valid keys, or once without one."""
    valid = or_(_keys.c.expires_at.is_(None), _keys.c.expires_at > _ms(datetime.now(UTC)))
    joined = _clients.outerjoin(_keys, and_(_keys.c.client_id == _clients.c.id, valid))
    key_columns = (
        _keys.c.key_hash,
        _keys.c.tail,
        _keys.c.created_at.label("key_created_at"),
        _keys.c.expires_at.label("key_expires_at"),
    )
    return select(_clients, *key_columns).select_from(joined).order_by(_keys.c.created_at, _keys.c.key_hash)


def _insert_key(client_id: str, key: str, now: datetime) -> Any:
    return insert(_keys).values(
        key_hash=hash_key(key), client_id=client_id, tail=key_tail(key), created_at=_ms(now)
    )


def _client_key(row: Row[Any]) -> ClientKey:
    return ClientKey(
        key_hash=row.key_hash,
        tail=row.tail,
        created_at=_time(row.key_created_at),
        expires_at=None if row.key_expires_at is None else _time(row.key_expires_at),
    )


def _require(client_id: str, found: object) -> None:
    if not found:
        raise NoSuchClient(f"there is no client '{client_id}'")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
