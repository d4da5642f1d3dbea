"""The command line: thin commands over the config and the store."""

from __future__ import annotations

from ai_gateway.cli.main import run

__all__ = ["run"]
