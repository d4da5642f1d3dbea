"""A real model server that nobody here wrote: llama.cpp's, from the `xllamacpp` wheel."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Final

from tests.harness.models import CONTEXT_TOKENS
from tests.harness.processes import ChildProcess
from tests.harness.waiting import wait_until

START_TIMEOUT_S: Final = 60.0


class LlamaServer:
    """llama.cpp serving one GGUF file, in its own process, on a free port of 127.0.0.1.

    Serves `/v1/chat/completions`, `/v1/completions`, `/v1/responses`, `/v1/embeddings`, `/v1/models`,
    `/v1/messages` and `/v1/messages/count_tokens`. With an `api_key`, everything but `/health`
    answers 401 without it. The model's name is `alias`, but any name is served.
    """

    def __init__(
        self,
        model: Path,
        directory: Path,
        *,
        alias: str | None = None,
        api_key: str = "",
        slots: int = 4,
        port: int = 0,
    ) -> None:
        """Start serving `model`; returns once it answers. `slots`: requests computed at once, others
        queue. `port` 0 lets the system choose; give one to come back where an earlier server was.

        Raises:
            AssertionError: it did not come up; the message holds its output.
        """
        self.alias = alias or model.stem
        self.api_key = api_key
        settings = {
            "model": str(model),
            "alias": self.alias,
            "api_key": api_key,
            "port": port,
            "slots": slots,
            "context_tokens": CONTEXT_TOKENS,
            "http_threads": 48,
        }
        directory.mkdir(parents=True, exist_ok=True)
        self.process = ChildProcess(
            f"llama-{self.alias}",
            [sys.executable, str(Path(__file__).with_name("llama_child.py"))],
            directory=directory,
            stdin=json.dumps(settings) + "\n",
        )
        self.url = self._wait_for_address()

    @property
    def base_url(self) -> str:
        """What an OpenAI SDK or a client's `base_url` takes: ends in `/v1`."""
        return self.url + "/v1"

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def _wait_for_address(self) -> str:
        def address() -> str | None:
            lines = self.process.stdout().splitlines()
            found = [line.removeprefix("LISTENING ") for line in lines if line.startswith("LISTENING ")]
            if not found and not self.process.running:
                raise AssertionError(f"llama.cpp ended at start\n{self.process.report()}")
            return found[0] if found else None

        try:
            # The wheel's constructor returns only when the model is loaded and the port answers.
            return wait_until(address, START_TIMEOUT_S, what="llama.cpp's start")
        except TimeoutError:
            self.process.kill()
            raise AssertionError(self.process.report()) from None

    def stop(self) -> None:
        """End it, connections and all; as seen from its callers, the machine goes away."""
        if self.process.running:
            self.process.kill()

    def __enter__(self) -> LlamaServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
