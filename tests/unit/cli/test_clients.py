"""`ai-gateway clients` on a real database."""

from __future__ import annotations

import json
import shlex

import pytest

from ai_gateway.cli.client_options import option_name
from ai_gateway.core.client import ClientSettings
from tests.unit.cli.conftest import Cli

SECRET = "sesame-credential"


def test_create_prints_id_name_and_key(cli: Cli) -> None:
    created = cli.create("app")
    assert list(created) == ["id", "name", "api_key"]
    assert created["name"] == "app"
    assert created["api_key"].startswith("gm_")


def test_create_prints_the_key_once_with_a_curl_line(cli: Cli) -> None:
    arguments = ["clients", "create", "--name", "app", "--backend", "echo", "--default-model", "it's"]
    printed = cli.ok("-port", "4242", *arguments).out
    curl = shlex.split(next(line for line in printed.splitlines() if line.startswith("curl ")))
    assert "http://localhost:4242/v1/chat/completions" in curl
    assert json.loads(curl[-1])["model"] == "it's"
    key = curl[curl.index("-H") + 1].removeprefix("Authorization: Bearer ")
    assert printed.count(key) == 2
    assert key not in cli.ok("clients", "show", "app").out + cli.ok("clients", "list").out


def test_create_takes_the_defaults_of_the_config(cli: Cli) -> None:
    cli.config.write_text("defaults: {rate_limit: {requests_per_minute: 7}, quota: {max_output_tokens: 9}}\n")
    cli.create("app", "--rate-limit-hour", "3", "--rate-limit-day", "")
    shown = cli.show()
    assert (shown["rate_limit_minute"], shown["rate_limit_hour"], shown["rate_limit_day"]) == (7, 3, 0)
    assert (shown["max_output_tokens"], shown["quota_requests_day"]) == (9, 1000)


VALUES: list[tuple[str, str, object]] = [
    ("description", "free text, with a comma", "free text, with a comma"),
    ("base_url", "http://127.0.0.1:1/v1/", "http://127.0.0.1:1/v1"),
    ("default_model", "m", "m"),
    ("models", "a, b,,a", ["a", "b"]),
    ("model_whitelist", "gpt-4o,mistral-*", ["gpt-4o", "mistral-*"]),
    ("model_aliases", "a=b, c=d=e", {"a": "b", "c": "d=e"}),
    ("model_aliases", '{"a,b": "c=d"}', {"a,b": "c=d"}),
    ("fallback_models", "a,b/c", ["a", "b/c"]),
    ("system_prompt", "be\nkind", "be\nkind"),
    ("tool_mode", "gateway", "gateway"),
    ("server_tools", "get_time", ["get_time"]),
    ("rate_limit_minute", "5", 5),
    ("rate_limit_hour", "5", 5),
    ("rate_limit_day", "5", 5),
    ("quota_input_tokens_day", "5", 5),
    ("quota_output_tokens_day", "5", 5),
    ("quota_requests_day", "5", 5),
    ("max_input_tokens", "5", 5),
    ("max_output_tokens", "5", 5),
    ("max_concurrency", "5", 5),
    ("budget_usd_day", "1.5", 1.5),
    ("budget_usd_month", "2", 2.0),
    ("key_prefix", "sk-ant-", "sk-ant-"),
    ("expires_at", "2030-01-31T00:00:00Z", "2030-01-31T00:00:00Z"),
    ("allowed_ips", "10.0.0.0/8,::1", ["10.0.0.0/8", "::1/128"]),
    ("timeout_seconds", "0.5", 0.5),
]


@pytest.mark.parametrize(("field", "text", "value"), VALUES)
def test_a_field_is_set_at_creation_changed_and_cleared(
    cli: Cli, field: str, text: str, value: object
) -> None:
    cli.create("new", option_name(field), text)
    assert cli.show("new")[field] == value
    cli.create("app")
    before = cli.show()
    after = cli.ok("clients", "update", "app", option_name(field), text, "--json").json()
    assert after == {**before, field: value, "updated_at": after["updated_at"]}
    cleared = cli.ok("clients", "update", "app", option_name(field), "", "--json").json()
    default = ClientSettings.model_validate({"name": "x", "backend": "echo"}).model_dump(
        mode="json", include={field}
    )[field]
    assert cleared[field] == default


