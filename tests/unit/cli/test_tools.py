"""`ai-gateway tools` on a real database, with a real MCP server as a child process."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.harness import mcp_child
from tests.unit.cli.conftest import Cli

CHILD = [sys.executable, "-I", "-S", mcp_child.__file__]
SECRET = "sesame-credential"


def listed(cli: Cli) -> dict[str, Any]:
    return {each["name"]: each for each in cli.ok("tools", "list", "--json").json()}


def test_without_servers_there_are_the_built_in_tools(cli: Cli) -> None:
    assert list(listed(cli)) == ["get_time", "get_date", "http_get"]
    table = cli.ok("tools", "list").out.splitlines()
    assert table[0].split() == ["TOOL", "SERVER", "STATE", "DESCRIPTION"]
    assert table[1].startswith("get_time  built in  on")
    assert cli.ok("tools", "servers", "--json").json() == []


def test_call_prints_what_comes_back(cli: Cli) -> None:
    assert "(Asia/Tokyo)" in cli.ok("tools", "call", "get_date", '{"timezone": "Asia/Tokyo"}').out
    called = cli.ok("tools", "call", "get_time", "--json").json()
    assert (called["name"], called["error"]) == ("get_time", None)
    assert [part["type"] for part in called["content"]] == ["text"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("get_time", '{"timezone": "Mars"}'), "There is no time zone 'Mars'"),
        (("get_time", "{"), "not valid JSON"),
        (("get_tme",), "There is no tool named 'get_tme'"),
    ],
)
def test_a_failed_call_fails(cli: Cli, arguments: tuple[str, ...], told: str) -> None:
    result = cli("tools", "call", *arguments)
    assert (result.code, result.out) == (1, "")
    assert told in result.err
    as_json = cli("tools", "call", *arguments, "--json")
    assert as_json.code == 1
    assert as_json.json()["error"]


def test_a_server_is_added_used_switched_and_removed(cli: Cli) -> None:
    cli.environ["TOKEN"] = SECRET
    cli.ok("tools", "add", "kid", "--env", "TOKEN", "--env", "A=b=c", "--tools", "e*,image", "--", *CHILD)
    [server] = cli.ok("tools", "servers", "--json").json()
    assert (server["name"], server["transport"], server["origin"]) == ("kid", "stdio", "database")
    assert (server["env"], server["tools"], server["on"]) == (["A", "TOKEN"], ["e*", "image"], True)
    assert list(listed(cli))[3:] == ["kid__echo", "kid__env", "kid__image"]
    found = json.loads(cli.ok("tools", "call", "kid__env").out)
    assert (found["TOKEN"], found["A"]) == (SECRET, "b=c")
    assert "image, image/png: --json shows it" in cli.ok("tools", "call", "kid__image").out

    assert cli.ok("tools", "disable", "kid__echo", "--json").json() == {"name": "kid__echo", "on": False}
    assert listed(cli)["kid__echo"]["on"] is False
    assert "is switched off" in cli("tools", "call", "kid__echo").err
    cli.ok("tools", "disable", "kid")
    assert "kid__env" not in listed(cli)
    assert "off" in cli.ok("tools", "servers").out
    assert cli.ok("tools", "enable", "kid").out == "kid: enabled\n"

    assert cli.ok("tools", "remove", "kid", "--yes", "--json").json() == {"name": "kid", "removed": True}
    assert cli.ok("tools", "servers", "--json").json() == []
    assert SECRET.encode() not in cli.database.read_bytes()


def test_a_server_is_replaced_where_that_is_wanted(cli: Cli) -> None:
    cli.ok("tools", "add", "docs", "--url", "https://docs.example/mcp", "--header", f"X-Key={SECRET}")
    taken = cli("tools", "add", "docs", "--url", "https://other.example/mcp")
    assert (taken.code, taken.err) == (1, "ai-gateway: there is already an MCP server named 'docs'\n")
    cli.ok(
        "tools", "add", "docs", "--replace", "--url", "https://other.example/mcp", "--timeout-seconds", "9"
    )
    [server] = cli.ok("tools", "servers", "--json").json()
    assert (server["url"], server["headers"], server["timeout_seconds"]) == (
        "https://other.example/mcp",
        [],
        9,
    )
    with closing(sqlite3.connect(cli.database)) as connection:
        query = "SELECT action, actor_kind, target_name, changes FROM audit_log ORDER BY id"
        rows = connection.execute(query).fetchall()
    assert [row[:3] for row in rows] == [
        ("tool_server.create", "cli", "docs"),
        ("tool_server.update", "cli", "docs"),
    ]
    assert "X-Key (secret)" in rows[0][3]
    assert SECRET not in str(rows)


def test_a_server_that_fails_is_told_and_the_others_are_listed(cli: Cli) -> None:
    cli.ok("tools", "add", "bad", "--", "/nowhere/at/all")
    result = cli("tools", "list", "--json")
    assert result.code == 0
    assert len(result.json()) == 3
    assert result.err == "MCP server bad: /nowhere/at/all cannot be started: No such file or directory\n"
    assert "cannot be started" in cli("tools", "call", "bad__x").err
    assert cli("tools", "call", "get_time").err == ""


def test_servers_of_the_config_file_are_changed_there(cli: Cli) -> None:
    cli.config.write_text(
        f"tools: {{disabled: [http_get], mcp_servers: {{kid: {json.dumps({'command': CHILD[0]})}}}}}\n"
    )
    assert "config file: change it there" in cli("tools", "add", "kid", "--", "x").err
    assert "config file: remove it there" in cli("tools", "remove", "kid", "--yes").err
    cli.ok("tools", "disable", "kid")
    assert cli.ok("tools", "servers", "--json").json()[0]["on"] is False
    enabled = cli.ok("tools", "enable", "http_get")
    assert "tools.disabled of the config file names it" in enabled.out
    assert listed(cli)["http_get"]["on"] is False


def test_a_relative_folder_is_that_of_the_command(cli: Cli, tmp_path: Path) -> None:
    cli.monkeypatch.chdir(tmp_path)
    cli.ok("tools", "add", "kid", "--cwd", "run", "--", "x")
    assert cli.ok("tools", "servers", "--json").json()[0]["cwd"] == str(tmp_path / "run")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add", "a"), "needs either command or url"),
        (("add", "a", "--url", "http://b", "--", "x"), "needs either command or url"),
        (("add", "a__b", "--", "x"), "NAME takes up to 32"),
        (("add", "a", "--url", "ftp://b"), "--url: must be an http"),
        (("add", "a", "--url", "http://b", "--header", "X"), "--header: 'X' is no pair"),
        (("add", "a", "--env", "AI_GATEWAY_SECRET_KEY", "--", "x"), "--env: there is no variable"),
        (("add", "a", "--env", "NOT_SET", "--", "x"), "--env: there is no variable"),
        (("add", "a", "--timeout-seconds", "0", "--", "x"), "--timeout-seconds"),
        (("remove", "a"), "give --yes"),
    ],
)
def test_wrong_usage(cli: Cli, arguments: tuple[str, ...], told: str) -> None:
    cli.environ["AI_GATEWAY_SECRET_KEY"] = "k" * 32
    result = cli("tools", *arguments)
    assert result.code == 2
    assert told in result.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("remove", "a", "--yes"), "there is no MCP server 'a' in the database"),
        (("disable", "a"), "there is no tool or MCP server 'a'"),
        (("enable", "a__b"), "there is no tool or MCP server 'a__b'"),
    ],
)
def test_what_is_not_there(cli: Cli, arguments: tuple[str, ...], told: str) -> None:
    result = cli("tools", *arguments)
    assert (result.code, result.err) == (1, f"ai-gateway: {told}\n")
