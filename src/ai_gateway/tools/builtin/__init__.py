"""The tools that every gateway has. A new one is a file here that holds a `TOOL`, and its name in `NAMES`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from ai_gateway.tools.builtin.base import BuiltIn

__all__ = ["NAMES", "built_ins"]

NAMES = ("get_time", "get_date", "http_get")


def built_ins() -> Mapping[str, BuiltIn]:
    """By name."""
    modules = [import_module(f"{__name__}.{name}") for name in NAMES]
    return {module.TOOL.name: module.TOOL for module in modules}
