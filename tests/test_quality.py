"""The gates that are not tests by themselves: format, lint, types, import contracts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from scripts import build_web

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent

GATES = {
    "format": [str(BIN / "ruff"), "format", "--check", "."],
    "lint": [str(BIN / "ruff"), "check", "."],
    "types": [str(BIN / "mypy")],
    "imports": [str(BIN / "lint-imports")],
}


WEB_GATES = {
    # Native, as the compiler below it: ESLint took twelve times the CPU for the same rules.
    "lint": ["oxlint/bin/oxlint"],
    "types": ["typescript-native/bin/tsc", "--noEmit"],
    "tests": ["vitest/vitest.mjs", "run"],
    "schema": ["../scripts/schema.mjs", "--check"],
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", GATES)
def test_gate(name: str) -> None:
    done = subprocess.run(GATES[name], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", WEB_GATES)
def test_gate_of_the_dashboard(name: str) -> None:
    node, npm = build_web.find_node()
    with FileLock(ROOT / "web" / ".install.lock", timeout=300):
        build_web.install(node, npm, dev=True)
    script, *arguments = WEB_GATES[name]
    command = [str(node), str(ROOT / "web" / "node_modules" / script), *arguments]
    done = subprocess.run(command, cwd=ROOT / "web", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_locks_pin_hashes_and_name_no_registry() -> None:
    for lock in (ROOT / "requirements").glob("*.txt"):
        text = lock.read_text()
        pins = re.findall(r"^[a-z0-9].*==", text, re.MULTILINE)
        assert pins
        assert text.count("--hash=sha256:") >= len(pins)
        assert "://" not in text
        assert "index" not in text
    for lock in (ROOT / "tests" / "e2e" / "node" / "package-lock.json", ROOT / "web" / "package-lock.json"):
        text = lock.read_text()
        assert '"resolved"' not in text
        assert '"integrity"' in text
        assert "registry" not in text
