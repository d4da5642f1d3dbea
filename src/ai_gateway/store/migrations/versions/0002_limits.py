"""What limits count: the day of a request, whether it was admitted; its attempts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("requests", sa.Column("day", sa.Text()))
    op.add_column("requests", sa.Column("model_reported", sa.Text()))
    op.add_column("requests", sa.Column("admitted", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("requests", sa.Column("attempt_log", sa.Text()))
    op.execute("UPDATE requests SET admitted = true WHERE attempts > 0")
    op.add_column(
        "usage_daily", sa.Column("admitted_requests", sa.BigInteger(), nullable=False, server_default="0")
    )
    # Refused requests were not told apart: an old day's figure errs on the side of the quota.
    op.execute("UPDATE usage_daily SET admitted_requests = requests")
