"""Sessions, users, API tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ai_gateway.admin.schemas.base import Input, Instant, Model

__all__ = [
    "NewPassword",
    "NewToken",
    "NewTokenSecret",
    "NewUser",
    "PasswordChange",
    "RoleName",
    "Session",
    "SessionInfo",
    "SignIn",
    "Token",
    "User",
    "UserChange",
    "UserRef",
]

RoleName = Literal["admin", "viewer"]
MIN_PASSWORD, MAX_PASSWORD = 10, 1000


def _name(value: str) -> str:
    value = value.strip()
    if not value:
        raise ValueError("must not be empty")
    if not value.isprintable():
        raise ValueError("must not contain control characters")
    return value


Name = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_name)]
NewPassword = Annotated[str, Field(min_length=MIN_PASSWORD, max_length=MAX_PASSWORD)]


class UserRef(Model):
    id: str
    username: str
    role: RoleName


class Session(Model):
    """Who is signed in. `csrf_token` goes into the header `x-csrf-token` of every call that is not a GET."""

    user: UserRef
    csrf_token: Annotated[str, Field(description="empty where an API token was used: it needs none")]
    expires_at: datetime | None
    must_change_password: bool
    version: str


class SignIn(Input):
    username: Annotated[str, Field(max_length=200)]
    password: Annotated[str, Field(max_length=MAX_PASSWORD)]


class SessionInfo(Model):
    id: str
    user: UserRef
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime
    address: str | None
    user_agent: str | None
    current: bool


class PasswordChange(Input):
    current_password: Annotated[str, Field(max_length=MAX_PASSWORD)]
    new_password: NewPassword


class User(Model):
    id: str
    username: str
    role: RoleName
    is_active: bool
    must_change_password: bool
    created_at: datetime
    last_sign_in_at: datetime | None


class NewUser(Input):
    username: Name
    password: NewPassword
    role: RoleName


class UserChange(Input):
    """Only what is given changes."""

    role: RoleName | None = None
    password: NewPassword | None = None
    is_active: bool | None = None


class Token(Model):
    id: str
    name: str
    role: RoleName
    user: UserRef
    tail: Annotated[str, Field(description="the token's last four characters")]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewToken(Input):
    name: Name
    role: RoleName
    expires_at: Instant | None = None


class NewTokenSecret(Model):
    """`token` is shown this once."""

    id: str
    name: str
    role: RoleName
    token: str
