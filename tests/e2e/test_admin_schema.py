"""The admin API against its own OpenAPI document, with whatever the document allows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ai_gateway.admin.api import build_app
from ai_gateway.admin.openapi import document
from tests.harness.admin import admin_of
from tests.harness.gateway import GatewayProcess

load_all_checks()
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
EXAMPLES = 4
SCHEMA = schemathesis.openapi.from_dict(document(build_app()))
OPERATIONS: list[Any] = [found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok)]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """Where it is, and a token that may do everything."""
    with GatewayProcess(tmp_path_factory.mktemp("schema"), config={}) as gateway:
        gateway.create_client(backend="echo", default_model="echo")
        wanted = {"name": "schema", "role": "admin", "expires_at": None}
        token = admin_of(gateway).post("/tokens", wanted)["token"]
        yield {"base_url": gateway.url, "headers": {"authorization": f"Bearer {token}"}}


@pytest.mark.parametrize("operation", OPERATIONS, ids=[each.label for each in OPERATIONS])
def test_answers_are_as_documented(target: dict[str, Any], operation: Any) -> None:
    @hypothesis.given(case=operation.as_strategy())
    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    def run(case: Any) -> None:
        response = case.call(**target)
        case.validate_response(response, checks=CHECKS)

    run()
