"""The examples of the documentation, run as they are pasted."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ai_gateway.core.client import ClientSettings
from ai_gateway.core.record import RequestRecord
from ai_gateway.providers import PROVIDERS
from tests.harness.gateway import GatewayProcess

DOCS = Path(__file__).parents[2] / "docs"
EXAMPLE = re.compile(r"<!-- tested: expects (\"[^\n]*\") -->\n```sh\n(.*?)```", re.DOTALL)
EXAMPLES = [
    pytest.param(script, json.loads(expected), id=f"{page.stem}-{number}")
    for page in sorted(DOCS.rglob("*.md"))
    for number, (expected, script) in enumerate(EXAMPLE.findall(page.read_text()))
]


@pytest.fixture(scope="module")
def key(gateway: GatewayProcess) -> str:
    return gateway.create_client(backend="echo", default_model="echo").api_key


@pytest.mark.parametrize(("script", "expected"), EXAMPLES)
def test_an_example_works_as_pasted(
    gateway: GatewayProcess, key: str, tmp_path: Path, script: str, expected: str
) -> None:
    command = tmp_path / "ai-gateway"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ai_gateway -config {gateway.config_path} "$@"\n')
    command.chmod(0o755)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={
            **os.environ,
            **gateway.env,
            "PATH": f"{tmp_path}:{os.environ['PATH']}",
            "GATEWAY": gateway.url,
            "KEY": key,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 8


def words(page: str) -> set[str]:
    return set(re.findall(r"`([^`\n]+)`", (DOCS / page).read_text()))


def test_every_provider_is_documented() -> None:
    page = words("providers.md")
    assert set(PROVIDERS) <= page
    assert {row.base_url for row in PROVIDERS.values() if row.base_url and not row.builtin} <= page


def test_every_setting_of_a_client_is_documented() -> None:
    assert set(ClientSettings.model_fields) <= words("clients.md")


def test_the_readmes_first_commands_are_make_run_and_make_test() -> None:
    readme = (DOCS.parent / "README.md").read_text()
    commands = [
        line for block in re.findall(r"```sh\n(.*?)```", readme, re.DOTALL) for line in block.splitlines()
    ]
    assert commands[:2] == ["make run", "make test"]


def test_accounting_names_its_columns() -> None:
    page = words("accounting.md")
    tokens = {name for name in RequestRecord.__struct_fields__ if name.endswith("_tokens")}
    assert tokens <= page
