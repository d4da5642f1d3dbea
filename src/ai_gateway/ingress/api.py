"""The ASGI application: the data path, health, and the way to the admin page."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any
from urllib.parse import parse_qsl, urlencode

import msgspec

from ai_gateway.answer_headers import answer_lines
from ai_gateway.answering import refuse
from ai_gateway.call import Call, Said
from ai_gateway.dialects.endpoints import PLAIN, Family, Job, plain
from ai_gateway.dialects.interface import Asked
from ai_gateway.dialects.registry import render_error
from ai_gateway.errors import GatewayError, NotFound
from ai_gateway.ingress.asgi import AsgiApp, serve_asgi
from ai_gateway.ingress.caller import HttpCaller, Receive, Scope, Send
from ai_gateway.ingress.health import Health
from ai_gateway.ingress.model_lists import model_list
from ai_gateway.ingress.routes import Route, family_of, route
from ai_gateway.pipeline import Pipeline
from ai_gateway.policy.access import needs_model_list, visible_models
from ai_gateway.policy.forwarded import Networks, caller_address
from ai_gateway.upstream.catalog import Catalog
from ai_gateway.upstream.headers import is_plain, value_of

__all__ = ["Api", "HeaderList", "Page"]

METRICS_PATH = "/metrics"

_log = logging.getLogger("ai_gateway")

HeaderList = list[tuple[bytes, bytes]]
_MODELS = Job.MODELS
_TELLING = frozenset({b"authorization", b"x-api-key", b"x-goog-api-key", b"api-key", b"anthropic-version"})
"""Headers that hold a key, or say whose SDK it is."""
_OWN_QUERY = frozenset({"key", "api-version"})
"""Parameters that are for the gateway: the key, and what Azure's SDK adds for Azure."""
_ADMIN_ENDS = frozenset({"", "/"})
_ALT = frozenset({"alt", "$alt"})
"""Gemini's choice of how a stream is framed (Google APIs, "System parameters")."""


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
        admin: AsgiApp,
        max_body_bytes: int,
        trusted_proxies: Networks = (),
        metrics: Callable[[HeaderList], Awaitable[Page]] | None = None,
    ) -> None:
        """`admin` has `/admin` and all that is under it; `metrics` answers `/metrics`, given the request's
        headers (None: there is no such page)."""
        self._admin = admin
        self._pipeline = pipeline
        self._catalog = catalog
        self._health = health
        self._pages = pages
        self._max_body_bytes = max_body_bytes
        self._trusted_proxies = trusted_proxies
        self._metrics = metrics

    async def answer(self, caller: HttpCaller) -> None:
        """Answer a request, whatever it asks."""
        try:
            known = caller.known
            if known is not None and known.said is not None:
                await self.again(caller, known.said, None)
            else:
                await self._answer(caller)
        except Exception as fault:  # noqa: BLE001 - the last place where a fault of ours can still get a clear answer
            await self.explain(caller, fault)

    def again(self, caller: HttpCaller, said: Said, body: bytes | None) -> Coroutine[Any, Any, None]:
        """Answer a request whose head is known, and has been answered before. What this raises is a fault of
        the gateway, still to be explained."""
        caller.max_body = limit = self._max_body_bytes
        address = caller.connection.address
        if self._trusted_proxies:
            address = self._address(caller)
        if body is not None and len(body) > limit:
            body = None  # who reads it is told
        return self._pipeline.run(_call_again(said, address, body), caller)

    async def explain(self, caller: HttpCaller, fault: Exception) -> None:
        """Tell of a fault of the gateway: the log all of it, the caller that there was one."""
        _log.error("a request failed by a fault of the gateway", exc_info=fault)
        await _fault(caller)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The dashboard's WebSocket."""
        scope["client"] = self._client(scope["client"], scope["headers"])
        await self._admin(scope, receive, send)

    def _address(self, caller: HttpCaller) -> str | None:
        """Who calls the API, where trusted proxies stand before it."""
        address = caller.connection.address
        if self._trusted_proxies:
            return _behind_proxies(address, caller.headers, self._trusted_proxies)
        return address

    def _client(self, peer: tuple[str, int] | None, headers: HeaderList) -> tuple[str | None, int] | None:
        """Who calls the admin side, where trusted proxies stand before it."""
        if peer is None or not self._trusted_proxies:
            return peer
        return _behind_proxies(peer[0], headers, self._trusted_proxies), peer[1]

    async def _answer(self, caller: HttpCaller) -> None:
        path, method = caller.path, caller.method
        if path.startswith("/admin") and path[6:7] in _ADMIN_ENDS:
            client = self._client(caller.peer, caller.headers)
            await serve_asgi(self._admin, caller, client=client)
            return
        caller.max_body = self._max_body_bytes
        if method in ("GET", "HEAD") and await self._page(path, caller.headers, caller):
            return
        call, hint = _call(caller, self._address(caller))
        try:
            found = route(method, path, hint)
        except GatewayError as error:
            call.endpoint = plain(family_of(path, hint))
            entry = self._pipeline.open(call)
            if isinstance(error, NotFound):
                entry.settled = True  # not a request of the API: strangers' probes stay out of the log
            await refuse(call, caller, entry, error)
            return
        call.path, call.endpoint = found.path, found.endpoint
        if found.endpoint.job is _MODELS:
            await self._models(call, caller, found)
        else:
            _ask(call, found)
            if (known := caller.known) is not None and (said := _said(call)) is not None:
                known.said, known.answerer, call.said = said, self, said
            await self._pipeline.run(call, caller)

    async def _page(self, path: str, headers: HeaderList, caller: HttpCaller) -> bool:
        page = self._pages.get(path)
        if page is None and path == METRICS_PATH and self._metrics is not None:
            page = await self._metrics(headers)
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
            names = visible_models(client, models)
            body = model_list(call.endpoint.family, client.settings.backend, names, found.model)
        except GatewayError as error:
            await refuse(call, caller, entry, error)
            return
        except asyncio.CancelledError:
            entry.hang_up()
            raise
        finally:
            entry.settle(time.perf_counter())
        headers: HeaderList = [(b"content-type", b"application/json")]
        await caller.reply(200, headers, body, answer_lines(call, entry))


