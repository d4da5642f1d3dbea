"""From a path to an endpoint: a dictionary, and a few prefixes that SDKs put before it."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec

from ai_gateway.dialects.openai_request import EDITS, PLAIN, Endpoint
from ai_gateway.errors import MethodNotAllowed, NotFound

__all__ = ["MODELS", "Route", "route"]

MODELS = Endpoint(path="/models")
"""Answered by the gateway itself."""

_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_OTHER_DIALECTS = ("/messages",)
"""Paths that belong to another dialect than OpenAI's: never passed on as if they were this one's."""
_ROOTS = ("/v1/", "/openai/v1/", "/openai/")
"""OpenAI's own, and the two that Azure's SDK uses."""


class Route(msgspec.Struct, frozen=True):
    """Where a path leads."""

    endpoint: Endpoint
    path: str
    """Relative to the API's root."""
    model: str | None = None
    """The model that the path names: Azure's deployments, and `/models/{id}`."""


_EXACT = {
    **{f"/v1{path}": Route(endpoint, path) for path, endpoint in EDITS.items()},
    "/chat/completions": Route(EDITS["/chat/completions"], "/chat/completions"),
    "/v1/models": Route(MODELS, "/models"),
    "/models": Route(MODELS, "/models"),
}


def route(method: str, path: str) -> Route:
    """Where a request goes. `path` is percent-encoded, as it came: so it goes on to the provider.

    Raises:
        NotFound: no endpoint has this path.
        MethodNotAllowed: it has, but not with this method.
    """
    found = _EXACT.get(path) or _with_prefix(method, path)
    if found is None:
        raise NotFound(f"no endpoint at {path[:200]}", code="unknown_path")
    wanted = _wanted(found)
    if (wanted is not None and method != wanted) or method not in _METHODS:
        raise MethodNotAllowed(f"{path[:200]} does not take {method[:20]}", code="method_not_allowed")
    return found


def _wanted(found: Route) -> str | None:
    if found.endpoint is MODELS:
        return "GET"
    return "POST" if found.endpoint.path and found.path == found.endpoint.path else None


def _with_prefix(method: str, path: str) -> Route | None:
    plain = unquote(path)
    if ".." in plain or "//" in plain or "\\" in plain or not plain.isprintable():
        return None  # the provider might read another path than the one that was checked
    for root in _ROOTS:
        if path.startswith(root):
            return _under_root(method, "/" + path[len(root) :])
    return None


def _under_root(method: str, path: str) -> Route | None:
    model = None
    if path.startswith("/deployments/"):
        name, _, rest = path.removeprefix("/deployments/").partition("/")
        if not name or not rest:
            return None
        model, path = unquote(name), "/" + rest
    if path in EDITS:
        return Route(EDITS[path], path, model)
    if path == "/models":
        return Route(MODELS, path)
    if path.startswith("/models/") and method == "GET":
        return Route(MODELS, path, unquote(path.removeprefix("/models/")))
    if len(path) < 2 or path.startswith(_OTHER_DIALECTS) or (path.startswith("/models/") and ":" in path):
        return None
    return Route(PLAIN, path, model)
