"""Plain HTTP answered with the way to HTTPS."""

from __future__ import annotations

import re

from ai_gateway.dialects.openai_errors import render_error
from ai_gateway.errors import BadRequest
from ai_gateway.ingress.caller import HttpCaller, Receive, Scope

__all__ = ["Redirect"]

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?")
_HTTPS = 443


class Redirect:
    """An ASGI application: 308 to the same host, path and query on the HTTPS port."""

    def __init__(self, https_port: int) -> None:
        self._port = b"" if https_port == _HTTPS else b":%d" % https_port

    async def __call__(self, scope: Scope, receive: Receive, _send: object) -> None:
        if "gateway.connection" not in scope:
            return  # the caller went before its turn came
        caller = HttpCaller(scope, receive, max_body=0)
        # The server has made sure that an HTTP/1.1 request names exactly one host.
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        found = _HOST.fullmatch(host)
        if found is None:
            error = BadRequest("the Host header names no host to go to")
            await caller.reply(400, [(b"content-type", b"application/json")], render_error(error))
            return
        query: bytes = scope["query_string"]
        target = scope["raw_path"] + (b"?" + query if query else b"")
        location = b"https://" + found[1] + self._port + target
        await caller.reply(308, [(b"location", location), (b"cache-control", b"no-store")], b"")
