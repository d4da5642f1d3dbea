"""Clients, keys, usage and settings through SQLAlchemy: the control path's side of the database."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Row, Select, and_, case, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ai_gateway.core.client import Client, ClientSettings
from ai_gateway.core.keys import hash_key, key_tail, new_key
from ai_gateway.store import schema, sealing
from ai_gateway.store.admin_protocols import Change
from ai_gateway.store.audit import Target, audit, settings_changes
from ai_gateway.store.client_list import ClientSort, list_clients
from ai_gateway.store.client_rows import clients_of
from ai_gateway.store.crypto import SecretBox
from ai_gateway.store.database import Database
from ai_gateway.store.protocols import (
    Actor,
    ClientCursor,
    ClientRow,
    DuplicateName,
    NoSuchClient,
    SpentRow,
    StaleClient,
    StoreError,
    UsageRow,
)
from ai_gateway.store.tools import SqlToolStore, reseal_servers

__all__ = ["SqlClientStore"]

_clients, _keys, _usage = schema.clients, schema.client_keys, schema.usage_daily
_ID_BYTES = 8
_MS_A_SECOND = 1000


class SqlClientStore:
    """A `ClientStore`. Other processes may change the same database at the same time."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    @classmethod
    async def open(cls, path: Path, box: SecretBox) -> SqlClientStore:
        """The store of a database that `ensure_schema` has prepared. Raises: StoreError."""
        store = cls(Database.open(path), box)
        try:
            await store.version()
        except StoreError:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        await self._database.close()

    def tools(self) -> SqlToolStore:
        return SqlToolStore(self._database, self._box)

    async def version(self) -> int:
        async with self._database.reading() as connection:
            return int((await connection.execute(select(schema.changes.c.version))).scalar_one())

    async def list_clients(self) -> Sequence[Client]:
        return await self._load(_select_clients())

    async def get_client(self, id_or_name: str) -> Client:
        named = or_(_clients.c.id == id_or_name, _clients.c.name == id_or_name)
        found = await self._load(_select_clients().where(named))
        if not found:
            raise NoSuchClient(f"there is no client '{id_or_name}'")
        return next((client for client in found if client.id == id_or_name), found[0])

    async def page_clients(
        self,
        *,
        q: str | None,
        backend: str | None,
        active: bool | None,
        sort: ClientSort,
        today: str,
        after: ClientCursor | None,
        limit: int,
    ) -> Sequence[ClientRow]:
        wanted = list_clients(
            q=q, backend=backend, active=active, sort=sort, today=today, after=after, limit=limit
        )
        async with self._database.reading() as connection:
            keys = {row.id: tuple(row)[1:] for row in await connection.execute(wanted)}
        found = {client.id: client for client in await self._load(_select_clients(list(keys)))}
        return [ClientRow(found[name], key) for name, key in keys.items() if name in found]

    async def create_client(
        self, settings: ClientSettings, *, now: datetime, by: Actor | None = None
    ) -> tuple[Client, str]:
        client_id = f"cl_{secrets.token_hex(_ID_BYTES)}"
        key = new_key(settings.key_prefix)
        async with self._changing(settings.name) as connection:
            row = self._row(client_id, settings, now)
            await connection.execute(insert(_clients).values(id=client_id, created_at=_ms(now), **row))
            await connection.execute(_insert_key(client_id, key, now))
            target = Target("client", client_id, settings.name)
            await audit(connection, "client.create", target, settings_changes(None, settings), by=by)
        return await self.get_client(client_id), key

    async def update_client(
        self,
        client_id: str,
        settings: ClientSettings,
        *,
        now: datetime,
        by: Actor | None = None,
        expected: str | None = None,
    ) -> Client:
        async with self._changing(settings.name) as connection:
            before = await self._current(connection, client_id, expected)
            settings = settings.after(before.settings)
            row = self._row(client_id, settings, now)
            await connection.execute(update(_clients).where(_clients.c.id == client_id).values(**row))
            target = Target("client", client_id, settings.name)
            changes = settings_changes(before.settings, settings)
            await audit(connection, "client.update", target, changes, by=by)
        return await self.get_client(client_id)

    async def set_models(self, client_id: str, models: Sequence[str], *, by: Actor | None = None) -> None:
        async with self._changing() as connection:
            stored = await _stored(connection, client_id)
            values = {"settings": sealing.with_models(stored.settings, models)}
            await connection.execute(update(_clients).where(_clients.c.id == client_id).values(**values))
            if by is not None:
                target = Target("client", client_id, stored.name)
                changes = [Change("models", None, f"{len(models)} models")]
                await audit(connection, "client.fetch_models", target, changes, by=by)

    async def delete_client(
        self, client_id: str, *, by: Actor | None = None, expected: str | None = None
    ) -> None:
        async with self._changing() as connection:
            if expected is not None:
                await self._current(connection, client_id, expected)
            stored = await _stored(connection, client_id)
            await connection.execute(delete(_keys).where(_keys.c.client_id == client_id))
            await connection.execute(delete(_clients).where(_clients.c.id == client_id))
            changes = [Change("name", stored.name, None), Change("backend", stored.backend, None)]
            target = Target("client", client_id, stored.name)
            await audit(connection, "client.delete", target, changes, by=by)

    async def rotate_key(
        self, client_id: str, *, now: datetime, grace_s: int = 0, by: Actor | None = None
    ) -> str:
        async with self._changing() as connection:
            stored = await _stored(connection, client_id)
            key = new_key(sealing.key_prefix(stored.settings))
            end = _ms(now + timedelta(seconds=grace_s))
            own = _keys.c.client_id == client_id
            sooner = case((_keys.c.expires_at < end, _keys.c.expires_at), else_=end)
            await connection.execute(update(_keys).where(own).values(expires_at=sooner))
            await connection.execute(delete(_keys).where(own, _keys.c.expires_at <= _ms(now)))
            await connection.execute(_insert_key(client_id, key, now))
            changes = [Change("key", None, key_tail(key)), Change("grace_seconds", None, str(grace_s))]
            target = Target("client", client_id, stored.name)
            await audit(connection, "client.rotate_key", target, changes, by=by)
        return key

    async def reseal(self) -> int:
        changed = 0
        async with self._changing() as connection:
            for row in (await connection.execute(select(_clients.c.id, _clients.c.secrets))).all():
                secrets_now, count = sealing.reseal(row.id, row.secrets, self._box)
                changed += count
                if count:
                    own = update(_clients).where(_clients.c.id == row.id)
                    await connection.execute(own.values(secrets=secrets_now))
            changed += await reseal_servers(connection, self._box)
            if changed:
                target = Target("secrets", None, None)
                await audit(
                    connection, "secrets.rotate", target, [Change("count", None, str(changed))], by=None
                )
        # What the old key opens shall not be left in the log of changes; a busy reader only delays that.
        async with self._database.reading() as connection:
            await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return changed

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
        async with self._database.reading() as connection:
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
        async with self._database.reading() as connection:
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
        async with self._database.reading() as connection:
            rows = await connection.execute(query)
            return [(at_ms / _MS_A_SECOND, number) for at_ms, number in rows]

    async def get_setting(self, name: str) -> str | None:
        query = select(schema.settings.c.value).where(schema.settings.c.name == name)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).scalar_one_or_none()

    async def set_setting(self, name: str, value: str) -> None:
        table = schema.settings
        async with self._database.writing() as connection:
            done = await connection.execute(update(table).where(table.c.name == name).values(value=value))
            if not done.rowcount:
                await connection.execute(insert(table).values(name=name, value=value))

    async def _load(self, query: Select[Any]) -> list[Client]:
        """Clients by name. One statement, so that it sees one moment."""
        async with self._database.reading() as connection:
            return self._read((await connection.execute(query)).all())

    async def _current(self, connection: AsyncConnection, client_id: str, expected: str | None) -> Client:
        """A client as it is within a transaction. Raises: NoSuchClient, StaleClient."""
        rows = await connection.execute(_select_clients([client_id]))
        found = self._read(rows.all())
        if not found:
            raise no_client(client_id)
        if expected is not None and expected != found[0].etag:
            raise StaleClient(found[0].etag)
        return found[0]

    def _read(self, rows: Sequence[Row[Any]]) -> list[Client]:
        return clients_of((row._mapping for row in rows), self._box)

    def _row(self, client_id: str, settings: ClientSettings, now: datetime) -> Mapping[str, object]:
        return {**sealing.seal(client_id, settings, self._box), "updated_at": _ms(now)}

    @asynccontextmanager
    async def _changing(self, name: str = "") -> AsyncIterator[AsyncConnection]:
        """A transaction that raises the version. `name` is the one that may turn out to be taken."""
        try:
            async with self._database.writing() as connection:
                version = schema.changes.c.version
                await connection.execute(update(schema.changes).values(version=version + 1))
                yield connection
        except IntegrityError as error:
            raise DuplicateName(f"there is already a client named '{name}'") from error


