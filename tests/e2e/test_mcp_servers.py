"""Real MCP servers, from PyPI and npm, over stdio and HTTP; and what becomes of a gateway's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ai_gateway.core.chat import Image
from ai_gateway.core.mcp_server import McpServerSettings
from ai_gateway.core.server_tools import RunError
from ai_gateway.tools.configuration import Configuration, Server, ToolLimits
from ai_gateway.tools.toolbox import Toolbox
from ai_gateway.upstream.guard import Guard
from tests.harness import mcp_child
from tests.harness.gateway import GatewayProcess
from tests.harness.node import NODE, PROJECT, ensure_packages
from tests.harness.processes import ChildProcess
from tests.harness.waiting import free_port, wait_until
from tests.unit.tools.support import said

NewGateway = Callable[..., GatewayProcess]
EVERYTHING = "node_modules/@modelcontextprotocol/server-everything/dist/index.js"
CHILD = ["-I", "-S", mcp_child.__file__]


@pytest.fixture(scope="module")
def everything_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    ensure_packages()
    port = free_port()
    process = ChildProcess(
        "everything",
        [str(NODE), str(PROJECT / EVERYTHING), "streamableHttp"],
        directory=tmp_path_factory.mktemp("everything"),
        env={"PORT": str(port)},
    )
    wait_until(lambda: f"listening on port {port}" in process.stderr(), 60, what="the server")
    yield f"http://127.0.0.1:{port}/mcp"
    process.kill()


async def test_servers_of_pypi_and_npm_side_by_side(everything_url: str) -> None:
    servers = {
        "time": McpServerSettings(command=sys.executable, args=["-m", "mcp_server_time"]),
        "all": McpServerSettings(command=str(NODE), args=[str(PROJECT / EVERYTHING), "stdio"]),
        "web": McpServerSettings(url=everything_url),
    }
    named = {name: Server(name=name, settings=each, origin="config") for name, each in servers.items()}
    box = Toolbox(ToolLimits(), Guard())
    box.apply(Configuration(servers=named))
    await box.settled()
    try:
        assert {state.name: (state.state, state.error) for state in box.servers()} == dict.fromkeys(
            named, ("ready", None)
        )
        converted = await box.run(
            "time__convert_time",
            '{"source_timezone": "Europe/Berlin", "time": "12:00", "target_timezone": "Asia/Tokyo"}',
        )
        assert json.loads(said(converted))["target"]["timezone"] == "Asia/Tokyo"
        for name in ("all", "web"):
            assert said(await box.run(f"{name}__echo", '{"message": "hi"}')) == "Echo: hi"
            assert "42" in said(await box.run(f"{name}__get-sum", '{"a": 40, "b": 2}'))
            wrong = await box.run(f"{name}__get-sum", '{"a": "forty"}')
            assert wrong.error == RunError.ARGUMENTS
            parts = (await box.run(f"{name}__get-tiny-image", "{}")).parts
            assert any(isinstance(part, Image) for part in parts)
    finally:
        await box.close()


def children(pid: int) -> set[int]:
    """Processes of this one that run, and theirs."""
    found: set[int] = set()
    todo = [pid]
    while todo:
        for path in Path(f"/proc/{todo.pop()}/task").glob("*/children"):
            pids = {int(each) for each in path.read_text().split()} - found
            found |= pids
            todo += pids
    return found


def is_running(pid: int) -> bool:
    """One that nobody has reaped does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def names(pid: int) -> set[str]:
    """Of the MCP servers that run for a process: their last argument."""
    found = set()
    for each in children(pid):
        try:
            arguments = Path(f"/proc/{each}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.fsencode(mcp_child.__file__) in arguments:
            found.add(arguments[-2].decode())
    return found


def test_a_gateway_starts_and_ends_its_servers(new_gateway: NewGateway) -> None:
    servers = {"first": {"command": sys.executable, "args": [*CHILD, "first"]}}
    gateway = new_gateway(config={"tools": {"mcp_servers": servers}})
    pid = gateway.pid
    wait_until(lambda: names(pid) == {"first"}, what="the server of the config file")
    gateway.command("tools", "add", "second", "--", sys.executable, *CHILD, "second")
    wait_until(lambda: names(pid) == {"first", "second"}, 5, what="the server of the command line")
    [first] = [each for each in children(pid) if b"first" in Path(f"/proc/{each}/cmdline").read_bytes()]
    gateway.command("tools", "disable", "second")
    wait_until(lambda: names(pid) == {"first"}, 5, what="the end of what is switched off")
    os.kill(first, signal.SIGKILL)
    wait_until(lambda: names(pid) == {"first"} and not is_running(first), what="a killed server's return")
    left = children(pid)
    gateway.stop()
    assert not any(map(is_running, left))


def test_a_gateway_that_is_killed_leaves_no_server(new_gateway: NewGateway) -> None:
    servers = {"first": {"command": sys.executable, "args": [*CHILD, "first"]}}
    gateway = new_gateway(config={"tools": {"mcp_servers": servers}})
    wait_until(lambda: names(gateway.pid) == {"first"}, what="the server")
    left = children(gateway.pid)
    gateway.kill()
    wait_until(lambda: not any(map(is_running, left)), what="the server's end")


def test_an_idle_gateway_has_loaded_nothing_for_tools() -> None:
    slow = {"mcp", "mcp_types", "jsonschema", "httpx2", "aiohttp"}
    code = f"import sys, ai_gateway.app; print({slow} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
