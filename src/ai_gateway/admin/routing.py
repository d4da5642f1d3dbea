"""Routes that cannot be made without saying who may use them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Header
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from ai_gateway.admin.identity import Identity, Role
from ai_gateway.admin.problems import ApiError
from ai_gateway.admin.services import Services

__all__ = ["IDENTITY", "AppServices", "IfMatch", "Routes", "Who", "address_of"]

IDENTITY = "ai_gateway.identity"
"""Where the guard leaves the caller's `Identity` in the ASGI scope."""

Handler = TypeVar("Handler", bound=Callable[..., Any])
RawHandler = Callable[[Request], Coroutine[Any, Any, Response]]


async def _services(request: Request) -> Services:
    found = request.app.state.services
    assert isinstance(found, Services)
    return found


async def _identity(request: Request) -> Identity:
    found = request.scope[IDENTITY]
    assert isinstance(found, Identity)
    return found


def address_of(request: Request) -> str | None:
    """The address that the connection comes from."""
    return request.client.host if request.client else None


AppServices = Annotated[Services, Depends(_services)]
Who = Annotated[Identity, Depends(_identity)]
IfMatch = Annotated[str | None, Header(alias="if-match")]


class RoleRoute(APIRoute):
    """A route that looks at the caller's role before it looks at anything else of the request."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        """Raises: ValueError where `openapi_extra` names no role."""
        extra = options.get("openapi_extra") or {}
        if "x-role" not in extra:
            raise ValueError(f"{path} says nothing of who may use it: register it through Routes")
        self.role = Role[extra["x-role"].upper()]
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> RawHandler:
        inner = super().get_route_handler()
        role = self.role

        async def handler(request: Request) -> Response:
            identity: Identity | None = request.scope.get(IDENTITY)
            have = identity.role if identity is not None else Role.NOBODY
            if have < role:
                if identity is None:
                    raise ApiError(401, "unauthenticated", "sign in first, or send an API token")
                raise ApiError(403, "forbidden", f"this takes the role {role.name.lower()}")
            return await inner(request)

        return handler


class Routes:
    """A group of routes. Each names the least role that may use it; `register` puts them into an app."""

    def __init__(self, tag: str) -> None:
        self._tag = tag
        self._routes: list[tuple[str, Callable[..., Any], dict[str, Any]]] = []

    def get(self, path: str, *, role: Role, **options: Any) -> Callable[[Handler], Handler]:
        return self._route("GET", path, role, options)

    def post(self, path: str, *, role: Role, **options: Any) -> Callable[[Handler], Handler]:
        return self._route("POST", path, role, options)

    def patch(self, path: str, *, role: Role, **options: Any) -> Callable[[Handler], Handler]:
        return self._route("PATCH", path, role, options)

    def delete(self, path: str, *, role: Role, **options: Any) -> Callable[[Handler], Handler]:
        return self._route("DELETE", path, role, options)

    def table(self) -> list[tuple[str, str, Role]]:
        """Method, path and least role of each route."""
        return [
            (options["methods"][0], path, Role[options["openapi_extra"]["x-role"].upper()])
            for path, _, options in self._routes
        ]

    def register(self, router: APIRouter, prefix: str) -> None:
        for path, handler, options in self._routes:
            router.add_api_route(prefix + path, handler, route_class_override=RoleRoute, **options)

    def _route(
        self, method: str, path: str, role: Role, options: dict[str, Any]
    ) -> Callable[[Handler], Handler]:
        def note(handler: Handler) -> Handler:
            told = {
                "methods": [method],
                "tags": [self._tag],
                "openapi_extra": {"x-role": role.name.lower()},
                "summary": _summary(handler),
                **options,
            }
            self._routes.append((path, handler, told))
            return handler

        return note


def _summary(handler: Callable[..., Any]) -> str:
    """The first line of the handler's docstring."""
    return (handler.__doc__ or "").strip().split("\n")[0].rstrip(".")
