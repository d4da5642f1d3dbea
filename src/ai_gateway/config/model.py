"""The settings: names, types, defaults, bounds. Their documentation is docs/configuration.md."""

from __future__ import annotations

import ipaddress
import re
import sys
from datetime import UTC, date, datetime, time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo

from ai_gateway.core.mcp_server import McpServerName, McpServerSettings
from ai_gateway.core.secret import Secret

__all__ = ["PriceOverride", "PriceOverrides", "Settings"]

_MIB = 1024 * 1024
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_MIN_SESSION_SECRET = 32


def _secret(value: object) -> object:
    return Secret(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _path(value: object) -> object:
    if not isinstance(value, str):
        return value
    if not value.strip():
        raise ValueError("must not be empty")
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    return Path(value).expanduser()


def _optional_path(value: object) -> object:
    return None if value == "" else _path(value)


def _folder(info: ValidationInfo) -> Path:
    """The config file's: the caller passes it as context `folder`."""
    return Path((info.context or {}).get("folder", "."))


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value.strip(), strict=False))
    except ValueError as error:
        raise ValueError(f"{value!r} is neither an IP address nor a CIDR network") from error


def _workers(value: int) -> int:
    if value > 1 and sys.platform == "win32":
        raise ValueError("several workers need a system that can fork: leave it at 1 on Windows")
    return value


def _no_database_url(value: Secret) -> Secret:
    if value:
        raise ValueError("this version keeps its data in SQLite only: set database.path instead")
    return value


def _no_redis(value: Secret) -> Secret:
    if value:
        raise ValueError("this version runs one process and has no use for Redis: leave it empty")
    return value


def _basic_name(value: str) -> str:
    if ":" in value:
        raise ValueError("must not hold a colon: HTTP Basic authentication ends the name there")
    return value


def _installed(value: bool) -> bool:
    if value:
        try:
            found = all(find_spec(f"opentelemetry.{name}") for name in ("sdk", "exporter.otlp.proto.http"))
        except ModuleNotFoundError:  # of a package above
            found = False
        if not found:
            raise ValueError('needs more packages: pip install "ai-gateway[otel]"')
    return value


def _collector(value: str) -> str:
    """A base address: `/v1/traces` and `/v1/metrics` are added to it."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http:// or https:// address, such as http://localhost:4318")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must hold no credentials, query or fragment: secrets belong into telemetry.headers")
    return value.rstrip("/")


def _header_names(value: dict[str, Secret]) -> dict[str, Secret]:
    if not all(_TOKEN.fullmatch(name) for name in value):
        raise ValueError("holds a name that is no HTTP header's")
    if not all(secret.reveal().isascii() and secret.reveal().isprintable() for secret in value.values()):
        raise ValueError("holds a value that is not printable ASCII")
    return value


def _moment(value: object) -> object:
    """A date or a time of YAML's own, or either as text; UTC where no zone is given."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError as error:
            raise ValueError("must be a date or a time: 2026-01-31, or 2026-01-31T12:00:00Z") from error
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)
    return value


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, dict) else value


def _dated_once(entries: list[PriceOverride]) -> list[PriceOverride]:
    if not entries:
        raise ValueError("must hold at least one price")
    moments = [entry.effective_at for entry in entries]
    if len(moments) != len(set(moments)):
        raise ValueError("two prices are effective from the same time")
    return entries


def _named(value: PriceOverrides) -> PriceOverrides:
    if not all(name.strip() for name in value):
        raise ValueError("a model's name must not be empty")
    return value


def _password_hash(value: Secret) -> Secret:
    if value and not value.reveal().startswith("$argon2id$"):
        raise ValueError("must be an Argon2id hash: `ai-gateway admin reset-password` writes one")
    return value


def _session_secret(value: Secret) -> Secret:
    if value and len(value.reveal()) < _MIN_SESSION_SECRET:
        raise ValueError(f"must have at least {_MIN_SESSION_SECRET} characters")
    return value


def _timezone(value: str) -> str:
    if value != "UTC":
        from zoneinfo import ZoneInfo

        try:
            ZoneInfo(value)
        except (OSError, ValueError, KeyError) as error:
            raise ValueError("is not a time zone's name, such as Europe/Berlin") from error
    return value


def _readable(https: HttpsSettings, info: ValidationInfo) -> HttpsSettings:
    if not https.enabled:
        return https
    faults = []
    files: dict[str, Path] = {}
    for name, path in (("cert_file", https.cert_file), ("key_file", https.key_file)):
        if path is None:
            faults.append(f"{name} is not set")
            continue
        files[name] = _folder(info) / path
        try:
            files[name].open("rb").close()
        except OSError as error:
            faults.append(f"{name} {path}: {error.strerror}")
    if faults:
        raise ValueError(f"https needs a readable cert_file and key_file: {'; '.join(faults)}")
    from ai_gateway.config.certificate import load_certificate

    load_certificate(files["cert_file"], files["key_file"])
    return https.model_copy(update=files)


