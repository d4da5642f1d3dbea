"""Which build this is: embedded in a wheel by scripts/hatch_build.py, looked up in a source tree."""

from __future__ import annotations

import importlib
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

__all__ = ["UNKNOWN", "Build", "build", "version"]

UNKNOWN = "unknown"
_GIT_TIMEOUT_S = 5.0


class Build(NamedTuple):
    """What `ai-gateway version` tells."""

    version: str
    commit: str
    """Git commit, or `unknown`."""
    build_time: str
    """ISO 8601, UTC; or `unknown` where nothing was built, as in a source tree."""


@cache
def _embedded() -> Build | None:
    try:
        info = importlib.import_module("ai_gateway._build_info")  # only a built wheel has it
    except ModuleNotFoundError:
        return None
    return Build(info.VERSION, info.COMMIT, info.BUILD_TIME)


def version() -> str:
    """The version alone, which costs no process."""
    embedded = _embedded()
    if embedded is not None:
        return embedded.version
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("ai-gateway")
    except PackageNotFoundError:
        return "0.0.0+unknown"


def build() -> Build:
    """All of it; in a source tree the commit is the one that was checked out at the first call."""
    return _embedded() or Build(version(), _checked_out(), UNKNOWN)


@cache
def _checked_out() -> str:
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return UNKNOWN
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],  # noqa: S607 - git is wherever PATH says
            capture_output=True,
            text=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return UNKNOWN
    return done.stdout.strip() if done.returncode == 0 else UNKNOWN
