"""A real Prometheus that scrapes one gateway."""

from __future__ import annotations

import http.client
import json
import math
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

import yaml

from tests.harness.processes import ChildProcess
from tests.harness.waiting import free_port, wait_until

__all__ = ["PrometheusServer", "missing", "promtool"]

SCRAPE_S = 1
"""Between two scrapes."""


def missing() -> str | None:
    """Why there can be no test with Prometheus; None where its programs are installed."""
    absent = [name for name in ("prometheus", "promtool") if shutil.which(name) is None]
    return f"not installed: {', '.join(absent)} (Debian's package prometheus has both)" if absent else None


def promtool(*arguments: str, stdin: bytes | None = None) -> str:
    """What `promtool` printed. Raises: AssertionError where it complains, also where it only warns."""
    done = subprocess.run(["promtool", *arguments], input=stdin, capture_output=True, timeout=60, check=False)
    printed = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, printed
    return printed


class PrometheusServer:
    """Runs while it is entered."""

    def __init__(self, directory: Path, *, target: str, username: str, password: str, rules: Path) -> None:
        """`target` is the gateway's host and port."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._port = free_port()
        config = {
            "global": {"scrape_interval": f"{SCRAPE_S}s", "evaluation_interval": f"{SCRAPE_S}s"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {
                    "job_name": "ai-gateway",
                    "basic_auth": {"username": username, "password": password},
                    "static_configs": [{"targets": [target]}],
                }
            ],
        }
        self._config = directory / "prometheus.yml"
        self._config.write_text(yaml.safe_dump(config))
        self._process: ChildProcess | None = None

    def get(self, path: str, **parameters: str) -> Any:
        """The `data` of an answer of its API. Raises: OSError."""
        query = urllib.parse.urlencode(parameters)
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self._port}/api/v1/{path}?{query}", timeout=10
        ) as reply:
            return json.load(reply)["data"]

    def values(self, expression: str) -> list[float]:
        """What an instant query finds now, without what is not a number."""
        found = [float(sample["value"][1]) for sample in self.get("query", query=expression)["result"]]
        return [value for value in found if not math.isnan(value)]

    def __enter__(self) -> PrometheusServer:
        argv = [
            "prometheus",
            f"--config.file={self._config}",
            f"--storage.tsdb.path={self._directory / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=warn",
        ]
        self._process = ChildProcess("prometheus", argv, directory=self._directory)
        wait_until(self._ready, 30, what="Prometheus being ready")
        return self

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.terminate()
