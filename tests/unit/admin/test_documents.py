"""What the admin API tells of itself is made when it is asked for."""

from __future__ import annotations

import asyncio
import json

import pytest
from fastapi import FastAPI

from ai_gateway.admin import documents, openapi
from ai_gateway.admin.api import build_app
from ai_gateway.admin.asgi import Message
from ai_gateway.admin.documents import Documents


async def got(app: FastAPI, path: str) -> bytes:
    """The body of the answer to a GET."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "query_string": b""}
    await app(scope, receive, send)
    assert sent[0]["status"] == 200
    return b"".join(message["body"] for message in sent[1:])


async def test_what_has_failed_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: FastAPI) -> dict[str, object]:
        raise MemoryError

    app = build_app()
    Documents(app, lambda: 0)
    with monkeypatch.context() as patched:
        patched.setattr(documents, "document", fail)
        with pytest.raises(MemoryError):
            await got(app, "/admin/api/openapi.json")
    assert json.loads(await got(app, "/admin/api/openapi.json")) == json.loads(openapi.render())


async def test_whoever_leaves_before_it_is_made_takes_it_from_nobody() -> None:
    app = build_app()
    Documents(app, lambda: 0)
    first = asyncio.create_task(got(app, "/admin/api/openapi.json"))
    second = asyncio.create_task(got(app, "/admin/api/openapi.json"))
    page = asyncio.create_task(got(app, "/admin/api/docs"))
    await asyncio.sleep(0)
    first.cancel()
    assert json.loads(await second) == json.loads(openapi.render())
    assert b"openapi.json" in await page
    assert first.cancelled()
