"""nginx twice: as the upstream that answers chat requests, and as the proxy to compare with."""

import os
import subprocess
from pathlib import Path

from bench.payloads import CHAT_PATH, chat_reply, model_list
from bench.procs import Process, find_tool, free_port
from bench.target import Endpoints, Upstreams

_FRAME = """\
{user}
worker_processes 1;
worker_rlimit_nofile 16500;
daemon off;
pid {home}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 16384; }}
http {{
    access_log off;
    server_tokens off;
    tcp_nodelay on;
    keepalive_timeout 600s;
    keepalive_requests 100000000;
{temp_paths}
{body}
}}
"""

_STUB = """\
    default_type application/json;
    server {{
        listen 127.0.0.1:{port};
        location = {chat} {{ return 200 '{reply}'; }}
        location = /v1/models {{ return 200 '{models}'; }}
        location / {{ return 404 '{{"error":{{"message":"no such path"}}}}'; }}
    }}
"""

_PROXY = """\
    upstream {name} {{
        server 127.0.0.1:{upstream};
        keepalive 8192;
        keepalive_requests 100000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://{name};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering {buffering};
        }}
    }}
"""


def _temp_paths(nginx: str, home: Path) -> str:
    """Every temporary path that this nginx knows, moved to `home`: the built-in ones need root.

    A directive of a module that was left out of the build is an error, hence the look at the build options.
    """
    built = subprocess.run([nginx, "-V"], capture_output=True, text=True, check=True).stderr
    modules = {"client_body": "", "proxy": "proxy", "fastcgi": "fastcgi", "uwsgi": "uwsgi", "scgi": "scgi"}
    present = [name for name, module in modules.items() if f"--without-http_{module}_module" not in built]
    return "\n".join(f"    {name}_temp_path {home}/{name};" for name in present)


def _start(home: Path, body: str, *, core: int) -> Process:
    nginx = find_tool("nginx")
    home.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""  # else root's worker may not read the temporary folder
    conf = home / "nginx.conf"
    conf.write_text(_FRAME.format(user=user, home=home, temp_paths=_temp_paths(nginx, home), body=body))
    command = [nginx, "-e", "stderr", "-p", str(home), "-c", str(conf)]
    return Process(command, core=core, log=home / "log")


def start_stub(home: Path, *, core: int, port: int) -> Process:
    """The upstream for chat requests: constant JSON from one worker."""
    body = _STUB.format(port=port, chat=CHAT_PATH, reply=chat_reply(), models=model_list())
    return _start(home, body, core=core)


class Proxy:
    """nginx `proxy_pass`, one port before each upstream; buffering is off only where streams go through."""

    name = "nginx"
    ready_path = "/v1/models"
    is_peer = False

    def __init__(self, home: Path, *, core: int, upstreams: Upstreams) -> None:
        self._home = home
        self._core = core
        self._starts = 0
        self.endpoints = Endpoints(chat_port=free_port(), stream_port=free_port())
        chat = {"name": "chat", "port": self.endpoints.chat_port, "upstream": upstreams.chat_port}
        streams = {"name": "streams", "port": self.endpoints.stream_port, "upstream": upstreams.stream_port}
        self._body = _PROXY.format(**chat, buffering="on") + _PROXY.format(**streams, buffering="off")

    def start(self) -> Process:
        """A new process of the proxy."""
        self._starts += 1
        return _start(self._home / f"nginx-{self._starts}", self._body, core=self._core)
