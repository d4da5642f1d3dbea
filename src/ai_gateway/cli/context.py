"""What every command shares: the options `-config` and `-port`, the settings, the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import click

if TYPE_CHECKING:
    from ai_gateway.config import Settings
    from ai_gateway.store.protocols import ClientStore, ServingStore

__all__ = ["KEY_FILE", "CommandFailed", "Group", "Serve", "State", "json_option", "open_store", "pass_state"]

T = TypeVar("T")
DEFAULT_CONFIG = Path("config.yaml")
KEY_FILE = "secret.key"
_MAX_PORT = 65_535


class CommandFailed(Exception):
    """A fault that the message explains: exit code 1."""


class Serve(Protocol):
    """Runs the gateway until it is told to stop; returns the exit code."""

    def __call__(self, settings: Settings, *, config_path: Path) -> int: ...


@dataclass
class State:
    """One run of the command line."""

    serve: Serve
    environ: Mapping[str, str]
    config_path: Path = DEFAULT_CONFIG
    port: int | None = None

    def settings(self) -> Settings:
        """Those of the config file, with `-port` over them. Raises: ConfigError, CommandFailed."""
        from ai_gateway.config import ConfigMissing, load_settings

        try:
            settings = load_settings(self.config_path, self.environ)
        except ConfigMissing as error:
            raise CommandFailed(
                f"{error}: run `ai-gateway` once to create it, or name another with -config PATH"
            ) from error
        return self.with_port(settings)

    def with_port(self, settings: Settings) -> Settings:
        """The settings, with `-port` over them."""
        return settings if self.port is None else settings.with_port(self.port)

    def with_store(self, work: Callable[[ClientStore, Settings], Awaitable[T]]) -> T:
        """What `work` returns for the store of the config file. Raises: ConfigError, StoreError."""
        settings = self.settings()

        async def run() -> T:
            async with open_store(settings, self.environ) as store:
                return await work(store, settings)

        return asyncio.run(run())


@asynccontextmanager
async def open_store(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[ClientStore]:
    """The database of `settings`, created or migrated where it must be. Raises: StoreError."""
    # Importing SQLAlchemy takes most of the time of a short command.
    from ai_gateway.store.clients import SqlClientStore
    from ai_gateway.store.keyring import KeySource
    from ai_gateway.store.migrate import ensure_schema

    path = settings.database.path
    ensure_schema(path)
    keys = KeySource(path.parent / KEY_FILE, environ)
    store = await SqlClientStore.open(path, keys.box)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def open_serving(settings: Settings, environ: Mapping[str, str]) -> AsyncIterator[ServingStore]:
    """The same to be read, which needs no SQLAlchemy. Raises: StoreError."""
    from ai_gateway.store.keyring import KeySource
    from ai_gateway.store.migrate import ensure_schema
    from ai_gateway.store.serving import SqliteServing

    path = settings.database.path
    ensure_schema(path)
    store = SqliteServing(path, KeySource(path.parent / KEY_FILE, environ).box)
    try:
        yield store
    finally:
        await store.close()


def _remember(context: click.Context, parameter: click.Parameter, value: object) -> None:
    if value is not None:
        setattr(context.ensure_object(State), str(parameter.name), value)


_COMMON = (
    click.Option(
        ["-config", "--config", "config_path"],
        metavar="PATH",
        type=click.Path(path_type=Path),
        expose_value=False,
        callback=_remember,
        help=f"The config file (default: {DEFAULT_CONFIG}).",
    ),
    click.Option(
        ["-port", "--port", "port"],
        metavar="N",
        type=click.IntRange(1, _MAX_PORT),
        expose_value=False,
        callback=_remember,
        help="The port to listen on, over the config's.",
    ),
)


class Command(click.Command):
    """A command that takes the common options: they may stand before or after its name."""

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), *_COMMON]


class Group(click.Group):
    """A group that takes the common options, and imports a command of `lazy` when it is first asked for."""

    command_class = Command

    def __init__(self, *args: Any, lazy: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        """`lazy`: command name = module of this package, which holds it as `command`."""
        super().__init__(*args, **kwargs)
        self._lazy = lazy or {}

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        return [*super().get_params(ctx), *_COMMON]

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        import importlib

        module = importlib.import_module(f"ai_gateway.cli.{self._lazy[cmd_name]}")
        command: click.Command = module.command
        return command


pass_state = click.make_pass_decorator(State)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
