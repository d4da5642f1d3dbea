"""Providers, defaults, status, settings, audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ai_gateway.admin.schemas.base import Model

__all__ = [
    "AuditChange",
    "AuditEntry",
    "Circuit",
    "Defaults",
    "Discovered",
    "Discovery",
    "Health",
    "PriceSource",
    "ProviderInfo",
    "Providers",
    "Setting",
    "Settings",
    "Status",
]

JsonScalar = str | int | float | bool | None


class ProviderInfo(Model):
    name: str
    title: str
    base_url: str
    base_url_required: bool
    key_required: bool
    dialects: list[str]
    builtin: bool


class Providers(Model):
    items: list[ProviderInfo]


class Defaults(Model):
    """What a new client gets where nothing is said; 0: unlimited."""

    rate_limit_minute: int
    rate_limit_hour: int
    rate_limit_day: int
    quota_input_tokens_day: int
    quota_output_tokens_day: int
    quota_requests_day: int
    max_input_tokens: int
    max_output_tokens: int


class Discovered(Model):
    backend: str
    base_url: str
    models: list[str]


class Discovery(Model):
    items: list[Discovered]


class Health(Model):
    status: str
    checks: dict[str, str | int]


class Circuit(Model):
    """Of one model of one backend. `retry_at` is set while it is open."""

    provider: str
    backend_base: str
    model: str
    state: Literal["closed", "open", "half_open"]
    opens_at: Annotated[datetime | None, Field(description="null: not known")]
    retry_at: datetime | None
    failures: int


class PriceSource(Model):
    source: str
    version: str


class Status(Model):
    version: str
    commit: str
    started_at: datetime
    health: Health
    in_flight: int
    spool_depth: int
    circuits: list[Circuit]
    prices: PriceSource
    timezone: str


class Setting(Model):
    key: str
    value: Annotated[JsonScalar | list[str], Field(description='secrets are "set" or "not set"')]
    default: JsonScalar | list[str]
    source: Literal["file", "environment", "default", "generated"]


class Settings(Model):
    items: list[Setting]
    config_path: str


class AuditChange(Model):
    """Values as text; secrets as "(secret)"."""

    field: str
    before: str | None
    after: str | None


class AuditEntry(Model):
    id: str
    at: datetime
    actor: str
    actor_kind: Literal["user", "token", "cli"]
    address: str | None
    action: str
    target_kind: str
    target_id: str | None
    target_name: str | None
    changes: list[AuditChange]
