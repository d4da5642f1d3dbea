"""The gateway under test, as users run it: its own process, its own folder, a free port."""

from __future__ import annotations

import asyncio
import base64
import http.client
import io
import itertools
import json
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import yaml

from ai_gateway.cli import run
from ai_gateway.config import Settings
from ai_gateway.core.client import ClientSettings
from ai_gateway.store.clients import SqlClientStore
from ai_gateway.store.keyring import KeySource
from ai_gateway.store.migrate import ensure_schema
from tests.harness.databases import launched_database
from tests.harness.planted import Secrets
from tests.harness.processes import STOP_TIMEOUT_S, ChildProcess
from tests.harness.waiting import free_port, wait_until

START_TIMEOUT_S: Final = 60.0
CLI_TIMEOUT_S: Final = 60.0
HOST: Final = "127.0.0.1"
UNLIMITED: Final = {
    "rate_limit": {"requests_per_minute": 0, "requests_per_hour": 0, "requests_per_day": 0},
    "quota": {
        "max_input_tokens_per_day": 0,
        "max_output_tokens_per_day": 0,
        "max_requests_per_day": 0,
        "max_input_tokens": 0,
        "max_output_tokens": 0,
    },
}

Option = str | int | float | bool | Sequence[str] | Mapping[str, str] | None


@dataclass(frozen=True)
class ClientInfo:
    """A client of the gateway as `clients create --json` printed it; the key exists only here."""

    id: str
    name: str
    api_key: str


