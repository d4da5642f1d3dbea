"""`ai-gateway serve`, which `ai-gateway` alone does too."""

from __future__ import annotations

import click

from ai_gateway.cli.context import Command, State, pass_state
from ai_gateway.cli.first_launch import prepare

__all__ = ["command", "start"]


def start(state: State) -> int:
    """Complete the first launch where it is not, then serve. Returns the exit code."""
    settings = prepare(state)
    return state.serve(settings, config_path=state.config_path)


@click.command("serve", cls=Command)
@pass_state
def command(state: State) -> int:
    """Serve until told to stop (the default command)."""
    return start(state)
