"""The streamable HTTP transport of the SDK, with our headers and bounds.

Who names a server may name one on a private network: an admin can let a client's provider stand there, too.
But a redirect leads nowhere else: the SDK follows it only on the same scheme, host and port.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from types import TracebackType

import httpx2
from mcp.client._transport import TransportStreams
from mcp.client.streamable_http import streamable_http_client

from ai_gateway.tools.configuration import Server

__all__ = ["HttpTransport"]

_TIMEOUT = httpx2.Timeout(10.0, read=300.0)
"""Seconds. A call's own time ends sooner; this one finds out that a stream for notifications has died."""


class HttpTransport:
    """A transport for the SDK's client. `fault` is the last failing status of the server."""

    def __init__(self, server: Server, max_message_bytes: int) -> None:
        self.on_end: Callable[[], None] = lambda: None
        self.ended = False
        self.fault: str | None = None
        self.session_gone = False
        self._server = server
        self._most = max_message_bytes
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> TransportStreams:
        settings = self._server.settings
        client = httpx2.AsyncClient(
            headers={
                "user-agent": "ai-gateway",
                **{name: secret.reveal() for name, secret in settings.headers.items()},
            },
            timeout=_TIMEOUT,
            event_hooks={"response": [self._note]},
        )
        await self._stack.enter_async_context(client)
        return await self._stack.enter_async_context(
            streamable_http_client(settings.url, http_client=client, max_sse_event_size=self._most)
        )

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._stack.__aexit__(kind, error, trace)

    async def _note(self, response: httpx2.Response) -> None:
        """Remember how the last request went, and bound what is read of an answer."""
        if response.request.method != "POST":
            return
        status = response.status_code
        self.fault = f"it answered with HTTP status {status}" if status >= 300 else None
        self.session_gone = status == 404 and "mcp-session-id" in response.request.headers
        stream = response.stream
        if isinstance(stream, httpx2.AsyncByteStream) and not _is_events(response):
            response.stream = _Bounded(stream, self._most)


def _is_events(response: httpx2.Response) -> bool:
    return bool(response.headers.get("content-type", "").lower().startswith("text/event-stream"))


class _Bounded(httpx2.AsyncByteStream):
    def __init__(self, inner: httpx2.AsyncByteStream, most: int) -> None:
        self._inner = inner
        self._left = most
        self._most = most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._inner:
            self._left -= len(chunk)
            if self._left < 0:
                raise httpx2.StreamError(f"the answer is longer than {self._most} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._inner.aclose()
