"""Other gateways, installed by name on request, each in a folder of its own under `.cache`.

Each is set up as its own documentation advises for production, with one worker, to do what ai-gateway does as
nearly as it can: LiteLLM's proxy checks a key and relays; Portkey's gateway knows no keys of its own.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec
from scripts.build_web import BuildError, find_node

from bench.errors import BenchError
from bench.payloads import MODEL
from bench.procs import Process, free_port, own_environment
from bench.results import LITELLM, PORTKEY
from bench.target import Endpoints, Upstreams

CACHE = Path(__file__).parents[1] / ".cache" / "bench-peers"
_INSTALL_S = 1200
_HONO = "1.14.1"
"""Later versions of this server library break Portkey's streams (issue 1389 of Portkey-AI/gateway)."""
_NPM_PACKAGE = {"dependencies": {"@portkey-ai/gateway": "*"}, "overrides": {"@hono/node-server": _HONO}}

_LITELLM_CONFIG = """\
model_list:
  - model_name: {model}
    litellm_params: {{model: openai/{model}, api_base: "http://127.0.0.1:{chat}/v1", api_key: sk-upstream}}
  - model_name: {model}-streams
    litellm_params: {{model: openai/{model}, api_base: "http://127.0.0.1:{stream}/v1", api_key: sk-upstream}}
litellm_settings: {{request_timeout: 600, set_verbose: false, json_logs: true}}
general_settings: {{master_key: sk-bench}}
"""


class _Package(msgspec.Struct):
    version: str


class LiteLLM:
    """LiteLLM's proxy: `master_key` is checked; without a database it has neither clients nor accounting."""

    name = LITELLM
    ready_path = "/health/liveliness"
    is_peer = True
    settings = "one uvicorn worker, master key, LITELLM_MODE=PRODUCTION, LITELLM_LOG=ERROR, no database"

    def __init__(self, home: Path, *, core: int, upstreams: Upstreams) -> None:
        self._core, self._log = core, home / "litellm.log"
        self._home = CACHE / "litellm"
        port = free_port()
        self.endpoints = Endpoints(chat_port=port, stream_port=port, stream_model=f"{MODEL}-streams")
        config = home / "litellm.yaml"
        ports = {"chat": upstreams.chat_port, "stream": upstreams.stream_port}
        config.write_text(_LITELLM_CONFIG.format(model=MODEL, **ports))
        self._command = [
            str(self._home / "bin" / "litellm"),
            *("--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"),
        ]

    def start(self) -> Process:
        """A new process of the proxy."""
        env = own_environment() | {
            "LITELLM_MODE": "PRODUCTION",
            "LITELLM_LOG": "ERROR",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # no download at start
        }
        return Process(self._command, core=self._core, log=self._log, env=env)

    @staticmethod
    def install() -> None:
        """Raises: BenchError."""
        home = CACHE / "litellm"
        if (home / "bin" / "litellm").is_file():
            return
        _run([sys.executable, "-m", "venv", str(home)])
        pip = [str(home / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
        _run([*pip, "litellm[proxy]"])

    @staticmethod
    def version() -> str:
        """Of what is installed, and of what decides its speed."""
        ask = "import importlib.metadata as m; print(*(m.version(n) for n in ('litellm', 'uvicorn')))"
        told = _run([str(CACHE / "litellm" / "bin" / "python"), "-c", ask]).split()
        return f"{told[0]} (uvicorn {told[1]})"


class Portkey:
    """Portkey's open-source gateway: the caller's headers say where to; it checks no key, counts nothing."""

    name = PORTKEY
    ready_path = "/"
    is_peer = True
    settings = "one Node process, NODE_ENV=production, --headless, the provider named by x-portkey headers"

    def __init__(self, home: Path, *, core: int, upstreams: Upstreams) -> None:
        self._core, self._log = core, home / "portkey.log"
        port = free_port()
        self.endpoints = Endpoints(
            chat_port=port,
            stream_port=port,
            chat_headers=_portkey_headers(upstreams.chat_port),
            stream_headers=_portkey_headers(upstreams.stream_port),
        )
        script = _portkey() / "build" / "start-server.js"
        self._command = [str(_node()[0]), str(script), f"--port={port}", "--headless"]

    def start(self) -> Process:
        """A new process of the gateway."""
        env = own_environment() | {"NODE_ENV": "production", "TRUSTED_CUSTOM_HOSTS": "127.0.0.1"}
        return Process(self._command, core=self._core, log=self._log, env=env)

    @staticmethod
    def install() -> None:
        """Raises: BenchError."""
        if (_portkey() / "package.json").is_file():
            return
        node, npm = _node()
        home = CACHE / "portkey"
        home.mkdir(parents=True, exist_ok=True)
        (home / "package.json").write_bytes(msgspec.json.encode(_NPM_PACKAGE))
        options = [
            "--ignore-scripts",
            "--no-audit",
            "--no-fund",
            "--loglevel",
            "error",
            "--prefix",
            str(home),
        ]
        _run([str(node), *npm, "install", *options])

    @staticmethod
    def version() -> str:
        """Of what is installed, and of what decides its speed."""
        own = msgspec.json.decode((_portkey() / "package.json").read_bytes(), type=_Package).version
        return f"{own} (Node {_run([str(_node()[0]), '--version']).strip()}, @hono/node-server {_HONO})"


Peer = type[LiteLLM] | type[Portkey]
PEERS: tuple[Peer, ...] = (LiteLLM, Portkey)


def installed(progress: Callable[[str], None], note: Callable[[str], None]) -> Iterator[Peer]:
    """The peers that are there, the others being installed; what is not to be had is told to `note`."""
    for peer in PEERS:
        try:
            progress(f"{peer.name}: taken from {CACHE}, or installed there")
            peer.install()
            note(f"{peer.name} {peer.version()}: {peer.settings}")
        except (BenchError, BuildError, OSError, ValueError) as error:
            note(f"{peer.name} is left out: it could not be installed ({error})")
        else:
            yield peer


def _portkey() -> Path:
    return CACHE / "portkey" / "node_modules" / "@portkey-ai" / "gateway"


def _portkey_headers(port: int) -> dict[str, str]:
    return {"x-portkey-provider": "openai", "x-portkey-custom-host": f"http://127.0.0.1:{port}/v1"}


def _node() -> tuple[Path, list[str]]:
    return find_node()


def _run(command: Sequence[str]) -> str:
    env = {**os.environ, "PATH": f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=env, timeout=_INSTALL_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise BenchError(f"{Path(command[0]).name} took more than {_INSTALL_S} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise BenchError(said[-1] if said else f"{command[0]} ended with code {done.returncode}")
    return done.stdout
