"""The section `tools` of the configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from ai_gateway.config import ConfigError, parse_settings
from ai_gateway.core.secret import Secret
from ai_gateway.tools.configuration import limits_of, merged

FILE = Path("/etc/gateway/config.yaml")


def problems(text: str, environ: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_settings(text, FILE, environ or {})
    return list(caught.value.problems)


def test_servers_of_both_kinds() -> None:
    settings = parse_settings(
        """
tools:
  timeout_seconds: 7
  disabled: [http_get]
  mcp_servers:
    time: {command: uvx, args: [mcp-server-time], env: {TOKEN: sesame}, cwd: run, tools: [get_*]}
    docs: {url: "https://docs.example/mcp", headers: {Authorization: Bearer sesame}, timeout_seconds: 3}
""",
        FILE,
        {},
    )
    time, docs = settings.tools.mcp_servers.values()
    assert (time.transport, docs.transport) == ("stdio", "http")
    assert time.env == {"TOKEN": Secret("sesame")}
    assert time.cwd == Path("/etc/gateway/run")
    assert "sesame" not in repr(settings)
    assert limits_of(settings).timeout_s == 7
    wanted = merged(settings, {"time": docs, "more": docs}, off_tools=frozenset({"get_time"}))
    assert {name: each.origin for name, each in wanted.servers.items()} == {
        "time": "config",
        "docs": "config",
        "more": "database",
    }
    assert wanted.servers["time"].settings == time
    assert wanted.shadowed == {"time"}
    assert wanted.off_tools == {"http_get", "get_time"}


def test_servers_of_the_environment() -> None:
    value = '{"time": {"command": "uvx", "env": {"A": "b"}}}'
    settings = parse_settings("", FILE, {"AI_GATEWAY_TOOLS__MCP_SERVERS": value})
    assert settings.tools.mcp_servers["time"].command == "uvx"


@pytest.mark.parametrize(
    ("server", "told"),
    [
        ("{}", "tools.mcp_servers.s: needs either command or url"),
        ("{command: a, url: 'http://b'}", "tools.mcp_servers.s: needs either command or url"),
        ("{url: 'http://b', args: [x]}", "tools.mcp_servers.s: args, env and cwd belong to a command"),
        ("{command: a, headers: {X: y}}", "tools.mcp_servers.s: headers belong to a url"),
        ("{comand: a}", "tools.mcp_servers.s.comand: unknown key (did you mean command?)"),
        ("{command: 7}", "tools.mcp_servers.s.command: must be text: put it in quotes"),
        ("{command: a, args: [1]}", "tools.mcp_servers.s.args.0: must be text: put it in quotes"),
        ("{command: a, env: {B: 1}}", "tools.mcp_servers.s.env.B: must be text: put it in quotes"),
        ("{command: a, env: {a-b: x}}", "tools.mcp_servers.s.env: holds a name that is no environment"),
        ("{url: 'ftp://b'}", "tools.mcp_servers.s.url: must be an http:// or https:// URL"),
        ("{url: 'http://u:p@b'}", "tools.mcp_servers.s.url: must not hold credentials"),
        (
            '{url: "http://b", headers: {X: "a\\nb"}}',
            "tools.mcp_servers.s.headers: holds a value that is not",
        ),
        ("{command: a, timeout_seconds: 0}", "tools.mcp_servers.s.timeout_seconds: must be at least 1"),
        ("{command: a, enabled: 1}", "tools.mcp_servers.s.enabled: must be true or false"),
        ("{command: a, tools: ['']}", "tools.mcp_servers.s.tools.0: must not be empty"),
    ],
)
def test_a_mistake_is_told_with_key_and_line(server: str, told: str) -> None:
    found = problems(f"tools:\n  mcp_servers:\n    s: {server}\n")
    assert any(problem.startswith(f"{FILE}:3: {told}") for problem in found), found


@pytest.mark.parametrize("name", ["a__b", "_a", "a_", "a b", "a.b", "x" * 33, "é"])
def test_a_servers_name_leaves_its_tools_names_clear(name: str) -> None:
    [problem] = problems(f"tools:\n  mcp_servers:\n    {name}: {{command: x}}\n")
    assert "takes up to 32 letters and digits" in problem
    assert problem.startswith(f"{FILE}:3: ")


def test_a_secret_of_a_wrong_type_is_not_shown() -> None:
    [problem] = problems("tools: {mcp_servers: {s: {url: 'http://b', headers: {X: [sesame]}}}}")
    assert "sesame" not in problem
