"""Clients: their settings as they are told and as they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ai_gateway.admin.schemas.base import Input, Instant, Model

__all__ = [
    "BackendInput",
    "Client",
    "ClientChange",
    "ClientCreated",
    "ClientDetail",
    "ClientSummary",
    "ConnectionTest",
    "ExtraBackend",
    "ExtraBackendInput",
    "Failure",
    "FetchModels",
    "KeyInfo",
    "LimitName",
    "LimitState",
    "ModelList",
    "NewClient",
    "NewKey",
    "RotateKey",
    "Snippet",
    "Snippets",
    "StepName",
    "TestInput",
    "TestModel",
    "TestStep",
    "TodayUsage",
]

LimitName = Literal[
    "requests_minute",
    "requests_hour",
    "requests_day",
    "quota_requests_day",
    "quota_input_tokens_day",
    "quota_output_tokens_day",
    "budget_usd_day",
    "budget_usd_month",
    "concurrency",
]
ToolMode = Literal["pass-through", "gateway"]
StepName = Literal["resolve", "connect", "tls", "authenticate", "models", "model", "answer"]
Failure = Literal[
    "dns",
    "refused",
    "timeout",
    "tls",
    "unauthorized",
    "wrong_path",
    "no_such_model",
    "provider_error",
]
MAX_GRACE_S = 366 * 86_400


class LimitState(Model):
    """One limit that is set, and what is left of it. Money in USD, tokens in tokens."""

    name: LimitName
    limit: float
    used: float
    held: Annotated[float, Field(description="reserved by requests in flight")]
    remaining: float
    resets_in_s: Annotated[float | None, Field(description="null: nothing is to be reset")]


class TodayUsage(Model):
    requests: int
    errors: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


class ClientSummary(Model):
    """A row of the list."""

    id: str
    name: str
    description: str
    backend: str
    default_model: str
    is_active: bool
    expires_at: datetime | None
    last_seen: datetime | None
    key_tails: list[str]
    today: TodayUsage
    limits: list[LimitState]


class ExtraBackend(Model):
    name: str
    backend: str
    base_url: str
    has_backend_api_key: bool


class ExtraBackendInput(Input):
    """Without `backend_api_key`, a backend of the same name keeps the one that it has."""

    name: Annotated[str, Field(max_length=200, pattern=r"^[A-Za-z0-9._-]+$")]
    backend: str
    base_url: str = ""
    backend_api_key: Annotated[str | None, Field(description="write-only; empty clears it")] = None


class KeyInfo(Model):
    tail: str
    created_at: datetime
    expires_at: datetime | None


class Client(Model):
    """A client's settings without its secrets. 0 or empty: unlimited, or the provider's default."""

    id: str
    name: str
    description: str
    backend: str
    has_backend_api_key: bool
    base_url: str
    default_model: str
    models: list[str]
    model_whitelist: list[str]
    model_aliases: dict[str, str]
    extra_backends: list[ExtraBackend]
    fallback_models: list[str]
    system_prompt: str
    tool_mode: ToolMode
    server_tools: list[str]
    rate_limit_minute: int
    rate_limit_hour: int
    rate_limit_day: int
    quota_input_tokens_day: int
    quota_output_tokens_day: int
    quota_requests_day: int
    max_input_tokens: int
    max_output_tokens: int
    max_concurrency: int
    budget_usd_day: float
    budget_usd_month: float
    key_prefix: str
    expires_at: datetime | None
    allowed_ips: list[str]
    is_active: bool
    log_bodies: bool
    timeout_seconds: float
    key_tails: list[str]
    keys: list[KeyInfo]
    created_at: datetime
    updated_at: datetime
    last_seen: datetime | None
    etag: Annotated[str, Field(description="to be sent back as if-match")]


class ClientDetail(Model):
    client: Client
    limits: list[LimitState]


class ClientChange(Input):
    """Settings to change. What is left out stays; a secret that is empty is cleared."""

    name: Annotated[str, Field(max_length=200)] | None = None
    description: Annotated[str, Field(max_length=2000)] | None = None
    backend: str | None = None
    backend_api_key: Annotated[str | None, Field(description="write-only")] = None
    base_url: str | None = None
    default_model: Annotated[str, Field(max_length=500)] | None = None
    models: list[str] | None = None
    model_whitelist: list[str] | None = None
    model_aliases: dict[str, str] | None = None
    extra_backends: list[ExtraBackendInput] | None = None
    fallback_models: list[str] | None = None
    system_prompt: Annotated[str, Field(max_length=1_000_000)] | None = None
    tool_mode: ToolMode | None = None
    server_tools: list[str] | None = None
    rate_limit_minute: int | None = None
    rate_limit_hour: int | None = None
    rate_limit_day: int | None = None
    quota_input_tokens_day: int | None = None
    quota_output_tokens_day: int | None = None
    quota_requests_day: int | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    max_concurrency: int | None = None
    budget_usd_day: float | None = None
    budget_usd_month: float | None = None
    key_prefix: str | None = None
    expires_at: Annotated[Instant | None, Field(description="null: never")] = None
    allowed_ips: list[str] | None = None
    is_active: bool | None = None
    log_bodies: bool | None = None
    timeout_seconds: float | None = None


class NewClient(ClientChange):
    """Limits that are left out are the config's defaults."""

    name: Annotated[str, Field(max_length=200)]
    backend: str


class ClientCreated(Model):
    """`api_key` is shown this once."""

    client: Client
    api_key: str


class RotateKey(Input):
    grace_seconds: Annotated[
        int, Field(ge=0, le=MAX_GRACE_S, description="how long the old key stays valid")
    ] = 0


class NewKey(Model):
    """Shown this once."""

    api_key: str


class BackendInput(Input):
    """A provider's address and credential."""

    backend: str
    base_url: str = ""
    backend_api_key: str = ""
    client_id: Annotated[
        str | None, Field(description="use this client's stored key where none is given")
    ] = None


class TestInput(BackendInput):
    model: Annotated[str | None, Field(max_length=500)] = None


class TestModel(Input):
    model: Annotated[str | None, Field(max_length=500)] = None


class FetchModels(BackendInput):
    pass


class TestStep(Model):
    name: StepName
    ok: bool
    detail: str
    ms: float


class ConnectionTest(Model):
    ok: bool
    steps: list[TestStep]
    latency_ms: float
    failure: Failure | None
    message: str
    models: list[str] | None


class ModelList(Model):
    models: list[str]


class Snippet(Model):
    id: Literal["curl", "python", "node", "opencode", "claude-code", "codex", "gemini-cli"]
    title: str
    language: str
    filename: str | None
    text: str


class Snippets(Model):
    items: list[Snippet]
