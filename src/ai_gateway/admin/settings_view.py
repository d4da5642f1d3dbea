"""The configuration as an admin may see it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from ai_gateway.admin.schemas.meta import JsonScalar, Setting
from ai_gateway.admin.schemas.meta import Settings as SettingsView
from ai_gateway.config import Settings
from ai_gateway.config.document import read_document
from ai_gateway.config.environment import env_name, leaves
from ai_gateway.core.secret import Secret

__all__ = ["settings_view"]

Location = tuple[str, ...]
Source = Literal["file", "environment", "default", "generated"]
_GENERATED = frozenset({("admin", "password_hash"), ("admin", "session_secret"), ("prometheus", "password")})
"""What the gateway makes for itself where the file says nothing."""


def settings_view(settings: Settings, config_path: Path, environ: Mapping[str, str]) -> SettingsView:
    """Every key with its value, its default and where it comes from. A file that is gone counts as empty."""
    in_file = _in_file(config_path)
    defaults = Settings()
    items = [
        Setting(
            key=".".join(location),
            value=_shown(_at(settings, location)),
            default=_shown(_at(defaults, location)),
            source=_source(location, in_file, environ),
        )
        for location in leaves()
    ]
    return SettingsView(items=items, config_path=str(config_path))


def _source(location: Location, in_file: frozenset[Location], environ: Mapping[str, str]) -> Source:
    if env_name(location) in environ:
        return "environment"
    if location in in_file:
        return "file"
    return "generated" if location in _GENERATED else "default"


def _in_file(path: Path) -> frozenset[Location]:
    try:
        document = read_document(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return frozenset()
    return frozenset(location for location in leaves() if location in document.lines)


def _at(settings: Settings, location: Location) -> object:
    value: object = settings
    for name in location:
        value = getattr(value, name)
    return value


def _shown(value: object) -> JsonScalar | list[str]:
    match value:
        case Secret():
            return "set" if value else "not set"
        case None | bool() | int() | float() | str():
            return value
        case list() | tuple():
            return [str(item) for item in value]
        case dict():
            return ", ".join(value) if value else ""
        case _:
            return str(value)
