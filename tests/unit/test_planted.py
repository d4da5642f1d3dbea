"""The search for secrets finds what it is to find, where it may not be, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.planted import Secrets

KEY = "gm_" + "kK-_0123" * 4
PASSWORD = "wAtermelon23Planted45"
CREDENTIAL = "sk-upstream-planted-1"
FIRST_LAUNCH = (
    f"Admin:     http://x/admin\nUsername:  admin\nPassword:  {PASSWORD}   (shown once)\n\n"
    f"Demo key:  {KEY}   (shown once; client `demo`)\n\ncurl -H 'Authorization: Bearer {KEY}' x\n"
)
SETTINGS = {
    "admin": {"session_secret": "session-planted-2"},
    "prometheus": {"password": "metrics-planted-3"},
    "telemetry": {"headers": {"x-token": "collector-planted-4"}},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data" / "spool").mkdir(parents=True)
    (tmp_path / "config.yaml").write_text(json.dumps(SETTINGS))
    (tmp_path / "data" / "secret.key").write_text("a2V5LXBsYW50ZWQtNQ==\n")
    (tmp_path / "gateway.stdout").write_text(FIRST_LAUNCH + "ready\n")
    return tmp_path


@pytest.fixture
def secrets() -> Secrets:
    secrets = Secrets()
    secrets.of_arguments(["clients", "create", "--name", "a", "--backend-api-key", CREDENTIAL])
    secrets.of_request(json.dumps({"username": "ann", "password": "first password"}).encode())
    return secrets


def test_what_is_at_home_is_no_leak(folder: Path, secrets: Secrets) -> None:
    (folder / "data" / "gateway.db").write_bytes(b"\x00$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA\x00")
    assert secrets.in_folder(folder) == []


def test_what_is_encrypted_may_look_like_a_key_by_chance(folder: Path, secrets: Secrets) -> None:
    sealed = f'{{"backend_api_key": "v1.a0f583f3.elKLBL6{KEY}3AFO"}}'
    database = folder / "data" / "gateway.db"
    (folder / "gateway.stdout").write_text("ready\n")  # so that no key is known by its value
    database.write_text(sealed)
    assert secrets.in_folder(folder) == []
    database.write_text(f"{sealed} {KEY}")
    assert secrets.in_folder(folder) == ["data/gateway.db holds a gateway key"]


@pytest.mark.parametrize(
    ("file", "leaked", "what"),
    [
        ("data/gateway.db-wal", CREDENTIAL, "an upstream credential"),
        ("data/spool/00001.log", CREDENTIAL, "an upstream credential"),
        ("gateway.stderr", "first password", "a password given to the admin API"),
        ("config.yaml", CREDENTIAL, "an upstream credential"),
        ("data/gateway.db", "metrics-planted-3", "the config's password"),
        ("gateway.stdout", "session-planted-2", "the config's session_secret"),
        ("gateway.stderr", "collector-planted-4", "the collector's header x-token"),
        ("data/gateway.db", "a2V5LXBsYW50ZWQtNQ==", "the key of the key file"),
        ("data/gateway.db", PASSWORD, "the first launch's password"),
        ("gateway.stdout", PASSWORD, "the first launch's password"),
        ("gateway.stdout", KEY, "the first launch's demo key"),
        ("gateway.stdout", f"Demo key:  {KEY}   (shown once)\n", "the first launch's demo key"),
        ("gateway.stderr", "gm_" + "x" * 32, "a gateway key"),
        ("gateway.stderr", "gwt_" + "x" * 43, "an API token"),
        ("gateway.stdout", "$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "a password's hash"),
    ],
)
def test_a_leak_is_named_by_its_file_and_not_by_its_value(
    folder: Path, secrets: Secrets, file: str, leaked: str, what: str
) -> None:
    with (folder / file).open("a") as written:
        written.write(f"\n{leaked}" if file != "config.yaml" else f"\n# {leaked}")
    found = secrets.in_folder(folder)
    assert f"{file} holds {what}" in found
    assert {each.partition(" ")[0] for each in found} == {file}
    assert leaked not in str(found)


def test_a_key_is_shown_once_by_what_makes_it() -> None:
    secrets = Secrets()
    secrets.of_printed(["clients", "create", "--name", "a"], f"Key: {KEY}\ncurl {KEY}".encode())
    for arguments in (["clients", "list"], ["clients", "rotate-key", "a"]):
        with pytest.raises(
            AssertionError, match=f"`clients {arguments[1]}` holds what `clients create` has shown"
        ):
            secrets.of_printed(arguments, KEY.encode())


@pytest.mark.parametrize(
    ("line", "headers", "body"),
    [
        ("GET /admin/api/v1/clients", {}, {"api_key": KEY}),
        ("GET /admin/api/v1/clients", {"x-key": CREDENTIAL}, {}),
        ("POST /admin/api/v1/clients", {}, {"api_key": KEY, "backend_api_key": CREDENTIAL}),
        ("POST /admin/api/v1/tokens", {}, {"token": KEY, "other": "gm_" + "y" * 32}),
        ("GET /admin/api/v1/session", {}, {"cookie": "cookie-planted-6"}),
    ],
)
def test_an_answer_is_searched(secrets: Secrets, line: str, headers: dict[str, str], body: object) -> None:
    secrets.of_answer("POST /admin/api/v1/session", {"set-cookie": "s=cookie-planted-6; Path=/"}, b"{}")
    secrets.of_answer("POST /admin/api/v1/clients/1/rotate-key", {}, b'{"api_key": "gm_' + b"z" * 32 + b'"}')
    with pytest.raises(AssertionError, match=f"{line}"):
        secrets.of_answer(line, headers, json.dumps(body).encode())


def test_a_credential_that_would_be_found_by_chance_is_refused() -> None:
    with pytest.raises(AssertionError, match="under 8 characters"):
        Secrets().of_arguments(["--backend-api-key", "k"])
