"""Clients of the shared gateway, one for each upstream."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.gateway import ClientInfo, GatewayProcess
from tests.harness.llama import LlamaServer
from tests.harness.openai_sdk import Target


def client_for(gateway: GatewayProcess, server: LlamaServer, **options: Any) -> ClientInfo:
    """A new client of `gateway` whose provider is `server`."""
    return gateway.create_client(
        backend="openai-compatible",
        base_url=server.base_url,
        backend_api_key=server.api_key or None,
        default_model=server.alias,
        **options,
    )


@pytest.fixture(scope="session")
def text_client(gateway: GatewayProcess, text_llama: LlamaServer) -> ClientInfo:
    return client_for(gateway, text_llama, name="e2e-text")


@pytest.fixture(scope="session")
def tool_client(gateway: GatewayProcess, tool_llama: LlamaServer) -> ClientInfo:
    return client_for(gateway, tool_llama, name="e2e-tool")


# Each scenario runs against the model server itself too: where both fail, the gateway is not to blame.
WAYS = ("direct", "gateway")


@pytest.fixture(params=WAYS)
def text_target(request: pytest.FixtureRequest, text_llama: LlamaServer) -> Target:
    """The model that answers `models.TEXT`: itself, and through the gateway."""
    return _target(request, text_llama, "text_client")


@pytest.fixture(params=WAYS)
def tool_target(request: pytest.FixtureRequest, tool_llama: LlamaServer) -> Target:
    """The model that calls `models.TOOL_NAME`: itself, and through the gateway."""
    return _target(request, tool_llama, "tool_client")


def _target(request: pytest.FixtureRequest, server: LlamaServer, client_fixture: str) -> Target:
    if request.param == "direct":
        return Target(server.base_url, "any", server.alias)
    gateway: GatewayProcess = request.getfixturevalue("gateway")
    client: ClientInfo = request.getfixturevalue(client_fixture)
    return Target(gateway.base_url, client.api_key, server.alias)
