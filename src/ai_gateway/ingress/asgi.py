"""ASGI applications on the gateway's own server: the admin side is one.

Source: ASGI specification 3.0, "HTTP & WebSocket ASGI Message Format".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from ai_gateway.ingress.caller import HeaderList, HttpCaller, Receive, Scope, Send

__all__ = ["AsgiApp", "serve_asgi"]

AsgiApp = Callable[[Scope, Receive, Send], Awaitable[None]]
Message = MutableMapping[str, Any]  # Any: ASGI's own type


async def serve_asgi(app: AsgiApp, caller: HttpCaller, *, client: tuple[str | None, int] | None) -> None:
    """Answer one request by an ASGI application. A hang-up does not cancel it: `receive` tells of it, as ASGI
    has it."""
    caller.patient = True
    exchange = _Exchange(caller)
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": caller.http_version,
        "method": caller.method,
        "scheme": "https" if caller.is_secure else "http",
        "path": unquote(caller.path),
        "raw_path": caller.path.encode("ascii"),
        "query_string": caller.query,
        "root_path": "",
        "headers": caller.headers,
        "client": client,
        "server": None,
        "state": {},
    }
    await app(scope, exchange.receive, exchange.send)


class _Exchange:
    """The two ends of one request."""

    def __init__(self, caller: HttpCaller) -> None:
        self._caller = caller
        self._asked = False
        """The application has got the end of the body."""

    async def receive(self) -> Message:
        caller = self._caller
        if self._asked:
            await caller.gone()
            return {"type": "http.disconnect"}
        body = caller.part()
        if not body and not caller.received:
            await caller.more()
            body = caller.part()
        if caller.disconnected or caller.finished:
            return {"type": "http.disconnect"}
        self._asked = caller.received
        return {"type": "http.request", "body": body, "more_body": not caller.received}

    async def send(self, message: Message) -> None:
        """Raises: ValueError where a header would end its line."""
        caller = self._caller
        if message["type"] == "http.response.start":
            headers: HeaderList = []
            length: int | None = None
            for name, value in message.get("headers", ()):
                if b"\n" in name + value or b"\r" in name + value:
                    raise ValueError("a header holds a line break")
                if name == b"content-length":
                    length = int(value)
                else:
                    headers.append((name, value))
            caller.begin(message["status"], headers, length)
            return
        data = message.get("body", b"")
        if message.get("more_body", False):
            await caller.write(data)
        else:
            await caller.end(data)
