"""Providers, defaults, status, settings, audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query

from ai_gateway._version import build
from ai_gateway.admin.discover import discover
from ai_gateway.admin.identity import Role
from ai_gateway.admin.listing import decode_cursor, encode_cursor, page_of
from ai_gateway.admin.problems import invalid
from ai_gateway.admin.routing import AppServices, Routes
from ai_gateway.admin.schemas.base import Instant, Page, instant
from ai_gateway.admin.schemas.meta import (
    AuditChange,
    AuditEntry,
    Circuit,
    Defaults,
    Discovery,
    Health,
    PriceSource,
    ProviderInfo,
    Providers,
    Settings,
    Status,
)
from ai_gateway.admin.settings_view import settings_view
from ai_gateway.policy.price_table import price_table
from ai_gateway.providers import PROVIDERS
from ai_gateway.store.admin_protocols import AuditFilter, AuditRow

__all__ = ["routes"]

routes = Routes("gateway")


@routes.get("/providers", role=Role.VIEWER)
async def list_providers() -> Providers:
    """List the providers that clients can have."""
    return Providers(
        items=[
            ProviderInfo(
                name=name,
                title=row.title,
                base_url=row.base_url,
                base_url_required=not row.base_url,
                key_required=row.key_required,
                dialects=[dialect.value for dialect in row.dialects],
                builtin=row.builtin,
            )
            for name, row in PROVIDERS.items()
        ]
    )


@routes.get("/defaults", role=Role.VIEWER)
async def get_defaults(services: AppServices) -> Defaults:
    """Show the limits that a new client gets."""
    return Defaults(**services.settings.defaults.client_fields())


@routes.get("/discover", role=Role.VIEWER)
async def discover_local(services: AppServices) -> Discovery:
    """Look for Ollama and LM Studio on this machine."""
    return Discovery(items=await discover(services.transports))


@routes.get("/status", role=Role.VIEWER)
async def get_status(services: AppServices) -> Status:
    """Show how the gateway is."""
    word, checks = services.state.health()
    return Status(
        version=services.version,
        commit=build().commit,
        started_at=instant(services.started_ms),
        health=Health(status=word, checks=dict(checks)),
        in_flight=services.state.in_flight(),
        spool_depth=int(checks.get("spool_depth", 0)),
        circuits=[
            Circuit(
                provider=circuit.provider,
                backend_base=circuit.base,
                model=circuit.model,
                state=circuit.state.value,
                opens_at=None,
                retry_at=_in(services.now_ms(), circuit.retry_in_s),
                failures=circuit.failures,
            )
            for circuit in services.state.circuits()
        ],
        prices=PriceSource(source="genai-prices", version=price_table().library),
        timezone=services.settings.limits.timezone,
    )


@routes.get("/settings", role=Role.VIEWER)
async def get_settings(services: AppServices) -> Settings:
    """Show the configuration, without its secrets."""
    return settings_view(services.settings, services.config_path, services.environ)


@routes.get("/audit", role=Role.VIEWER)
async def list_audit(
    services: AppServices,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
    actor: Annotated[str | None, Query(max_length=200)] = None,
    action: Annotated[str | None, Query(max_length=100)] = None,
    target: Annotated[str | None, Query(max_length=200, description="a target's id or name")] = None,
    since: Instant | None = None,
    until: Instant | None = None,
) -> Page[AuditEntry]:
    """List who changed what, newest first."""
    before = decode_cursor(cursor)
    match before:
        case None:
            last = None
        case (int(last),):
            pass
        case _:
            raise invalid("cursor", "is not one of this list's")
    wanted = AuditFilter(
        actor=actor or None,
        action=action or None,
        target=target or None,
        since_ms=_ms(since),
        until_ms=_ms(until),
    )
    rows = await services.audit.page(wanted, before=last, limit=limit + 1)
    shown, following = page_of(rows, limit, lambda row: (row.id,))
    return Page(items=[_entry(row) for row in shown], next_cursor=encode_cursor(following))


def _in(now_ms: int, seconds: float) -> datetime | None:
    return instant(now_ms + round(seconds * 1000)) if seconds > 0 else None


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(
        id=str(row.id),
        at=instant(row.at),
        actor=row.actor,
        actor_kind=row.actor_kind,
        address=row.address,
        action=row.action,
        target_kind=row.target_kind,
        target_id=row.target_id,
        target_name=row.target_name,
        changes=[AuditChange(field=c.field, before=c.before, after=c.after) for c in row.changes],
    )
