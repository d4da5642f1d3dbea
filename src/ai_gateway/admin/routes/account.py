"""Sign-in, sessions, the own password."""

from __future__ import annotations

from fastapi import Response
from starlette.requests import Request

from ai_gateway.admin.identity import Identity, Role
from ai_gateway.admin.problems import ApiError, invalid, not_found
from ai_gateway.admin.routing import AppServices, Routes, Who, address_of
from ai_gateway.admin.schemas.account import PasswordChange, RoleName, Session, SessionInfo, SignIn, UserRef
from ai_gateway.admin.schemas.base import Page, instant
from ai_gateway.admin.services import Services
from ai_gateway.admin.sessions import Throttled, WrongCredentials
from ai_gateway.store.admin_protocols import NoSuchUser, SessionRow, UserRow

__all__ = ["routes", "user_ref"]

routes = Routes("account")


def user_ref(user: UserRow) -> UserRef:
    return UserRef(id=user.id, username=user.username, role=user.role)


def _session(services: Services, identity: Identity) -> Session:
    role: RoleName = "admin" if identity.role is Role.ADMIN else "viewer"
    return Session(
        user=UserRef(id=identity.user_id, username=identity.username, role=role),
        csrf_token=identity.csrf_token,
        expires_at=identity.expires_at,
        must_change_password=identity.must_change_password,
        version=services.version,
    )


@routes.post("/session", role=Role.NOBODY)
async def sign_in(body: SignIn, request: Request, response: Response, services: AppServices) -> Session:
    """Sign in. Sets the session's cookie."""
    try:
        opened = await services.sessions.sign_in(
            body.username.strip(),
            body.password,
            address=address_of(request),
            user_agent=request.headers.get("user-agent"),
        )
    except WrongCredentials:
        raise ApiError(401, "wrong_credentials", "wrong username or password") from None
    except Throttled as error:
        wait = {"retry-after": str(error.retry_after_s)}
        raise ApiError(
            429, "throttled", f"too many attempts: try again in {error.retry_after_s} s", headers=wait
        ) from None
    response.headers["set-cookie"] = services.sessions.cookie(
        opened.cookie, secure=request.url.scheme == "https"
    )
    return _session(services, opened.identity)


@routes.get("/session", role=Role.VIEWER)
async def get_session(services: AppServices, who: Who) -> Session:
    """Who is signed in."""
    return _session(services, who)


@routes.delete("/session", role=Role.VIEWER, status_code=204)
async def sign_out(request: Request, response: Response, services: AppServices, who: Who) -> None:
    """Sign out. Ends the session and clears its cookie."""
    if who.session_id:
        await services.sessions.end(who.session_id, by=who.actor)
    response.headers["set-cookie"] = services.sessions.cookie("", secure=request.url.scheme == "https")


@routes.get("/sessions", role=Role.VIEWER)
async def list_sessions(services: AppServices, who: Who, user: str | None = None) -> Page[SessionInfo]:
    """List own sessions. An admin may name another user's id, or `all`."""
    wanted: str | None = user or who.user_id
    if wanted != who.user_id and who.role is not Role.ADMIN:
        raise ApiError(403, "forbidden", "only an admin sees other users' sessions")
    if wanted == "all":
        wanted = None
    rows = await services.users.list_sessions(wanted, now_ms=services.now_ms())
    return Page(items=[_info(row, who) for row in rows])


def _info(row: SessionRow, who: Identity) -> SessionInfo:
    return SessionInfo(
        id=row.id,
        user=user_ref(row.user),
        created_at=instant(row.created_at),
        last_seen_at=instant(row.last_seen_at),
        expires_at=instant(row.expires_at),
        address=row.address,
        user_agent=row.user_agent,
        current=row.id == who.session_id,
    )


@routes.delete("/sessions/{session_id}", role=Role.VIEWER, status_code=204)
async def end_session(session_id: str, services: AppServices, who: Who) -> None:
    """End a session. A viewer only their own."""
    owner = None if who.role is Role.ADMIN else who.user_id
    try:
        await services.sessions.end(session_id, by=who.actor, user_id=owner)
    except NoSuchUser:
        raise not_found(f"session '{session_id}'") from None


@routes.post("/password", role=Role.VIEWER, status_code=204)
async def change_password(body: PasswordChange, services: AppServices, who: Who) -> None:
    """Change the own password. All other sessions of the user end."""
    if who.kind != "user":
        raise ApiError(403, "forbidden", "an API token cannot change a password: sign in")
    try:
        await services.sessions.change_password(who, body.current_password, body.new_password)
    except WrongCredentials:
        raise invalid("current_password", "is not the current password") from None
    except Throttled as error:
        raise ApiError(
            429,
            "throttled",
            f"too many attempts: try again in {error.retry_after_s} s",
            headers={"retry-after": str(error.retry_after_s)},
        ) from None
