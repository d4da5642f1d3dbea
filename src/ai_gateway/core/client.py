"""A client: the holder of gateway keys, with its own provider, models and limits."""

from __future__ import annotations

import hashlib
import ipaddress
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ai_gateway.core.secret import Secret

__all__ = ["SECRET_FIELDS", "Client", "ClientKey", "ClientSettings", "ExtraBackend"]

SECRET_FIELDS = frozenset({"backend_api_key"})
"""Fields that are write-only: encrypted at rest, never shown again."""

_MAX_PREFIX_LENGTH = 32


def _clean_text(value: str) -> str:
    if any(ord(c) < 32 or ord(c) == 127 for c in value):
        raise ValueError("must not contain control characters")
    return value.strip()


def _name(value: str) -> str:
    value = _clean_text(value)
    if not value:
        raise ValueError("must not be empty")
    return value


def _secret(value: object) -> object:
    return Secret(value.strip()) if isinstance(value, str) else value


def _header_safe(value: Secret) -> Secret:
    if any(not 33 <= ord(c) <= 126 for c in value.reveal()):
        raise ValueError("must be printable ASCII without spaces: it travels in an HTTP header")
    return value


def _base_url(value: str) -> str:
    value = value.strip().rstrip("/")
    if not value:
        return ""
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be plain ASCII: write anything else percent-encoded, a host name in punycode")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http:// or https:// URL with a host")
    if parts.username or parts.password:
        raise ValueError("must not hold credentials: set backend_api_key instead")
    if parts.fragment:
        raise ValueError("must not have a fragment")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError("has a port that is no number from 0 to 65535") from error
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value.strip(), strict=False))
    except ValueError as error:
        raise ValueError(f"{value!r} is neither an IP address nor a CIDR network") from error


def _key_prefix(value: str) -> str:
    if len(value) > _MAX_PREFIX_LENGTH or not all(c.isascii() and (c.isalnum() or c in "-_") for c in value):
        raise ValueError(f"takes up to {_MAX_PREFIX_LENGTH} letters, digits, '-' and '_'")
    return value


def _unique(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values))


