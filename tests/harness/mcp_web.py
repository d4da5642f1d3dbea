"""An MCP server over streamable HTTP, of the official SDK, as a process of its own: `ShopServer`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.harness.processes import ChildProcess
from tests.harness.waiting import can_connect, free_port, wait_until

HOST: Final = "127.0.0.1"
KEY: Final = "shop-key-4711"
"""Who does not send it as `x-key` gets 401."""


class ShopServer:
    """Starts it, and ends it with the block."""

    def __init__(self, directory: Path, *, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://{HOST}:{self.port}/mcp"
        self._directory = directory
        self._process: ChildProcess | None = None

    def start(self) -> None:
        argv = [sys.executable, "-m", "tests.harness.mcp_shop", str(self.port)]
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join((root, os.environ.get("PYTHONPATH", "")))
        process = ChildProcess("shop", argv, directory=self._directory, env={"PYTHONPATH": path})
        self._process = process

        def started() -> bool:
            assert process.running, process.report()
            return can_connect(self.port)

        wait_until(started, 60.0, what="the MCP server")

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
