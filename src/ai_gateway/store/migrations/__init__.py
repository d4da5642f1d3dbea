"""Alembic's folder: run by `ai_gateway.store.migrate`, not by hand."""
