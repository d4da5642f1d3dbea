"""ai-gateway as users run it: its own process, its default settings, clients made with its command line."""

import http.client
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from bench.errors import BenchError
from bench.payloads import CHAT_PATH, MODEL, chat_request
from bench.procs import Process, free_port, own_environment, wait_for_200
from bench.results import GATEWAY
from bench.target import Endpoints, Upstreams

_SEEN_WITHIN_S = 5.0  # the gateway promises one second
_MANY = 10**9
_LIMITS = {
    f"AI_GATEWAY_DEFAULTS__{name}": str(_MANY)
    for name in (
        "RATE_LIMIT__REQUESTS_PER_MINUTE",
        "RATE_LIMIT__REQUESTS_PER_HOUR",
        "RATE_LIMIT__REQUESTS_PER_DAY",
        "QUOTA__MAX_INPUT_TOKENS_PER_DAY",
        "QUOTA__MAX_OUTPUT_TOKENS_PER_DAY",
        "QUOTA__MAX_REQUESTS_PER_DAY",
        "QUOTA__MAX_INPUT_TOKENS",
        "QUOTA__MAX_OUTPUT_TOKENS",
    )
}
"""Every limit is on, and none is reached."""


class _NewClient(msgspec.Struct):
    api_key: str


class Gateway:
    """An installation in a folder of its own; making one is its first launch, later ones are second starts.

    Raises:
        BenchError: it did not start, made no client, or refused the new client's key.
    """

    ready_path = "/health/live"
    is_peer = False

    def __init__(
        self,
        home: Path,
        *,
        core: int | Sequence[int],
        upstreams: Upstreams,
        name: str = GATEWAY,
        source: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        """`source`: the folder of `ai_gateway`, if not the installed one; `settings`: variables."""
        self.name = name
        host = {"AI_GATEWAY_SERVER__HOST": "127.0.0.1"}
        self._env = own_environment() | _LIMITS | host | dict(settings or {})
        if source is not None:
            self._env["PYTHONPATH"] = str(source)
        self._home = home
        self._core = core
        self._port = free_port()
        self._command = [sys.executable, "-m", "ai_gateway", "-config", str(home / "config.yaml")]
        home.mkdir()
        with self.start() as process:
            wait_for_200(process, self._port, self.ready_path)
            self.endpoints = Endpoints(
                chat_port=self._port,
                stream_port=self._port,
                chat_key=self._new_client("bench-chat", upstreams.chat_port),
                stream_key=self._new_client("bench-streams", upstreams.stream_port),
            )
            self._wait_for_key(self.endpoints.chat_key)
            self._wait_for_key(self.endpoints.stream_key)

    def start(self) -> Process:
        """A new process of the gateway; its output goes to a file, as it does under a service manager."""
        command = [*self._command, "-port", str(self._port), "serve"]
        return Process(command, core=self._core, log=self._home / "log", env=self._env)

    @property
    def database(self) -> Path:
        """The file; to be written to only while the gateway does not run."""
        return self._home / "data" / "gateway.db"

    def command_line(self, *words: str) -> str:
        """What `ai-gateway WORDS` prints. Raises: BenchError."""
        command = [*self._command, *words]
        done = subprocess.run(command, capture_output=True, text=True, env=self._env, check=False)
        if done.returncode:
            raise BenchError(
                f"`ai-gateway {' '.join(words)}` ended with {done.returncode}: {done.stderr.strip()}"
            )
        return done.stdout

    def _new_client(self, name: str, upstream_port: int) -> str:
        options = {
            "--name": name,
            "--backend": "openai-compatible",
            "--base-url": f"http://127.0.0.1:{upstream_port}/v1",
            "--backend-api-key": "sk-bench-upstream",
            "--default-model": MODEL,
            "--max-concurrency": str(_MANY),
            "--budget-usd-day": str(_MANY),
            "--budget-usd-month": str(_MANY),
        }
        words = [word for option in options.items() for word in option]
        command = [*self._command, "clients", "create", *words, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, env=self._env, check=False)
        try:
            return msgspec.json.decode(done.stdout, type=_NewClient).api_key
        except msgspec.DecodeError:
            said = (done.stderr or done.stdout).strip()
            raise BenchError(f"`clients create` ended with code {done.returncode}: {said!r}") from None

    def _wait_for_key(self, key: str) -> None:
        deadline = time.monotonic() + _SEEN_WITHIN_S
        while (answer := post_chat(self._port, key))[0] == 401 and time.monotonic() < deadline:
            time.sleep(0.05)
        if answer[0] != 200:
            raise BenchError(f"ai-gateway answers a chat request with {answer[0]}: {answer[1]!r}")


def post_chat(port: int, key: str, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body of one chat request, not streamed; `headers` beside the usual ones."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    sent = {"authorization": f"Bearer {key}", "content-type": "application/json", **(headers or {})}
    try:
        connection.request("POST", CHAT_PATH, chat_request(stream=False), sent)
        response = connection.getresponse()
        return response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"a chat request to port {port} failed: {error}") from error
    finally:
        connection.close()
