"""Everything under `/admin`: the dashboard's files, the API, the WebSocket.

The files need next to nothing. What the API needs is loaded when it is first asked for: a gateway that nobody
looks at does not pay for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import msgspec

from ai_gateway.admin.asgi import App, HeaderList, Message, Receive, Scope, Send, answer
from ai_gateway.admin.static_files import StaticFiles
from ai_gateway.store.protocols import StoreError

__all__ = ["AdminSite", "Backend"]

_log = logging.getLogger("ai_gateway.admin")
_API_HEADERS: HeaderList = [
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; frame-ancestors 'none'"),
]


class Backend(NamedTuple):
    """What is loaded when it is first needed."""

    api: App
    socket: App


class AdminSite:
    """An ASGI application for `/admin` and every path under it."""

    def __init__(
        self,
        load: Callable[[], Awaitable[Backend]],
        *,
        version: str,
        headers: HeaderList,
        files: StaticFiles | None = None,
    ) -> None:
        """`headers` go on every answer that does not have them."""
        self._load = load
        self._headers = headers
        self._files = files or StaticFiles(version)
        self._backend: asyncio.Task[Backend] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await (await self._loaded()).socket(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = self._completed(scope, message)
            await send(message)

        try:
            await self._answer(scope, receive, with_headers)
        except StoreError as error:
            _log.error("the dashboard cannot be opened: %s", error)
            if not started:
                await _problem(with_headers, 503, "database_unavailable", str(error))
        except Exception:  # noqa: BLE001 - the last place where a fault of ours can still get a clear answer
            _log.exception("an admin request failed by a fault of the gateway")
            if not started:
                await _problem(with_headers, 500, "internal_error", "the gateway failed: its log says why")

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/admin/api" or path.startswith("/admin/api/"):
            await (await self._loaded()).api(scope, receive, send)
        elif path == "/admin/ws":
            await _problem(send, 426, "upgrade_required", "this address speaks WebSocket")
        else:
            await self._files(scope, send)

    async def _loaded(self) -> Backend:
        """Many callers at once share one loading; after a fault the next one tries again."""
        if self._backend is None:
            self._backend = asyncio.create_task(self._begin())
        return await asyncio.shield(self._backend)

    async def _begin(self) -> Backend:
        try:
            return await self._load()
        except BaseException:
            self._backend = None
            raise

    def _completed(self, scope: Scope, message: Message) -> HeaderList:
        given: HeaderList = list(message["headers"])
        extra = self._headers
        if scope["path"].startswith("/admin/api"):
            extra = [*extra, *_API_HEADERS]
        names = {name for name, _ in given}
        return [*given, *(pair for pair in extra if pair[0] not in names)]


async def _problem(send: Send, status: int, code: str, detail: str) -> None:
    body = {
        "type": "about:blank",
        "title": code,
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [],
    }
    headers: HeaderList = [(b"content-type", b"application/problem+json"), (b"cache-control", b"no-store")]
    await answer(send, status, headers, msgspec.json.encode(body))
