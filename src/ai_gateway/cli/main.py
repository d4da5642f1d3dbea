"""The root command, and what becomes of every fault that can be foreseen."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Mapping, Sequence

import click

from ai_gateway.cli.context import CommandFailed, Group, Serve, State

__all__ = ["root", "run"]

_COMMANDS = {
    "serve": "serve",
    "version": "version",
    "config": "config_command",
    "clients": "clients",
    "models": "models",
    "admin": "admin",
    "tools": "tools",
    "usage": "usage",
    "secrets": "secrets_command",
}
_PROGRAM = "ai-gateway"


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from ai_gateway.cli.version import one_line

        click.echo(one_line())
        context.exit()


@click.group(cls=Group, lazy=_COMMANDS, invoke_without_command=True)
@click.option(
    "-v",
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Print the version.",
)
@click.pass_context
def root(context: click.Context) -> int | None:
    """A gateway between applications and LLM providers. Without a command it serves."""
    if context.invoked_subcommand is not None:
        return None
    from ai_gateway.cli.serve import start

    return start(context.ensure_object(State))


def run(
    *, serve: Serve, arguments: Sequence[str] | None = None, environ: Mapping[str, str] | None = None
) -> int:
    """Run a command line (by default this process's) and return its exit code.

    0: done; 1: failed, with a line on stderr (config errors: one for each); 2: wrong usage.
    """
    state = State(serve=serve, environ=os.environ if environ is None else environ)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal that cannot show a character: \u2026
            stream.reconfigure(errors="backslashreplace")
    try:
        return _run(state, arguments)
    except BrokenPipeError:
        # Nobody reads on, as in `ai-gateway usage | head`; nor shall the interpreter's last flush complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{error.strerror or error}")


def _run(state: State, arguments: Sequence[str] | None) -> int:
    try:
        code = root.main(
            args=arguments if arguments is None else list(arguments),
            prog_name=_PROGRAM,
            standalone_mode=False,
            obj=state,
        )
        sys.stdout.flush()
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _fail(error.format_message())
    except click.Abort:
        return _fail("interrupted")
    except CommandFailed as error:
        return _fail(str(error))
    except _config_and_store_errors() as error:
        return _fail(str(error))
    return code if isinstance(code, int) else 0


def _config_and_store_errors() -> tuple[type[Exception], ...]:
    """Evaluated only when an exception comes up: these imports would slow the commands without a store."""
    from ai_gateway.config import ConfigError
    from ai_gateway.store.protocols import StoreError

    return ConfigError, StoreError


def _fail(message: str) -> int:
    click.echo("\n".join(f"{_PROGRAM}: {line}" for line in message.splitlines()), err=True)
    return 1
