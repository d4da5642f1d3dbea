"""Media that a provider does not take by address: fetched by the gateway, and sent inline."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

import msgspec

from ai_gateway.core.chat import (
    Audio,
    ChatRequest,
    Data,
    Document,
    Image,
    Message,
    Part,
    PlainText,
    ResultPart,
    Source,
    Text,
    ToolResult,
    Url,
    Video,
)
from ai_gateway.errors import BadRequest
from ai_gateway.upstream.guard import Guard
from ai_gateway.upstream.proxies import Proxies

if TYPE_CHECKING:
    from ai_gateway.upstream.fetcher import Fetcher

__all__ = ["Fetch", "MediaFetcher", "inline_urls"]

Fetch = Callable[[str, str | None], Awaitable[Data]]
"""From a URL and the media type that the caller said it has, to its bytes. Raises: BadRequest."""

MAX_FILES = 100
"""Different addresses in one request."""
AT_ONCE = 8
_KINDS: dict[type[Image] | type[Document] | type[Audio] | type[Video], str] = {
    Image: "image",
    Document: "document",
    Audio: "audio",
    Video: "video",
}
Medium = Image | Document | Audio | Video


class MediaFetcher:
    """Fetches what callers refer to, from public addresses only. It sends no credential and no cookie."""

    def __init__(self, guard: Guard, proxies: Proxies | None = None) -> None:
        self._guard = guard
        self._proxies = proxies
        self._fetcher: Fetcher | None = None

    async def fetch(self, url: str, media_type: str | None) -> Data:
        """The file at `url`. `media_type` counts where the server names none.

        Raises:
            BadRequest: it cannot be had: a private address, an error, too long, too slow.
        """
        if self._fetcher is None:
            from ai_gateway.upstream.fetcher import Fetcher  # most gateways never fetch anything

            self._fetcher = Fetcher(self._guard, self._proxies)
        return await self._fetcher.fetch(url, media_type)

    async def close(self) -> None:
        if self._fetcher is not None:
            await self._fetcher.close()


def is_text_alone(request: ChatRequest) -> bool:
    """Whether there is nothing in it that could name a file."""
    for message in request.messages:
        for part in message.parts:
            if type(part) is not Text:
                return False
    return True


async def inline_urls(request: ChatRequest, taken: Collection[str], fetch: Fetch) -> ChatRequest:
    """The request with the files in it, where it names addresses of kinds that the provider does not take
    (`taken` out of `image`, `document`, `audio`, `video`). The request itself where there are none.

    Raises: BadRequest where a file cannot be had; `param` tells which message.
    """
    if is_text_alone(request):
        return request
    wanted: dict[str, tuple[str | None, int]] = {}
    for index, message in enumerate(request.messages):
        for medium in _media(message.parts):
            source = medium.source
            if isinstance(source, Url) and _KINDS[type(medium)] not in taken:
                wanted.setdefault(source.url, (source.media_type, index))
    if not wanted:
        return request
    if len(wanted) > MAX_FILES:
        raise BadRequest(f"a request may name at most {MAX_FILES} addresses of files", param="messages")
    files = await _fetch_all(wanted, fetch)
    messages = tuple(_inlined(message, taken, files) for message in request.messages)
    return msgspec.structs.replace(request, messages=messages)


async def _fetch_all(wanted: dict[str, tuple[str | None, int]], fetch: Fetch) -> dict[str, Data]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(url: str, media_type: str | None, index: int) -> tuple[str, Data]:
        async with gate:
            try:
                return url, await fetch(url, media_type)
            except BadRequest as error:
                error.param = error.param or f"messages[{index}]"
                raise

    tasks = [asyncio.ensure_future(one(url, *rest)) for url, rest in wanted.items()]
    try:
        return dict(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def _media(parts: Iterable[Part | ResultPart]) -> Iterator[Medium]:
    for part in parts:
        if isinstance(part, ToolResult):
            yield from _media(part.content)
        elif isinstance(part, Image | Document | Audio | Video):
            yield part


def _inlined(message: Message, taken: Collection[str], files: dict[str, Data]) -> Message:
    return msgspec.structs.replace(
        message, parts=tuple(_inlined_part(part, taken, files) for part in message.parts)
    )


def _inlined_part(part: Part, taken: Collection[str], files: dict[str, Data]) -> Part:
    if isinstance(part, ToolResult):
        content = tuple(_inlined_medium(inner, taken, files) for inner in part.content)
        return msgspec.structs.replace(part, content=content)
    return _inlined_medium(part, taken, files)


P = TypeVar("P", Part, ResultPart)


def _inlined_medium(part: P, taken: Collection[str], files: dict[str, Data]) -> P:
    if not isinstance(part, Image | Document | Audio | Video):
        return part
    source = part.source
    if not isinstance(source, Url) or _KINDS[type(part)] in taken:
        return part
    return msgspec.structs.replace(part, source=_source(part, files[source.url]))


def _source(medium: Medium, data: Data) -> Source:
    """A document of plain text is its text: every dialect has a form for that."""
    if isinstance(medium, Document) and data.media_type.startswith("text/"):
        return PlainText(base64.b64decode(data.data).decode("utf-8", "replace"))
    return data
