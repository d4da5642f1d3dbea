"""Users and API tokens."""

from __future__ import annotations

import secrets

from ai_gateway.admin.identity import Role, identity_role
from ai_gateway.admin.problems import ApiError, invalid, not_found
from ai_gateway.admin.routes.account import user_ref
from ai_gateway.admin.routing import AppServices, Routes, Who
from ai_gateway.admin.schemas.account import NewToken, NewTokenSecret, NewUser, Token, User, UserChange
from ai_gateway.admin.schemas.base import Page, instant
from ai_gateway.core.keys import hash_key, key_tail
from ai_gateway.store.admin_protocols import LastAdmin, NoSuchUser, TokenRow, UserRow
from ai_gateway.store.protocols import DuplicateName

__all__ = ["TOKEN_PREFIX", "routes"]

TOKEN_PREFIX = "gwt_"  # noqa: S105 - how all of them start

routes = Routes("users")


def _user(row: UserRow) -> User:
    return User(
        id=row.id,
        username=row.username,
        role=row.role,
        is_active=row.is_active,
        must_change_password=row.must_change_password,
        created_at=instant(row.created_at),
        last_sign_in_at=None if row.last_sign_in_at is None else instant(row.last_sign_in_at),
    )


@routes.get("/users", role=Role.VIEWER)
async def list_users(services: AppServices) -> Page[User]:
    """List the users."""
    return Page(items=[_user(row) for row in await services.users.list_users()])


@routes.post("/users", role=Role.ADMIN, status_code=201)
async def create_user(body: NewUser, services: AppServices, who: Who) -> User:
    """Create a user, who is asked for a new password at the first sign-in."""
    password_hash = await services.sessions.hash_password(body.password)
    try:
        row = await services.users.create_user(
            body.username,
            password_hash,
            body.role,
            must_change_password=True,
            by=who.actor,
            now_ms=services.now_ms(),
        )
    except DuplicateName:
        raise taken("username", body.username) from None
    return _user(row)


def taken(field: str, name: str) -> ApiError:
    """Another one has this name."""
    error = invalid(field, f"'{name}' is taken")
    error.status, error.code = 409, "duplicate_name"
    return error


@routes.patch("/users/{user_id}", role=Role.ADMIN)
async def update_user(user_id: str, body: UserChange, services: AppServices, who: Who) -> User:
    """Change a user's role or password, or (de)activate the user. Their sessions end."""
    if not body.model_fields_set:
        raise ApiError(422, "invalid_fields", "nothing to change: give at least one field")
    password_hash = None if body.password is None else await services.sessions.hash_password(body.password)
    own = user_id == who.user_id
    try:
        row = await services.users.change_user(
            user_id,
            role=body.role,
            password_hash=password_hash,
            is_active=body.is_active,
            must_change_password=None if password_hash is None else not own,
            keep_session=who.session_id,
            by=who.actor,
            now_ms=services.now_ms(),
        )
    except NoSuchUser:
        raise not_found(f"user '{user_id}'") from None
    except LastAdmin as error:
        raise ApiError(409, "last_admin", str(error)) from None
    return _user(row)


@routes.delete("/users/{user_id}", role=Role.ADMIN, status_code=204)
async def delete_user(user_id: str, services: AppServices, who: Who) -> None:
    """Delete a user with sessions and tokens."""
    try:
        await services.users.delete_user(user_id, by=who.actor, now_ms=services.now_ms())
    except NoSuchUser:
        raise not_found(f"user '{user_id}'") from None
    except LastAdmin as error:
        raise ApiError(409, "last_admin", str(error)) from None


def _token(row: TokenRow) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        role=row.role,
        user=user_ref(row.user),
        tail=row.tail,
        created_at=instant(row.created_at),
        expires_at=None if row.expires_at is None else instant(row.expires_at),
        last_used_at=None if row.last_used_at is None else instant(row.last_used_at),
    )


@routes.get("/tokens", role=Role.VIEWER)
async def list_tokens(services: AppServices, who: Who) -> Page[Token]:
    """List API tokens: an admin sees all of them."""
    rows = await services.users.list_tokens(None if who.role is Role.ADMIN else who.user_id)
    return Page(items=[_token(row) for row in rows])


@routes.post("/tokens", role=Role.ADMIN, status_code=201)
async def create_token(body: NewToken, services: AppServices, who: Who) -> NewTokenSecret:
    """Create an API token for scripts. It never may more than its user, and ends with them."""
    now_ms = services.now_ms()
    expires_ms = None if body.expires_at is None else round(body.expires_at.timestamp() * 1000)
    if expires_ms is not None and expires_ms <= now_ms:
        raise invalid("expires_at", "must be in the future")
    if identity_role(body.role) > who.role:
        raise ApiError(403, "forbidden", "a token cannot may more than who makes it")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    user = await services.users.get_user(who.user_id)
    row = await services.users.create_token(
        user,
        body.name,
        body.role,
        hash_key(token),
        key_tail(token),
        expires_ms=expires_ms,
        by=who.actor,
        now_ms=now_ms,
    )
    return NewTokenSecret(id=row.id, name=row.name, role=row.role, token=token)


@routes.delete("/tokens/{token_id}", role=Role.ADMIN, status_code=204)
async def delete_token(token_id: str, services: AppServices, who: Who) -> None:
    """Delete an API token: it stops at once."""
    try:
        await services.users.delete_token(token_id, by=who.actor, now_ms=services.now_ms())
    except NoSuchUser:
        raise not_found(f"token '{token_id}'") from None