Text = Annotated[str, AfterValidator(_clean_text)]
Name = Annotated[str, Field(max_length=200), AfterValidator(_name)]
ModelName = Annotated[str, Field(max_length=500), AfterValidator(_name)]
ModelNames = Annotated[tuple[ModelName, ...], AfterValidator(_unique)]
Url = Annotated[str, AfterValidator(_base_url)]
HeaderSecret = Annotated[Secret, BeforeValidator(_secret), AfterValidator(_header_safe)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class ExtraBackend(_Model):
    """A further backend of a client, by a name that `fallback_models` can use."""

    name: Annotated[Name, Field(pattern=r"^[A-Za-z0-9._-]+$")]
    backend: Name
    base_url: Url = ""
    backend_api_key: HeaderSecret = Secret("")


class ClientSettings(_Model):
    """What an admin sets. 0 or empty means unlimited, or the provider's default."""

    name: Name = Field(description="unique name")
    description: Annotated[str, Field(max_length=2000)] = Field(default="", description="free text")
    backend: Name = Field(description="provider, e.g. openai, ollama, openai-compatible, echo")
    backend_api_key: HeaderSecret = Field(default=Secret(""), description="upstream credential")
    base_url: Url = Field(default="", description="upstream base URL; empty: the provider's own")
    default_model: Annotated[Text, Field(max_length=500)] = Field(
        default="", description="used where a request names none"
    )
    models: ModelNames = Field(default=(), description="cached model list")
    model_whitelist: ModelNames = Field(default=(), description="allowed models, exact or with *")
    model_aliases: dict[ModelName, ModelName] = Field(
        default_factory=dict, description="name the caller uses = name upstream"
    )
    extra_backends: tuple[ExtraBackend, ...] = Field(
        default=(), description="further named backends, as JSON"
    )
    fallback_models: ModelNames = Field(default=(), description="models tried in order, MODEL or NAME/MODEL")
    system_prompt: Annotated[str, Field(max_length=1_000_000)] = Field(
        default="", description="put before the caller's own on every request"
    )
    tool_mode: Literal["pass-through", "gateway"] = Field(
        default="pass-through", description="who runs server tools"
    )
    server_tools: ModelNames = Field(default=(), description="server tools offered in gateway mode")
    rate_limit_minute: Count = Field(default=0, description="requests a minute")
    rate_limit_hour: Count = Field(default=0, description="requests an hour")
    rate_limit_day: Count = Field(default=0, description="requests a day, sliding")
    quota_input_tokens_day: Count = Field(default=0, description="input tokens a calendar day")
    quota_output_tokens_day: Count = Field(default=0, description="output tokens a calendar day")
    quota_requests_day: Count = Field(default=0, description="requests a calendar day")
    max_input_tokens: Count = Field(default=0, description="input tokens of one request")
    max_output_tokens: Count = Field(default=0, description="output tokens of one request")
    max_concurrency: Count = Field(default=0, description="requests in flight")
    budget_usd_day: Usd = Field(default=0.0, description="USD a day")
    budget_usd_month: Usd = Field(default=0.0, description="USD a calendar month")
    key_prefix: Annotated[str, AfterValidator(_key_prefix)] = Field(
        default="gm_", description="start of new keys"
    )
    expires_at: datetime | None = Field(default=None, description="ISO 8601 time after which no key works")
    allowed_ips: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], AfterValidator(_unique)] = (
        Field(default=(), description="addresses or CIDR networks that may call")
    )
    is_active: bool = Field(default=True, description="a disabled client gets 403")
    log_bodies: bool = Field(default=False, description="keep request and response bodies in the log")
    timeout_seconds: Annotated[float, Field(gt=0, le=86_400)] = Field(
        default=120.0, description="seconds to the first byte, and between chunks"
    )

    @model_validator(mode="after")
    def _consistent(self) -> ClientSettings:
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise ValueError("expires_at needs a time zone, e.g. 2030-01-31T00:00:00Z")
        names = [extra.name for extra in self.extra_backends]
        if len(names) != len(set(names)):
            raise ValueError("extra_backends: two backends have the same name")
        return self

    def after(self, before: ClientSettings) -> ClientSettings:
        """These settings as a change of `before`: the model list of another provider is forgotten."""
        moved = (self.backend, self.base_url) != (before.backend, before.base_url)
        if moved and self.models == before.models:
            return self.model_copy(update={"models": ()})
        return self


class ClientKey(_Model):
    """One key of a client: after a rotation with a grace period there may be two."""

    key_hash: bytes
    """SHA-256, 32 bytes."""
    tail: str
    created_at: datetime
    expires_at: datetime | None = None


class Client(_Model):
    """A stored client: its settings and what the gateway adds."""

    id: str
    settings: ClientSettings
    keys: tuple[ClientKey, ...] = ()
    created_at: datetime
    updated_at: datetime
    last_seen: datetime | None = None

    @property
    def etag(self) -> str:
        """Changes with every change of the settings; not with the cached model list, nor with keys."""
        shown = self.settings.model_dump_json(exclude={"backend_api_key", "extra_backends", "models"})
        moment = round(self.updated_at.timestamp() * 1000)
        return f'"{moment:x}-{hashlib.sha256(shown.encode()).hexdigest()[:12]}"'

    def public(self) -> dict[str, object]:
        """Everything that may be shown, JSON-ready: credentials become a yes or no."""
        fields = self.settings.model_dump(mode="json", exclude={"backend_api_key", "extra_backends"})
        fields["has_backend_api_key"] = bool(self.settings.backend_api_key)
        fields["extra_backends"] = [
            {
                **extra.model_dump(mode="json", exclude={"backend_api_key"}),
                "has_backend_api_key": bool(extra.backend_api_key),
            }
            for extra in self.settings.extra_backends
        ]
        return {
            "id": self.id,
            **fields,
            "key_tails": [key.tail for key in self.keys],
            "last_seen": _iso(self.last_seen),
            "created_at": _iso(self.created_at),
            "updated_at": _iso(self.updated_at),
        }


def _iso(value: datetime | None) -> str | None:
    return value.isoformat() if value else None
