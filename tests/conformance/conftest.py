"""`--conformance-report`: print the matrix after the run, and write docs/conformance.md."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.bench import Bench
from tests.conformance.providers import PROVIDERS, ProviderKind
from tests.conformance.report import PAGE, Results, render
from tests.harness.gateway import GatewayProcess
from tests.harness.upstream import Reply, ScriptedUpstream, Seen


class Collector:
    """Gathers the results of the matrix, from every worker."""

    def __init__(self) -> None:
        self.results: Results = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name, value in report.user_properties:
            if name == "cell" and isinstance(value, list | tuple):
                scenario, caller, provider, stream = value
                place = (str(scenario), str(caller), str(provider), bool(stream))
                self.results[place] = self.results.get(place, True) and report.outcome != "failed"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        page = render(self.results)
        PAGE.write_text(page)
        terminalreporter.write_line(page)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--conformance-report") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Collector())


@pytest.fixture(scope="module", params=PROVIDERS.values(), ids=lambda kind: kind.name)
def bench(request: pytest.FixtureRequest, gateway: GatewayProcess) -> Iterator[Bench]:
    kind: ProviderKind = request.param

    async def silent(seen: Seen, reply: Reply) -> None:
        raise AssertionError("nothing is scripted")

    with ScriptedUpstream(silent) as upstream:
        client = gateway.create_client(
            backend=kind.backend,
            base_url=upstream.base_url.removesuffix("/v1") + kind.root,
            backend_api_key="upstream-secret",
        )
        yield Bench(gateway, kind, upstream, client)