class GatewayProcess:
    """One gateway and its folder. It is started by the constructor unless `start=False`.

    The config file is `<dir>/config.yaml`, the database `<dir>/data/gateway.db`, the output
    `<dir>/gateway.stdout` and `.stderr` (of all starts, one after the other).
    """

    def __init__(
        self,
        directory: Path,
        *,
        config: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        port: int | None = None,
        start: bool = True,
    ) -> None:
        """`config`: sections over the defaults, written as YAML before the first launch; new clients are
        unlimited unless it says otherwise, and one that is started here finds the database of an earlier
        launch. None writes no file, so that the gateway makes its own, and a database.
        `env`: variables for the gateway and its CLI.

                Raises:
                    AssertionError: it did not get ready; the message holds its output.
        """
        self.directory = directory
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.config_path = directory / "config.yaml"
        self.database_path = directory / "data" / "gateway.db"
        self.tls = bool(((config or {}).get("server", {}).get("https") or {}).get("enabled"))
        self.url = f"{'https' if self.tls else 'http'}://{HOST}:{self.port}"
        self.env = _clean_environment(env or {})
        self.secrets = Secrets()
        self.secrets.of_environment(self.env)
        self._process: ChildProcess | None = None
        self._searched = True
        if config is not None:
            merged = {"defaults": UNLIMITED, **config, "server": {"host": HOST, **config.get("server", {})}}
            self.config_path.write_text(yaml.safe_dump(merged, sort_keys=False))
            self.config_path.chmod(0o600)
            if start and not self.database_path.exists():
                launched_database(self.database_path)
        if start:
            self.start()

    @property
    def base_url(self) -> str:
        """What an OpenAI SDK takes: ends in `/v1`."""
        return self.url + "/v1"

    @property
    def process(self) -> ChildProcess:
        """Raises: AssertionError where it was never started."""
        assert self._process is not None, "the gateway was not started"
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    @property
    def pid(self) -> int:
        return self.process.pid

    def stdout(self) -> str:
        """What the latest start printed so far."""
        return self.process.stdout()

    def stderr(self) -> str:
        """What the latest start printed so far."""
        return self.process.stderr()

    def launch(self) -> None:
        """Start the process without waiting for it to get ready."""
        assert self._process is None or not self._process.running, "the gateway runs already"
        argv = [*_COMMAND, "-config", str(self.config_path), "-port", str(self.port)]
        self._process = ChildProcess("gateway", argv, directory=self.directory, env=self.env)
        self._searched = False

    def start(self) -> None:
        """Start the process and wait until `/health/ready` answers 200. Raises: AssertionError."""
        self.launch()
        self.wait_ready()

    def wait_ready(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Raises: AssertionError with the gateway's output when it ends or is not ready in time."""

        def ready() -> bool:
            if not self.process.running:
                raise AssertionError(f"the gateway ended at start\n{self.process.report()}")
            return self.get_status("/health/ready") == 200

        try:
            wait_until(ready, timeout_s, what="the gateway's /health/ready")
        except TimeoutError as error:
            self.process.kill()
            raise AssertionError(f"{error}\n{self.process.report()}") from None
        self.secrets.of_folder(self.directory)
        self.secrets.of_database(self.database_path)

    def connect(self, timeout_s: float = 30.0) -> http.client.HTTPConnection:
        """A connection of one's own; under TLS it trusts any certificate."""
        if not self.tls:
            return http.client.HTTPConnection(HOST, self.port, timeout=timeout_s)
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(HOST, self.port, timeout=timeout_s, context=context)

    def get_status(self, path: str) -> int | None:
        """The status of `GET path`; None where nothing answers HTTP."""
        connection = self.connect()
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """SIGTERM. Raises: AssertionError where it does not end in time, or not with exit code 0, or where
        one of its secrets stands in a file of its, or in its metrics."""
        leaks = [*self.secrets.in_folder(self.directory), *self._leaks_in_metrics()]
        code = self.process.terminate(timeout_s)
        assert code == 0, f"the gateway did not end with 0\n{self.process.report()}"
        self._search(leaks)

    def signal(self, number: signal.Signals) -> None:
        self.process.signal(number)

    def kill(self) -> None:
        """SIGKILL: no clean-up runs in the gateway. Raises: AssertionError, as `stop`, of what it left."""
        self.process.kill()
        self._search([])

    def _search(self, leaks: list[str]) -> None:
        """The end of a process: nothing that it has left may hold a secret. `leaks`: what did before."""
        self._searched = True
        found = dict.fromkeys([*leaks, *self.secrets.in_folder(self.directory)])
        assert not found, f"secrets that the gateway in {self.directory} gives away: {'; '.join(found)}"

    def _leaks_in_metrics(self) -> list[str]:
        """Of /metrics, where it is on and the config holds its password."""
        settings = (yaml.safe_load(self.config_path.read_bytes()) or {}).get("prometheus") or {}
        if not (settings.get("enabled") and settings.get("password") and self.running):
            return []
        name = f"{settings.get('username', 'prometheus')}:{settings['password']}"
        connection = self.connect()
        try:
            headers = {"authorization": f"Basic {base64.b64encode(name.encode()).decode()}"}
            connection.request("GET", "/metrics", headers=headers)
            response = connection.getresponse()
            assert response.status == 200, "the metrics cannot be read with the config's password"
            return self.secrets.leaks("/metrics", response.read())
        finally:
            connection.close()

    def restart(self) -> None:
        """`stop` if it runs, then `start` on the same port and folder."""
        if self.process.running:
            self.stop()
        self.start()

    def cli(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `ai-gateway -config <this config> ARGUMENTS`.

        Raises:
            AssertionError: `check` is true and the exit code is not 0.
        """
        self.secrets.of_arguments(arguments)
        done = subprocess.run(
            [*_COMMAND, "-config", str(self.config_path), *arguments],
            cwd=self.directory,
            env={**os.environ, **self.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=CLI_TIMEOUT_S,
            check=False,
        )
        if check:
            assert done.returncode == 0, (
                f"{arguments}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        self.secrets.of_printed(arguments, f"{done.stdout}\n{done.stderr}".encode())
        return done

    def create_client(self, *, wait: bool = True, **options: Option) -> ClientInfo:
        """Create a client through the CLI, in this process. `base_url="…"` becomes `--base-url …`, a sequence
        is joined with commas, a mapping becomes `A=B,…`, a boolean `--x` or `--no-x`, None is left out;
        without a `name` it gets one of its own. With `wait`, and a gateway that runs, returns only when the
        gateway knows the key.

        Raises:
            AssertionError: the CLI refused. TimeoutError: the gateway did not see it within 10 s.
        """
        named = {"name": f"client-{next(_numbers)}", **options}
        created = json.loads(self.command("clients", "create", *option_arguments(named), "--json"))
        client = ClientInfo(id=created["id"], name=created["name"], api_key=created["api_key"])
        self.secrets.plant(f"the key of client {client.name}", client.api_key)
        if wait and self.running:
            wait_until(lambda: self._knows(client.api_key), what=f"client {client.name} being known")
        return client

    def command(self, *arguments: str) -> str:
        """What `cli` prints, without a process of its own: that one takes as long as a hundred of these.
        In a thread, since callers may have an event loop. Raises: AssertionError, as `cli`."""
        out, err = io.StringIO(), io.StringIO()
        told = ("-config", str(self.config_path), *arguments)
        self.secrets.of_arguments(arguments)
        with redirect_stdout(out), redirect_stderr(err), ThreadPoolExecutor(1) as pool:
            environ = {**os.environ, **self.env}
            code = pool.submit(run, serve=_no_serving, arguments=told, environ=environ).result(CLI_TIMEOUT_S)
        assert code == 0, f"{arguments}: exit code {code}\n{out.getvalue()}\n{err.getvalue()}"
        self.secrets.of_printed(arguments, f"{out.getvalue()}\n{err.getvalue()}".encode())
        return out.getvalue()

    def create_clients(self, options: Sequence[Mapping[str, Any]], *, wait: bool = True) -> list[ClientInfo]:
        """Clients through the store in this process: many take no longer than one does through the CLI.
        Options are members of `ClientSettings`; what is left out is unlimited, and a `name` is made.

        Raises:
            TimeoutError: the gateway did not see the last one within 10 s.
        """
        settings = [ClientSettings(**{"name": f"client-{next(_numbers)}", **each}) for each in options]
        created = asyncio.run(self._store_clients(settings))
        self.secrets.of_request(json.dumps([dict(each) for each in options], default=str).encode())
        if wait and self.running:
            wait_until(lambda: self._knows(created[-1].api_key), what="the new clients being known")
        return created

    async def _store_clients(self, settings: Sequence[ClientSettings]) -> list[ClientInfo]:
        ensure_schema(self.database_path)
        keys = KeySource(self.database_path.parent / "secret.key", self.env)
        store = await SqlClientStore.open(self.database_path, keys.box)
        try:
            made = [await store.create_client(each, now=datetime.now(UTC)) for each in settings]
        finally:
            await store.close()
        return [ClientInfo(client.id, client.settings.name, key) for client, key in made]

    def _knows(self, api_key: str) -> bool:
        """Whether a key passes authentication: malformed JSON is refused before any upstream is called,
        with 401 to a stranger and 400 to a client."""
        connection = self.connect()
        try:
            headers = {"authorization": f"Bearer {api_key}", "content-type": "application/json"}
            connection.request("POST", "/v1/chat/completions", body=b"{", headers=headers)
            return connection.getresponse().status != 401
        finally:
            connection.close()

    def query(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Rows of a SELECT on the gateway's database, opened read-only; also while the gateway runs.

        Raises:
            sqlite3.Error: bad SQL, or no database yet.
        """
        connection = sqlite3.connect(f"file:{self.database_path}?mode=ro", uri=True, timeout=10)
        try:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(sql, parameters)]
        finally:
            connection.close()

    def execute(self, sql: str, *parameters: Any) -> None:
        """A change of the gateway's database, made behind its back."""
        connection = sqlite3.connect(self.database_path, timeout=10)
        try:
            with connection:
                connection.execute(sql, parameters)
        finally:
            connection.close()

    def request_row(self, request_id: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """The row of the request log with this id (the answer's `x-request-id`), once it is there.

        Raises:
            TimeoutError: it did not arrive.
        """
        sql = "SELECT * FROM requests WHERE id = ?"
        rows = wait_until(
            lambda: self.query(sql, request_id), timeout_s, what=f"the row of request {request_id}"
        )
        return rows[0]

    def requests_of(
        self, client: ClientInfo, *, minimum: int = 1, timeout_s: float = 10.0
    ) -> list[dict[str, Any]]:
        """The client's rows of the request log, oldest first, once there are at least `minimum`;
        without the refused probe by which `create_client` waits.

        Raises:
            TimeoutError: the rows did not arrive.
        """
        sql = (
            "SELECT * FROM requests WHERE client_id = ? AND NOT (status = 400 AND attempts = 0)"
            " ORDER BY started_at, id"
        )

        def rows() -> list[dict[str, Any]] | None:
            found = self.query(sql, client.id)
            return found if len(found) >= minimum else None

        return wait_until(rows, timeout_s, what=f"{minimum} request rows of {client.name}")

    def __enter__(self) -> GatewayProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop it, and insist on a clean end unless the test is failing already."""
        if kind is not None:
            if self.running:
                self.process.kill()
        elif self.running:
            self.stop()
        elif not self._searched:
            self._search([])


def option_arguments(options: Mapping[str, Option]) -> list[str]:
    """Keyword arguments as command-line options; see `GatewayProcess.create_client`."""
    arguments: list[str] = []
    for name, value in options.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            arguments.append(f"--{flag}" if value else f"--no-{flag}")
        elif value is not None:
            arguments += [f"--{flag}", _option_text(value)]
    return arguments


def _option_text(value: str | int | float | Sequence[str] | Mapping[str, str]) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, Mapping):
        return ",".join(f"{left}={right}" for left, right in value.items())
    return ",".join(value)


def _no_serving(settings: Settings, *, config_path: Path) -> int:
    raise AssertionError("a command does not serve")


def _clean_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Variables for the gateway: loopback goes past any proxy of the machine."""
    return {"NO_PROXY": "*", "no_proxy": "*", "PYTHONUNBUFFERED": "1", **extra}


_numbers = itertools.count(1)
_COMMAND: Final = (sys.executable, "-m", "ai_gateway")
