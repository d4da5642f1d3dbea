"""`ai-gateway secrets`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ai_gateway.cli.context import KEY_FILE, CommandFailed, Group, State, json_option, pass_state

if TYPE_CHECKING:
    from ai_gateway.config import Settings
    from ai_gateway.store.protocols import ClientStore

__all__ = ["command"]


@click.group("secrets", cls=Group)
def command() -> None:
    """The key that encrypts the upstream credentials in the database."""


@command.command("rotate")
@json_option
@pass_state
def rotate(state: State, as_json: bool) -> None:
    """Encrypt all stored upstream credentials under a new key.

    The key file gets the new key; a gateway that runs reads it by itself. A key of the environment is
    changed there: this command then brings the credentials under it, and says what to set where it cannot.
    """
    from ai_gateway.store.keyring import PREVIOUS_KEY_VARIABLE, KeySource, rotate_key_file

    async def work(store: ClientStore, settings: Settings) -> tuple[int, str]:
        path = settings.database.path.parent / KEY_FILE
        if not KeySource(path, state.environ).from_environment:
            return await rotate_key_file(path, store.reseal), f"the new key is in {path}: keep a copy"
        count = await store.reseal()
        if not count:
            raise CommandFailed(
                "every credential is under the key of AI_GATEWAY_SECRET_KEY already. For a new one: set it "
                f"there (openssl rand -hex 32), set the present one as {PREVIOUS_KEY_VARIABLE}, restart the "
                "gateway, and run this again"
            )
        left = f"remove {PREVIOUS_KEY_VARIABLE}" + (f" and {path}" if path.exists() else "")
        return count, f"they are under the key of AI_GATEWAY_SECRET_KEY: {left}"

    count, advice = state.with_store(work)
    if as_json:
        click.echo(json.dumps({"reencrypted": count}))
    else:
        click.echo(f"Encrypted again: {count} upstream credential{'' if count == 1 else 's'}; {advice}")
