"""`ai-gateway models`: what a client's provider offers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ai_gateway.cli.context import Command, CommandFailed, State, json_option, pass_state
from ai_gateway.cli.output import print_json, safe

if TYPE_CHECKING:
    from ai_gateway.config import Settings
    from ai_gateway.core.client import Client
    from ai_gateway.store.protocols import ClientStore

__all__ = ["command"]


@click.command("models", cls=Command)
@click.argument("client")
@json_option
@pass_state
def command(state: State, client: str, as_json: bool) -> None:
    """Fetch the model list of CLIENT (its name or id) from its provider, and remember it."""

    async def work(store: ClientStore, _: Settings) -> list[str]:
        found = await store.get_client(client)
        models = await _fetch(found)
        await store.set_models(found.id, models)
        return models

    models = state.with_store(work)
    if as_json:
        print_json(models)
    else:
        for name in models:
            click.echo(safe(name))


async def _fetch(client: Client) -> list[str]:
    """Raises: CommandFailed, saying what the provider said."""
    from ai_gateway.errors import UpstreamError
    from ai_gateway.providers import BaseUrlRequired, UnknownProvider, Upstream
    from ai_gateway.upstream.models import fetch_models
    from ai_gateway.upstream.pool import TransportPool
    from ai_gateway.upstream.proxies import Proxies

    settings = client.settings
    pool = TransportPool(Proxies.from_environment())
    try:
        upstream = Upstream.of(
            settings.backend, base_url=settings.base_url, credential=settings.backend_api_key.reveal()
        )
        return await fetch_models(pool.of(upstream), upstream, timeout_s=settings.timeout_seconds)
    except (UpstreamError, BaseUrlRequired, UnknownProvider) as error:
        raise CommandFailed(f"the models of {settings.name} could not be fetched: {error}") from error
    finally:
        await pool.close()
