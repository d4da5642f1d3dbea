"""`ai-gateway clients`. A running server sees every change within a second."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ai_gateway.cli.client_options import changes, setting_options, validated
from ai_gateway.cli.context import Group, State, json_option, pass_state
from ai_gateway.cli.first_launch import DEMO_STATE, DONE
from ai_gateway.cli.output import curl_line, print_json, print_table, safe
from ai_gateway.core.client import Client, ClientSettings

if TYPE_CHECKING:
    from ai_gateway.config import Settings
    from ai_gateway.store.protocols import ClientStore

__all__ = ["command"]

_MAX_GRACE_S = 366 * 86_400
_name_argument = click.argument("name_or_id", metavar="NAME")


@click.group("clients", cls=Group)
def command() -> None:
    """Holders of gateway keys. NAME is a client's name or its id."""


@command.command("list")
@json_option
@pass_state
def list_clients(state: State, as_json: bool) -> None:
    """List all clients."""

    async def work(store: ClientStore, _: Settings) -> list[Client]:
        return list(await store.list_clients())

    clients = state.with_store(work)
    if as_json:
        print_json([client.public() for client in clients])
        return
    columns = ("NAME", "ID", "BACKEND", "DEFAULT MODEL", "ACTIVE", "LAST SEEN")
    print_table(columns, [_row(client) for client in clients])


def _row(client: Client) -> tuple[object, ...]:
    settings = client.settings
    seen = client.last_seen and client.last_seen.isoformat(timespec="seconds")
    active = "yes" if settings.is_active else "no"
    return settings.name, client.id, settings.backend, settings.default_model or None, active, seen


@command.command("show")
@_name_argument
@json_option
@pass_state
def show(state: State, name_or_id: str, as_json: bool) -> None:
    """Show a client's settings, without any credential."""

    async def work(store: ClientStore, _: Settings) -> Client:
        return await store.get_client(name_or_id)

    _print_client(state.with_store(work), as_json)


def _print_client(client: Client, as_json: bool) -> None:
    if as_json:
        print_json(client.public())
        return
    fields = client.public()
    width = max(map(len, fields))
    for name, value in fields.items():
        click.echo(f"{name.ljust(width)}  {safe(_plain(value))}".rstrip())


def _plain(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_plain, value))
        case dict():
            return ", ".join(f"{key}={_plain(item)}" for key, item in value.items())
        case _:
            return str(value)


@command.command("create", params=setting_options(required=True))
@json_option
@pass_state
def create(state: State, /, as_json: bool, **given: Any) -> None:
    """Create a client and print its key, once. Limits that are not given are the config's defaults."""

    async def work(store: ClientStore, settings: Settings) -> tuple[Client, str, Settings]:
        wanted = validated({**settings.defaults.client_fields(), **changes(given)})
        client, key = await store.create_client(wanted, now=datetime.now(UTC))
        if await store.get_setting(DEMO_STATE) is None:  # who makes clients by hand needs no demo
            await store.set_setting(DEMO_STATE, DONE)
        return client, key, settings

    client, key, settings = state.with_store(work)
    _print_key(client, key, settings, as_json)


def _print_key(client: Client, key: str, settings: Settings, as_json: bool) -> None:
    name = client.settings.name
    if as_json:
        print_json({"id": client.id, "name": name, "api_key": key})
        return
    model = client.settings.default_model or "MODEL"
    click.echo(f"Client:   {safe(name)} ({client.id})\nAPI key:  {key}   (shown once)\n")
    click.echo(f"Try it:\n{curl_line(settings, key, model)}")


@command.command("update", params=setting_options(required=False))
@_name_argument
@json_option
@pass_state
def update(state: State, /, name_or_id: str, as_json: bool, **given: Any) -> None:
    """Change the settings that are given; an empty text clears one."""
    _print_client(_change(state, name_or_id, given), as_json)


def _change(state: State, name_or_id: str, given: dict[str, Any]) -> Client:
    async def work(store: ClientStore, _: Settings) -> Client:
        client = await store.get_client(name_or_id)
        wanted = changes(given, client.settings)
        if not wanted:
            raise click.UsageError("nothing to change: give at least one option")
        stored = {name: getattr(client.settings, name) for name in ClientSettings.model_fields}
        return await store.update_client(client.id, validated({**stored, **wanted}), now=datetime.now(UTC))

    return state.with_store(work)


@command.command("enable")
@_name_argument
@json_option
@pass_state
def enable(state: State, name_or_id: str, as_json: bool) -> None:
    """Let a client in again."""
    _switch(state, name_or_id, as_json, is_active=True)


@command.command("disable")
@_name_argument
@json_option
@pass_state
def disable(state: State, name_or_id: str, as_json: bool) -> None:
    """Answer a client's requests with 403."""
    _switch(state, name_or_id, as_json, is_active=False)


def _switch(state: State, name_or_id: str, as_json: bool, *, is_active: bool) -> None:
    client = _change(state, name_or_id, {"is_active": is_active})
    if as_json:
        print_json(client.public())
    else:
        click.echo(f"{safe(client.settings.name)}: {'enabled' if is_active else 'disabled'}")


@command.command("delete")
@_name_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
@pass_state
def delete(state: State, name_or_id: str, yes: bool, as_json: bool) -> None:
    """Delete a client and its keys. Its usage stays in the reports."""
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("there is no terminal to ask on: give --yes")
        if not click.confirm(f"Delete client {safe(name_or_id)} and its keys?", err=True):
            raise click.ClickException("nothing was deleted")

    async def work(store: ClientStore, _: Settings) -> Client:
        client = await store.get_client(name_or_id)
        await store.delete_client(client.id)
        return client

    client = state.with_store(work)
    if as_json:
        print_json({"id": client.id, "name": client.settings.name, "deleted": True})
    else:
        click.echo(f"{safe(client.settings.name)}: deleted")


@command.command("rotate-key")
@_name_argument
@click.option(
    "--grace",
    "grace_s",
    metavar="SECONDS",
    type=click.IntRange(0, _MAX_GRACE_S),
    default=0,
    help="How long the old key stays valid (default: not at all).",
)
@json_option
@pass_state
def rotate_key(state: State, name_or_id: str, grace_s: int, as_json: bool) -> None:
    """Give a client a new key and print it, once."""

    async def work(store: ClientStore, settings: Settings) -> tuple[Client, str, Settings]:
        client = await store.get_client(name_or_id)
        key = await store.rotate_key(client.id, now=datetime.now(UTC), grace_s=grace_s)
        return client, key, settings

    client, key, settings = state.with_store(work)
    _print_key(client, key, settings, as_json)
