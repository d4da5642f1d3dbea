"""The admin API as an ASGI application. This module takes FastAPI along: load it when it is first needed."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ai_gateway.admin.asgi import App
from ai_gateway.admin.documents import Documents
from ai_gateway.admin.guard import Guard
from ai_gateway.admin.openapi import API
from ai_gateway.admin.problems import ApiError, field_faults, invalid, problem, summary_of
from ai_gateway.admin.routes import account, clients, connections, meta, playground, tools, traffic, users
from ai_gateway.admin.services import Services
from ai_gateway.store.protocols import BadCursor, StoreError

__all__ = ["GROUPS", "build_app", "make_api"]

GROUPS = (account, users, meta, clients, connections, traffic, tools, playground)


def build_app() -> FastAPI:
    """The routes and how their errors are told, without services."""
    app = FastAPI(
        title="ai-gateway",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,
        redirect_slashes=False,
    )
    for group in GROUPS:
        group.routes.register(app.router, API)
    app.add_exception_handler(RequestValidationError, _handler(_on_invalid))
    app.add_exception_handler(HTTPException, _handler(_on_http))
    app.add_exception_handler(ApiError, _handler(_on_api))
    app.add_exception_handler(StoreError, _handler(_on_store))
    app.add_exception_handler(500, _handler(_on_fault))
    return app


def make_api(services: Services) -> App:
    """The guarded application, with what tells of it."""
    app = build_app()
    app.state.services = services
    Documents(app, services.state.in_flight)
    _look_up_sources()
    return Guard(app, services.sessions)


def _look_up_sources() -> None:
    """FastAPI looks up where a handler is written when it is first called; what Python keeps of that, the
    files' lines and the tokenizer's expressions, is most of the 5 ms that it takes for the first one."""
    with contextlib.suppress(OSError):  # an installation may have none
        for written in (build_app, *GROUPS):
            inspect.getsourcelines(written)


# Starlette's type of a handler takes any Exception; each is only called with the kind it is registered for.
def _handler(tell: Callable[[Any], Response]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(_: Request, error: Exception) -> Response:
        return tell(error)

    return handle


def _on_invalid(error: RequestValidationError) -> Response:
    found = error.errors()
    if any(detail["type"] == "json_invalid" for detail in found):
        return problem(400, "invalid_json", "the body is not JSON")
    faults = field_faults(found, skip=1)
    return problem(422, "invalid_fields", summary_of(faults), errors=faults)


def _on_http(error: HTTPException) -> Response:
    codes = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}
    return problem(
        error.status_code, codes.get(error.status_code, "error"), str(error.detail), headers=error.headers
    )


def _on_api(error: ApiError) -> Response:
    return error.response()


def _on_store(error: StoreError) -> Response:
    if isinstance(error, BadCursor):
        return invalid("cursor", "is not one of this list's").response()
    return problem(503, "database_unavailable", str(error))


def _on_fault(_: Exception) -> Response:
    return problem(500, "internal_error", "the gateway failed: its log says why")
