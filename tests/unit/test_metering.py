"""Where a span says that a call went."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ai_gateway.core.client import Client, ClientSettings
from ai_gateway.metering import address_of
from ai_gateway.pipeline import Pipeline
from ai_gateway.policy.snapshot import Snapshot

NOW = datetime(2026, 1, 1, tzinfo=UTC)
EXTRA = {"name": "spare", "backend": "ollama", "base_url": "http://[::1]/v1"}


def pipeline(**settings: Any) -> Pipeline:
    fields = {"name": "a", "extra_backends": [EXTRA], "fallback_models": ["spare/m"], **settings}
    client = Client(
        id="cl_1", settings=ClientSettings.model_validate(fields), keys=(), created_at=NOW, updated_at=NOW
    )
    return cast(Pipeline, SimpleNamespace(snapshot=Snapshot.of([client], 1)))


@pytest.mark.parametrize(
    ("settings", "asked", "address"),
    [
        ({"backend": "openai"}, ("cl_1", "openai", ""), ("api.openai.com", 443)),
        ({"backend": "openai", "base_url": "http://h:81/v1"}, ("cl_1", "openai", ""), ("h", 81)),
        ({"backend": "openai"}, ("cl_1", "ollama", "spare"), ("::1", 80)),
        ({"backend": "openai"}, ("cl_1", "ollama", "no such"), None),
        ({"backend": "openai"}, ("cl_1", "anthropic", ""), None),
        ({"backend": "openai"}, ("cl_2", "openai", ""), None),
        ({"backend": "echo"}, ("cl_1", "echo", ""), None),
        ({"backend": "openai-compatible"}, ("cl_1", "openai-compatible", ""), None),
    ],
)
def test_an_address_is_told_while_it_is_known(
    settings: dict[str, Any], asked: tuple[str, str, str], address: tuple[str, int] | None
) -> None:
    assert address_of(pipeline(**settings), *asked) == address
