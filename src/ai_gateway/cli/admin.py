"""`ai-gateway admin`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from ai_gateway.cli.context import CommandFailed, Group, State, pass_state
from ai_gateway.cli.first_launch import ADMIN_STATE, DONE, PASSWORD_HASH_KEY
from ai_gateway.config import replace_value
from ai_gateway.config.environment import env_name
from ai_gateway.store.accounts import PASSWORD_HASH
from ai_gateway.store.passwords import hash_password, new_password

if TYPE_CHECKING:
    from ai_gateway.config import Settings
    from ai_gateway.store.protocols import ClientStore

__all__ = ["command"]


@click.group("admin", cls=Group)
def command() -> None:
    """The account that signs in to the dashboard."""


@command.command("reset-password")
@pass_state
def reset_password(state: State) -> None:
    """Make a new admin password and print it, once.

    Its hash goes where the old one is: into the config file, or else into the database. All sessions of the
    account end; an account that was deactivated may sign in again.
    """
    password = new_password()
    password_hash = hash_password(password)

    async def work(store: ClientStore, settings: Settings) -> Settings:
        if settings.admin.password_hash:
            variable = env_name(PASSWORD_HASH_KEY)
            if variable in state.environ:
                raise CommandFailed(f"the password's hash comes from {variable}: change it there")
            replace_value(state.config_path, PASSWORD_HASH_KEY, password_hash)
        else:
            await store.set_setting(PASSWORD_HASH, password_hash)
        await store.set_setting(ADMIN_STATE, DONE)
        await _reset_user(settings, password_hash)
        return settings

    settings = state.with_store(work)
    click.echo(f"Username:  {settings.admin.username}\nPassword:  {password}   (shown once)")


async def _reset_user(settings: Settings, password_hash: str) -> None:
    """The account as the dashboard knows it: a running gateway takes the new password at once."""
    from ai_gateway.store.database import Database
    from ai_gateway.store.users import SqlUserStore

    database = Database.open(settings.database.path)
    try:
        now_ms = time.time_ns() // 1_000_000
        await SqlUserStore(database).reset_admin(
            settings.admin.username, password_hash, by=None, now_ms=now_ms
        )
    finally:
        await database.close()
