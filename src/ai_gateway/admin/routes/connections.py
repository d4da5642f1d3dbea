"""What a client's provider says: connection tests, model lists; snippets for callers."""

from __future__ import annotations

from starlette.requests import Request

from ai_gateway.admin.identity import Role
from ai_gateway.admin.probe import Target, fetch, probe
from ai_gateway.admin.problems import ApiError, invalid, not_found
from ai_gateway.admin.routes.clients import find
from ai_gateway.admin.routing import AppServices, Routes, Who
from ai_gateway.admin.schemas.clients import (
    BackendInput,
    ConnectionTest,
    FetchModels,
    ModelList,
    Snippets,
    TestInput,
    TestModel,
)
from ai_gateway.admin.services import Services
from ai_gateway.admin.settings_input import checked_backend
from ai_gateway.admin.snippets import Place, snippets
from ai_gateway.core.client import Client
from ai_gateway.errors import UpstreamError
from ai_gateway.policy.snapshot import ClientPolicy
from ai_gateway.store.protocols import NoSuchClient

__all__ = ["routes"]

routes = Routes("connections")


async def _target(services: Services, body: BackendInput) -> Target:
    """What the form holds; the stored key only ever goes to the address that it is stored for."""
    credential = body.backend_api_key.strip()
    upstream = checked_backend(body.backend, body.base_url, credential)
    if not credential and body.client_id:
        client = await find(services, body.client_id)
        stored = _stored(client)
        if stored is not None and (stored.backend, stored.upstream.base) == (body.backend, upstream.base):
            return stored
        if client.settings.backend_api_key:
            raise invalid(
                "backend_api_key", "the stored key belongs to another address: enter the key for this one"
            )
    return Target(backend=body.backend, upstream=upstream)


def _stored(client: Client) -> Target | None:
    upstream = ClientPolicy.of(client).upstream
    return None if upstream is None else Target(backend=client.settings.backend, upstream=upstream)


def _own(client: Client) -> Target:
    target = _stored(client)
    if target is None:
        raise ApiError(
            422, "invalid_fields", f"the backend '{client.settings.backend}' of this client is not usable"
        )
    return target


@routes.post("/test-connection", role=Role.ADMIN)
async def test_connection(body: TestInput, services: AppServices) -> ConnectionTest:
    """Try an address and a key that are not stored yet."""
    target = await _target(services, body)
    return await probe(target, services.transports, services.proxies, model=body.model or None)


@routes.post("/clients/{client_id}/test", role=Role.ADMIN)
async def test_client(client_id: str, body: TestModel, services: AppServices) -> ConnectionTest:
    """Try a client's provider, and one of its models where one is named."""
    client = await find(services, client_id)
    model = ClientPolicy.of(client).serves(body.model) if body.model else None
    return await probe(_own(client), services.transports, services.proxies, model=model)


@routes.post("/fetch-models", role=Role.ADMIN)
async def fetch_models(body: FetchModels, services: AppServices) -> ModelList:
    """List the models of an address and a key that are not stored yet."""
    return ModelList(models=await _fetch(services, await _target(services, body)))


@routes.post("/clients/{client_id}/fetch-models", role=Role.ADMIN)
async def fetch_client_models(client_id: str, services: AppServices, who: Who) -> ModelList:
    """List the models of a client's provider, and remember them."""
    client = await find(services, client_id)
    models = await _fetch(services, _own(client))
    try:
        await services.clients.set_models(client.id, models, by=who.actor)
    except NoSuchClient:
        raise not_found(f"client '{client_id}'") from None
    return ModelList(models=models)


async def _fetch(services: Services, target: Target) -> list[str]:
    try:
        return await fetch(target, services.transports)
    except UpstreamError as error:
        raise ApiError(502, "provider_error", f"the models could not be fetched: {error}") from None


@routes.get("/clients/{client_id}/snippets", role=Role.VIEWER)
async def client_snippets(client_id: str, request: Request, services: AppServices) -> Snippets:
    """Show how programs call the gateway as this client."""
    client = await find(services, client_id)
    place = Place.of(
        request.headers.get("host"), https=request.url.scheme == "https", settings=services.settings
    )
    return Snippets(items=snippets(client.settings, place))
