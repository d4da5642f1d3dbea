"""What Alembic runs: it migrates over the connection that `ai_gateway.store.migrate` hands it."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from ai_gateway.store.schema import metadata


def _run() -> None:
    connection = context.config.attributes["connection"]
    assert isinstance(connection, Connection)
    # SQLite's DDL is transactional; Alembic assumes that it is not, for old drivers' sake.
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()


_run()
