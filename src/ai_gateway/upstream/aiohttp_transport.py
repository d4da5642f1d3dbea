"""The transport over aiohttp: for forward proxies, and the reference that the fast one is tested against."""

from __future__ import annotations

import asyncio
import contextlib

import aiohttp
from yarl import URL

from ai_gateway.core.runs import as_task
from ai_gateway.errors import UpstreamError, UpstreamProtocolError, UpstreamTimeout, UpstreamUnreachable
from ai_gateway.upstream.proxies import Proxies
from ai_gateway.upstream.transport import Take, TakeChunk, UpstreamRequest, pass_on

__all__ = ["AiohttpResponse", "AiohttpTransport"]

CONNECT_TIMEOUT_S = 15.0
KEEPALIVE_S = 30.0
READ_BUFFER_BYTES = 64 * 1024
DRAIN_S = 1.0
DRAIN_BYTES = 64 * 1024


class AiohttpResponse:
    """An answer over aiohttp."""

    __slots__ = ("_response", "_timeout_s", "headers", "known", "status")

    def __init__(self, response: aiohttp.ClientResponse, timeout_s: float) -> None:
        self._response = response
        self._timeout_s = timeout_s
        self.status = response.status
        self.known = None
        self.headers = [(name.lower(), value) for name, value in response.raw_headers]

    async def chunk(self) -> bytes:
        try:
            return await self._response.content.readany()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise _failure(error, self._timeout_s, answering=True) from error

    def arrived(self) -> bytes | None:
        return None

    async def pass_on(self, take: Take, take_chunk: TakeChunk | None = None) -> bool:
        return await pass_on(self, take)

    async def drain(self) -> None:
        content = self._response.content
        if not content.at_eof():
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    left = DRAIN_BYTES
                    while left > 0 and (data := await content.readany()):
                        left -= len(data)
        self.close()

    def close(self) -> None:
        if self._response.content.at_eof():
            self._response.release()
        else:
            self._response.close()


class AiohttpTransport:
    """One session and one pool for all clients."""

    def __init__(self, proxies: Proxies | None = None) -> None:
        self._proxies = proxies
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S, ttl_dns_cache=30),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            read_bufsize=READ_BUFFER_BYTES,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            requote_redirect_url=False,
        )

    async def send(self, request: UpstreamRequest) -> AiohttpResponse:
        await as_task()
        try:
            return await self._send(request)
        except aiohttp.ServerDisconnectedError as error:
            # A kept connection that the provider closed just as it was used again. Nothing was answered:
            # one more try, on another connection.
            try:
                return await self._send(request)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as second:
                raise _failure(second, request.patience_s, answering=False) from error
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _failure(error, request.patience_s, answering=False) from error

    async def _send(self, request: UpstreamRequest) -> AiohttpResponse:
        timeout = aiohttp.ClientTimeout(
            total=None,
            sock_connect=min(CONNECT_TIMEOUT_S, request.patience_s),
            sock_read=request.timeout_s,
        )
        url = URL(request.url, encoded=True)
        async with asyncio.timeout(request.patience_s):
            response = await self._session.request(
                request.method,
                url,
                data=request.body or None,
                headers=request.headers,
                timeout=timeout,
                proxy=self._proxies.of(request.url) if self._proxies else None,
                allow_redirects=False,
            )
        return AiohttpResponse(response, request.timeout_s)

    async def close(self) -> None:
        await self._session.close()


def _failure(error: Exception, timeout_s: float, *, answering: bool) -> UpstreamError:
    """What went wrong, in words that hold no address and no credential."""
    match error:
        case aiohttp.ConnectionTimeoutError():
            return UpstreamTimeout.connecting()
        case TimeoutError():
            what = "no further data" if answering else "no answer"
            return UpstreamTimeout(f"{what} from the upstream within {round(timeout_s, 2):g} seconds")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return UpstreamUnreachable("the upstream's TLS certificate or handshake was refused")
        case aiohttp.ClientConnectorDNSError():
            return UpstreamUnreachable("the upstream's host name could not be resolved")
        case aiohttp.ClientConnectorError():
            reason = error.os_error.strerror or "connection failed"
            return UpstreamUnreachable(f"could not connect to the upstream: {reason}")
        case aiohttp.InvalidURL() | ValueError():
            return UpstreamUnreachable("the upstream's address is not valid: check the client's base_url")
        case aiohttp.ClientResponseError():
            return UpstreamProtocolError(f"the upstream's answer is not valid HTTP: {error.message}"[:300])
        case _ if answering:
            return UpstreamProtocolError("the upstream's connection broke in the middle of its answer")
        case _:
            return UpstreamUnreachable.unanswered()