async def _fault(caller: HttpCaller) -> None:
    if caller.finished:
        return
    if caller.started:
        caller.abort()
        return
    error = GatewayError("the gateway failed: its log says why", code="internal_error")
    await caller.reply(
        error.status, [(b"content-type", b"application/json")], render_error(Family.OPENAI, error, "")
    )


def _call(caller: HttpCaller, address: str | None) -> tuple[Call, Family]:
    """The call, and the family of the SDK that made it by its headers."""
    started_s, started_ms = time.perf_counter(), time.time_ns() // 1_000_000
    key, family = _key_of(caller.headers)
    query = ""
    if caller.query:
        key, query = _without_own(caller.query.decode("latin-1"), key)
    path, method = caller.path, caller.method
    call = Call(
        id=_new_id(started_ms),
        started_s=started_s,
        started_ms=started_ms,
        method=method,
        path=path,
        label=f"{method} {path[:300]}",
        endpoint=PLAIN,
        headers=caller.headers,
        key=key,
        address=address,
        query=query,
    )
    return call, family


def _said(call: Call) -> Said | None:
    """None of a body that is compressed: each such request is refused."""
    if not is_plain(call.headers):
        return None
    kind = value_of(call.headers, b"content-type")
    return Said(
        method=call.method,
        path=call.path,
        label=call.label,
        endpoint=call.endpoint,
        headers=[pair for pair in call.headers if pair[0] != b"content-length"],
        key=call.key,
        query=call.query,
        asked=call.asked,
        content_type=kind.decode("latin-1") if kind else None,
    )


def _call_again(said: Said, address: str | None, body: bytes | None) -> Call:
    """The call that a known head stands for."""
    started_ms = time.time_ns() // 1_000_000
    return Call(  # by place: what is made for each request
        _new_id(started_ms),
        time.perf_counter(),
        started_ms,
        said.method,
        said.path,
        said.label,
        said.endpoint,
        said.headers,
        said.key,
        address,
        said.query,
        None,
        said.asked,
        None,
        said,
        body,
    )


def _new_id(started_ms: int) -> str:
    """In the order of time."""
    return "req_" + (started_ms << 64 | random.getrandbits(64)).to_bytes(14, "big").hex()


def _behind_proxies(address: str | None, headers: HeaderList, trusted: Networks) -> str | None:
    forwarded = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
    return caller_address(address, forwarded, trusted)


def _key_of(headers: HeaderList) -> tuple[str | None, Family]:
    """The gateway key, in any of the headers that SDKs put it in (`Authorization` first), and the family
    of the SDK: `anthropic-version` is Anthropic's, `x-goog-api-key` Google's."""
    bearer: bytes | None = None
    found: bytes | None = None
    family = Family.OPENAI
    for name, value in headers:
        if name not in _TELLING:
            continue
        if name == b"authorization":
            scheme, _, token = value.partition(b" ")
            if bearer is None and scheme.lower() == b"bearer" and token.strip():
                bearer = token.strip()
        elif name == b"anthropic-version":
            family = Family.ANTHROPIC
        else:
            if found is None and value.strip():
                found = value.strip()
            if name == b"x-goog-api-key":
                family = Family.GEMINI
    key = bearer or found
    return (key.decode("latin-1") if key else None), family


def _ask(call: Call, found: Route) -> None:
    """Note what the path and the query say of the request."""
    array = False
    if call.endpoint.family is Family.GEMINI and call.endpoint.known:
        pairs = parse_qsl(call.query, keep_blank_values=True)
        array = bool(call.endpoint.stream) and not any(
            name in _ALT and value == "sse" for name, value in pairs
        )
        call.query = urlencode([pair for pair in pairs if pair[0] not in _ALT])
    if found.model is not None or call.endpoint.stream is not None:
        call.asked = Asked(model=found.model, stream=call.endpoint.stream, array=array)


def _without_own(query: str, key: str | None) -> tuple[str | None, str]:
    """The key, should the query hold it, and the query without what is the gateway's own."""
    pairs = parse_qsl(query, keep_blank_values=True)
    key = key or next((value for name, value in pairs if name == "key" and value), None)
    return key, urlencode([(name, value) for name, value in pairs if name not in _OWN_QUERY])
