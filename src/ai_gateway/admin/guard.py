"""What stands before every handler of the admin API: who calls, from which site, with how large a body."""

from __future__ import annotations

import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from ai_gateway.admin.asgi import App, Message, Receive, Scope, Send, header
from ai_gateway.admin.identity import Identity
from ai_gateway.admin.problems import ApiError, problem
from ai_gateway.admin.routing import IDENTITY
from ai_gateway.admin.sessions import COOKIE, Sessions
from ai_gateway.store.protocols import StoreError

__all__ = ["Guard", "cookie_of", "same_origin"]

MAX_BODY_BYTES = 8 * 1024 * 1024
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN = frozenset({"/admin/api/openapi.json", "/admin/api/docs"})
"""They tell what any copy of the program tells."""
_SIGN_IN = ("POST", "/admin/api/v1/session")


class Guard:
    """Lets a request through to `app` with its `Identity` in the scope, or answers it.

    A call that changes something and comes with a cookie needs the session's CSRF token; where the browser
    says from which site it comes, that must be this one.
    """

    def __init__(self, app: App, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._admit(scope)
        except ApiError as error:
            await error.response()(scope, receive, send)
            return
        except StoreError as error:
            await problem(503, "database_unavailable", str(error))(scope, receive, send)
            return
        await self._app(scope, _bounded(receive), send)

    async def _admit(self, scope: Scope) -> None:
        """Raises: ApiError."""
        method, path = scope["method"], scope["path"]
        if path in _OPEN:
            return
        if method not in _SAFE and not same_origin(scope):
            raise ApiError(403, "forbidden_origin", "this call comes from another site")
        if (method, path) == _SIGN_IN:
            return
        identity = await self._identify(scope)
        if identity is None:
            raise ApiError(401, "unauthenticated", "sign in first, or send an API token")
        if method not in _SAFE and identity.kind == "user":
            sent = header(scope, b"x-csrf-token")
            if not hmac.compare_digest(sent.encode(), identity.csrf_token.encode()):
                raise ApiError(403, "csrf_failed", "send the session's csrf_token in the header x-csrf-token")
        scope[IDENTITY] = identity

    async def _identify(self, scope: Scope) -> Identity | None:
        client = scope.get("client")
        address = client[0] if client else None
        scheme, _, token = header(scope, b"authorization").partition(" ")
        if scheme.lower() == "bearer":
            return await self._sessions.of_token(token.strip(), address=address)
        cookie = cookie_of(scope)
        return await self._sessions.of_cookie(cookie, address=address) if cookie else None


def cookie_of(scope: Scope) -> str:
    """The value of the session's cookie, or nothing."""
    try:
        morsel = SimpleCookie(header(scope, b"cookie")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel else ""


def same_origin(scope: Scope) -> bool:
    """Whether the browser's word on where a request comes from, where it gives one, names this site.

    Source: Fetch Standard, "Origin header"; Fetch Metadata, `Sec-Fetch-Site`.
    """
    if header(scope, b"sec-fetch-site") in ("cross-site", "same-site"):
        return False
    origin = header(scope, b"origin")
    if not origin:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    scheme = {"ws": "http", "wss": "https"}.get(scope["scheme"], scope["scheme"])
    schemes = ("http", "https") if scheme == "http" else ("https",)  # a proxy in front may speak TLS
    return parts.scheme in schemes and parts.netloc.lower() == header(scope, b"host").lower()


def _bounded(receive: Receive) -> Receive:
    """`receive`, which raises where the body gets too long."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body") or b"")
        if size > MAX_BODY_BYTES:
            raise HTTPException(413, f"the body is over {MAX_BODY_BYTES} bytes")
        return message

    return counted
