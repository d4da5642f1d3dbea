"""What the admin API asks of the database: users, sessions, tokens, audit log, request log, usage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Literal, Protocol

import msgspec

from ai_gateway.core.record import RequestRecord
from ai_gateway.store.protocols import Actor, StoreError

__all__ = [
    "AuditFilter",
    "AuditRow",
    "AuditStore",
    "Baseline",
    "Change",
    "HistoryPage",
    "HistoryStore",
    "LastAdmin",
    "Moment",
    "NoSuchUser",
    "PointRow",
    "RequestFilter",
    "Sums",
    "TokenRow",
    "TopRow",
    "UsageReport",
    "UsageStore",
    "SessionRow",
    "UserRow",
    "UserStore",
]

RoleName = Literal["admin", "viewer"]
Grouping = Literal["day", "client", "model"]


class NoSuchUser(StoreError):
    """No user, session or token has this id."""


class LastAdmin(StoreError):
    """The change would leave nobody who may change anything."""


class UserRow(msgspec.Struct, frozen=True, kw_only=True):
    """A user. Times are Unix milliseconds, here and below."""

    id: str
    username: str
    password_hash: str
    role: RoleName
    is_active: bool
    must_change_password: bool
    created_at: int
    last_sign_in_at: int | None


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    user: UserRow
    created_at: int
    last_seen_at: int
    expires_at: int
    address: str | None
    user_agent: str | None


class TokenRow(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    role: RoleName
    tail: str
    user: UserRow
    created_at: int
    expires_at: int | None
    last_used_at: int | None


class UserStore(Protocol):
    """Who may sign in. Every change writes its audit row in the same transaction."""

    async def list_users(self) -> Sequence[UserRow]:
        """By name."""
        ...

    async def find_user(self, username: str) -> UserRow | None: ...

    async def get_user(self, user_id: str) -> UserRow:
        """Raises: NoSuchUser."""
        ...

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
        """Raises: DuplicateName."""
        ...

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
        """A new password, role or a deactivation ends the user's sessions, but not `keep_session`.

        Raises: NoSuchUser, LastAdmin.
        """
        ...

    async def delete_user(self, user_id: str, *, by: Actor, now_ms: int) -> None:
        """With sessions and tokens. Raises: NoSuchUser, LastAdmin."""
        ...

    async def adopt_admin(self, username: str, password_hash: str, *, now_ms: int) -> None:
        """Make the config's account a user; does nothing where this hash was adopted before."""
        ...

    async def reset_admin(self, username: str, password_hash: str, *, by: Actor | None, now_ms: int) -> None:
        """An active admin of this name with this password, whatever was before; its sessions end.

        `by`: None: by the command line.
        """
        ...

    async def open_session(
        self,
        user: UserRow,
        token_hash: bytes,
        *,
        now_ms: int,
        expires_ms: int,
        address: str | None,
        user_agent: str | None,
    ) -> SessionRow: ...

    async def session(self, token_hash: bytes, *, now_ms: int) -> SessionRow | None:
        """An unexpired session of an active user."""
        ...

    async def touch_session(self, session_id: str, *, now_ms: int) -> None: ...

    async def list_sessions(self, user_id: str | None, *, now_ms: int) -> Sequence[SessionRow]:
        """Unexpired ones, newest first, of one user or of all."""
        ...

    async def end_session(self, session_id: str, *, user_id: str | None, by: Actor, now_ms: int) -> None:
        """`user_id`: only where it is this user's. Raises: NoSuchUser."""
        ...

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
    ) -> TokenRow: ...

    async def token(self, token_hash: bytes, *, now_ms: int) -> TokenRow | None:
        """An unexpired token of an active user."""
        ...

    async def touch_token(self, token_id: str, *, now_ms: int) -> None: ...

    async def list_tokens(self, user_id: str | None) -> Sequence[TokenRow]: ...

    async def delete_token(self, token_id: str, *, by: Actor, now_ms: int) -> None:
        """Raises: NoSuchUser."""
        ...


class Change(msgspec.Struct, frozen=True):
    """One field of an audited change, as text; secrets are never in it."""

    field: str
    before: str | None
    after: str | None


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    at: int
    actor: str
    actor_kind: Literal["user", "token", "cli"]
    address: str | None
    action: str
    target_kind: str
    target_id: str | None
    target_name: str | None
    changes: list[Change]


class AuditFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None: any. `until_ms` is exclusive."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None
    """A target's id or name."""
    since_ms: int | None = None
    until_ms: int | None = None


class AuditStore(Protocol):
    async def note(
        self, action: str, target_kind: str, target_id: str | None, *, name: str | None = None, by: Actor
    ) -> None:
        """What changes no other row, such as a failed sign-in. `name`: the target's; None: the actor's."""
        ...

    async def page(self, wanted: AuditFilter, *, before: int | None, limit: int) -> Sequence[AuditRow]:
        """Newest first, of ids under `before`."""
        ...


class RequestFilter(msgspec.Struct, frozen=True, kw_only=True):
    """None: any. Times are Unix ms; `until_ms` is exclusive."""

    client: str | None = None
    model: str | None = None
    """The model that served."""
    provider: str | None = None
    status: str | None = None
    """`ok`, `error`, `404`, `4xx`, `5xx`."""
    streaming: bool | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    text: str | None = None
    """Part of an id, error, error message, model or client's name, whatever the case."""


class HistoryPage(msgspec.Struct, frozen=True):
    rows: Sequence[RequestRecord]
    cursor: tuple[int, str] | None
    """(start, id) after which the next page goes on; None: that was all."""


class HistoryStore(Protocol):
    async def page(self, wanted: RequestFilter, *, before: tuple[int, str] | None, limit: int) -> HistoryPage:
        """Newest first. Looks at a bounded number of rows: a page may be short while there is a next one."""
        ...

    async def request(self, request_id: str) -> RequestRecord | None:
        """With its bodies, where they are still there."""
        ...

    async def tool_requests(self, limit: int) -> Sequence[RequestRecord]:
        """Those in which the gateway ran tools, newest first, with their `tool_log`."""
        ...


class Sums(msgspec.Struct, kw_only=True):
    requests: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    unpriced_requests: int = 0
    cost_usd: float | None = None


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    """Made where it is read: a long one is not gone through again on its way out."""

    rows_json: bytes
    """An array of objects with the members of the API's `UsageRow`."""
    truncated: bool


class TopRow(Sums, kw_only=True):
    key: str
    """A model, or a client's id."""
    name: str


class PointRow(msgspec.Struct, kw_only=True):
    at: int
    requests: int = 0
    errors: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None


class Moment(msgspec.Struct, frozen=True):
    """Which rows of the request log there were: those up to `newest`, as the log is numbered since it was
    last rewritten, which makes another `version` of it."""

    newest: int
    newest_id: str | None
    """Of the request with that number: once it is purged, another one gets it."""
    version: int


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """What the database knows, of one moment."""

    moment: Moment
    today: Sums
    minutes: Sequence[PointRow]
    clients_seen: dict[str, int]
    """Client id: the newest minute (Unix ms) with a request, within the last hour."""
    models: Sequence[TopRow]
    clients: Sequence[TopRow]
    recent: Sequence[RequestRecord]
    """Newest first."""


class UsageStore(Protocol):
    async def totals(
        self, *, first_day: str, last_day: str, client: str | None = None, model: str | None = None
    ) -> Sums:
        """Of whole days, both ends included."""
        ...

    async def by_client(self, client_ids: Sequence[str], *, first_day: str, last_day: str) -> dict[str, Sums]:
        """Sums of each of these clients that has any."""
        ...

    async def report(
        self,
        *,
        first_day: str | None,
        last_day: str | None,
        client: str | None,
        model: str | None,
        groups: frozenset[Grouping],
        limit: int,
    ) -> UsageReport: ...

    def export(
        self, *, first_day: str | None, last_day: str | None, client: str | None, model: str | None
    ) -> AsyncIterator[bytes]:
        """Every day, client and model as CSV without a head, in chunks of lines."""
        ...

    async def series(
        self, *, step_s: Literal[60, 3600], from_ms: int, to_ms: int, client: str | None, model: str | None
    ) -> Sequence[PointRow]:
        """Points that have anything, oldest first. Single clients have hours only."""
        ...

    async def client_minutes(
        self, client: str, *, from_ms: int, to_ms: int, model: str | None
    ) -> Sequence[PointRow] | None:
        """A client's minutes, counted from the log; None: there are too many rows for that."""
        ...

    async def daily_series(
        self, *, first_day: str, last_day: str, client: str | None, model: str | None
    ) -> Sequence[tuple[str, PointRow]]: ...
