"""Where the API tells of itself: `/admin/api/openapi.json`, and for people `/admin/api/docs`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from ai_gateway.admin.docs_page import docs_csp, docs_page
from ai_gateway.admin.openapi import document
from ai_gateway.store.courtesy import giving_way

__all__ = ["Documents"]


class _Told(NamedTuple):
    described: Response
    page: Response


class Documents:
    """Made when one of them is first asked for: that takes almost as long as to load all else of the API,
    and few ever ask."""

    def __init__(self, app: FastAPI, in_flight: Callable[[], int]) -> None:
        """`app` has all of its routes, and gets two more, which are not told of. `in_flight`: as
        `is_serving` takes it."""
        self._app = app
        self._in_flight = in_flight
        self._making: asyncio.Task[_Told] | None = None
        app.router.add_route("/admin/api/openapi.json", self._send_document, methods=["GET"])
        app.router.add_route("/admin/api/docs", self._send_page, methods=["GET"])

    async def _send_document(self, _: Request) -> Response:
        return (await self._told()).described

    async def _send_page(self, _: Request) -> Response:
        return (await self._told()).page

    async def _told(self) -> _Told:
        """Whoever asks may be gone before it is made: it is of use to the next one."""
        making = self._making
        if making is None or (making.done() and (making.cancelled() or making.exception() is not None)):
            making = self._making = asyncio.create_task(asyncio.to_thread(_made, self._app, self._in_flight))
        return await asyncio.shield(making)


def _made(app: FastAPI, in_flight: Callable[[], int]) -> _Told:
    with giving_way(in_flight):
        told = document(app)
        page = HTMLResponse(docs_page(told), headers={"content-security-policy": docs_csp()})
        return _Told(JSONResponse(told), page)