def _another_port(server: ServerSettings) -> ServerSettings:
    if server.https.redirect_port == server.port:
        raise ValueError("https.redirect_port must be another port than server.port")
    if server.https.redirect_port and not server.https.enabled:
        raise ValueError("https.redirect_port leads nowhere: https.enabled is false")
    return server


def _in_folder(database: DatabaseSettings, info: ValidationInfo) -> DatabaseSettings:
    return database.model_copy(update={"path": _folder(info) / database.path})


def _server_folders(
    servers: dict[str, McpServerSettings], info: ValidationInfo
) -> dict[str, McpServerSettings]:
    """With folders of programs that are relative to the config file's, like every path."""
    folder = _folder(info)
    return {
        name: each.model_copy(update={"cwd": folder / each.cwd}) if each.cwd else each
        for name, each in servers.items()
    }


Text = Annotated[str, AfterValidator(_text)]
SecretText = Annotated[Secret, BeforeValidator(_secret)]
Count = Annotated[int, Field(ge=0, le=2**53)]
Days = Annotated[int, Field(ge=1, le=36_500)]
Usd = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class _Section(BaseModel):
    # Strict: `port: "8090"` and `enabled: 1` are mistakes that are better told than guessed at.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True, hide_input_in_errors=True
    )


class HttpsSettings(_Section):
    """`server.https`."""

    enabled: bool = False
    cert_file: Annotated[Path | None, BeforeValidator(_optional_path)] = None
    key_file: Annotated[Path | None, BeforeValidator(_optional_path)] = None
    redirect_port: Annotated[int, Field(ge=0, le=65_535)] = 0


class ServerSettings(_Section):
    """`server`: where it listens, and its bounds."""

    host: Text = "0.0.0.0"  # noqa: S104 - the contract: reachable as soon as it runs
    port: Annotated[int, Field(ge=1, le=65_535)] = 8090
    workers: Annotated[int, Field(ge=1, le=64), AfterValidator(_workers)] = 1
    max_body_bytes: Annotated[int, Field(ge=1024, le=2**40)] = 10 * _MIB
    shutdown_timeout_seconds: Annotated[int, Field(ge=0, le=86_400)] = 30
    max_concurrency: Count = 0
    trusted_proxies: list[Annotated[str, AfterValidator(_network)]] = []
    read_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 30
    write_timeout_seconds: Annotated[int, Field(ge=1, le=86_400)] = 120
    keep_alive_seconds: Annotated[int, Field(ge=1, le=86_400)] = 75
    https: Annotated[HttpsSettings, AfterValidator(_readable)] = HttpsSettings()


class AdminSettings(_Section):
    """`admin`: who signs in to the dashboard. Without a hash here, the store holds a generated one."""

    username: Annotated[Text, Field(max_length=200)] = "admin"
    password_hash: Annotated[SecretText, AfterValidator(_password_hash)] = Secret("")
    session_secret: Annotated[SecretText, AfterValidator(_session_secret)] = Secret("")


class RateLimitDefaults(_Section):
    """`defaults.rate_limit`: 0 means unlimited."""

    requests_per_minute: Count = 60
    requests_per_hour: Count = 1000
    requests_per_day: Count = 10_000


class QuotaDefaults(_Section):
    """`defaults.quota`: 0 means unlimited."""

    max_input_tokens_per_day: Count = 1_000_000
    max_output_tokens_per_day: Count = 500_000
    max_requests_per_day: Count = 1000
    max_input_tokens: Count = 1_000_000
    max_output_tokens: Count = 8192


class DefaultSettings(_Section):
    """`defaults`: what a new client gets where nothing is said."""

    rate_limit: RateLimitDefaults = RateLimitDefaults()
    quota: QuotaDefaults = QuotaDefaults()

    def client_fields(self) -> dict[str, int]:
        """By the names of a client's settings."""
        rate, quota = self.rate_limit, self.quota
        return {
            "rate_limit_minute": rate.requests_per_minute,
            "rate_limit_hour": rate.requests_per_hour,
            "rate_limit_day": rate.requests_per_day,
            "quota_input_tokens_day": quota.max_input_tokens_per_day,
            "quota_output_tokens_day": quota.max_output_tokens_per_day,
            "quota_requests_day": quota.max_requests_per_day,
            "max_input_tokens": quota.max_input_tokens,
            "max_output_tokens": quota.max_output_tokens,
        }


