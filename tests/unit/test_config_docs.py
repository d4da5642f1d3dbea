"""docs/configuration.md and the file of a first launch know every setting, with its variable and default."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from ai_gateway.cli.config_template import render_config
from ai_gateway.config import Settings, parse_settings
from ai_gateway.config.environment import env_name, leaves
from ai_gateway.config.model import PriceOverride
from ai_gateway.providers import PROVIDERS

DOCS = Path(__file__).parents[2] / "docs" / "configuration.md"
GENERATED = {("admin", "password_hash"), ("admin", "session_secret"), ("prometheus", "password")}
LEAVES = list(leaves())


def documented() -> dict[str, list[str]]:
    """Cells by key."""
    rows = re.findall(r"^\| `([a-z0-9_.]+)` \|(.*)\|$", DOCS.read_text(), re.MULTILINE)
    return {key: [cell.strip() for cell in cells.split("|")] for key, cells in rows}


def default_text(location: tuple[str, ...]) -> str:
    if location in GENERATED:
        return "generated"
    if location == ("database", "path"):
        return "`./data/gateway.db`"
    value: Any = Settings()
    for name in location:
        value = getattr(value, name)
    if value is None or not (value or isinstance(value, int | dict)):
        return "empty"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def test_every_row_is_a_setting() -> None:
    assert list(documented()) == [".".join(leaf) for leaf in LEAVES]


@pytest.mark.parametrize("location", LEAVES, ids=".".join)
def test_a_setting_is_documented(location: tuple[str, ...]) -> None:
    _, default, variable, meaning = documented()[".".join(location)]
    assert variable == f"`{env_name(location)}`"
    assert default == default_text(location)
    assert meaning


def template() -> str:
    return render_config(password_hash="$argon2id$x", session_secret="s" * 43, prometheus_password="p" * 43)


@pytest.mark.parametrize("location", LEAVES, ids=".".join)
def test_the_first_config_file_shows_every_setting(location: tuple[str, ...]) -> None:
    value: Any = yaml.safe_load(template())
    for name in location:
        value = value[name]
    assert value is not None


def test_the_first_config_file_has_the_defaults() -> None:
    found = parse_settings(template(), DOCS, {}).model_dump()
    wanted = parse_settings("", DOCS, {}).model_dump()
    for section, key in GENERATED:
        assert found[section].pop(key)
        wanted[section].pop(key)
    assert found == wanted


PRICES = (DOCS.parent / "prices.md").read_text()


def test_the_example_of_prices_is_valid() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", PRICES, re.DOTALL)
    overrides = parse_settings(example, DOCS, {}).prices.overrides
    assert [len(entries) for entries in overrides.values()] == [1, 2]


def test_every_key_of_a_price_and_every_provider_is_documented() -> None:
    words = set(re.findall(r"`([^`\n]+)`", PRICES))
    assert set(PriceOverride.model_fields) <= words
    assert set(PROVIDERS) <= words
