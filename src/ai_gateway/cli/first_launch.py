"""The first launch: config file, database, key file, admin, demo client. Each secret is shown once.

A launch may die between any two steps; the next one completes what is missing. A secret counts as shown
only after it was printed: one that was made but perhaps not read by anyone is replaced and shown again.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ai_gateway.cli.config_template import render_config
from ai_gateway.cli.context import CommandFailed, State, open_serving, open_store
from ai_gateway.cli.output import base_url, curl_line
from ai_gateway.config import (
    ConfigMissing,
    Settings,
    load_settings,
    parse_settings,
    replace_value,
    write_new,
)
from ai_gateway.store.accounts import PASSWORD_HASH, SESSION_SECRET
from ai_gateway.store.passwords import hash_password, new_password, new_secret
from ai_gateway.store.protocols import METRICS_PASSWORD

if TYPE_CHECKING:
    from ai_gateway.store.protocols import ClientStore, ServingStore

__all__ = [
    "ADMIN_STATE",
    "DEMO_STATE",
    "DONE",
    "PASSWORD_HASH_KEY",
    "prepare",
]

PASSWORD_HASH_KEY = ("admin", "password_hash")
ADMIN_STATE = "first_launch.admin"
DEMO_STATE = "first_launch.demo"
DONE = "done"
_PENDING = "pending"
_DEMO = "demo"
_DEMO_MODEL = "echo"
_LOCK_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Made:
    """What was made, and is to be shown; None: it was there already."""

    config: bool = False
    password: str | None = None
    demo_key: str | None = None
    metrics_password: str | None = None


@dataclass(frozen=True)
class Draft:
    """A config file that is not written yet."""

    text: str
    password: str
    password_hash: str


def prepare(state: State) -> Settings:
    """Make what is missing, print what was made, and return the settings to serve with.

    Raises: ConfigError, StoreError, CommandFailed, OSError.
    """
    try:
        settings = load_settings(state.config_path, state.environ)
    except ConfigMissing:
        settings = parse_settings("", state.config_path, state.environ)
    else:
        if asyncio.run(_is_complete(settings, state)):
            return state.with_port(settings)
    with _alone(settings.database.path.parent):
        return asyncio.run(_complete(state))


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Of several processes that start at once, one makes the secrets and the others wait for it."""
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "first-launch.lock", timeout=_LOCK_TIMEOUT_S, mode=0o600)
    try:
        lock.acquire()
    except Timeout as error:
        raise CommandFailed(f"another first launch holds {lock.lock_file}: end it, or try again") from error
    try:
        yield
    finally:
        lock.release()


async def _is_complete(settings: Settings, state: State) -> bool:
    admin = settings.admin
    async with open_serving(settings, state.environ) as store:
        return (
            await store.get_setting(DEMO_STATE) == DONE
            and not (await store.get_setting(ADMIN_STATE) or "").startswith(_PENDING)
            and bool(admin.password_hash or await store.get_setting(PASSWORD_HASH))
            and bool(admin.session_secret or await store.get_setting(SESSION_SECRET))
            and not await _needs_metrics_password(store, settings)
        )


async def _complete(state: State) -> Settings:
    draft = None
    try:
        settings = load_settings(state.config_path, state.environ)
    except ConfigMissing:
        draft = _draft()
        settings = parse_settings(draft.text, state.config_path, state.environ)
    async with open_store(settings, state.environ) as store:
        if draft is not None:
            made = await _make_config(store, draft, state)
        else:
            made = Made(password=await _make_admin(store, settings, state))
        made = replace(
            made,
            demo_key=await _make_demo(store, settings),
            metrics_password=await _make_metrics_password(store, settings),
        )
        settings = state.with_port(settings)
        _show(made, settings, state.config_path)
        if made.metrics_password is not None:
            await store.set_setting(METRICS_PASSWORD, _fingerprint(made.metrics_password))
        await store.set_setting(ADMIN_STATE, DONE)
        await store.set_setting(DEMO_STATE, DONE)
    return settings


def _draft() -> Draft:
    password = new_password()
    password_hash = hash_password(password)
    text = render_config(
        password_hash=password_hash, session_secret=new_secret(), prometheus_password=new_secret()
    )
    return Draft(text, password, password_hash)