def test_every_field_is_tried_here() -> None:
    special = {"name", "backend", "backend_api_key", "extra_backends", "is_active", "log_bodies"}
    assert {field for field, _, _ in VALUES} | special == set(ClientSettings.model_fields)


@pytest.mark.parametrize("field", ["is_active", "log_bodies"])
def test_a_flag_is_set_and_taken_back(cli: Cli, field: str) -> None:
    option = option_name(field)
    cli.create("app", option)
    assert cli.show()[field] is True
    assert (
        cli.ok("clients", "update", "app", option.replace("--", "--no-", 1), "--json").json()[field] is False
    )


def test_a_client_is_renamed_and_moved(cli: Cli) -> None:
    created = cli.create("app")
    cli.ok("clients", "update", "app", "--name", "other", "--backend", "ollama")
    shown = cli.show(created["id"])
    assert (shown["name"], shown["backend"]) == ("other", "ollama")


@pytest.mark.parametrize(("given", "stdin"), [(SECRET, ""), ("-", f"{SECRET}\n")])
def test_a_credential_is_stored_and_never_shown(cli: Cli, given: str, stdin: str) -> None:
    arguments = ["clients", "create", "--name", "app", "--backend", "openai", "--backend-api-key", given]
    printed = cli.ok(*arguments, "--json", stdin=stdin).out
    for arguments in (["show", "app"], ["show", "app", "--json"], ["list"], ["list", "--json"]):
        printed += cli.ok("clients", *arguments).out
    assert cli.show()["has_backend_api_key"] is True
    assert SECRET not in printed
    assert SECRET.encode() not in cli.database.read_bytes()
    cli.ok("clients", "update", "app", "--backend-api-key", "")
    assert cli.show()["has_backend_api_key"] is False


def test_a_faulty_credential_is_not_repeated(cli: Cli) -> None:
    result = cli(
        "clients", "create", "--name", "a", "--backend", "openai", "--backend-api-key", f"{SECRET} x"
    )
    assert result.code == 2
    assert "--backend-api-key: must be printable ASCII" in result.err
    assert SECRET not in result.err


def extra(**fields: str) -> str:
    return json.dumps([{"name": "b", "backend": "vllm", "base_url": "http://h/v1", **fields}])


def test_an_extra_backend_keeps_its_credential_until_it_is_given_another(cli: Cli) -> None:
    cli.create("app", "--extra-backends", extra(backend_api_key=SECRET))
    for change, has_key in ((extra(base_url="http://i/v1"), True), (extra(backend_api_key=""), False)):
        shown = cli.ok("clients", "update", "app", "--extra-backends", change, "--json")
        assert SECRET not in shown.out
        [found] = shown.json()["extra_backends"]
        assert found["has_backend_api_key"] is has_key
    cli.ok("clients", "update", "app", "--extra-backends", "-", stdin=extra(backend_api_key=SECRET))
    assert cli.show()["extra_backends"][0]["has_backend_api_key"] is True


