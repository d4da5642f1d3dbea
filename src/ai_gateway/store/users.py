"""Users, their sessions and API tokens."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ai_gateway.store import schema
from ai_gateway.store.admin_protocols import (
    Change,
    LastAdmin,
    NoSuchUser,
    RoleName,
    SessionRow,
    TokenRow,
    UserRow,
)
from ai_gateway.store.audit import SECRET, Target, audit
from ai_gateway.store.database import Database
from ai_gateway.store.protocols import Actor, DuplicateName

__all__ = ["SqlUserStore"]

_users, _sessions, _tokens = schema.users, schema.sessions, schema.api_tokens
_USER_COLUMNS = tuple(UserRow.__struct_fields__)
_ADOPTED = "admin.adopted_hash"
"""The stored setting that names the config's password hash which was last made a user's."""


class SqlUserStore:
    """A `UserStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Users

    async def list_users(self) -> Sequence[UserRow]:
        async with self._database.reading() as connection:
            rows = await connection.execute(_select_users().order_by(_users.c.folded))
            return [_user(row) for row in rows]

    async def find_user(self, username: str) -> UserRow | None:
        async with self._database.reading() as connection:
            return await _find(connection, _users.c.folded == username.casefold())

    async def get_user(self, user_id: str) -> UserRow:
        async with self._database.reading() as connection:
            return await _get(connection, user_id)

    async def create_user(
        self,
        username: str,
        password_hash: str,
        role: RoleName,
        *,
        must_change_password: bool,
        by: Actor,
        now_ms: int,
    ) -> UserRow:
        user_id = _new_id("us")
        try:
            async with self._database.writing() as connection:
                await connection.execute(
                    insert(_users).values(
                        id=user_id,
                        username=username,
                        folded=username.casefold(),
                        password_hash=password_hash,
                        role=role,
                        is_active=True,
                        must_change_password=must_change_password,
                        created_at=now_ms,
                    )
                )
                changes = [Change("username", None, username), Change("role", None, role)]
                await audit(connection, "user.create", Target("user", user_id, username), changes, by=by)
                return await _get(connection, user_id)
        except IntegrityError as error:
            raise DuplicateName(f"there is already a user named '{username}'") from error

    async def change_user(
        self,
        user_id: str,
        *,
        role: RoleName | None = None,
        password_hash: str | None = None,
        is_active: bool | None = None,
        must_change_password: bool | None = None,
        keep_session: str = "",
        by: Actor,
        now_ms: int,
    ) -> UserRow:
        async with self._database.writing() as connection:
            before = await _get(connection, user_id)
            if role == "viewer" or is_active is False:
                await _require_other_admin(connection, before)
            told = {
                "role": role,
                "password_hash": password_hash,
                "is_active": is_active,
                "must_change_password": must_change_password,
            }
            values = {name: value for name, value in told.items() if value is not None}
            await connection.execute(update(_users).where(_users.c.id == user_id).values(**values))
            changes = _changes(before, values)
            if changes:
                ended = and_(_sessions.c.user_id == user_id, _sessions.c.id != keep_session)
                await connection.execute(delete(_sessions).where(ended))
            target = Target("user", user_id, before.username)
            await audit(connection, "user.update", target, changes, by=by)
            return await _get(connection, user_id)

    async def delete_user(self, user_id: str, *, by: Actor, now_ms: int) -> None:
        async with self._database.writing() as connection:
            before = await _get(connection, user_id)
            await _require_other_admin(connection, before)
            await connection.execute(delete(_sessions).where(_sessions.c.user_id == user_id))
            await connection.execute(delete(_tokens).where(_tokens.c.user_id == user_id))
            await connection.execute(delete(_users).where(_users.c.id == user_id))
            await audit(connection, "user.delete", Target("user", user_id, before.username), by=by)

    # The config's account

    async def adopt_admin(self, username: str, password_hash: str, *, now_ms: int) -> None:
        fingerprint = hashlib.sha256(f"{username}\0{password_hash}".encode()).hexdigest()
        table = schema.settings
        query = select(table.c.value).where(table.c.name == _ADOPTED)
        async with self._database.reading() as connection:
            if (await connection.execute(query)).scalar_one_or_none() == fingerprint:
                return
        await self._make_admin(username, password_hash, "user.from_config", by=None, now_ms=now_ms)

    async def reset_admin(self, username: str, password_hash: str, *, by: Actor | None, now_ms: int) -> None:
        await self._make_admin(username, password_hash, "user.reset_password", by=by, now_ms=now_ms)

    async def _make_admin(
        self, username: str, password_hash: str, action: str, *, by: Actor | None, now_ms: int
    ) -> None:
        fingerprint = hashlib.sha256(f"{username}\0{password_hash}".encode()).hexdigest()
        async with self._database.writing() as connection:
            user = await _find(connection, _users.c.folded == username.casefold())
            values = {
                "username": username,
                "password_hash": password_hash,
                "role": "admin",
                "is_active": True,
                "must_change_password": False,
            }
            if user is None:
                user_id = _new_id("us")
                folded = username.casefold()
                await connection.execute(
                    insert(_users).values(id=user_id, folded=folded, created_at=now_ms, **values)
                )
            else:
                user_id = user.id
                await connection.execute(update(_users).where(_users.c.id == user_id).values(**values))
                await connection.execute(delete(_sessions).where(_sessions.c.user_id == user_id))
            await _remember(connection, fingerprint)
            changes = [Change("password", None if user is None else SECRET, SECRET)]
            target = Target("user", user_id, username)
            await audit(connection, action, target, changes, by=by)

    # Sessions

    async def open_session(
        self,
        user: UserRow,
        token_hash: bytes,
        *,
        now_ms: int,
        expires_ms: int,
        address: str | None,
        user_agent: str | None,
    ) -> SessionRow:
        values: dict[str, Any] = {
            "id": _new_id("se"),
            "created_at": now_ms,
            "last_seen_at": now_ms,
            "expires_at": expires_ms,
            "address": address,
            "user_agent": user_agent,
        }
        async with self._database.writing() as connection:
            user = await _get(connection, user.id)
            await connection.execute(delete(_sessions).where(_sessions.c.expires_at <= now_ms))
            await connection.execute(
                insert(_sessions).values(token_hash=token_hash, user_id=user.id, **values)
            )
            seen = update(_users).where(_users.c.id == user.id).values(last_sign_in_at=now_ms)
            await connection.execute(seen)
            actor = Actor(kind="user", name=user.username, address=address)
            await audit(connection, "session.open", Target("user", user.id, user.username), by=actor)
        return SessionRow(user=user, **values)

    async def session(self, token_hash: bytes, *, now_ms: int) -> SessionRow | None:
        query = _select_sessions(now_ms).where(_sessions.c.token_hash == token_hash, _users.c.is_active)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _session(row)

    async def touch_session(self, session_id: str, *, now_ms: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(_sessions).where(_sessions.c.id == session_id).values(last_seen_at=now_ms)
            )

    async def list_sessions(self, user_id: str | None, *, now_ms: int) -> Sequence[SessionRow]:
        query = _select_sessions(now_ms).order_by(_sessions.c.created_at.desc(), _sessions.c.id)
        if user_id is not None:
            query = query.where(_sessions.c.user_id == user_id)
        async with self._database.reading() as connection:
            return [_session(row) for row in await connection.execute(query)]

    async def end_session(self, session_id: str, *, user_id: str | None, by: Actor, now_ms: int) -> None:
        query = _select_sessions(now_ms).where(_sessions.c.id == session_id)
        if user_id is not None:
            query = query.where(_sessions.c.user_id == user_id)
        async with self._database.writing() as connection:
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                raise NoSuchUser(f"there is no session '{session_id}'")
            await connection.execute(delete(_sessions).where(_sessions.c.id == session_id))
            user = _user(row, "user_")
            await audit(connection, "session.end", Target("user", user.id, user.username), by=by)

    # API tokens

    async def create_token(
        self,
        user: UserRow,
        name: str,
        role: RoleName,
        token_hash: bytes,
        tail: str,
        *,
        expires_ms: int | None,
        by: Actor,
        now_ms: int,
    ) -> TokenRow:
        values: dict[str, Any] = {
            "id": _new_id("tk"),
            "name": name,
            "role": role,
            "tail": tail,
            "created_at": now_ms,
            "expires_at": expires_ms,
        }
        async with self._database.writing() as connection:
            await connection.execute(insert(_tokens).values(token_hash=token_hash, user_id=user.id, **values))
            changes = [Change("role", None, role)]
            await audit(connection, "token.create", Target("token", values["id"], name), changes, by=by)
        return TokenRow(user=user, last_used_at=None, **values)

    async def token(self, token_hash: bytes, *, now_ms: int) -> TokenRow | None:
        query = _select_tokens().where(
            _tokens.c.token_hash == token_hash,
            _users.c.is_active,
            or_(_tokens.c.expires_at.is_(None), _tokens.c.expires_at > now_ms),
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else _token(row)

    async def touch_token(self, token_id: str, *, now_ms: int) -> None:
        async with self._database.writing() as connection:
            await connection.execute(
                update(_tokens).where(_tokens.c.id == token_id).values(last_used_at=now_ms)
            )

    async def list_tokens(self, user_id: str | None) -> Sequence[TokenRow]:
        query = _select_tokens().order_by(_tokens.c.created_at.desc(), _tokens.c.id)
        if user_id is not None:
            query = query.where(_tokens.c.user_id == user_id)
        async with self._database.reading() as connection:
            return [_token(row) for row in await connection.execute(query)]

    async def delete_token(self, token_id: str, *, by: Actor, now_ms: int) -> None:
        async with self._database.writing() as connection:
            name = (
                await connection.execute(select(_tokens.c.name).where(_tokens.c.id == token_id))
            ).scalar_one_or_none()
            if name is None:
                raise NoSuchUser(f"there is no token '{token_id}'")
            await connection.execute(delete(_tokens).where(_tokens.c.id == token_id))
            await audit(connection, "token.delete", Target("token", token_id, name), by=by)


def _new_id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(8)}"


def _user_columns(prefix: str = "") -> list[ColumnElement[Any]]:
    return [_users.c[name].label(f"{prefix}{name}") for name in _USER_COLUMNS]


def _select_users() -> Select[Any]:
    return select(*_user_columns())


def _select_sessions(now_ms: int) -> Select[Any]:
    """Unexpired ones, each with its user."""
    names = [name for name in SessionRow.__struct_fields__ if name != "user"]
    joined = _sessions.join(_users, _users.c.id == _sessions.c.user_id)
    query = select(*(_sessions.c[name] for name in names), *_user_columns("user_"))
    return query.select_from(joined).where(_sessions.c.expires_at > now_ms)


def _select_tokens() -> Select[Any]:
    names = [name for name in TokenRow.__struct_fields__ if name != "user"]
    joined = _tokens.join(_users, _users.c.id == _tokens.c.user_id)
    return select(*(_tokens.c[name] for name in names), *_user_columns("user_")).select_from(joined)


def _user(row: Row[Any], prefix: str = "") -> UserRow:
    return UserRow(**{name: row._mapping[f"{prefix}{name}"] for name in _USER_COLUMNS})


def _session(row: Row[Any]) -> SessionRow:
    own = {name: row._mapping[name] for name in SessionRow.__struct_fields__ if name != "user"}
    return SessionRow(user=_user(row, "user_"), **own)


def _token(row: Row[Any]) -> TokenRow:
    own = {name: row._mapping[name] for name in TokenRow.__struct_fields__ if name != "user"}
    return TokenRow(user=_user(row, "user_"), **own)


async def _find(connection: AsyncConnection, where: ColumnElement[bool]) -> UserRow | None:
    row = (await connection.execute(_select_users().where(where))).one_or_none()
    return None if row is None else _user(row)


async def _get(connection: AsyncConnection, user_id: str) -> UserRow:
    found = await _find(connection, _users.c.id == user_id)
    if found is None:
        raise NoSuchUser(f"there is no user '{user_id}'")
    return found


async def _require_other_admin(connection: AsyncConnection, user: UserRow) -> None:
    """Raises: LastAdmin."""
    others = select(func.count()).where(_users.c.role == "admin", _users.c.is_active, _users.c.id != user.id)
    if user.role == "admin" and user.is_active and not (await connection.execute(others)).scalar_one():
        raise LastAdmin(f"'{user.username}' is the last active admin")


async def _remember(connection: AsyncConnection, fingerprint: str) -> None:
    table = schema.settings
    done = await connection.execute(update(table).where(table.c.name == _ADOPTED).values(value=fingerprint))
    if not done.rowcount:
        await connection.execute(insert(table).values(name=_ADOPTED, value=fingerprint))


def _changes(before: UserRow, values: dict[str, Any]) -> list[Change]:
    changes = []
    for name, value in values.items():
        old = getattr(before, name)
        if name == "password_hash":
            changes.append(Change("password", SECRET, SECRET))
        elif old != value and name != "must_change_password":
            changes.append(Change(name, _word(old), _word(value)))
    return changes


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
