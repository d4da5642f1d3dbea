"""The first launch, and launches that died between any two of its steps."""

from __future__ import annotations

import asyncio
import hashlib
import re
import shlex
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from ai_gateway.cli import first_launch
from ai_gateway.cli.context import State
from ai_gateway.config import Settings, load_settings
from ai_gateway.core.keys import hash_key
from ai_gateway.store.clients import SqlClientStore
from tests.harness.databases import empty_database
from tests.unit.cli.conftest import Cli

PASSWORD = re.compile(r"^Password: +(\S+)", re.MULTILINE)
KEY = re.compile(r"^Demo key: +(\S+)", re.MULTILINE)


@pytest.fixture(autouse=True)
def _cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2id as ever, but not made slow: launches are many here."""
    monkeypatch.setattr(first_launch, "hash_password", PasswordHasher(1, 64, 1).hash)


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of every file, without SQLite's own transient ones."""
    return {
        str(path.relative_to(folder)): (path.stat().st_mode & 0o777, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith(("-wal", "-shm"))
    }


def shown(printed: str) -> tuple[str, str]:
    """The admin's password and the demo client's key."""
    [password], [key] = PASSWORD.findall(printed), KEY.findall(printed)
    return password, key


def assert_valid(cli: Cli, password: str, key: str) -> None:
    settings = load_settings(cli.config, {})
    password_hash = settings.admin.password_hash.reveal() or cli.setting("admin.password_hash")
    assert password_hash is not None
    PasswordHasher().verify(password_hash, password)
    assert (settings.admin.session_secret.reveal() or cli.setting("admin.session_secret")) is not None
    assert hash_key(key) in cli.database.read_bytes()
    assert [client["name"] for client in cli.ok("clients", "list", "--json").json()] == ["demo"]


def test_everything_is_made_and_shown_once(fresh_cli: Cli) -> None:
    first = fresh_cli.ok("-port", "4321")
    password, key = shown(first.out)
    made = files(fresh_cli.folder)
    assert set(made) == {"config.yaml", "data/gateway.db", "data/secret.key", "data/first-launch.lock"}
    assert {mode for mode, _ in made.values()} == {0o600}
    assert "http://localhost:4321/admin" in first.out
    assert_valid(fresh_cli, password, key)
    before = files(fresh_cli.folder)
    second = fresh_cli.ok("serve")
    assert (second.out, second.err) == ("", "")
    assert files(fresh_cli.folder) == before
    assert [settings.server.port for settings in fresh_cli.served] == [4321, 8090]


def test_the_curl_line_is_one_shell_command(fresh_cli: Cli) -> None:
    printed = fresh_cli.ok().out
    _, key = shown(printed)
    [line] = [line for line in printed.splitlines() if line.startswith("curl ")]
    words = shlex.split(line)
    assert words[:3] == ["curl", "-N", "http://localhost:8090/v1/chat/completions"]
    assert f"Authorization: Bearer {key}" in words


def test_secrets_differ_from_launch_to_launch(fresh_cli: Cli) -> None:
    first = shown(fresh_cli.ok().out)
    text = fresh_cli.config.read_text()
    for name in ("config.yaml", "data/gateway.db", "data/secret.key"):
        (fresh_cli.folder / name).unlink()
    second = shown(fresh_cli.ok().out)
    assert not set(first) & set(second)
    secrets = re.compile(r'(?:session_secret|password): "(.+)"')
    assert not set(secrets.findall(text)) & set(secrets.findall(fresh_cli.config.read_text()))


def test_a_users_config_is_not_touched(cli: Cli) -> None:
    cli.config.write_text("server: {port: 4242}\nadmin: {username: root}\n")
    cli.config.chmod(0o644)
    before = files(cli.folder)
    printed = cli.ok().out
    assert "root" in printed
    assert "http://localhost:4242/v1/chat/completions" in printed
    assert_valid(cli, *shown(printed))
    assert files(cli.folder)["config.yaml"] == before["config.yaml"]
    assert cli.ok().out == ""


def test_an_admin_with_a_password_gets_no_other(cli: Cli) -> None:
    cli.config.write_text(f"admin: {{password_hash: '{PasswordHasher().hash('mine')}'}}\n")
    printed = cli.ok().out
    assert not PASSWORD.search(printed)
    assert KEY.search(printed)
    assert cli.setting("admin.password_hash") is None


def test_a_lost_config_is_written_again_without_another_demo(fresh_cli: Cli) -> None:
    _, key = shown(fresh_cli.ok().out)
    fresh_cli.config.unlink()
    printed = fresh_cli.ok().out
    assert not KEY.search(printed)
    [password] = PASSWORD.findall(printed)
    assert_valid(fresh_cli, password, key)


@pytest.mark.parametrize("deleted", [False, True])
def test_who_makes_clients_by_hand_gets_no_demo(cli: Cli, deleted: bool) -> None:
    cli.create("mine")
    if deleted:
        cli.ok("clients", "delete", "mine", "--yes")
    assert not KEY.search(cli.ok().out)
    assert [client["name"] for client in cli.ok("clients", "list", "--json").json()] == ["mine"] * (
        not deleted
    )


def test_a_deleted_demo_stays_deleted(fresh_cli: Cli) -> None:
    fresh_cli.ok()
    fresh_cli.ok("clients", "delete", "demo", "--yes")
    assert fresh_cli.ok().out == ""
    assert fresh_cli.ok("clients", "list", "--json").json() == []


class Died(BaseException):
    """Stands for the death of the process at some step."""


class Steps:
    """Counts every step that writes or prints, and dies before, or after, the one numbered `deadly`."""

    def __init__(self, patch: pytest.MonkeyPatch, deadly: int, *, after: bool) -> None:
        self.done: list[str] = []
        self._deadly = deadly
        self._after = after
        for name in ("write_new", "replace_value", "_show"):
            patch.setattr(first_launch, name, self._blocking(name, getattr(first_launch, name)))
        for name in ("set_setting", "create_client", "rotate_key"):
            patch.setattr(SqlClientStore, name, self._storing(name, getattr(SqlClientStore, name)))

    def _enter(self, name: str) -> None:
        self.done.append(name)
        if not self._after:
            self._die()

    def _leave(self) -> None:
        if self._after:
            self._die()

    def _die(self) -> None:
        if len(self.done) - 1 == self._deadly:
            raise Died

    def _blocking(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any) -> Any:
            self._enter(name)
            result = original(*arguments)
            self._leave()
            return result

        return step

    def _storing(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        async def step(*arguments: Any, **named: Any) -> Any:
            self._enter(name)
            result = await original(*arguments, **named)
            self._leave()
            return result

        return step


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("own_config", [False, True])
def test_a_launch_that_dies_anywhere_is_completed(
    fresh_cli: Cli, capsys: pytest.CaptureFixture[str], own_config: bool, after: bool
) -> None:
    for deadly in range(20):
        folder = fresh_cli.folder / f"run-{deadly}"
        empty_database(folder / "data" / "gateway.db")  # its own tests kill the making of one
        with pytest.MonkeyPatch.context() as patch:
            cli = Cli(folder, capsys, patch)
            if own_config:
                cli.config.write_text("# mine\n")
            with pytest.MonkeyPatch.context() as deadly_patch:
                steps = Steps(deadly_patch, deadly, after=after)
                try:
                    cli.ok()
                except Died:
                    died_printed = capsys.readouterr().out
                else:
                    assert deadly == len(steps.done) >= 5  # every step has had its turn
                    return
            printed = cli.ok().out
            # Killed after printing, both may be there already: shown twice is fine, never is not.
            password = (PASSWORD.findall(died_printed) + PASSWORD.findall(printed))[-1]
            key = (KEY.findall(died_printed) + KEY.findall(printed))[-1]
            assert_valid(cli, password, key)
            assert cli.ok().out == ""
            assert not own_config or cli.config.read_text() == "# mine\n"
    pytest.fail("the first launch has no end")


def test_a_second_death_in_a_row_is_survived_too(
    fresh_cli: Cli, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        steps = Steps(patch, 1, after=True)  # the config file is written, its password not shown
        with pytest.raises(Died):
            fresh_cli.ok()
        assert steps.done == ["set_setting", "write_new"]
    for deadly in (0, 1):  # around the replacement of the hash
        with monkeypatch.context() as patch:
            Steps(patch, deadly, after=True)
            with pytest.raises(Died):
                fresh_cli.ok()
    capsys.readouterr()
    assert_valid(fresh_cli, *shown(fresh_cli.ok().out))


def test_a_password_of_the_users_after_a_death_is_left_alone(
    fresh_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        Steps(patch, 1, after=True)
        with pytest.raises(Died):
            fresh_cli.ok()
    text = f"admin: {{password_hash: '{PasswordHasher().hash('mine')}'}}\n"
    fresh_cli.config.write_text(text)
    assert not PASSWORD.search(fresh_cli.ok().out)
    assert fresh_cli.config.read_text() == text


def test_of_launches_at_once_one_makes_the_secrets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    results: list[Settings] = []

    def launch() -> None:
        state = State(serve=lambda settings, *, config_path: 0, environ={}, config_path=config)
        results.append(first_launch.prepare(state))

    threads = [threading.Thread(target=launch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    password, _ = shown(capsys.readouterr().out)
    assert len({settings.admin.password_hash.reveal() for settings in results}) == 1
    assert len(results) == 4
    PasswordHasher().verify(results[0].admin.password_hash.reveal(), password)


def test_nothing_is_made_where_the_environment_is_wrong(fresh_cli: Cli) -> None:
    fresh_cli.environ["AI_GATEWAY_SERVER__PORT"] = "x"
    result = fresh_cli()
    assert (result.code, result.err) == (1, "ai-gateway: AI_GATEWAY_SERVER__PORT: must be an integer\n")
    assert list(fresh_cli.folder.iterdir()) == []


def test_the_folder_of_the_config_is_made(fresh_cli: Cli) -> None:
    config = fresh_cli.folder / "new" / "gateway.yaml"
    state = State(serve=lambda settings, *, config_path: 0, environ={}, config_path=config)
    settings = first_launch.prepare(state)
    assert settings.database.path == config.parent / "data" / "gateway.db"
    assert asyncio.run(first_launch._is_complete(settings, state))


METRICS_SHOWN = re.compile(r"^Metrics: .*\nUsername: .*\nPassword: +(\S+)", re.MULTILINE)


def test_a_metrics_password_is_made_when_metrics_are_turned_on_and_shown_once(cli: Cli) -> None:
    assert not METRICS_SHOWN.search(cli.ok().out)
    cli.config.write_text("prometheus: {enabled: true}\n")
    [password] = METRICS_SHOWN.findall(cli.ok().out)
    assert cli.setting("prometheus.password_sha256") == hashlib.sha256(password.encode()).hexdigest()
    assert password not in cli.database.read_bytes().decode("latin-1")
    assert cli.ok().out == ""


def test_a_metrics_password_that_was_perhaps_not_shown_is_made_again(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli.config.write_text("prometheus: {enabled: true}\n")

    def died(*_: object) -> None:
        raise OSError("no terminal")

    with monkeypatch.context() as patched:
        patched.setattr(first_launch, "_show", died)
        assert cli().code == 1
    [password] = METRICS_SHOWN.findall(cli.ok().out)
    assert cli.setting("prometheus.password_sha256") == hashlib.sha256(password.encode()).hexdigest()


def test_a_metrics_password_of_ones_own_is_not_replaced(cli: Cli) -> None:
    cli.config.write_text("prometheus: {enabled: true, password: sesame}\n")
    assert not METRICS_SHOWN.search(cli.ok().out)
    assert cli.setting("prometheus.password_sha256") is None