WRONG = [
    (["--backend", "opena"], "--backend: there is no provider 'opena' (did you mean openai?"),
    (["--backend", "vllm"], "--backend: vllm needs a base URL: give --base-url URL"),
    (["--extra-backends", '[{"name": "b", "backend": "vllm"}]'], "--extra-backends: vllm needs a base URL"),
    (["--extra-backends", '[{"name": "b"}]'], "--extra-backends[0][backend]: Field required"),
    (["--extra-backends", "["], "--extra-backends: must be JSON"),
    (["--extra-backends", "5"], "--extra-backends: "),
    (["--model-aliases", "a"], "--model-aliases: 'a' is no pair"),
    (["--model-aliases", "{"], "--model-aliases: must be JSON"),
    (["--expires-at", "tomorrow"], "--expires-at: must be an ISO 8601 time"),
    (["--expires-at", "2030-01-31"], "expires_at needs a time zone"),
    (["--rate-limit-minute", "many"], "--rate-limit-minute: must be a valid integer"),
    (["--rate-limit-minute", "-1"], "--rate-limit-minute: must be greater than or equal to 0"),
    (["--budget-usd-day", "nan"], "--budget-usd-day: must be a finite number"),
    (["--timeout-seconds", "0"], "--timeout-seconds: must be greater than 0"),
    (["--tool-mode", "other"], "--tool-mode: must be 'pass-through' or 'gateway'"),
    (["--allowed-ips", "10.0.0.0/99"], "--allowed-ips[0]: '10.0.0.0/99' is neither"),
    (["--base-url", "ftp://h"], "--base-url: must be an http:// or https:// URL"),
    (["--key-prefix", "a b"], "--key-prefix: takes up to 32"),
    (["--name", ""], "--name: must not be empty"),
    (["--name", "a\x1bb"], "--name: must not contain control characters"),
    (["--max-concurrency", "x", "--name", ""], "--name: must not be empty; --max-concurrency: must be"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_a_wrong_value_is_wrong_usage(cli: Cli, options: list[str], message: str) -> None:
    cli.create("app")
    base = {"--name": "new", "--backend": "echo"}
    given = [word for pair in base.items() if pair[0] not in options for word in pair]
    for arguments in (["create", *given, *options], ["update", "app", *options]):
        result = cli("clients", *arguments)
        assert result.code == 2, result
        assert message in result.err
    assert [client["name"] for client in cli.ok("clients", "list", "--json").json()] == ["app"]


@pytest.mark.parametrize("missing", ["--name", "--backend"])
def test_create_needs_name_and_backend(cli: Cli, missing: str) -> None:
    options = {"--name": "app", "--backend": "echo"}
    del options[missing]
    result = cli("clients", "create", *[word for pair in options.items() for word in pair])
    assert result.code == 2
    assert missing in result.err


def test_update_needs_something_to_change(cli: Cli) -> None:
    cli.create("app")
    result = cli("clients", "update", "app")
    assert (result.code, "give at least one option" in result.err) == (2, True)


@pytest.mark.parametrize(
    "command",
    [
        ["show"],
        ["update", "--description", "x"],
        ["delete", "--yes"],
        ["enable"],
        ["disable"],
        ["rotate-key"],
    ],
)
def test_a_wrong_name_is_one_line(cli: Cli, command: list[str]) -> None:
    result = cli("clients", command[0], "nobody", *command[1:])
    assert result == (1, "", "ai-gateway: there is no client 'nobody'\n")


def test_a_name_is_taken_once(cli: Cli) -> None:
    cli.create("app")
    cli.create("other")
    for arguments in (["create", "--name", "app", "--backend", "echo"], ["update", "other", "--name", "app"]):
        assert cli("clients", *arguments) == (1, "", "ai-gateway: there is already a client named 'app'\n")


def test_disable_and_enable(cli: Cli) -> None:
    cli.create("app")
    assert cli.ok("clients", "disable", "app").out == "app: disabled\n"
    assert cli.show()["is_active"] is False
    assert cli.ok("clients", "enable", "app", "--json").json()["is_active"] is True


def test_delete_without_a_terminal_needs_yes(cli: Cli) -> None:
    created = cli.create("app")
    assert cli("clients", "delete", "app", stdin="y\n").code == 2
    deleted = cli.ok("clients", "delete", "app", "--yes", "--json").json()
    assert deleted == {"id": created["id"], "name": "app", "deleted": True}
    assert cli.ok("clients", "list", "--json").json() == []


def test_rotation_gives_a_new_key_and_may_keep_the_old(cli: Cli) -> None:
    created = cli.create("app")
    rotated = cli.ok("clients", "rotate-key", "app", "--grace", "3600", "--json").json()
    assert list(rotated) == ["id", "name", "api_key"]
    assert (rotated["id"], rotated["api_key"] != created["api_key"]) == (created["id"], True)
    assert cli.show()["key_tails"] == [created["api_key"][-4:], rotated["api_key"][-4:]]
    last = cli.ok("clients", "rotate-key", "app", "--json").json()
    assert cli.show()["key_tails"] == [last["api_key"][-4:]]
    assert cli("clients", "rotate-key", "app", "--grace", "-1").code == 2


def test_list_without_a_terminal_is_plain_columns(cli: Cli) -> None:
    cli.create("long-name-of-an-app")
    heading, row = cli.ok("clients", "list").out.splitlines()
    assert heading.split()[:3] == ["NAME", "ID", "BACKEND"]
    assert heading.index("BACKEND") == row.index("echo")
