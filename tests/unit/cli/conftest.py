"""The command line in this process, on real files and a real database."""

from __future__ import annotations

import io
import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ai_gateway.cli import run
from ai_gateway.config import Settings
from tests.harness.databases import empty_database


class Result(NamedTuple):
    """What one run left."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Cli:
    """Runs commands on the config file of one folder; `served` holds the settings of each serve."""

    folder: Path
    capture: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch
    environ: dict[str, str] = field(default_factory=dict)
    served: list[Settings] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    @property
    def database(self) -> Path:
        return self.folder / "data" / "gateway.db"

    def __call__(self, *arguments: str, stdin: str = "") -> Result:
        return self.bare("-config", str(self.config), *arguments, stdin=stdin)

    def bare(self, *arguments: str, stdin: str = "") -> Result:
        """Without naming the config file."""
        self.monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        self.capture.readouterr()
        code = run(serve=self._serve, arguments=arguments, environ=self.environ)
        captured = self.capture.readouterr()
        return Result(code, captured.out, captured.err)

    def ok(self, *arguments: str, stdin: str = "") -> Result:
        result = self(*arguments, stdin=stdin)
        assert result.code == 0, result
        return result

    def create(self, name: str = "app", *options: str) -> Any:
        """A client on `echo`: what `create --json` printed."""
        return self.ok("clients", "create", "--name", name, "--backend", "echo", *options, "--json").json()

    def show(self, name: str = "app") -> Any:
        return self.ok("clients", "show", name, "--json").json()

    def setting(self, name: str) -> str | None:
        """A setting in the database."""
        connection = sqlite3.connect(self.database)
        try:
            row = connection.execute("SELECT value FROM settings WHERE name = ?", (name,)).fetchone()
        finally:
            connection.close()
        return row and str(row[0])

    def _serve(self, settings: Settings, *, config_path: Path) -> int:
        assert config_path == self.config
        self.served.append(settings)
        return 0


@pytest.fixture
def fresh_cli(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Before the first launch: an empty folder."""
    return Cli(tmp_path, capsys, monkeypatch)


@pytest.fixture
def cli(fresh_cli: Cli) -> Cli:
    """With a config file of the user's, and a database, which are empty."""
    fresh_cli.config.touch(mode=0o600)
    empty_database(fresh_cli.database)
    return fresh_cli
