"""Build hook: embeds version, commit and build time into what is built, as `ai_gateway/_build_info.py`,
and builds the dashboard.

The module exists only in the archive: the source tree is never changed. An sdist carries it too, so that a
wheel that is built from one, where there is no git, still knows its commit. The dashboard goes to
`src/ai_gateway/admin/static`, which git ignores; an sdist carries the built files, and no source of them.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACES = {"wheel": "ai_gateway/_build_info.py", "sdist": "src/ai_gateway/_build_info.py"}
UNKNOWN = "unknown"


class BuildInfoHook(BuildHookInterface[Any]):
    """Hatchling finds the one hook class of this file by itself."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """`version` is the kind of build: an editable one looks its commit up when asked."""
        if version != "editable" and (Path(self.root) / "web").is_dir():
            build_dashboard(Path(self.root))
        place = PLACES.get(self.target_name)
        if place is None or version == "editable" or (Path(self.root) / PLACES["sdist"]).exists():
            return
        file, self._draft = tempfile.mkstemp(suffix=".py")
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(build_info(self.metadata.version, commit(self.root), build_time()))
        Path(self._draft).chmod(0o644)  # the mode that it has in the archive
        build_data["force_include"][self._draft] = place

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        draft = getattr(self, "_draft", None)
        if draft is not None:
            Path(draft).unlink(missing_ok=True)


def build_dashboard(root: Path) -> None:
    """Raises: build_web.BuildError where it cannot be built."""
    spec = importlib.util.spec_from_file_location("build_web", root / "scripts" / "build_web.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.build()


def build_info(version: str, commit: str, time: str) -> str:
    """The text of the module."""
    return (
        f'"""Written by the build."""\n\nVERSION = {version!r}\nCOMMIT = {commit!r}\nBUILD_TIME = {time!r}\n'
    )


def commit(root: str) -> str:
    """The commit of the source tree at `root`, or `unknown`."""
    if not (Path(root) / ".git").exists():  # such as a folder inside somebody else's repository
        return UNKNOWN
    command = ["git", "-C", root, "rev-parse", "HEAD"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return UNKNOWN
    return done.stdout.strip() if done.returncode == 0 else UNKNOWN


def build_time() -> str:
    """Now, ISO 8601, UTC; or SOURCE_DATE_EPOCH, so that a build can be repeated to the byte."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
