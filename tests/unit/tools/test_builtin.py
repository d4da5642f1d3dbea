"""The tools that every gateway has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ai_gateway.core.server_tools import RunError
from ai_gateway.tools.builtin import built_ins
from ai_gateway.tools.builtin.base import Facilities, ToolFailure
from ai_gateway.tools.configuration import ToolLimits
from ai_gateway.tools.naming import MAX_NAME
from ai_gateway.upstream.fetcher import Fetcher
from tests.unit.tools.support import said, toolbox

HOST = "127.0.0.1"
PAGE = "<html><title>Café</title><body><h1>Hi</h1><p>a <a href='/b'>link</a></body></html>"


async def no_fetcher() -> Fetcher:
    raise AssertionError("a clock fetches nothing")


CLOCK = Facilities(
    now=lambda: datetime(2026, 1, 1, 3, 30, 15, 123, tzinfo=UTC),
    fetcher=no_fetcher,
    max_fetch_bytes=0,
    max_text_bytes=0,
)


@pytest.mark.parametrize(
    ("name", "zone", "expected"),
    [
        ("get_time", None, "2026-01-01T03:30:15+00:00 (UTC)"),
        ("get_time", "Asia/Kolkata", "2026-01-01T09:00:15+05:30 (Asia/Kolkata)"),
        ("get_date", None, "2026-01-01, Thursday, week 1 (UTC)"),
        ("get_date", "America/New_York", "2025-12-31, Wednesday, week 1 (America/New_York)"),
    ],
)
async def test_clocks(name: str, zone: str | None, expected: str) -> None:
    arguments = {} if zone is None else {"timezone": zone}
    assert await built_ins()[name].run(arguments, CLOCK) == expected


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "../../etc/passwd", "/etc/passwd", "x" * 5000, "\0", "Europe"]
)
@pytest.mark.parametrize("name", ["get_time", "get_date"])
async def test_no_such_zone(name: str, zone: str) -> None:
    with pytest.raises(ToolFailure, match="There is no time zone"):
        await built_ins()[name].run({"timezone": zone}, CLOCK)


@pytest.mark.parametrize("name", list(built_ins()))
def test_what_models_read_of_a_tool(name: str) -> None:
    offered = built_ins()[name].offered()
    schema = json.loads(bytes(offered.parameters))
    assert (offered.name, offered.source) == (name, "")
    assert len(name) <= MAX_NAME
    assert offered.description
    assert schema["type"] == "object"
    assert schema["additionalProperties"] is False


Answers = dict[str, tuple[dict[str, str], bytes]]
ANSWERS: Answers = {
    "/page": ({"content-type": "text/html; charset=utf-8"}, PAGE.encode()),
    "/latin": ({"content-type": "text/html; charset=iso-8859-1"}, PAGE.encode("latin-1")),
    "/meta": ({"content-type": "text/html"}, f"<meta charset=latin1>{PAGE}".encode("latin-1")),
    "/odd": ({"content-type": "text/html; charset=no-such-thing"}, PAGE.encode()),
    "/hex": ({"content-type": "text/html; charset=hex"}, PAGE.encode()),
    "/mark": ({"content-type": "text/html"}, b"\xff\xfe" + PAGE.encode("utf-16-le")),
    "/guess": ({"content-type": "text/html"}, PAGE.encode("cp1252")),
    "/json": ({"content-type": "application/problem+json"}, b'{"a": [1]}'),
    "/text": ({"content-type": "text/plain"}, b"<b>as it is</b>"),
    "/long": ({"content-type": "text/plain"}, b"x" * 3000),
    "/png": ({"content-type": "image/png"}, b"\x89PNG"),
    "/missing": ({"content-type": "text/plain"}, b"nothing here"),
    "/empty": ({"content-type": "text/plain"}, b""),
}


@pytest.fixture
async def site() -> AsyncIterator[TestServer]:
    async def serve(request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/away":
                raise web.HTTPFound(request.query["to"])
            case "/loop":
                raise web.HTTPFound("/loop")
            case "/hang":
                await asyncio.Event().wait()
            case "/broken":
                response = web.StreamResponse(headers={"content-type": "text/plain", "content-length": "10"})
                await response.prepare(request)
                await response.write(b"abc")
                assert request.transport is not None
                request.transport.abort()
                return response
            case _:
                pass
        headers, body = ANSWERS[request.path]
        status = 404 if request.path == "/missing" else 200
        return web.Response(status=status, headers=headers, body=body)

    app = web.Application()
    app.router.add_get("/{path:.*}", serve)
    server = TestServer(app, host=HOST)
    await server.start_server()
    yield server
    await server.close()


async def get(site: TestServer, path: str, **limits: Any) -> tuple[str | None, str]:
    """Error and text."""
    async with toolbox(limits=ToolLimits(**limits), allowed=[HOST]) as box:
        outcome = await box.run("http_get", json.dumps({"url": str(site.make_url(path))}))
        return outcome.error, said(outcome)


@pytest.mark.parametrize(
    "path", ["/page", "/latin", "/meta", "/odd", "/hex", "/mark", "/guess", "/away?to=/page"]
)
async def test_a_page_is_text_whatever_its_charset(site: TestServer, path: str) -> None:
    error, text = await get(site, path)
    assert error is None
    _, _, rest = text.partition("\n\n")
    assert rest == f"Title: Café\n\n# Hi\n\na [link]({site.make_url('/b')})"


@pytest.mark.parametrize(
    ("path", "text"), [("/json", '{"a": [1]}'), ("/text", "<b>as it is</b>"), ("/empty", "")]
)
async def test_other_text_is_as_it_is(site: TestServer, path: str, text: str) -> None:
    assert await get(site, path) == (None, f"{site.make_url(path)}\n\n{text}")


async def test_a_long_text_is_cut(site: TestServer) -> None:
    error, text = await get(site, "/long", max_fetch_bytes=1000)
    assert error is None
    assert text.count("x") == 1000
    assert "only the first 1000 bytes were read" in text


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/png", "binary file (image/png, 4 bytes)"),
        ("/missing", "answered with status 404.\n\nnothing here"),
        ("/broken", "no connection, or an answer that is not valid HTTP"),
        ("/away?to=http://169.254.169.254/latest", "not public"),
        ("/away?to=file:///etc/passwd", "only http and https"),
        ("/away?to=http://user:word@example.com/", "user name or password"),
        ("/loop", "redirects more than"),
    ],
)
async def test_what_cannot_be_had(site: TestServer, path: str, reason: str) -> None:
    error, text = await get(site, path)
    assert error == RunError.FAILED
    assert reason in text


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://[::1]/",
        "http://10.0.0.1/",
        "http://2130706433/",
        "http://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        "ftp://example.com/",
        "no address",
        "",
        "http://",
        "http://[::1",
    ],
)
async def test_what_is_not_public_is_refused(url: str) -> None:
    async with toolbox() as box:
        outcome = await box.run("http_get", json.dumps({"url": url}))
        assert outcome.error == RunError.FAILED
        assert "cannot be fetched" in said(outcome)


async def test_a_page_that_never_comes(site: TestServer) -> None:
    error, _ = await get(site, "/hang", timeout_s=0.1)
    assert error == RunError.TIMEOUT
