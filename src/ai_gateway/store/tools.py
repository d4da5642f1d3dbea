"""MCP servers and switches through SQLAlchemy."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from sqlalchemy import Row, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ai_gateway.core.mcp_server import MCP_SECRET_FIELDS, McpServerSettings
from ai_gateway.core.secret import Secret
from ai_gateway.store import schema
from ai_gateway.store.admin_protocols import Change
from ai_gateway.store.audit import MAX_TEXT, SECRET, Target, audit
from ai_gateway.store.client_rows import secret_context, server_of
from ai_gateway.store.crypto import SecretBox
from ai_gateway.store.database import Database
from ai_gateway.store.protocols import Actor, DuplicateName
from ai_gateway.store.sealing import resealed
from ai_gateway.store.tool_protocols import (
    CommandFromAfar,
    NoSuchServer,
    StoredServer,
    Switches,
    SwitchKind,
)

__all__ = ["SqlToolStore", "reseal_servers"]

_servers, _off = schema.mcp_servers, schema.tools_off


class SqlToolStore:
    """A `ToolStore`. Who opened the database closes it."""

    def __init__(self, database: Database, box: SecretBox) -> None:
        self._database = database
        self._box = box

    async def list_servers(self) -> Sequence[StoredServer]:
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(_servers).order_by(_servers.c.name))).all()
        return [self._read(row) for row in rows]

    async def get_server(self, name: str) -> StoredServer:
        async with self._database.reading() as connection:
            return self._read(await _stored(connection, name))

    async def create_server(
        self, name: str, settings: McpServerSettings, *, now_ms: int, by: Actor | None = None
    ) -> None:
        _check_command(settings.command, by)
        try:
            async with self._changing() as connection:
                row = self._row(name, settings, now_ms)
                await connection.execute(insert(_servers).values(name=name, created_at=now_ms, **row))
                changes = _changes(None, settings)
                await audit(connection, "tool_server.create", _target(name), changes, by=by)
        except IntegrityError as error:
            raise DuplicateName(f"there is already an MCP server named '{name}'") from error

    async def update_server(
        self, name: str, settings: McpServerSettings, *, now_ms: int, by: Actor | None = None
    ) -> None:
        async with self._changing() as connection:
            stored = await _stored(connection, name)
            _check_command(settings.command or _command(stored), by)
            row = self._row(name, settings, now_ms)
            await connection.execute(update(_servers).where(_servers.c.name == name).values(**row))
            changes = _changes(self._read(stored).settings, settings)
            await audit(connection, "tool_server.update", _target(name), changes, by=by)

    async def delete_server(self, name: str, *, by: Actor | None = None) -> None:
        async with self._changing() as connection:
            stored = await _stored(connection, name)
            await connection.execute(delete(_servers).where(_servers.c.name == name))
            own = _off.c.name.startswith(f"{name}__", autoescape=True) & (_off.c.kind == "tool")
            its = (_off.c.name == name) & (_off.c.kind == "server")
            await connection.execute(delete(_off).where(or_(own, its)))
            changes = _changes(self._read(stored).settings, None)
            await audit(connection, "tool_server.delete", _target(name), changes, by=by)

    async def switches(self) -> Switches:
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(_off.c.kind, _off.c.name))).all()
        return Switches(
            servers=frozenset(row.name for row in rows if row.kind == "server"),
            tools=frozenset(row.name for row in rows if row.kind == "tool"),
        )

    async def switch(
        self, kind: SwitchKind, name: str, *, on: bool, now_ms: int, by: Actor | None = None
    ) -> bool:
        own = (_off.c.kind == kind) & (_off.c.name == name)
        async with self._changing() as connection:
            is_off = (await connection.execute(select(_off.c.name).where(own))).one_or_none() is not None
            if is_off != on:
                return False
            if on:
                await connection.execute(delete(_off).where(own))
            else:
                await connection.execute(insert(_off).values(kind=kind, name=name, since=now_ms))
            what = "tool_server" if kind == "server" else "tool"
            action = f"{what}.{'enable' if on else 'disable'}"
            await audit(connection, action, Target(what, name, name), by=by)
        return True

    def _row(self, name: str, settings: McpServerSettings, now_ms: int) -> Mapping[str, object]:
        sealed = {
            place: self._box.seal(secret.reveal(), context=secret_context(name, place))
            for place, secret in _secrets(settings).items()
        }
        shown = settings.model_dump(mode="json", exclude=set(MCP_SECRET_FIELDS))
        return {
            "settings": json.dumps(shown, ensure_ascii=False),
            "secrets": json.dumps(sealed),
            "updated_at": now_ms,
        }

    def _read(self, row: Row[Any]) -> StoredServer:
        return server_of(row._mapping, self._box)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that raises the version."""
        async with self._database.writing() as connection:
            version = schema.changes.c.version
            await connection.execute(update(schema.changes).values(version=version + 1))
            yield connection


async def reseal_servers(connection: AsyncConnection, box: SecretBox) -> int:
    """Encrypt again what is under another key than the newest. Returns how many secrets that were.

    Raises: StoreError where one does not open.
    """
    changed = 0
    for row in (await connection.execute(select(_servers.c.name, _servers.c.secrets))).all():
        tokens, count = resealed(row.secrets, box, partial(secret_context, row.name))
        changed += count
        if count:
            await connection.execute(
                update(_servers).where(_servers.c.name == row.name).values(secrets=tokens)
            )
    return changed


async def _stored(connection: AsyncConnection, name: str) -> Row[Any]:
    """Raises: NoSuchServer."""
    row = (await connection.execute(select(_servers).where(_servers.c.name == name))).one_or_none()
    if row is None:
        raise NoSuchServer(f"there is no MCP server '{name}' in the database")
    return row


def _command(stored: Row[Any]) -> str:
    return str(json.loads(stored.settings).get("command", ""))


def _check_command(command: str, by: Actor | None) -> None:
    if command and by is not None and by.kind != "cli":
        raise CommandFromAfar(
            "a server that is a command is set in the config file or by `ai-gateway tools add` only"
        )


def _secrets(settings: McpServerSettings) -> dict[str, Secret]:
    """By place: `env/NAME` and `headers/NAME`."""
    return {
        f"{field}/{name}": secret
        for field in MCP_SECRET_FIELDS
        for name, secret in getattr(settings, field).items()
    }


def _target(name: str) -> Target:
    return Target("tool_server", name, name)


def _changes(before: McpServerSettings | None, after: McpServerSettings | None) -> list[Change]:
    """The fields that differ; of a new or deleted one, those that are not at their default. Of secrets, only
    that there are some."""
    changes = []
    for name, field in McpServerSettings.model_fields.items():
        old, new = (field.default if each is None else getattr(each, name) for each in (before, after))
        if old != new:
            told = (None if each is None else _told(name, getattr(each, name)) for each in (before, after))
            changes.append(Change(name, *told))
    return changes


def _told(field: str, value: Any) -> str | None:
    if value is None:
        return None
    if field in MCP_SECRET_FIELDS:
        text = ", ".join(f"{name} {SECRET}" for name in sorted(value))
    else:
        text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"
