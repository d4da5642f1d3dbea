"""A page or file from the web, as text."""

from __future__ import annotations

import asyncio
import codecs
import re
from typing import TYPE_CHECKING

import msgspec

from ai_gateway.tools.builtin.base import Arguments, BuiltIn, Facilities, ToolFailure
from ai_gateway.tools.builtin.page import page_text
from ai_gateway.upstream.guard import Unfetched

if TYPE_CHECKING:
    from aiohttp import ClientResponse

__all__ = ["TOOL"]

_TEXTS = frozenset(
    f"application/{name}"
    for name in (
        *("json", "xml", "xhtml+xml", "javascript", "ecmascript", "yaml", "x-yaml", "toml", "x-ndjson"),
        *("graphql", "x-sh", "sql", "rtf"),
    )
)
_PAGES = frozenset({"text/html", "application/xhtml+xml"})
_PAGE_STARTS = ("<!doctype html", "<html")
_META = re.compile(rb"""<meta[^>]{0,200}charset\s{0,5}=\s{0,5}["']?\s{0,5}([A-Za-z0-9_:.-]{1,40})""", re.I)
_META_WITHIN = 2048
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_IN_A_THREAD = 32 * 1024
"""Characters of a page from which the event loop is not kept waiting."""
_ERROR_TEXT = 2000


async def run(arguments: Arguments, facilities: Facilities) -> str:
    url = str(arguments["url"]).strip()
    fetcher = await facilities.fetcher()
    try:
        async with fetcher.opened(url, accept="text/html,text/*;q=0.9,*/*;q=0.5") as response:
            page = await _read(response, facilities.max_fetch_bytes)
    except Unfetched as error:
        raise ToolFailure(f"{_shown(url)} cannot be fetched: {error}.") from error
    text = await _text(page)
    if page.status >= 400:
        raise ToolFailure(f"{_shown(page.url)} answered with status {page.status}.\n\n{text[:_ERROR_TEXT]}")
    cut = "" if page.whole else f"\n\n(cut: only the first {len(page.body)} bytes were read)"
    return f"{_shown(page.url)}\n\n{text}{cut}"


class _Page(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    status: int
    kind: str | None
    """Its media type; None: nobody says."""
    charset: str | None
    body: bytes
    whole: bool


async def _read(response: ClientResponse, most: int) -> _Page:
    """At most so many bytes of a text. Raises: ToolFailure where it is none."""
    kind = response.content_type.lower() if "content-type" in response.headers else None
    address = str(response.url)
    if kind is not None and not _is_text(kind):
        size = f", {response.content_length} bytes" if response.content_length is not None else ""
        raise ToolFailure(f"{_shown(address)} is a binary file ({kind}{size}): this tool returns text only.")
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > most:
            break
    return _Page(
        url=address,
        status=response.status,
        kind=kind,
        charset=_told_charset(response),
        body=bytes(body[:most]),
        whole=len(body) <= most,
    )


def _is_text(kind: str) -> bool:
    return kind.startswith("text/") or kind in _TEXTS or kind.endswith(("+json", "+xml"))


async def _text(page: _Page) -> str:
    charset = _charset(page.body, page.charset)
    if charset is None and b"\0" in page.body[:1024]:
        raise ToolFailure(f"{_shown(page.url)} is a binary file: this tool returns text only.")
    text = _decoded(page.body, charset)
    is_page = page.kind in _PAGES if page.kind else text.lstrip()[:15].lower().startswith(_PAGE_STARTS)
    if not is_page:
        return text
    if len(text) < _IN_A_THREAD:
        return page_text(text, page.url)
    return await asyncio.to_thread(page_text, text, page.url)


def _told_charset(response: ClientResponse) -> str | None:
    try:
        return response.charset
    except ValueError:
        return None


def _charset(body: bytes, told: str | None) -> str | None:
    """By the byte order mark, the header, the page itself, in this order; None: nobody says."""
    for mark, name in _MARKS:
        if body.startswith(mark):
            return name
    found = _META.search(body, 0, _META_WITHIN)
    names: tuple[str | None, ...] = (told, found.group(1).decode() if found else None)
    for charset in names:
        try:
            if charset:
                b"x".decode(charset, "replace")  # is it known, and of text?
                return charset
        except (LookupError, ValueError):
            continue
    return None


def _decoded(body: bytes, charset: str | None) -> str:
    if charset is not None:
        return body.decode(charset, "replace")
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(body)  # a cut character at the end is let go
    except UnicodeDecodeError:
        return body.decode("cp1252", "replace")


def _shown(url: str) -> str:
    return url if len(url) <= 300 else f"{url[:300]}…"


TOOL = BuiltIn(
    name="http_get",
    description=(
        "Fetch a page or text file from the public web by HTTP GET. HTML comes back as plain text with "
        "links; other text (JSON, XML, CSV, ...) as it is. Binary files are not returned."
    ),
    parameters={
        "type": "object",
        "properties": {"url": {"type": "string", "description": "http:// or https:// address"}},
        "required": ["url"],
        "additionalProperties": False,
    },
    run=run,
)
