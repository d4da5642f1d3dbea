"""A second, independent upstream: `@copilotkit/aimock`, which answers from fixtures and makes faults.

Source: the package's README and `skills/write-fixtures/SKILL.md`.
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tests.harness.node import NODE, ensure_packages
from tests.harness.processes import ChildProcess
from tests.harness.waiting import wait_until

START_TIMEOUT_S: Final = 60.0
LISTENING: Final = re.compile(r"listening on (http://\S+)")
CHAOS_RATES: Final = ("dropRate", "malformedRate", "disconnectRate", "rateLimitRate")

Fixtures = Sequence[Mapping[str, Any]]


class AimockServer:
    """aimock in its own process on a free port of 127.0.0.1, answering from `fixtures`.

    A fixture is `{"match": {"userMessage": "…"}, "response": {"content": "…"}}`; the first match wins,
    and a request that matches none gets 404.
    """

    def __init__(
        self,
        directory: Path,
        fixtures: Fixtures,
        *,
        api_key: str = "",
        options: Sequence[str] = (),
    ) -> None:
        """`options`: further command-line options, e.g. `("--chaos-ratelimit", "1")`. With an
        `api_key`, everything else gets 401.

        Raises:
            AssertionError: it did not come up; the message holds its output.
        """
        modules = ensure_packages()
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / "fixtures.json"
        path.write_text(json.dumps({"fixtures": list(fixtures)}))
        self.api_key = api_key
        program = modules / "@copilotkit" / "aimock" / "dist" / "cli.js"
        self.process = ChildProcess(
            "aimock",
            [str(NODE), str(program), "--port", "0", "--fixtures", str(path), "--validate-on-load", *options],
            directory=directory,
            env={"AIMOCK_API_KEYS": api_key} if api_key else None,
        )
        self.url = self._wait_for_address()

    @property
    def base_url(self) -> str:
        """What an OpenAI SDK or a client's `base_url` takes: ends in `/v1`."""
        return self.url + "/v1"

    def _wait_for_address(self) -> str:
        def address() -> str | None:
            found = LISTENING.search(self.process.stdout()) or LISTENING.search(self.process.stderr())
            if found is None and not self.process.running:
                raise AssertionError(f"aimock ended at start\n{self.process.report()}")
            return found.group(1) if found else None

        try:
            return wait_until(address, START_TIMEOUT_S, what="aimock's start")
        except TimeoutError:
            self.process.kill()
            raise AssertionError(self.process.report()) from None

    def journal(self) -> list[dict[str, Any]]:
        """The requests it received, oldest first, each with `method`, `path`, `headers` and `body`."""
        entries: list[dict[str, Any]] = json.loads(self._control("GET", "journal"))
        return entries

    def stop_chaos(self) -> None:
        """From now on no faults, whatever `--chaos-…` options said at the start."""
        self._control("POST", "chaos", json.dumps(dict.fromkeys(CHAOS_RATES, 0.0)).encode())

    def _control(self, method: str, name: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(f"{self.url}/__aimock/{name}", data=body, method=method)
        request.add_header("content-type", "application/json")
        if self.api_key:
            request.add_header("authorization", f"Bearer {self.api_key}")
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: bytes = response.read()
        return answer

    def stop(self) -> None:
        if self.process.running:
            self.process.kill()

    def __enter__(self) -> AimockServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
