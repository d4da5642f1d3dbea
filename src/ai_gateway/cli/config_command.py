"""`ai-gateway config`."""

from __future__ import annotations

import click

from ai_gateway.cli.context import Group, State, pass_state

__all__ = ["command"]


@click.group("config", cls=Group)
def command() -> None:
    """Look after the config file."""


@command.command("check")
@pass_state
def check(state: State) -> None:
    """Say what is wrong with the config file and the environment, key by key."""
    state.settings()
    click.echo(f"{state.config_path}: ok")
