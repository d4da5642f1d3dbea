"""`ai-gateway secrets rotate` as an admin reads it."""

from __future__ import annotations

from tests.unit.cli.conftest import Cli

CREDENTIAL = ("--backend-api-key", "sk-upstream")


def test_it_says_how_many_and_where_the_key_is(cli: Cli) -> None:
    cli.create("a", *CREDENTIAL)
    cli.create("b")
    key = cli.database.parent / "secret.key"
    before = key.read_text()
    out = cli.ok("secrets", "rotate").out
    assert out == f"Encrypted again: 1 upstream credential; the new key is in {key}: keep a copy\n"
    assert key.read_text() not in (before, out)
    assert cli.show("a")["has_backend_api_key"]


def test_a_key_of_the_environment_is_told_how_to_change(cli: Cli) -> None:
    cli.environ["AI_GATEWAY_SECRET_KEY"] = "the first passphrase"
    cli.create("a", *CREDENTIAL)
    result = cli("secrets", "rotate")
    assert (result.code, result.err.count("\n")) == (1, 1)
    assert "AI_GATEWAY_PREVIOUS_SECRET_KEY" in result.err
    assert "passphrase" not in result.err

    cli.environ["AI_GATEWAY_PREVIOUS_SECRET_KEY"] = cli.environ["AI_GATEWAY_SECRET_KEY"]
    cli.environ["AI_GATEWAY_SECRET_KEY"] = "the second passphrase"
    assert "remove AI_GATEWAY_PREVIOUS_SECRET_KEY" in cli.ok("secrets", "rotate").out
    del cli.environ["AI_GATEWAY_PREVIOUS_SECRET_KEY"]
    assert cli.show("a")["has_backend_api_key"]
