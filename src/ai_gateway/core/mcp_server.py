"""An MCP server that the gateway uses, as the config file, the command line or an admin names it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ai_gateway.core.secret import Secret

__all__ = ["MCP_SECRET_FIELDS", "McpServerName", "McpServerSettings", "server_name"]

MCP_SECRET_FIELDS = ("env", "headers")
"""Fields whose values are write-only: encrypted at rest, never shown again."""

MAX_NAME = 32
_NAME = re.compile(r"[A-Za-z0-9]+(?:[_-][A-Za-z0-9]+)*")
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def server_name(value: str) -> str:
    """The name, where it may be one: a tool is called NAME__TOOL, so it holds no two underscores in a row.

    Raises: ValueError.
    """
    if len(value) > MAX_NAME or not _NAME.fullmatch(value):
        raise ValueError(f"takes up to {MAX_NAME} letters and digits, with single '-' or '_' between them")
    return value


def _clean(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not hold a NUL character")
    return value


def _pattern(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be empty")
    return value


def _secrets(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {name: Secret(each) if isinstance(each, str) else each for name, each in value.items()}


def _variables(value: dict[str, Secret]) -> dict[str, Secret]:
    if not all(_VARIABLE.fullmatch(name) for name in value):
        raise ValueError("holds a name that is no environment variable's")
    if any("\0" in secret.reveal() for secret in value.values()):
        raise ValueError("holds a value with a NUL character")
    return value


def _headers(value: dict[str, Secret]) -> dict[str, Secret]:
    if not all(_TOKEN.fullmatch(name) for name in value):
        raise ValueError("holds a name that is no HTTP header's")
    if not all(secret.reveal().isascii() and secret.reveal().isprintable() for secret in value.values()):
        raise ValueError("holds a value that is not printable ASCII")
    return value


def _url(value: str) -> str:
    if not value:
        return value
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be plain ASCII: write anything else percent-encoded, a host name in punycode")
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http:// or https:// URL with a host")
    if parts.username or parts.password:
        raise ValueError("must not hold credentials: they belong into headers")
    try:
        _ = parts.port
    except ValueError as error:
        raise ValueError("has a port that is no number from 0 to 65535") from error
    return value


def _folder(value: object) -> object:
    if isinstance(value, str):
        _clean(value)
        return Path(value).expanduser() if value.strip() else None
    return value


McpServerName = Annotated[str, AfterValidator(server_name)]
Argument = Annotated[str, AfterValidator(_clean)]
Pattern = Annotated[str, Field(max_length=200), AfterValidator(_pattern)]


class McpServerSettings(BaseModel):
    """How a server is reached, by `command` (stdio) or by `url` (streamable HTTP), and what of it is used."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True, hide_input_in_errors=True
    )

    command: Annotated[str, AfterValidator(_clean)] = Field(default="", description="program to run (stdio)")
    args: list[Argument] = Field(default=[], description="its arguments")
    env: Annotated[dict[str, Secret], BeforeValidator(_secrets), AfterValidator(_variables)] = Field(
        default={}, description="variables added to its environment"
    )
    cwd: Annotated[Path | None, BeforeValidator(_folder)] = Field(default=None, description="its folder")
    url: Annotated[str, AfterValidator(_url)] = Field(default="", description="address (streamable HTTP)")
    headers: Annotated[dict[str, Secret], BeforeValidator(_secrets), AfterValidator(_headers)] = Field(
        default={}, description="headers sent along"
    )
    enabled: bool = Field(default=True, description="whether it is used")
    timeout_seconds: Annotated[int | None, Field(ge=1, le=3600)] = Field(
        default=None, description="seconds for a call; none: tools.timeout_seconds"
    )
    tools: list[Pattern] = Field(
        default=[], description="its tools that are used, exact or with *; empty: all"
    )

    @model_validator(mode="after")
    def _one_way(self) -> McpServerSettings:
        if bool(self.command) == bool(self.url):
            raise ValueError("needs either command or url")
        if self.url and (self.args or self.env or self.cwd):
            raise ValueError("args, env and cwd belong to a command, not to a url")
        if self.command and self.headers:
            raise ValueError("headers belong to a url, not to a command")
        return self

    @property
    def transport(self) -> str:
        return "stdio" if self.command else "http"

    def public(self) -> dict[str, Any]:
        """Everything that may be shown, JSON-ready: of secrets, the names alone."""
        fields = self.model_dump(mode="json", exclude=set(MCP_SECRET_FIELDS))
        return {**fields, **{name: sorted(getattr(self, name)) for name in MCP_SECRET_FIELDS}}

    def secrets(self) -> list[str]:
        """What must not be seen in a log or an error."""
        found = [secret.reveal() for name in MCP_SECRET_FIELDS for secret in getattr(self, name).values()]
        return [text for text in found if text]
