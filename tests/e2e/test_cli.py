"""The command line as users run it: real processes, a real server, a real terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.gateway import GatewayProcess
from tests.harness.waiting import wait_until

SECRETS = re.compile(r"^(?:Password|Demo key): +(\S+)", re.MULTILINE)
NewGateway = Callable[..., GatewayProcess]


def files(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of what an admin has to keep."""
    names = ("config.yaml", "data/gateway.db", "data/secret.key")
    return {name: ((folder / name).stat().st_mode & 0o777, (folder / name).read_bytes()) for name in names}


def test_first_launch_curl_and_second_launch(new_gateway: NewGateway) -> None:
    gateway = new_gateway(config=None, env={"AI_GATEWAY_SERVER__HOST": "127.0.0.1"})
    printed = gateway.stdout()
    secrets = SECRETS.findall(printed)
    assert len(secrets) == 2
    assert {mode for mode, _ in files(gateway.directory).values()} == {0o600}
    [line] = [line for line in printed.splitlines() if line.startswith("curl ")]
    assert f"http://localhost:{gateway.port}/v1/chat/completions" in line
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    # `--noproxy` for machines with a proxy in the environment; the rest is what a newcomer pastes.
    pasted = ["sh", "-c", line.replace("curl ", "curl --noproxy '*' -sS ", 1)]
    done = subprocess.run(pasted, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    chunks = [json.loads(data) for data in re.findall(r"^data: (\{.*)$", done.stdout, re.MULTILINE)]
    said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"])
    assert said == "Echo: Hello!"
    assert done.stdout.rstrip().endswith("data: [DONE]")
    gateway.stop()
    before = files(gateway.directory)
    gateway.start()
    gateway.stop()
    again = gateway.stdout() + gateway.stderr()
    assert not SECRETS.search(again)
    assert not any(secret in again for secret in secrets)
    assert files(gateway.directory)["config.yaml"] == before["config.yaml"]
    assert files(gateway.directory)["data/secret.key"] == before["data/secret.key"]


def test_a_restart_without_requests_changes_no_file(new_gateway: NewGateway) -> None:
    gateway = new_gateway(config=None)
    gateway.stop()
    before = files(gateway.directory)
    gateway.start()
    gateway.stop()
    assert files(gateway.directory) == before


def test_no_secret_is_in_the_files_beside_the_config(new_gateway: NewGateway) -> None:
    gateway = new_gateway(config=None)
    secrets = SECRETS.findall(gateway.stdout())
    gateway.stop()
    for path in gateway.directory.rglob("*"):
        if path.is_file() and path.suffix != ".stdout":
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in secrets), path


def test_clients_are_managed_while_the_server_runs(gateway: GatewayProcess) -> None:
    client = gateway.create_client(backend="echo")
    shown = json.loads(gateway.cli("clients", "show", client.name, "--json").stdout)
    assert (shown["id"], shown["is_active"]) == (client.id, True)
    gateway.cli("clients", "delete", client.id, "--yes")
    wait_until(lambda: not gateway._knows(client.api_key), what="the deleted client being unknown")


def test_a_taken_port_is_one_line(new_gateway: NewGateway) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        gateway = new_gateway(config={}, port=taken.getsockname()[1], start=False)
        gateway.launch()
        assert gateway.process.wait() == 1
    assert gateway.stderr().count("\n") == 1
    assert "cannot listen on 127.0.0.1" in gateway.stderr()


def test_a_locked_database_is_one_line(new_gateway: NewGateway) -> None:
    gateway = new_gateway(config={}, start=False)
    gateway.cli("clients", "list")
    connection = sqlite3.connect(gateway.database_path, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        done = gateway.cli("clients", "create", "--name", "a", "--backend", "echo", check=False)
    finally:
        connection.close()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert "is locked by another program" in done.stderr


def test_a_bad_config_does_not_serve(new_gateway: NewGateway) -> None:
    gateway = new_gateway(config={"server": {"prot": 1}}, start=False)
    gateway.launch()
    assert gateway.process.wait() == 1
    assert re.fullmatch(r"ai-gateway: .*config\.yaml:\d+: server\.prot: unknown key .*\n", gateway.stderr())
    assert not gateway.database_path.exists()


@pytest.mark.parametrize("arguments", [["clients", "list", "--json"], ["usage", "--csv"], ["version"]])
def test_a_reader_that_hangs_up_makes_no_noise(new_gateway: NewGateway, arguments: list[str]) -> None:
    gateway = new_gateway(config={}, start=False)
    read_end, write_end = os.pipe()
    os.close(read_end)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ai_gateway", "-config", str(gateway.config_path), *arguments],
            stdout=write_end,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(write_end)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_behind_stdout_is_one_line(new_gateway: NewGateway) -> None:
    gateway = new_gateway(config={}, start=False)
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ai_gateway", "-config", str(gateway.config_path)],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "ai-gateway: No space left on device\n"


def test_ctrl_c_ends_serving_without_a_traceback(new_gateway: NewGateway) -> None:
    gateway = new_gateway(config={})
    gateway.signal(signal.SIGINT)
    assert gateway.process.wait() == 0
    assert "Traceback" not in gateway.stderr()


@pytest.mark.parametrize(("answer", "left"), [("y", []), ("n", ["app"])])
def test_delete_asks_on_a_terminal(new_gateway: NewGateway, answer: str, left: list[str]) -> None:
    gateway = new_gateway(config={}, start=False)
    gateway.create_client(name="app", backend="echo")
    terminal, side = pty.openpty()
    try:
        os.write(terminal, f"{answer}\n".encode())
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "ai_gateway",
                "-config",
                str(gateway.config_path),
                "clients",
                "delete",
                "app",
            ],
            stdin=side,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        os.close(terminal)
        os.close(side)
    assert done.returncode == len(left)
    assert "Delete client app" in done.stderr
    listed = json.loads(gateway.cli("clients", "list", "--json").stdout)
    assert [client["name"] for client in listed] == left


def test_tables_are_drawn_on_a_terminal(new_gateway: NewGateway) -> None:
    gateway = new_gateway(config={}, start=False)
    gateway.create_client(name="[bold]app", backend="echo")
    terminal, side = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "ai_gateway", "-config", str(gateway.config_path), "clients", "list"],
            stdout=side,
            stderr=subprocess.PIPE,
            env={**os.environ, "COLUMNS": "200"},
            timeout=60,
            check=False,
        )
        printed = os.read(terminal, 65536).decode()
    finally:
        os.close(terminal)
        os.close(side)
    assert done.returncode == 0, done.stderr
    assert "[bold]app" in printed
    assert "┃" in printed
