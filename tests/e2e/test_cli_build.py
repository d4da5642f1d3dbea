"""What is built knows its commit and time, also a wheel that is built from an sdist, without git."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EPOCH = "1700000000"
IDENTITY = {
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@example.org",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**os.environ, **IDENTITY},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with what a build needs, and one commit."""
    folder = tmp_path / "tree"
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore", "scripts/hatch_build.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    page = folder / "src" / "ai_gateway" / "admin" / "static" / "index.html"
    page.parent.mkdir(exist_ok=True)
    page.write_text("<!doctype html>")  # stands for the built dashboard, which git ignores
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "all")
    return folder


@pytest.mark.parametrize("kind", [["--wheel"], []], ids=["wheel", "wheel from sdist"])
def test_a_wheel_knows_commit_and_time(tree: Path, kind: list[str]) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tree.parent / "dist"), *kind],
        cwd=tree,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    [wheel] = (tree.parent / "dist").glob("*.whl")
    info: dict[str, str] = {}
    with zipfile.ZipFile(wheel) as archive:
        assert "ai_gateway/admin/static/index.html" in archive.namelist()
        exec(archive.read("ai_gateway/_build_info.py"), info)
        assert "ai_gateway/policy/price_table.json" in archive.namelist()
    assert info["COMMIT"] == git(tree, "rev-parse", "HEAD")
    assert info["BUILD_TIME"] == "2023-11-14T22:13:20Z"
    assert info["VERSION"] == wheel.name.split("-")[1]
    assert git(tree, "status", "--porcelain") == ""
