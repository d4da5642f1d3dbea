"""Clients: list, create, change, delete, keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query, Response

from ai_gateway.admin.identity import Identity, Role
from ai_gateway.admin.listing import ClientSort, decode_cursor, encode_cursor, page_of
from ai_gateway.admin.problems import ApiError, not_found
from ai_gateway.admin.routes.users import taken
from ai_gateway.admin.routing import AppServices, IfMatch, Routes, Who
from ai_gateway.admin.schemas.base import Page
from ai_gateway.admin.schemas.clients import Client as ClientView
from ai_gateway.admin.schemas.clients import (
    ClientChange,
    ClientCreated,
    ClientDetail,
    ClientSummary,
    NewClient,
    NewKey,
    RotateKey,
)
from ai_gateway.admin.services import Services
from ai_gateway.admin.settings_input import changed, created
from ai_gateway.admin.views import client_summary, client_view, limit_states
from ai_gateway.core.client import Client, ClientSettings
from ai_gateway.store.protocols import DuplicateName, NoSuchClient, StaleClient

__all__ = ["find", "routes"]

routes = Routes("clients")


async def find(services: Services, client_id: str) -> Client:
    """Raises: ApiError 404."""
    try:
        client = await services.clients.get_client(client_id)
    except NoSuchClient:
        raise not_found(f"client '{client_id}'") from None
    if client.id != client_id:  # the command line may name clients, the API goes by id
        raise not_found(f"client '{client_id}'")
    return client


@routes.get("/clients", role=Role.VIEWER)
async def list_clients(
    services: AppServices,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=2000)] = None,
    q: Annotated[str | None, Query(max_length=200, description="part of a name, description or id")] = None,
    backend: Annotated[str | None, Query(max_length=200)] = None,
    active: bool | None = None,
    sort: ClientSort = "name",
) -> Page[ClientSummary]:
    """List clients with today's usage and what is left of their limits."""
    today = services.calendar.day(services.now_ms() / 1000).name
    rows = await services.clients.page_clients(
        q=q or None,
        backend=backend or None,
        active=active,
        sort=sort,
        today=today,
        after=decode_cursor(cursor),
        limit=limit + 1,
    )
    shown, following = page_of(rows, limit, lambda row: row.key)
    clients = [row.client for row in shown]
    used = await services.usage.by_client([c.id for c in clients], first_day=today, last_day=today)
    items = [
        client_summary(client, used.get(client.id), services.state.limit_states(client)) for client in clients
    ]
    return Page(items=items, next_cursor=encode_cursor(following))


@routes.post("/clients", role=Role.ADMIN, status_code=201)
async def create_client(
    body: NewClient, response: Response, services: AppServices, who: Who
) -> ClientCreated:
    """Create a client. Its key is in this answer, and nowhere else."""
    settings = created(body, services.settings.defaults)
    try:
        client, key = await services.clients.create_client(settings, now=datetime.now(UTC), by=who.actor)
    except DuplicateName:
        raise taken("name", settings.name) from None
    view = client_view(client)
    response.headers["etag"] = view.etag
    return ClientCreated(client=view, api_key=key)


@routes.get("/clients/{client_id}", role=Role.VIEWER)
async def get_client(client_id: str, response: Response, services: AppServices) -> ClientDetail:
    """Show a client's settings, keys and limits."""
    client = await find(services, client_id)
    view = client_view(client)
    response.headers["etag"] = view.etag
    return ClientDetail(client=view, limits=limit_states(services.state.limit_states(client)))


@routes.patch("/clients/{client_id}", role=Role.ADMIN)
async def update_client(
    client_id: str,
    body: ClientChange,
    response: Response,
    services: AppServices,
    who: Who,
    if_match: IfMatch = None,
) -> ClientView:
    """Change settings. `if-match` holds the etag of what was read before, or `*`."""
    if if_match is None:
        raise ApiError(428, "precondition_required", "send the client's etag as if-match")
    current = await find(services, client_id)
    settings = changed(body, current.settings)
    client = await _store(services, current, settings, if_match, who)
    view = client_view(client)
    response.headers["etag"] = view.etag
    return view


async def _store(
    services: Services, current: Client, settings: ClientSettings, if_match: str, who: Identity
) -> Client:
    """What was merged into is what must still be there; with `*` too."""
    expected = current.etag if if_match.strip() == "*" else if_match.strip()
    if expected != current.etag:
        raise stale(current.etag)
    try:
        return await services.clients.update_client(
            current.id, settings, now=datetime.now(UTC), by=who.actor, expected=expected
        )
    except NoSuchClient:
        raise not_found(f"client '{current.id}'") from None
    except DuplicateName:
        raise taken("name", settings.name) from None
    except StaleClient as error:
        raise stale(error.etag) from None


def stale(etag: str) -> ApiError:
    """Someone else's change came first."""
    detail = "somebody else has changed this client meanwhile: load it again"
    return ApiError(412, "stale", detail, etag=etag, headers={"etag": etag})


@routes.delete("/clients/{client_id}", role=Role.ADMIN, status_code=204)
async def delete_client(client_id: str, services: AppServices, who: Who, if_match: IfMatch = None) -> None:
    """Delete a client and its keys. Its usage and request history stay."""
    current = await find(services, client_id)
    expected = None if if_match is None or if_match.strip() == "*" else if_match.strip()
    try:
        await services.clients.delete_client(current.id, by=who.actor, expected=expected)
    except NoSuchClient:
        raise not_found(f"client '{client_id}'") from None
    except StaleClient as error:
        raise stale(error.etag) from None


@routes.post("/clients/{client_id}/enable", role=Role.ADMIN)
async def enable_client(client_id: str, services: AppServices, who: Who) -> ClientView:
    """Let a client in again."""
    return await _switch(services, client_id, who, is_active=True)


@routes.post("/clients/{client_id}/disable", role=Role.ADMIN)
async def disable_client(client_id: str, services: AppServices, who: Who) -> ClientView:
    """Answer a client's requests with 403."""
    return await _switch(services, client_id, who, is_active=False)


async def _switch(services: Services, client_id: str, who: Identity, *, is_active: bool) -> ClientView:
    current = await find(services, client_id)
    settings = current.settings.model_copy(update={"is_active": is_active})
    return client_view(await _store(services, current, settings, "*", who))


@routes.post("/clients/{client_id}/rotate-key", role=Role.ADMIN)
async def rotate_key(client_id: str, body: RotateKey, services: AppServices, who: Who) -> NewKey:
    """Make a new key. The old one stays valid for `grace_seconds`."""
    current = await find(services, client_id)
    try:
        key = await services.clients.rotate_key(
            current.id, now=datetime.now(UTC), grace_s=body.grace_seconds, by=who.actor
        )
    except NoSuchClient:
        raise not_found(f"client '{client_id}'") from None
    return NewKey(api_key=key)
