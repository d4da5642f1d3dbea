"""Who calls the admin API, and what a role may do."""

from __future__ import annotations

from datetime import datetime
from enum import IntEnum
from typing import Literal

import msgspec

from ai_gateway.store.protocols import Actor

__all__ = ["Identity", "Role", "identity_role"]


class Role(IntEnum):
    """Each may what the one before it may."""

    NOBODY = 0
    """Not signed in: the sign-in itself."""
    VIEWER = 1
    ADMIN = 2


def identity_role(name: str) -> Role:
    return Role.ADMIN if name == "admin" else Role.VIEWER


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """A signed-in user, or an API token of one."""

    kind: Literal["user", "token"]
    user_id: str
    username: str
    role: Role
    session_id: str = ""
    """Of the session's row; empty for a token."""
    csrf_token: str = ""
    token_name: str = ""
    expires_at: datetime | None = None
    must_change_password: bool = False
    address: str | None = None

    @property
    def actor(self) -> Actor:
        """As the audit log names it."""
        name = self.username if self.kind == "user" else f"{self.username}/{self.token_name}"
        return Actor(kind=self.kind, name=name, address=self.address)