def _select_clients(only: Sequence[str] | None = None) -> Select[Any]:
    """Every client, or those of some ids, once for each of its valid keys, or once without one."""
    valid = or_(_keys.c.expires_at.is_(None), _keys.c.expires_at > _ms(datetime.now(UTC)))
    joined = _clients.outerjoin(_keys, and_(_keys.c.client_id == _clients.c.id, valid))
    key_columns = (
        _keys.c.key_hash,
        _keys.c.tail,
        _keys.c.created_at.label("key_created_at"),
        _keys.c.expires_at.label("key_expires_at"),
    )
    query = select(_clients, *key_columns).select_from(joined)
    if only is not None:
        query = query.where(_clients.c.id.in_(only))
    return query.order_by(_keys.c.created_at, _keys.c.key_hash)


async def _stored(connection: AsyncConnection, client_id: str) -> Row[Any]:
    """A client's row as it is, secrets sealed: what has lost its encryption key can still be deleted.

    Raises: NoSuchClient.
    """
    row = (await connection.execute(select(_clients).where(_clients.c.id == client_id))).one_or_none()
    if row is None:
        raise no_client(client_id)
    return row


def _insert_key(client_id: str, key: str, now: datetime) -> Any:
    return insert(_keys).values(
        key_hash=hash_key(key), client_id=client_id, tail=key_tail(key), created_at=_ms(now)
    )


def no_client(client_id: str) -> NoSuchClient:
    return NoSuchClient(f"there is no client '{client_id}'")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
