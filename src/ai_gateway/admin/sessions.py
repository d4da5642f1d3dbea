"""Signing in and out: passwords, sessions, API tokens.

A cookie is a random name and its signature; the database holds a hash of the name: neither a copy of
the database nor a guess opens one, and a row that is gone ends it on every replica.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeVar

import msgspec

from ai_gateway.admin.identity import Identity, Role, identity_role
from ai_gateway.admin.schemas.base import instant
from ai_gateway.admin.throttle import Throttle
from ai_gateway.core.keys import hash_key
from ai_gateway.store.admin_protocols import AuditStore, SessionRow, TokenRow, UserRow, UserStore
from ai_gateway.store.courtesy import be_nice, is_serving
from ai_gateway.store.passwords import hash_password, verify_password
from ai_gateway.store.protocols import Actor

__all__ = ["COOKIE", "SESSION_S", "Opened", "Sessions", "Throttled", "WrongCredentials"]

T = TypeVar("T")
COOKIE = "gw_session"
SESSION_S = 86_400
TOUCH_INTERVAL_MS = 60_000
"""How exact `last_seen_at` is: a write a request would be too dear."""
MAX_HASHES_AT_ONCE = 2
"""Each takes 64 MiB and 4 threads for some 50 ms."""
MAX_USER_AGENT = 300


class WrongCredentials(Exception):
    """No such user, or not this password: which one is not told."""


class Throttled(Exception):
    """Too many attempts."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


class Opened(msgspec.Struct, frozen=True):
    """A new session: the cookie's value, and who it is."""

    cookie: str
    identity: Identity