class DatabaseSettings(_Section):
    """`database`. The key file and the spool stand beside `path`."""

    path: Annotated[Path, BeforeValidator(_path)] = Path("./data/gateway.db")
    url: Annotated[SecretText, AfterValidator(_no_database_url)] = Secret("")


class UpstreamSettings(_Section):
    """`upstream`: how providers are asked."""

    max_retries: Annotated[int, Field(ge=0, le=10)] = 2


class LimitSettings(_Section):
    """`limits`."""

    redis_url: Annotated[SecretText, AfterValidator(_no_redis)] = Secret("")
    on_store_failure: Literal["open", "closed"] = "open"
    timezone: Annotated[Text, AfterValidator(_timezone)] = "UTC"


class PrometheusSettings(_Section):
    """`prometheus`."""

    enabled: bool = False
    username: Annotated[Text, AfterValidator(_basic_name)] = "prometheus"
    password: SecretText = Secret("")


class AccountingSettings(_Section):
    """`accounting`."""

    retention_days: Days = 90
    body_retention_days: Days = 7
    spool_max_bytes: Annotated[int, Field(ge=_MIB, le=2**50)] = 1024 * _MIB
    on_full: Literal["reject", "drop"] = "reject"
    fsync: bool = False


class PriceOverride(_Section):
    """An entry of `prices.overrides`: USD per million tokens. What is None costs what its class does: input
    for what a cache holds, `cache_write` for an hour of it, output for reasoning."""

    input: Usd
    output: Usd
    cache_read: Usd | None = None
    cache_write: Usd | None = None
    cache_write_1h: Usd | None = None
    reasoning: Usd | None = None
    request: Usd = 0.0
    """USD for each request."""
    effective_at: Annotated[datetime | None, BeforeValidator(_moment)] = None
    """None: since ever."""


PriceOverrides = dict[
    str, Annotated[list[PriceOverride], BeforeValidator(_one_or_many), AfterValidator(_dated_once)]
]
"""By model: an exact name, or a pattern with `*`."""


class PriceSettings(_Section):
    """`prices`."""

    unknown: Literal["allow", "block"] = "allow"
    overrides: Annotated[PriceOverrides, AfterValidator(_named)] = {}


class NetworkSettings(_Section):
    """`network`: what may be fetched on a caller's word beside public addresses."""

    allowed_hosts: list[Text] = []


class LoggingSettings(_Section):
    """`logging`."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = "auto"


class TelemetrySettings(_Section):
    """`telemetry`: traces and metrics to an OpenTelemetry collector."""

    enabled: Annotated[bool, AfterValidator(_installed)] = False
    endpoint: Annotated[Text, AfterValidator(_collector)] = "http://localhost:4318"
    headers: Annotated[dict[str, SecretText], AfterValidator(_header_names)] = {}
    service_name: Text = "ai-gateway"
    sample_ratio: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 1.0


class HttpGetSettings(_Section):
    """`tools.http_get`: the built-in tool."""

    max_bytes: Annotated[int, Field(ge=1024, le=64 * _MIB)] = 2 * _MIB


class ToolSettings(_Section):
    """`tools`: what the gateway runs for clients whose `tool_mode` is `gateway`."""

    max_iterations: Annotated[int, Field(ge=1, le=100)] = 8
    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = 30
    max_output_bytes: Annotated[int, Field(ge=1024, le=16 * _MIB)] = 64 * 1024
    max_media_bytes: Annotated[int, Field(ge=0, le=64 * _MIB)] = 5 * _MIB
    disabled: list[Text] = []
    http_get: HttpGetSettings = HttpGetSettings()
    mcp_servers: Annotated[dict[McpServerName, McpServerSettings], AfterValidator(_server_folders)] = {}


class Settings(_Section):
    """All of it. Validate with context `{"folder": PATH}`, to which relative paths are relative."""

    server: Annotated[ServerSettings, AfterValidator(_another_port)] = ServerSettings()
    admin: AdminSettings = AdminSettings()
    defaults: DefaultSettings = DefaultSettings()
    # The default is validated too: its path, like any other, is relative to the config file's folder.
    database: Annotated[DatabaseSettings, AfterValidator(_in_folder), Field(validate_default=True)] = (
        DatabaseSettings()
    )
    upstream: UpstreamSettings = UpstreamSettings()
    limits: LimitSettings = LimitSettings()
    prometheus: PrometheusSettings = PrometheusSettings()
    accounting: AccountingSettings = AccountingSettings()
    prices: PriceSettings = PriceSettings()
    network: NetworkSettings = NetworkSettings()
    logging: LoggingSettings = LoggingSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    tools: ToolSettings = ToolSettings()

    def with_port(self, port: int) -> Settings:
        """A copy that listens on `port` (1 to 65535)."""
        return self.model_copy(update={"server": self.server.model_copy(update={"port": port})})
