"""From a path to an endpoint: a dictionary, and a few prefixes that SDKs put before it."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec

from ai_gateway.dialects.endpoints import (
    BATCH_EMBED_CONTENT,
    CHAT,
    COMPLETIONS,
    COUNT_CONTENT_TOKENS,
    COUNT_MESSAGE_TOKENS,
    EMBED_CONTENT,
    EMBEDDINGS,
    GENERATE_CONTENT,
    MESSAGES,
    RESPONSES,
    STREAM_GENERATE_CONTENT,
    Endpoint,
    Family,
    Job,
    plain,
)
from ai_gateway.errors import MethodNotAllowed, NotFound

__all__ = ["Route", "family_of", "route"]

MAX_DECODINGS = 4
"""Of a path; nobody encodes one so often who means well."""
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_ROOTS = ("/v1/", "/openai/v1/", "/openai/", "/v1beta/openai/")
"""OpenAI's own, the two that Azure's SDK uses, and Gemini's for OpenAI's SDK."""
_GEMINI_ROOTS = ("/v1beta/", "/v1alpha/", "/v1beta1/", "/v1/", "/")
"""Google's SDKs differ in the version that they ask for; some clients ask for none."""
_MODELS = {family: Endpoint(path="/models", family=family, job=Job.MODELS) for family in Family}


class Route(msgspec.Struct, frozen=True):
    """Where a path leads."""

    endpoint: Endpoint
    path: str
    """Relative to the API's root."""
    model: str | None = None
    """The model that the path names: Gemini's, Azure's deployments, and `/models/{id}`."""


_KNOWN = {
    endpoint.path: endpoint
    for endpoint in (CHAT, COMPLETIONS, RESPONSES, EMBEDDINGS, MESSAGES, COUNT_MESSAGE_TOKENS)
}
_EXACT = {
    **{f"/v1{path}": Route(endpoint, path) for path, endpoint in _KNOWN.items()},
    "/chat/completions": Route(CHAT, CHAT.path),
}
_CONTENT_METHODS = {
    endpoint.path.removeprefix(":"): endpoint
    for endpoint in (
        GENERATE_CONTENT,
        STREAM_GENERATE_CONTENT,
        COUNT_CONTENT_TOKENS,
        EMBED_CONTENT,
        BATCH_EMBED_CONTENT,
    )
}


def route(method: str, path: str, family: Family) -> Route:
    """Where a request goes. `path` is percent-encoded, as it came: so it goes on to the provider.

    `family` is what the caller's headers say of its SDK; a path that two families have goes by it.

    Raises:
        NotFound: no endpoint has this path.
        MethodNotAllowed: it has, but not with this method.
    """
    found = _EXACT.get(path) or _with_prefix(method, path, family)
    if found is None:
        raise NotFound(f"no endpoint at {path[:200]}", code="unknown_path")
    wanted = _wanted(found)
    if (wanted is not None and method != wanted) or method not in _METHODS:
        raise MethodNotAllowed(f"{path[:200]} does not take {method[:20]}", code="method_not_allowed")
    return found


def family_of(path: str, hint: Family) -> Family:
    """Whose API a path belongs to that leads nowhere."""
    if path.startswith(("/v1beta", "/v1alpha")) and not path.startswith("/v1beta/openai/"):
        return Family.GEMINI
    return Family.ANTHROPIC if path.startswith("/v1/messages") else hint


def _wanted(found: Route) -> str | None:
    job = found.endpoint.job
    if job is Job.MODELS:
        return "GET"
    return "POST" if found.endpoint.known and found.path == found.endpoint.path else None


def _with_prefix(method: str, path: str, family: Family) -> Route | None:
    if not _is_plain(path):
        return None  # the provider might read another path than the one that was checked
    if "/v1beta/openai/" not in path:
        for root in _GEMINI_ROOTS:
            if path.startswith(root):
                found = _gemini(method, path[len(root) - 1 :], family, own=root.startswith("/v1b"))
                if found is not None:
                    return found
    for root in _ROOTS:
        if path.startswith(root):
            return _under_root(method, "/" + path[len(root) :], family)
    return _models(path, family) if method == "GET" else None


def _is_plain(path: str) -> bool:
    """Whether everybody reads the same path here, also who decodes it more often than we do."""
    decoded = path
    for _ in range(MAX_DECODINGS):
        before, decoded = decoded, unquote(decoded)
        if decoded == before:
            break
    else:
        return False
    strange = ".." in decoded or "//" in decoded or "/./" in decoded or "\\" in decoded
    return decoded.isprintable() and not strange and not decoded.endswith("/.")


def _gemini(method: str, path: str, family: Family, *, own: bool) -> Route | None:
    """`path` from its last slash of the root on. `own`: only Gemini has this root."""
    if method != "GET" and path.startswith("/models/") and ":" in path:
        name, _, action = path.removeprefix("/models/").rpartition(":")
        model = unquote(name)
        endpoint = _CONTENT_METHODS.get(action)
        if endpoint is not None:
            return Route(endpoint, endpoint.path, model) if model else None
        return Route(plain(Family.GEMINI), path, model)
    if not own:
        return None
    return _models(path, Family.GEMINI) or (Route(plain(Family.GEMINI), path) if len(path) > 1 else None)


def _models(path: str, family: Family) -> Route | None:
    if path == "/models":
        return Route(_MODELS[family], path)
    if path.startswith("/models/"):
        return Route(_MODELS[family], path, unquote(path.removeprefix("/models/")))
    return None


def _under_root(method: str, path: str, family: Family) -> Route | None:
    model = None
    if path.startswith("/deployments/"):
        name, _, rest = path.removeprefix("/deployments/").partition("/")
        if not name or not rest:
            return None
        model, path = unquote(name), "/" + rest
    if path in _KNOWN:
        return Route(_KNOWN[path], path, model)
    if method == "GET" and model is None:
        found = _models(path, family)
        if found is not None:
            return found
    if len(path) < 2 or path == "/models":
        return Route(_MODELS[family], path) if path == "/models" else None
    if path.startswith("/messages"):
        family = Family.ANTHROPIC
    return Route(plain(family), path, model)
