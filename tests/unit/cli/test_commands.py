"""The other commands, the common options, and every fault that can be foreseen."""

from __future__ import annotations

import csv
import errno
import io
import json
import re
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

import ai_gateway
from ai_gateway import _version
from ai_gateway.cli import first_launch
from ai_gateway.core.record import RequestRecord
from ai_gateway.store.accounting import SqliteAccounting
from tests.unit.cli.conftest import Cli

DAY_MS = 86_400_000
USAGE_COLUMNS = [
    "day",
    "client",
    "model",
    "requests",
    "errors",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cost_usd",
]


def spend(cli: Cli, number: int, *, client: str, days_ago: int = 0, **fields: object) -> None:
    """A row of the request log."""
    started = round(datetime.now(UTC).timestamp() * 1000) - days_ago * DAY_MS
    values = {"status": 200, "model_served": "m", "input_tokens": 3, "output_tokens": 5, **fields}
    store = SqliteAccounting(cli.database)
    try:
        store.write(
            [
                RequestRecord(
                    id=f"req_{number}",
                    started_at=started,
                    client_id=client,
                    client_name="app",
                    endpoint="POST /v1/chat/completions",
                    dialect="openai",
                    **values,  # type: ignore[arg-type]
                )
            ]
        )
    finally:
        store.close()


def test_usage_by_day_client_and_model(cli: Cli) -> None:
    client = cli.create("app")["id"]
    spend(cli, 1, client=client)
    spend(cli, 2, client=client, status=500, cached_tokens=2)
    spend(cli, 3, client=client, days_ago=1, cost_usd=0.25)
    today = datetime.now(UTC).date()
    rows = cli.ok("usage", "--json").json()
    assert [list(row) for row in rows] == [USAGE_COLUMNS] * 2
    assert [list(row.values()) for row in rows] == [
        [str(today - timedelta(days=1)), "app", "m", 1, 0, 3, 5, 0, 0.25],
        [str(today), "app", "m", 2, 1, 6, 10, 2, None],
    ]
    assert cli.ok("usage", "--days", "1", "--json").json() == rows[1:]
    assert cli.ok("usage", "--client", client, "--json").json() == rows
    table = list(csv.reader(io.StringIO(cli.ok("usage", "--csv").out)))
    assert table[0] == USAGE_COLUMNS
    assert table[2] == [str(today), "app", "m", "2", "1", "6", "10", "2", ""]


def test_usage_of_a_deleted_client_stays(cli: Cli) -> None:
    client = cli.create("app")["id"]
    spend(cli, 1, client=client)
    cli.ok("clients", "delete", "app", "--yes")
    assert [row["client"] for row in cli.ok("usage", "--client", "app", "--json").json()] == ["app"]


def test_usage_of_nobody(cli: Cli) -> None:
    cli.create("app")
    assert cli.ok("usage", "--client", "app", "--json").json() == []
    assert cli("usage", "--client", "nobody") == (1, "", "ai-gateway: there is no client 'nobody'\n")
    assert cli("usage", "--csv", "--json").code == 2
    assert cli("usage", "--days", "0").code == 2


def test_a_models_name_cannot_steer_a_terminal(cli: Cli) -> None:
    spend_by = cli.create("app")["id"]
    spend(cli, 1, client=spend_by, model_served="a\x1b[2Jb")
    printed = cli.ok("usage").out
    assert "\x1b" not in printed
    assert "a\\x1b[2Jb" in printed


def password_of(printed: str) -> str:
    [password] = re.findall(r"^Password: +(\S+)", printed, re.MULTILINE)
    return str(password)


def test_reset_password_rewrites_the_hash_in_the_config(fresh_cli: Cli) -> None:
    fresh_cli.ok()
    before = fresh_cli.config.read_text()
    password = password_of(fresh_cli.ok("admin", "reset-password").out)
    after = fresh_cli.config.read_text()
    changed = [
        (old, new) for old, new in zip(before.splitlines(), after.splitlines(), strict=True) if old != new
    ]
    [(_, line)] = changed
    PasswordHasher().verify(line.split('"')[1], password)
    assert fresh_cli.config.stat().st_mode & 0o777 == 0o600
    assert fresh_cli.ok().out == ""


def test_reset_password_of_a_users_config_goes_to_the_database(cli: Cli) -> None:
    password = password_of(cli.ok("admin", "reset-password").out)
    stored = cli.setting("admin.password_hash")
    assert stored is not None
    PasswordHasher().verify(stored, password)
    assert cli.config.read_text() == ""
    assert "Password" not in cli.ok().out


def test_reset_password_cannot_change_the_environment(cli: Cli) -> None:
    cli.environ["AI_GATEWAY_ADMIN__PASSWORD_HASH"] = PasswordHasher().hash("x")
    result = cli("admin", "reset-password")
    assert (result.code, result.out) == (1, "")
    assert "AI_GATEWAY_ADMIN__PASSWORD_HASH: change it there" in result.err


def test_config_check(fresh_cli: Cli) -> None:
    cli = fresh_cli
    cli.config.touch()
    assert cli.ok("config", "check").out == f"{cli.config}: ok\n"
    cli.config.write_text("server:\n  prot: 1\nx: 2\n")
    result = cli("config", "check")
    assert (result.code, result.out) == (1, "")
    assert result.err.splitlines() == [
        f"ai-gateway: {cli.config}:2: server.prot: unknown key (did you mean port?)",
        f"ai-gateway: {cli.config}:3: x: unknown key",
    ]
    assert not cli.database.exists()


