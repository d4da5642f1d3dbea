"""The ASGI application: the data path, health, and the way to the admin page."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from urllib.parse import parse_qsl, urlencode

import msgspec

from ai_gateway.dialects.openai_errors import render_error
from ai_gateway.dialects.openai_request import PLAIN
from ai_gateway.errors import GatewayError, NotFound
from ai_gateway.ingress.caller import HttpCaller, Receive, Scope
from ai_gateway.ingress.health import Health
from ai_gateway.ingress.routes import MODELS, Route, route
from ai_gateway.ingress.server import GatewayProtocol
from ai_gateway.pipeline import Call, Pipeline, answer_headers, refuse
from ai_gateway.policy.access import needs_model_list, visible_models
from ai_gateway.policy.snapshot import ClientPolicy
from ai_gateway.upstream.catalog import Catalog

__all__ = ["Api"]

_log = logging.getLogger("ai_gateway")

HeaderList = list[tuple[bytes, bytes]]
_KEY_HEADERS = (b"x-api-key", b"x-goog-api-key", b"api-key")
_OWN_QUERY = frozenset({"key", "api-version"})
"""Parameters that are for the gateway: the key, and what Azure's SDK adds for Azure."""


class Page(msgspec.Struct, frozen=True):
    """A page outside the data path."""

    status: int
    headers: HeaderList
    body: bytes


class Api:
    """Answers every request that reaches the server."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        catalog: Catalog,
        health: Health,
        pages: dict[str, Page],
        max_body_bytes: int,
    ) -> None:
        self._pipeline = pipeline
        self._catalog = catalog
        self._health = health
        self._pages = pages
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, _send: object) -> None:
        connection: GatewayProtocol = scope["gateway.connection"]
        caller = HttpCaller(scope, receive, max_body=self._max_body_bytes)
        task = asyncio.current_task()
        assert task is not None
        connection.hang_up = task.cancel
        try:
            await self._answer(scope, caller)
        except asyncio.CancelledError:
            if not connection.active.disconnected:
                raise  # not a hang-up: the server stops
        except Exception:  # noqa: BLE001 - the last place where a fault of ours can still get a clear answer
            _log.exception("a request failed by a fault of the gateway")
            await _fault(caller)
        finally:
            connection.hang_up = None

    async def _answer(self, scope: Scope, caller: HttpCaller) -> None:
        path = scope["raw_path"].decode("latin-1")
        method = scope["method"]
        if method in ("GET", "HEAD") and await self._page(path, caller):
            return
        call = _call(scope, method, path)
        try:
            found = route(method, path)
        except GatewayError as error:
            entry = self._pipeline.open(call)
            if isinstance(error, NotFound):
                entry.settled = True  # not a request of the API: strangers' probes stay out of the log
            await refuse(call, caller, entry, error)
            return
        call.path, call.endpoint = found.path, found.endpoint
        if found.endpoint is MODELS:
            await self._models(call, caller, found)
        else:
            call.path_model = found.model
            await self._pipeline.run(call, caller)

    async def _page(self, path: str, caller: HttpCaller) -> bool:
        page = self._pages.get(path)
        if page is not None:
            await caller.reply(page.status, list(page.headers), page.body)
            return True
        health = self._health.answer(path)
        if health is not None:
            await caller.reply(health[0], [(b"content-type", b"application/json")], health[1])
            return True
        return False

    async def _models(self, call: Call, caller: HttpCaller, found: Route) -> None:
        entry = self._pipeline.open(call)
        try:
            client = self._pipeline.enter(call, entry)
            models = await self._catalog.models(client) if needs_model_list(client) else ()
            body = _model_list(client, visible_models(client, models), found.model)
        except GatewayError as error:
            await refuse(call, caller, entry, error)
            return
        except asyncio.CancelledError:
            entry.hang_up()
            raise
        finally:
            entry.settle(time.perf_counter())
        headers: HeaderList = [(b"content-type", b"application/json")]
        await caller.reply(200, answer_headers(call, entry, headers), body)


async def _fault(caller: HttpCaller) -> None:
    if caller.started:
        caller.abort()
        return
    error = GatewayError("the gateway failed: its log says why", code="internal_error")
    await caller.reply(error.status, [(b"content-type", b"application/json")], render_error(error))


def _call(scope: Scope, method: str, path: str) -> Call:
    started_s, started_ms = time.perf_counter(), time.time_ns() // 1_000_000
    headers: HeaderList = scope["headers"]
    query = scope["query_string"].decode("latin-1")
    key = _key_of(headers)
    if query:
        key, query = _without_own(query, key)
    client = scope["client"]
    return Call(
        id=f"req_{started_ms:012x}{random.getrandbits(64):016x}",
        started_s=started_s,
        started_ms=started_ms,
        method=method,
        path=path,
        label=f"{method} {path[:300]}",
        endpoint=PLAIN,
        headers=headers,
        key=key,
        address=client[0] if client else None,
        query=query,
    )


def _key_of(headers: HeaderList) -> str | None:
    """The gateway key, in any of the headers that SDKs put it in; `Authorization` first."""
    found: bytes | None = None
    for name, value in headers:
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            if scheme.lower() == b"bearer" and token.strip():
                return token.strip().decode("latin-1")
        elif found is None and name in _KEY_HEADERS and value.strip():
            found = value.strip()
    return found.decode("latin-1") if found else None


def _without_own(query: str, key: str | None) -> tuple[str | None, str]:
    """The key, should the query hold it, and the query without what is the gateway's own."""
    pairs = parse_qsl(query, keep_blank_values=True)
    key = key or next((value for name, value in pairs if name == "key" and value), None)
    return key, urlencode([(name, value) for name, value in pairs if name not in _OWN_QUERY])


def _model_list(client: ClientPolicy, names: list[str], wanted: str | None) -> bytes:
    """OpenAI's list, or one of its rows. Raises: NotFound."""
    owner = client.settings.backend
    if wanted is None:
        return msgspec.json.encode({"object": "list", "data": [_model(name, owner) for name in names]})
    if wanted not in names:
        raise NotFound(f"the model '{wanted[:200]}' does not exist", code="model_not_found", param="model")
    return msgspec.json.encode(_model(wanted, owner))


def _model(name: str, owner: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": 0, "owned_by": owner}
