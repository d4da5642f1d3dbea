"""`ai-gateway version`."""

from __future__ import annotations

import click

from ai_gateway._version import build
from ai_gateway.cli.context import Command, json_option
from ai_gateway.cli.output import print_json

__all__ = ["command", "one_line"]


def one_line() -> str:
    """Version, commit and build time."""
    info = build()
    return f"ai-gateway {info.version} (commit {info.commit}, built {info.build_time})"


@click.command("version", cls=Command)
@json_option
def command(as_json: bool) -> None:
    """Print version, commit and build time."""
    if as_json:
        print_json(build()._asdict())
    else:
        click.echo(one_line())