def test_version(cli: Cli) -> None:
    info = cli.bare("version", "--json").json()
    assert list(info) == ["version", "commit", "build_time"]
    assert info["version"] == ai_gateway.__version__
    line = cli.bare("version").out
    assert line == f"ai-gateway {info['version']} (commit {info['commit']}, built {info['build_time']})\n"
    assert cli.bare("-v").out == cli.bare("--version").out == line


def test_a_build_knows_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "_build_info.py").write_text("VERSION = '9.9'\nCOMMIT = 'abc'\nBUILD_TIME = 'then'\n")
    monkeypatch.setattr(ai_gateway, "__path__", [*ai_gateway.__path__, str(tmp_path)])
    monkeypatch.delitem(vars(ai_gateway), "_build_info", raising=False)
    _version._embedded.cache_clear()
    try:
        assert _version.build() == ("9.9", "abc", "then")
    finally:
        _version._embedded.cache_clear()
        monkeypatch.delitem(sys.modules, "ai_gateway._build_info")


@pytest.mark.parametrize("flag", ["-config", "--config"])
@pytest.mark.parametrize("place", ["before", "between", "after"])
def test_the_config_is_named_anywhere(cli: Cli, flag: str, place: str) -> None:
    words = {"before": [], "between": ["config"], "after": ["config", "check"]}[place]
    rest = ["config", "check"][len(words) :]
    assert cli.bare(*words, flag, str(cli.config), *rest).out == f"{cli.config}: ok\n"


def test_the_last_common_option_counts(cli: Cli) -> None:
    cli.config.write_text("server: {port: 1111}\n")
    cli.ok()
    for arguments in (
        ["-port", "1", "serve", "-port", "2"],
        ["--port=2"],
        ["-port=2"],
        ["serve", "--port", "2"],
    ):
        cli.ok(*arguments)
    assert [settings.server.port for settings in cli.served] == [1111, 2, 2, 2, 2]


@pytest.mark.parametrize(
    "arguments",
    [
        ["-port", "0"],
        ["-port", "65536"],
        ["-port", "x"],
        ["nonsense"],
        ["clients"],
        ["clients", "nonsense"],
        ["clients", "show"],
        ["clients", "list", "--nonsense"],
        ["serve", "extra"],
    ],
)
def test_wrong_usage_is_2(cli: Cli, arguments: list[str]) -> None:
    result = cli(*arguments)
    assert (result.code, result.out) == (2, "")
    assert "Usage:" in result.err
    assert not cli.served


@pytest.mark.parametrize(
    "arguments", [["config", "check"], ["clients", "list"], ["usage"], ["admin", "reset-password"]]
)
def test_a_missing_config_says_what_to_do(fresh_cli: Cli, arguments: list[str]) -> None:
    assert_one_line(
        fresh_cli, *arguments, says=f"{fresh_cli.config}: there is no such file: run `ai-gateway`"
    )
    assert list(fresh_cli.folder.iterdir()) == []


def assert_one_line(cli: Cli, *arguments: str, says: str) -> None:
    result = cli(*arguments)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("ai-gateway: ")
    assert result.err.count("\n") == 1
    assert says in result.err


def test_faults_of_the_database_are_one_line(cli: Cli) -> None:
    cli.config.write_text("database: {path: config.yaml/x.db}\n")
    assert_one_line(cli, "clients", "list", says="the database")
    cli.config.write_text("database: {path: foreign.db}\n")
    (cli.folder / "foreign.db").write_bytes(b"no database at all" * 100)
    assert_one_line(cli, "clients", "list", says="is not an SQLite database")
    assert_one_line(cli, "serve", says="is not an SQLite database")
    assert not cli.served


def test_a_newer_database_is_one_line(cli: Cli) -> None:
    cli.ok("clients", "list")
    connection = sqlite3.connect(cli.database)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    assert_one_line(cli, "clients", "list", says="newer ai-gateway")


def test_a_lost_key_is_one_line(cli: Cli) -> None:
    cli.create("app", "--backend-api-key", "x")
    (cli.folder / "data" / "secret.key").write_text("damaged\n")
    assert_one_line(cli, "clients", "list", says="secret.key")


def test_a_full_disk_is_one_line(fresh_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, text: str) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(first_launch, "write_new", full)
    assert_one_line(fresh_cli, says="config.yaml: No space left on device")
    assert not fresh_cli.served


def test_ctrl_c_is_one_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(first_launch, "load_settings", interrupted)
    monkeypatch.setattr("ai_gateway.cli.context.State.settings", interrupted)
    result = cli("config", "check")
    assert (result.code, result.err.strip()) == (1, "ai-gateway: interrupted")


def test_json_is_one_value_in_every_listing(cli: Cli) -> None:
    cli.create("app")
    for arguments in (["clients", "list"], ["clients", "show", "app"], ["usage"], ["version"]):
        json.loads(cli.ok(*arguments, "--json").out)


LIGHT = ["pydantic", "yaml", "sqlalchemy", "alembic", "aiohttp", "uvicorn", "rich", "argon2", "cryptography"]


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("from ai_gateway.cli.main import root; root(['version'], standalone_mode=False)", LIGHT),
        ("import ai_gateway.cli.serve", LIGHT[2:]),
    ],
)
def test_a_command_imports_what_it_needs(code: str, absent: list[str]) -> None:
    check = f"import sys\n{code}\nprint([name for name in {absent} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
