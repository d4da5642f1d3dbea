"""The tables. Times are Unix milliseconds, UTC; what SQLite and PostgreSQL spell differently is not used.

A change here needs a migration in `migrations/versions`: a test compares the two.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

__all__ = [
    "api_tokens",
    "audit_log",
    "changes",
    "client_keys",
    "clients",
    "mcp_servers",
    "metadata",
    "request_bodies",
    "requests",
    "sessions",
    "settings",
    "tools_off",
    "usage_daily",
    "usage_steps",
    "users",
]

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

clients = Table(
    "clients",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("backend", Text, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("settings", Text, nullable=False, comment="JSON of the settings that have no column"),
    Column("secrets", Text, nullable=False, comment="JSON: name of the secret = encrypted token"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("last_seen", BigInteger),
)

client_keys = Table(
    "client_keys",
    metadata,
    Column("key_hash", LargeBinary(32), primary_key=True, comment="SHA-256 of the key"),
    Column("client_id", Text, ForeignKey("clients.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("tail", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
)

requests = Table(
    "requests",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("day", Text, comment="YYYY-MM-DD in limits.timezone; null in old rows: UTC's"),
    Column("client_id", Text, comment="no foreign key: rows outlive their client"),
    Column("client_name", Text),
    Column("endpoint", Text, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("provider", Text),
    Column("model_asked", Text),
    Column("model_served", Text),
    Column("model_reported", Text, comment="the provider's own name for what answered"),
    Column(
        "admitted", Boolean, nullable=False, server_default=false(), comment="the client's limits count it"
    ),
    Column("status", Integer, nullable=False),
    Column("error", Text),
    Column("error_message", Text),
    Column("streaming", Boolean, nullable=False),
    Column("tools_used", Boolean, nullable=False),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("usage_estimated", Boolean, nullable=False),
    Column("usage_raw", Text, comment="the provider's own JSON"),
    Column("cost_usd", Double, comment="null: no price is known"),
    Column("ttfb_ms", Double),
    Column("latency_ms", Double, nullable=False),
    Column("overhead_ms", Double, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("attempt_log", Text, comment="JSON, where one call was not enough"),
    Column("tool_log", Text, comment="JSON, where the gateway ran tools"),
    Column("key_tail", Text),
    Column("caller_address", Text),
    # Pages of the log go by (time, id): of everything, of one client or model, of failures.
    Index(None, "started_at", "id"),
    Index(None, "client_id", "started_at", "id"),
    Index(None, "model_served", "started_at", "id"),
    # (PostgreSQL's own condition is in the migration: its name here would load that dialect.)
    Index("ix_requests_failed", "started_at", "id", "status", sqlite_where=text("status >= 400")),
    Index("ix_requests_tools", "started_at", "id", sqlite_where=text("tool_log IS NOT NULL")),
)

request_bodies = Table(
    "request_bodies",
    metadata,
    Column("request_id", Text, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True),
    Column("started_at", BigInteger, nullable=False, index=True, comment="the request's: bodies go first"),
    Column("caller_request", Text),
    Column("upstream_request", Text),
    Column("response", Text),
)

usage_daily = Table(
    "usage_daily",
    metadata,
    Column("day", Text, primary_key=True, comment="YYYY-MM-DD, in limits.timezone"),
    Column("client_id", Text, primary_key=True, comment="empty: no client was known"),
    Column("model", Text, primary_key=True, comment="served, else asked for, else empty"),
    Column("client_name", Text, nullable=False, comment="to name a client that is deleted"),
    Column("requests", BigInteger, nullable=False),
    Column(
        "admitted_requests", BigInteger, nullable=False, server_default="0", comment="those that limits count"
    ),
    Column("errors", BigInteger, nullable=False, comment="status 400 and above"),
    Column("input_tokens", BigInteger, nullable=False),
    Column("cached_tokens", BigInteger, nullable=False),
    Column("cache_write_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("reasoning_tokens", BigInteger, nullable=False),
    Column("estimated_requests", BigInteger, nullable=False),
    Column("unpriced_requests", BigInteger, nullable=False),
    Column("cost_usd", Double, comment="null while none of it could be priced"),
    sqlite_with_rowid=False,  # rows lie in the order of the key, in which reports read them
)

usage_steps = Table(
    "usage_steps",
    metadata,
    Column("step_s", Integer, primary_key=True, autoincrement=False, comment="60 or 3600"),
    Column("client_id", Text, primary_key=True, comment="of hours; empty: all clients, and strangers"),
    Column("at", BigInteger, primary_key=True, autoincrement=False, comment="start of the step"),
    Column("model", Text, primary_key=True, comment="as in usage_daily"),
    Column("requests", BigInteger, nullable=False),
    Column("errors", BigInteger, nullable=False, comment="status 400 and above"),
    Column("input_tokens", BigInteger, nullable=False),
    Column("output_tokens", BigInteger, nullable=False),
    Column("cost_usd", Double, comment="null while none of it could be priced"),
    Index(None, "step_s", "at"),  # by which old ones are deleted
    sqlite_with_rowid=False,
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("username", Text, nullable=False),
    Column("folded", Text, nullable=False, comment="the name by which it is found, whatever the case"),
    Column("password_hash", Text, nullable=False, comment="Argon2id"),
    Column("role", Text, nullable=False, comment="admin or viewer"),
    Column("is_active", Boolean, nullable=False),
    Column("must_change_password", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_sign_in_at", BigInteger),
    UniqueConstraint("folded"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True, comment="SHA-256 of its name"),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Column("address", Text),
    Column("user_agent", Text),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("token_hash", LargeBinary(32), nullable=False, unique=True, comment="SHA-256 of the token"),
    Column("user_id", Text, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False, comment="admin or viewer; never more than the user's"),
    Column("tail", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used_at", BigInteger),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("actor_kind", Text, nullable=False, comment="user, token or cli"),
    Column("actor", Text, nullable=False),
    Column("address", Text),
    Column("action", Text, nullable=False, comment="such as client.update"),
    Column("target_kind", Text, nullable=False),
    Column("target_id", Text),
    Column("target_name", Text),
    Column("changes", Text, nullable=False, comment="JSON; secrets are only named"),
    Index(None, "actor", "id"),
    Index(None, "action", "id"),
    Index(None, "target_id", "id"),
    Index(None, "target_name", "id"),
)

mcp_servers = Table(
    "mcp_servers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("settings", Text, nullable=False, comment="JSON, without secrets"),
    Column("secrets", Text, nullable=False, comment="JSON: env/NAME or headers/NAME = encrypted token"),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

tools_off = Table(
    "tools_off",
    metadata,
    Column("kind", Text, primary_key=True, comment="server or tool"),
    Column("name", Text, primary_key=True, comment="no foreign key: of the config file, or not there now"),
    Column("since", BigInteger, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

changes = Table(
    "changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False, comment="always 1"),
    Column("version", BigInteger, nullable=False, comment="raised by each change of clients, keys or tools"),
)
