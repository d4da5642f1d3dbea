"""Files fetched for callers, over aiohttp: from public addresses only."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
from collections.abc import AsyncIterator
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from ai_gateway.core.chat import Data
from ai_gateway.errors import BadRequest
from ai_gateway.upstream.guard import Forbidden, Guard, Unfetched
from ai_gateway.upstream.proxies import Proxies

__all__ = ["Fetcher", "GuardedResolver"]

MAX_BYTES = 20 * 1024 * 1024
"""Of one file; no provider takes more inline."""
AT_ONCE = 8
TIMEOUT_S = 30.0
MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
)
_VAGUE = frozenset({"", "application/octet-stream", "binary/octet-stream"})


class Fetcher:
    """One session and no cookies; it sends no credential."""

    def __init__(self, guard: Guard, proxies: Proxies | None = None) -> None:
        self._guard = guard
        self._proxies = proxies
        self._session: aiohttp.ClientSession | None = None
        self.resolver = GuardedResolver(guard)

    async def fetch(self, url: str, media_type: str | None) -> Data:
        """The file at `url`. `media_type` counts where the server names none.

        Raises:
            BadRequest: it cannot be had: a private address, an error, too long, too slow.
        """
        try:
            async with asyncio.timeout(TIMEOUT_S), self.opened(url) as response:
                if response.status != 200:
                    raise Unfetched(f"its server answered with status {response.status}")
                found, body = response.headers.get("content-type", ""), await _read(response)
        except TimeoutError as error:
            raise _refused(url, f"it did not arrive within {TIMEOUT_S:g} seconds") from error
        except Unfetched as error:
            raise _refused(url, str(error)) from error
        return Data(media_type=_media_type(found, media_type, body), data=base64.b64encode(body).decode())

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    @contextlib.asynccontextmanager
    async def opened(self, url: str, *, accept: str = "*/*") -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer of the server at `url`, whatever its status, after redirects, each of which is checked.

        Raises: Unfetched, also where it breaks while it is read.
        """
        try:
            async with self._answer(url, accept) as response:
                yield response
        except (Forbidden, aiohttp.ClientError, OSError, ValueError) as error:
            raise Unfetched(_reason(error)) from error

    @contextlib.asynccontextmanager
    async def _answer(self, url: str, accept: str) -> AsyncIterator[aiohttp.ClientResponse]:
        session = self._opened()
        for _ in range(MAX_REDIRECTS + 1):
            address = URL(url)
            self._guard.check(address.scheme, address.host)
            if address.user is not None or address.password is not None:
                raise Forbidden("a URL with a user name or password is not fetched")
            proxy = self._proxies.of(url) if self._proxies else None
            if proxy is not None and address.host is not None:
                await self._check_name(address.host)
            headers = {"Accept": accept}
            async with session.get(address, allow_redirects=False, proxy=proxy, headers=headers) as response:
                if response.status in _REDIRECTS and "location" in response.headers:
                    url = urljoin(url, response.headers["location"])
                    continue
                yield response
                return
        raise Forbidden(f"it redirects more than {MAX_REDIRECTS} times")

    async def _check_name(self, host: str) -> None:
        """The proxy resolves the name, not we: a name that is private here is refused; one that is not known
        here is the proxy's to judge. Raises: Forbidden."""
        if not self._guard.allows_name(host):
            with contextlib.suppress(OSError):
                await self.resolver.resolve(host)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:  # most gateways never fetch anything
            connector = aiohttp.TCPConnector(
                resolver=self.resolver, use_dns_cache=False, limit=64, limit_per_host=AT_ONCE
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"User-Agent": "ai-gateway"},
                trust_env=False,
            )
        return self._session


class GuardedResolver(AbstractResolver):
    """Resolves names, and hands out only addresses that the guard lets through."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self.inner: AbstractResolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises: Forbidden where the name has an address that is not public; OSError where it has none."""
        found = await self.inner.resolve(host, port, family)
        if not self._guard.allows_name(host):
            for row in found:
                self._guard.check_address(row["host"])
        return found

    async def close(self) -> None:
        await self.inner.close()


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error) if isinstance(error.os_error, Forbidden) else "no connection"
    if isinstance(error, Forbidden):
        return str(error)
    return "no connection, or an answer that is not valid HTTP"


async def _read(response: aiohttp.ClientResponse) -> bytes:
    too_long = Unfetched(f"it is longer than {MAX_BYTES // 1024 // 1024} MiB")
    if (response.content_length or 0) > MAX_BYTES:
        raise too_long
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BYTES:
            raise too_long
    return bytes(body)


def _media_type(found: str, told: str | None, body: bytes) -> str:
    """What the server says, else the caller, else what the first bytes show."""
    for candidate in (found, told):
        kind = (candidate or "").partition(";")[0].strip().lower()
        if kind not in _VAGUE:
            return kind
    for magic, kind in _MAGIC:
        if body.startswith(magic):
            return kind
    if body[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(body[8:12], "application/octet-stream")
    return "application/octet-stream"


def _refused(url: str, reason: str) -> BadRequest:
    shown = url if len(url) <= 200 else f"{url[:200]}…"
    return BadRequest(f"the file at {shown} cannot be fetched for the model: {reason}", code="invalid_url")