class Sessions:
    """Knows who calls."""

    def __init__(
        self,
        users: UserStore,
        audit: AuditStore,
        *,
        secret: str,
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
        in_flight: Callable[[], int],
    ) -> None:
        """`secret` signs cookies; whoever shares it shares the sessions. `in_flight`: requests of the data
        path."""
        self._users = users
        self._audit = audit
        self._secret = secret.encode()
        self._now_ms = now_ms
        self._monotonic_s = monotonic_s
        self._throttle = Throttle()
        self._in_flight = in_flight
        self._turns = threading.Semaphore(MAX_HASHES_AT_ONCE)
        self._hashing = ThreadPoolExecutor(MAX_HASHES_AT_ONCE, "passwords")
        self._hashing_nicely = ThreadPoolExecutor(MAX_HASHES_AT_ONCE, "passwords", initializer=be_nice)

    async def hash_password(self, password: str) -> str:
        """Argon2id, off the event loop."""
        return await self._hashed(hash_password, password)

    async def _hashed(self, work: Callable[..., T], *arguments: str) -> T:
        """What is done in a thread: a nice one while there are requests."""
        is_busy = await asyncio.to_thread(is_serving, self._in_flight)
        threads = self._hashing_nicely if is_busy else self._hashing
        return await asyncio.get_running_loop().run_in_executor(threads, self._in_turn, work, *arguments)

    def _in_turn(self, work: Callable[..., T], *arguments: str) -> T:
        """As long as it runs, and not only as long as somebody waits for it, the turn is taken."""
        with self._turns:
            return work(*arguments)

    async def sign_in(
        self, username: str, password: str, *, address: str | None, user_agent: str | None
    ) -> Opened:
        """Raises: WrongCredentials, Throttled, StoreError."""
        user = await self._checked(username, password, address)
        name = secrets.token_urlsafe(32)
        now_ms = self._now_ms()
        row = await self._users.open_session(
            user,
            hash_key(name),
            now_ms=now_ms,
            expires_ms=now_ms + SESSION_S * 1000,
            address=address,
            user_agent=user_agent[:MAX_USER_AGENT] if user_agent else None,
        )
        return Opened(f"{name}.{self._sign('cookie', name)}", self._identity(row, name, address))

    async def _checked(self, username: str, password: str, address: str | None) -> UserRow:
        """The user of this name and password. An unknown name takes as long as a wrong password."""
        account = username.casefold()
        wait_s = self._throttle.begin(account, address, self._monotonic_s())
        if wait_s:
            raise Throttled(wait_s)
        user = await self._users.find_user(username)
        if user is None:
            await self.hash_password(password)
            right = False
        else:
            right = await self._is_password(user.password_hash, password)
        if user is None or not right or not user.is_active:
            actor = Actor(kind="user", name=username[:200] if user else "(unknown)", address=address)
            await self._audit.note("session.refused", "user", user.id if user else None, by=actor)
            raise WrongCredentials
        self._throttle.succeeded(account, address, self._monotonic_s())
        return user

    async def _is_password(self, password_hash: str, password: str) -> bool:
        return await self._hashed(verify_password, password_hash, password)

    async def of_cookie(self, cookie: str, *, address: str | None) -> Identity | None:
        """Whose session this is; None where there is none such, or no more."""
        name, _, signature = cookie.partition(".")
        if not name or not hmac.compare_digest(signature.encode(), self._sign("cookie", name).encode()):
            return None
        now_ms = self._now_ms()
        row = await self._users.session(hash_key(name), now_ms=now_ms)
        if row is None:
            return None
        if now_ms - row.last_seen_at > TOUCH_INTERVAL_MS:
            await self._users.touch_session(row.id, now_ms=now_ms)
        return self._identity(row, name, address)

    async def of_token(self, token: str, *, address: str | None) -> Identity | None:
        """Whose API token this is."""
        now_ms = self._now_ms()
        row = await self._users.token(hash_key(token), now_ms=now_ms)
        if row is None:
            return None
        if row.last_used_at is None or now_ms - row.last_used_at > TOUCH_INTERVAL_MS:
            await self._users.touch_token(row.id, now_ms=now_ms)
        return _token_identity(row, address)

    async def end(self, session_id: str, *, by: Actor, user_id: str | None = None) -> None:
        """`user_id`: only where it is this user's. Raises: NoSuchUser."""
        await self._users.end_session(session_id, user_id=user_id, by=by, now_ms=self._now_ms())

    async def change_password(self, who: Identity, current: str, new: str) -> None:
        """Raises: WrongCredentials, Throttled."""
        user = await self._checked(who.username, current, who.address)
        password_hash = await self.hash_password(new)
        await self._users.change_user(
            user.id,
            password_hash=password_hash,
            must_change_password=False,
            keep_session=who.session_id,
            by=who.actor,
            now_ms=self._now_ms(),
        )

    def cookie(self, value: str, *, secure: bool) -> str:
        """The header `set-cookie`; an empty value clears it."""
        parts = [f"{COOKIE}={value}", "Path=/admin", "HttpOnly", "SameSite=Strict"]
        parts.append(f"Max-Age={SESSION_S if value else 0}")
        if secure:
            parts.append("Secure")
        return "; ".join(parts)

    def _identity(self, row: SessionRow, name: str, address: str | None) -> Identity:
        return Identity(
            kind="user",
            user_id=row.user.id,
            username=row.user.username,
            role=identity_role(row.user.role),
            session_id=row.id,
            csrf_token=self._sign("csrf", name),
            expires_at=instant(row.expires_at),
            must_change_password=row.user.must_change_password,
            address=address,
        )

    def _sign(self, purpose: Literal["cookie", "csrf"], name: str) -> str:
        """HMAC-SHA-256: what signs a cookie is of no use as a CSRF token."""
        return hmac.new(self._secret, f"{purpose}:{name}".encode(), hashlib.sha256).hexdigest()


def _token_identity(row: TokenRow, address: str | None) -> Identity:
    return Identity(
        kind="token",
        user_id=row.user.id,
        username=row.user.username,
        role=min(identity_role(row.role), identity_role(row.user.role), key=Role),
        token_name=row.name,
        expires_at=None if row.expires_at is None else instant(row.expires_at),
        address=address,
    )
