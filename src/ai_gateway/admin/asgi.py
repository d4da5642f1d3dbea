"""ASGI's own types: a scope and a message are mappings of anything (ASGI specification 3.0)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

__all__ = ["App", "HeaderList", "Message", "Receive", "Scope", "Send", "answer", "header"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
HeaderList = list[tuple[bytes, bytes]]


def header(scope: Scope, name: bytes) -> str:
    """The first value of a header; empty where it is not there."""
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return ""


async def answer(send: Send, status: int, headers: HeaderList, body: bytes, *, head: bool = False) -> None:
    """A whole answer. `head`: the request was a HEAD, to which the body is not sent."""
    headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if head else body, "more_body": False})
