"""Plain HTTP answered with the way to HTTPS."""

from __future__ import annotations

import re

from ai_gateway.dialects.openai_errors import render_error
from ai_gateway.errors import BadRequest
from ai_gateway.ingress.caller import HttpCaller, Receive, Scope, Send

__all__ = ["Redirect"]

_HOST = re.compile(rb"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(:[0-9]{1,5})?")
_HTTPS = 443


class Redirect:
    """Answers 308 to the same host, path and query on the HTTPS port."""

    def __init__(self, https_port: int) -> None:
        self._port = b"" if https_port == _HTTPS else b":%d" % https_port

    async def answer(self, caller: HttpCaller) -> None:
        # The server has made sure that an HTTP/1.1 request names exactly one host.
        host = next((value for name, value in caller.headers if name == b"host"), b"")
        found = _HOST.fullmatch(host)
        if found is None:
            error = BadRequest("the Host header names no host to go to")
            await caller.reply(400, [(b"content-type", b"application/json")], render_error(error))
            return
        target = caller.path.encode("ascii") + (b"?" + caller.query if caller.query else b"")
        location = b"https://" + found[1] + self._port + target
        await caller.reply(308, [(b"location", location), (b"cache-control", b"no-store")], b"")

    async def __call__(self, _scope: Scope, _receive: Receive, _send: Send) -> None:
        """There are no WebSockets here."""
