"""docs/cli.md knows every command and option."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ai_gateway.cli.context import State
from ai_gateway.cli.main import root

DOCS = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()


def commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield path, command
        return
    context = click.Context(command, info_name=" ".join(path))
    for name in command.list_commands(context):
        below = command.get_command(context, name)
        assert below is not None
        yield from commands(below, (*path, name))


COMMANDS = dict(commands(root, ()))


def test_all_commands_are_found() -> None:
    assert {path[0] for path in COMMANDS} == {
        "serve",
        "version",
        "config",
        "clients",
        "models",
        "admin",
        "tools",
        "usage",
        "secrets",
    }
    assert len(COMMANDS) == 22


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_and_its_options_are_documented(path: tuple[str, ...]) -> None:
    row = [line for line in DOCS.splitlines() if line.startswith("| `") and f"`{' '.join(path)}" in line]
    assert len(row) == 1
    command = COMMANDS[path]
    context = click.Context(command, obj=State(serve=lambda settings, *, config_path: 0, environ={}))
    for option in command.get_params(context):
        if not isinstance(option, click.Option):
            continue
        for name in (*option.opts, *option.secondary_opts):
            shared = [line for line in DOCS.splitlines() if line.startswith("| `-")]
            assert any(f"`{name}" in line for line in [*row, *shared]), name


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_a_command_and_its_options_have_help(path: tuple[str, ...]) -> None:
    command = COMMANDS[path]
    assert command.help
    for option in command.params:
        assert not isinstance(option, click.Option) or option.help
