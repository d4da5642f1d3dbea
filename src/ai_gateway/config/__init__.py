"""Settings: from config.yaml, with the environment over it. Every problem names its key and its line."""

from __future__ import annotations

from ai_gateway.config.load import ConfigError, ConfigMissing, load_settings, parse_settings
from ai_gateway.config.model import Settings
from ai_gateway.config.rewrite import replace_value, write_new

__all__ = [
    "ConfigError",
    "ConfigMissing",
    "Settings",
    "load_settings",
    "parse_settings",
    "replace_value",
    "write_new",
]
