"""Clients and their keys, the request log, daily usage, settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_clients()
    _create_requests()
    _create_usage()
    op.create_table(
        "settings",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_settings"),
    )
    changes = op.create_table(
        "changes",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False, comment="always 1"),
        sa.Column(
            "version", sa.BigInteger(), nullable=False, comment="raised by each change of clients or keys"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_changes"),
    )
    op.bulk_insert(changes, [{"id": 1, "version": 0}])


def _create_clients() -> None:
    op.create_table(
        "clients",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("backend", sa.Text(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("settings", sa.Text(), nullable=False, comment="JSON of the settings that have no column"),
        sa.Column("secrets", sa.Text(), nullable=False, comment="JSON: name of the secret = encrypted token"),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_clients"),
        sa.UniqueConstraint("name", name="uq_clients_name"),
    )
    op.create_table(
        "client_keys",
        sa.Column("key_hash", sa.LargeBinary(32), nullable=False, comment="SHA-256 of the key"),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("tail", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("key_hash", name="pk_client_keys"),
        sa.ForeignKeyConstraint(
            ["client_id"], ["clients.id"], name="fk_client_keys_client_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_client_keys_client_id", "client_keys", ["client_id"])


def _create_requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False),
        sa.Column("client_id", sa.Text(), comment="no foreign key: rows outlive their client"),
        sa.Column("client_name", sa.Text()),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("dialect", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text()),
        sa.Column("model_asked", sa.Text()),
        sa.Column("model_served", sa.Text()),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text()),
        sa.Column("error_message", sa.Text()),
        sa.Column("streaming", sa.Boolean(), nullable=False),
        sa.Column("tools_used", sa.Boolean(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("usage_estimated", sa.Boolean(), nullable=False),
        sa.Column("usage_raw", sa.Text(), comment="the provider's own JSON"),
        sa.Column("cost_usd", sa.Double(), comment="null: no price is known"),
        sa.Column("ttfb_ms", sa.Double()),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.Column("overhead_ms", sa.Double(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("key_tail", sa.Text()),
        sa.Column("caller_address", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )
    op.create_index("ix_requests_started_at_id", "requests", ["started_at", "id"])
    op.create_index("ix_requests_client_id_started_at_id", "requests", ["client_id", "started_at", "id"])
    op.create_table(
        "request_bodies",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=False, comment="the request's: bodies go first"),
        sa.Column("caller_request", sa.Text()),
        sa.Column("upstream_request", sa.Text()),
        sa.Column("response", sa.Text()),
        sa.PrimaryKeyConstraint("request_id", name="pk_request_bodies"),
        sa.ForeignKeyConstraint(
            ["request_id"], ["requests.id"], name="fk_request_bodies_request_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_request_bodies_started_at", "request_bodies", ["started_at"])


def _create_usage() -> None:
    op.create_table(
        "usage_daily",
        sa.Column("day", sa.Text(), nullable=False, comment="YYYY-MM-DD, UTC, of the request's start"),
        sa.Column("client_id", sa.Text(), nullable=False, comment="empty: no client was known"),
        sa.Column("model", sa.Text(), nullable=False, comment="served, else asked for, else empty"),
        sa.Column("client_name", sa.Text(), nullable=False, comment="to name a client that is deleted"),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False, comment="status 400 and above"),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cache_write_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("estimated_requests", sa.BigInteger(), nullable=False),
        sa.Column("unpriced_requests", sa.BigInteger(), nullable=False),
        sa.Column("cost_usd", sa.Double(), comment="null while none of it could be priced"),
        sa.PrimaryKeyConstraint("day", "client_id", "model", name="pk_usage_daily"),
    )


def downgrade() -> None:
    for table in (
        "changes",
        "settings",
        "usage_daily",
        "request_bodies",
        "requests",
        "client_keys",
        "clients",
    ):
        op.drop_table(table)
