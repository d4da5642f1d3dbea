"""Fixtures that every kind of test may use: real servers, each with its own folder and port."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.aimock import AimockServer, Fixtures
from tests.harness.gateway import GatewayProcess
from tests.harness.llama import LlamaServer
from tests.harness.models import write_random_model, write_text_model, write_tool_model
from tests.harness.ordering import spread


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--conformance-report",
        action="store_true",
        default=False,
        help="print the conformance matrix, and write docs/conformance.md",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Eleven thousand tests are millions of objects that stay: looking for cycles among them takes a third
    of the time that it takes to make them."""
    gc.disable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items[:] = spread(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


UPSTREAM_KEY = "upstream-key-b7c1e9"


@pytest.fixture(scope="session")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this session (and of this worker, when there are several)."""
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def text_llama(work_dir: Path) -> Iterator[LlamaServer]:
    """llama.cpp that always answers `models.TEXT`; model name `scripted-text`."""
    model = write_text_model(work_dir / "scripted-text.gguf")
    with LlamaServer(model, work_dir) as server:
        yield server


@pytest.fixture(scope="session")
def tool_llama(work_dir: Path) -> Iterator[LlamaServer]:
    """llama.cpp that always calls `models.TOOL_NAME`; model name `scripted-tool`."""
    model = write_tool_model(work_dir / "scripted-tool.gguf")
    with LlamaServer(model, work_dir) as server:
        yield server


@pytest.fixture(scope="session")
def random_llama(work_dir: Path) -> Iterator[LlamaServer]:
    """llama.cpp that writes random text until `max_tokens`; model name `random`."""
    model = write_random_model(work_dir / "random.gguf")
    with LlamaServer(model, work_dir) as server:
        yield server


@pytest.fixture(scope="session")
def locked_llama(work_dir: Path) -> Iterator[LlamaServer]:
    """As `text_llama`, but 401 without the API key `UPSTREAM_KEY`; model name `locked-text`."""
    model = write_text_model(work_dir / "locked-text.gguf")
    with LlamaServer(model, work_dir, api_key=UPSTREAM_KEY) as server:
        yield server


@pytest.fixture(scope="session")
def gateway(work_dir: Path) -> Iterator[GatewayProcess]:
    """One gateway for all tests that need nothing special of it: make a client of your own, and do
    not stop it. It must end with exit code 0."""
    with GatewayProcess(work_dir / "gateway", config={}) as process:
        yield process


@pytest.fixture
def new_gateway(tmp_path: Path) -> Iterator[Callable[..., GatewayProcess]]:
    """Makes gateways of this test alone, with `GatewayProcess`'s keyword arguments; those that still
    run at its end must end with exit code 0."""
    with ExitStack() as stack:
        made: list[GatewayProcess] = []

        def make(**options: object) -> GatewayProcess:
            folder = tmp_path / f"gateway-{len(made)}"
            process = GatewayProcess(folder, **options)  # type: ignore[arg-type]
            made.append(process)
            return stack.enter_context(process)

        yield make


@pytest.fixture
def new_aimock(tmp_path: Path) -> Iterator[Callable[..., AimockServer]]:
    """Makes aimock servers of this test alone: `new_aimock(fixtures, options=(…), api_key=…)`."""
    with ExitStack() as stack:
        made: list[AimockServer] = []

        def make(fixtures: Fixtures, *, options: tuple[str, ...] = (), api_key: str = "") -> AimockServer:
            folder = tmp_path / f"aimock-{len(made)}"
            server = AimockServer(folder, fixtures, options=options, api_key=api_key)
            made.append(server)
            return stack.enter_context(server)

        yield make