async def _make_config(store: ClientStore, draft: Draft, state: State) -> Made:
    """Write the config file. Before that the store learns which hash is ours and not shown yet."""
    await store.set_setting(ADMIN_STATE, _pending(draft.password_hash))
    state.config_path.parent.mkdir(parents=True, exist_ok=True)
    if not write_new(state.config_path, draft.text):
        raise CommandFailed(f"{state.config_path} was written by someone else just now: start again")
    return Made(config=True, password=draft.password)


async def _make_admin(store: ClientStore, settings: Settings, state: State) -> str | None:
    """The admin's password, where nobody has seen one yet. A config file of the user's is not touched."""
    if not (settings.admin.session_secret or await store.get_setting(SESSION_SECRET)):
        await store.set_setting(SESSION_SECRET, new_secret())
    configured = settings.admin.password_hash.reveal()
    current = configured or await store.get_setting(PASSWORD_HASH) or ""
    pending = await store.get_setting(ADMIN_STATE) or ""
    if current and _fingerprint(current) not in pending.split():
        return None
    password = new_password()
    password_hash = hash_password(password)
    # Both hashes: whichever of the two is in force after a crash here, its password was never shown.
    await store.set_setting(ADMIN_STATE, _pending(current, password_hash))
    if configured:
        replace_value(state.config_path, PASSWORD_HASH_KEY, password_hash)
    else:
        await store.set_setting(PASSWORD_HASH, password_hash)
    return password


async def _needs_metrics_password(store: ServingStore, settings: Settings) -> bool:
    """Whether the metrics are on, and nobody has seen a password for them."""
    if not settings.prometheus.enabled or settings.prometheus.password:
        return False
    stored = await store.get_setting(METRICS_PASSWORD)
    return stored is None or stored.startswith(_PENDING)


async def _make_metrics_password(store: ClientStore, settings: Settings) -> str | None:
    if not await _needs_metrics_password(store, settings):
        return None
    password = new_secret()
    await store.set_setting(METRICS_PASSWORD, _pending(password))
    return password


def _pending(*secrets: str) -> str:
    """Marks what was made by us and not shown: an admin's password, by its hash, or a generated one."""
    return " ".join([_PENDING, *map(_fingerprint, secrets)])


def _fingerprint(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


async def _make_demo(store: ClientStore, settings: Settings) -> str | None:
    """The key of the demo client, where nobody has seen one and no client was ever made by hand."""
    from ai_gateway.core.client import ClientSettings

    demo_state = await store.get_setting(DEMO_STATE)
    if demo_state == DONE:
        return None
    clients = await store.list_clients()
    if demo_state is None:
        if clients:
            return None
        await store.set_setting(DEMO_STATE, _PENDING)
    now = datetime.now(UTC)
    existing = next((client for client in clients if client.settings.name == _DEMO), None)
    if existing is not None:
        return await store.rotate_key(existing.id, now=now)
    fields = {
        **settings.defaults.client_fields(),
        "name": _DEMO,
        "description": "made at the first launch",
        "backend": "echo",
        "default_model": _DEMO_MODEL,
    }
    _, key = await store.create_client(ClientSettings.model_validate(fields), now=now)
    return key


def _show(made: Made, settings: Settings, config_path: Path) -> None:
    """Print each new secret, once, and see to it that it has left this process."""
    lines = []
    if made.config:
        lines += [f"Wrote {config_path}", ""]
    if made.password is not None:
        lines += [
            f"Admin:     {base_url(settings)}/admin",
            f"Username:  {settings.admin.username}",
            f"Password:  {made.password}   (shown once)",
            "",
        ]
    if made.demo_key is not None:
        lines += [
            f"Demo key:  {made.demo_key}   (shown once; client `{_DEMO}`, built-in provider `echo`)",
            "",
            "Try it:",
            curl_line(settings, made.demo_key, _DEMO_MODEL),
            "",
        ]
    if made.metrics_password is not None:
        lines += [
            f"Metrics:   {base_url(settings)}/metrics",
            f"Username:  {settings.prometheus.username}",
            f"Password:  {made.metrics_password}   (shown once)",
            "",
        ]
    if lines:
        click.echo("\n".join(lines))
        sys.stdout.flush()
