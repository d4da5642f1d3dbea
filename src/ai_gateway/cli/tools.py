"""`ai-gateway tools`: the tools that the gateway runs. A running server sees every change within a second."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ai_gateway.cli.context import CommandFailed, Group, State, json_option, open_store, pass_state
from ai_gateway.cli.output import print_json, print_table, safe

if TYPE_CHECKING:
    from ai_gateway.config import Settings
    from ai_gateway.core.mcp_server import McpServerSettings
    from ai_gateway.core.server_tools import ToolOutcome
    from ai_gateway.store.protocols import ClientStore
    from ai_gateway.tools.configuration import Configuration
    from ai_gateway.tools.server import ServerState
    from ai_gateway.tools.toolbox import Toolbox, ToolState

__all__ = ["command"]

T = TypeVar("T")
_DESCRIPTION = 60
_OWN = "AI_GATEWAY_"
_name_argument = click.argument("name", metavar="NAME")


@click.group("tools", cls=Group)
def command() -> None:
    """Tools that the gateway runs for clients in gateway mode: built in, and of MCP servers."""


@command.command("list")
@json_option
@pass_state
def list_tools(state: State, as_json: bool) -> None:
    """List all tools. MCP servers are started for it, and stopped again."""

    async def work(box: Toolbox, _: Configuration) -> tuple[list[ToolState], list[ServerState]]:
        await box.settled()
        return box.tools(), box.servers()

    tools, servers = _with_toolbox(state, work)
    if as_json:
        print_json([_public(each) for each in tools])
    else:
        rows = [
            (each.tool.name, each.tool.source or "built in", _state(each), _short(each)) for each in tools
        ]
        print_table(("TOOL", "SERVER", "STATE", "DESCRIPTION"), rows)
    for server in servers:
        if server.state == "failed":
            click.echo(f"MCP server {server.name}: {safe(server.error or 'failed')}", err=True)


def _public(each: ToolState) -> dict[str, object]:
    tool = each.tool
    return {
        "name": tool.name,
        "server": tool.source or None,
        "description": tool.description,
        "on": each.on,
        "available": each.available,
        "parameters": json.loads(bytes(tool.parameters)),
    }


def _state(each: ToolState) -> str:
    return "off" if not each.on else "on" if each.available else "away"


def _short(each: ToolState) -> str:
    text = " ".join(each.tool.description.split())
    return text if len(text) <= _DESCRIPTION else f"{text[: _DESCRIPTION - 1]}…"


@command.command("servers")
@json_option
@pass_state
def list_servers(state: State, as_json: bool) -> None:
    """List the MCP servers of the config file and the database, without starting them."""
    configuration = _configuration(state)
    servers = sorted(configuration.servers.values(), key=lambda server: server.name)
    off = {each.name for each in servers if not each.settings.enabled} | configuration.off_servers
    if as_json:
        print_json(
            [
                {
                    "name": each.name,
                    "transport": each.settings.transport,
                    "origin": each.origin,
                    "on": each.name not in off,
                    **each.settings.public(),
                }
                for each in servers
            ]
        )
    else:
        rows = [
            (
                each.name,
                each.settings.transport,
                each.settings.url or " ".join((each.settings.command, *each.settings.args)),
                each.origin,
                "off" if each.name in off else "on",
            )
            for each in servers
        ]
        print_table(("SERVER", "TRANSPORT", "ADDRESS OR COMMAND", "FROM", "STATE"), rows)
    for name, why in configuration.broken.items():
        click.echo(f"MCP server {name}: {safe(why)}", err=True)


@command.command("call")
@_name_argument
@click.argument("arguments", metavar="[JSON]", default="{}")
@json_option
@pass_state
def call(state: State, name: str, arguments: str, as_json: bool) -> None:
    """Run a tool with JSON as its arguments, and print what it brings back."""

    async def work(box: Toolbox, configuration: Configuration) -> ToolOutcome:
        await box.settled()
        for server in box.servers():
            if server.state == "failed":
                raise CommandFailed(f"MCP server {server.name}: {server.error}")
        if name not in box.offered(()):
            _refuse_off(name, box)
        return await box.run(name, arguments)

    outcome = _with_toolbox(state, work, only=name.partition("__")[0])
    if as_json:
        print_json({"name": name, "error": outcome.error, "content": _content(outcome)})
    else:
        text = "\n".join(_plain(part) for part in outcome.parts)
        click.echo(text, err=outcome.error is not None)
    if outcome.error is not None:
        raise CommandFailed(f"{safe(name)}: {outcome.error}")


def _refuse_off(name: str, box: Toolbox) -> None:
    if any(each.tool.name == name and not each.on for each in box.tools()):
        raise CommandFailed(f"{name} is switched off: `ai-gateway tools enable {name}` switches it on")


def _content(outcome: ToolOutcome) -> list[dict[str, object]]:
    """Without members that say nothing."""
    from msgspec import to_builtins

    return [
        {name: value for name, value in part.items() if value not in (None, ())}
        for part in to_builtins(outcome.parts)
    ]


def _plain(part: Any) -> str:  # a part of any kind
    text = getattr(part, "text", None)
    if isinstance(text, str):
        return "\n".join(map(safe, text.split("\n")))
    source = getattr(part, "source", None)
    kind = getattr(source, "media_type", None) or "unknown type"
    return f"({type(part).__name__.lower()}, {kind}: --json shows it)"


@command.command("add")
@_name_argument
@click.argument("program", metavar="[-- COMMAND [ARGS]...]", nargs=-1, type=click.UNPROCESSED)
@click.option("--url", default="", help="Address of a streamable HTTP server, in place of a command.")
@click.option(
    "--env",
    "env",
    multiple=True,
    metavar="NAME[=VALUE]",
    help="A variable for the command; no value: as it is here.",
)
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=VALUE", help="A header sent to the address."
)
@click.option("--cwd", type=click.Path(path_type=Path), help="The folder in which the command runs.")
@click.option("--timeout-seconds", type=click.IntRange(1, 3600), help="Seconds for a call of its tools.")
@click.option(
    "--tools", "wanted", default="", metavar="A,B", help="Its tools that are used, exact or with *."
)
@click.option("--replace", is_flag=True, help="Replace the server of this name.")
@json_option
@pass_state
def add(state: State, /, name: str, replace: bool, as_json: bool, **given: Any) -> None:
    """Add an MCP server: a COMMAND that speaks over stdio, or a --url."""
    wanted = _validated(name, given, state)

    async def work(store: ClientStore, settings: Settings) -> None:
        if name in settings.tools.mcp_servers:
            raise CommandFailed(f"MCP server {name} is in the config file: change it there")
        tools, now_ms = store.tools(), _now_ms()
        if replace and any(each.name == name for each in await tools.list_servers()):
            await tools.update_server(name, wanted, now_ms=now_ms)
        else:
            await tools.create_server(name, wanted, now_ms=now_ms)

    state.with_store(work)
    if as_json:
        print_json({"name": name, "transport": wanted.transport, **wanted.public()})
    else:
        click.echo(f"{name}: added; `ai-gateway tools list` shows its tools")


def _validated(name: str, given: dict[str, Any], state: State) -> McpServerSettings:
    """Raises: click.UsageError, naming what is wrong."""
    from pydantic import ValidationError

    from ai_gateway.core.mcp_server import McpServerSettings, server_name

    program: Sequence[str] = given["program"]
    cwd: Path | None = given["cwd"]
    try:
        server_name(name)
        return McpServerSettings(
            command=program[0] if program else "",
            args=list(program[1:]),
            env=dict(_variable(text, state) for text in given["env"]),
            cwd=cwd.expanduser().absolute() if cwd else None,
            url=given["url"].strip(),
            headers=dict(_pair("--header", text) for text in given["headers"]),
            timeout_seconds=given["timeout_seconds"],
            tools=[each.strip() for each in given["wanted"].split(",") if each.strip()],
        )
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        raise click.UsageError("; ".join(_fault(detail) for detail in found)) from None
    except ValueError as error:
        raise click.UsageError(f"NAME {error}") from None


def _fault(detail: Any) -> str:  # pydantic's
    message = str(detail["ctx"]["error"]) if detail["type"] == "value_error" else detail["msg"]
    place = str(detail["loc"][0]) if detail["loc"] else ""
    option = {"command": "COMMAND", "args": "ARGS", "headers": "--header"}.get(
        place, f"--{place.replace('_', '-')}"
    )
    return f"{option}: {message}" if place else message


def _variable(text: str, state: State) -> tuple[str, Any]:
    """`NAME=VALUE`, or `NAME` for the value that it has here: out of sight of the process list."""
    if "=" in text:
        return _pair("--env", text)
    value = state.environ.get(text)
    if value is None or text.startswith(_OWN):
        raise click.UsageError(f"--env: there is no variable {text} that could be handed on")
    return text, value


def _pair(option: str, text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"{option}: {text!r} is no pair: write NAME=VALUE")
    return name.strip(), value


@command.command("remove")
@_name_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_state
def remove(state: State, name: str, yes: bool, as_json: bool) -> None:
    """Remove an MCP server of the database, with its credentials."""
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to ask on: give --yes")
        if not click.confirm(f"Remove MCP server {safe(name)}?", err=True):
            raise click.ClickException("nothing was removed")

    async def work(store: ClientStore, settings: Settings) -> None:
        tools = store.tools()
        if name in settings.tools.mcp_servers and name not in {
            each.name for each in await tools.list_servers()
        }:
            raise CommandFailed(f"MCP server {name} is in the config file: remove it there")
        await tools.delete_server(name)

    state.with_store(work)
    if as_json:
        print_json({"name": name, "removed": True})
    else:
        click.echo(f"{safe(name)}: removed")


@command.command("enable")
@_name_argument
@json_option
@pass_state
def enable(state: State, name: str, as_json: bool) -> None:
    """Switch a tool or an MCP server on again."""
    _switch(state, name, as_json, on=True)


@command.command("disable")
@_name_argument
@json_option
@pass_state
def disable(state: State, name: str, as_json: bool) -> None:
    """Switch a tool or an MCP server off, for all clients."""
    _switch(state, name, as_json, on=False)


def _switch(state: State, name: str, as_json: bool, *, on: bool) -> None:
    async def work(store: ClientStore, settings: Settings) -> str:
        from ai_gateway.tools.builtin import NAMES

        tools = store.tools()
        servers = set(settings.tools.mcp_servers) | {each.name for each in await tools.list_servers()}
        is_server = name in servers
        if not is_server and name not in NAMES and name.partition("__")[0] not in servers:
            raise CommandFailed(f"there is no tool or MCP server '{name}'")
        await tools.switch("server" if is_server else "tool", name, on=on, now_ms=_now_ms())
        return _still_off(name, is_server, settings) if on else ""

    still_off = state.with_store(work)
    if as_json:
        print_json({"name": name, "on": on and not still_off})
    else:
        click.echo(f"{safe(name)}: {'enabled' if on else 'disabled'}{still_off}")


def _still_off(name: str, is_server: bool, settings: Settings) -> str:
    if is_server:
        server = settings.tools.mcp_servers.get(name)
        return ", but enabled is false in the config file" if server and not server.enabled else ""
    from ai_gateway.tools.naming import Patterns

    off = Patterns(settings.tools.disabled).allow(name)
    return ", but tools.disabled of the config file names it" if off else ""


def _configuration(state: State) -> Configuration:
    from ai_gateway.tools.keeper import configuration_of

    async def work(store: ClientStore, settings: Settings) -> Configuration:
        return await configuration_of(settings, store.tools())

    return state.with_store(work)


def _with_toolbox(
    state: State, work: Callable[[Toolbox, Configuration], Awaitable[T]], *, only: str | None = None
) -> T:
    """What `work` returns for a toolbox of its own; with the MCP server `only`, or with all of them."""
    settings = state.settings()

    async def run() -> T:
        async with _toolbox(settings, state, only) as (box, configuration):
            return await work(box, configuration)

    return asyncio.run(run())


@contextlib.asynccontextmanager
async def _toolbox(
    settings: Settings, state: State, only: str | None
) -> AsyncIterator[tuple[Toolbox, Configuration]]:
    from msgspec.structs import replace

    from ai_gateway.tools.configuration import limits_of
    from ai_gateway.tools.keeper import configuration_of
    from ai_gateway.tools.toolbox import Toolbox
    from ai_gateway.upstream.guard import Guard
    from ai_gateway.upstream.proxies import Proxies

    async with open_store(settings, state.environ) as store:
        configuration = await configuration_of(settings, store.tools())
    if only is not None:
        servers = {name: each for name, each in configuration.servers.items() if name == only}
        configuration = replace(configuration, servers=servers, broken={})
    box = Toolbox(limits_of(settings), Guard(settings.network.allowed_hosts), Proxies.from_environment())
    log = logging.getLogger("ai_gateway.tools")
    before = log.level
    log.setLevel(logging.CRITICAL)  # what goes wrong is told as the command's result
    box.apply(configuration)
    try:
        yield box, configuration
    finally:
        await box.close()
        log.setLevel(before)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
