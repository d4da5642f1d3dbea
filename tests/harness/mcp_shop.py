"""The shop that `mcp_web` starts: `python -m tests.harness.mcp_shop PORT`."""

from __future__ import annotations

import struct
import sys
import zlib
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import uvicorn
from mcp.server.mcpserver import Image, MCPServer
from pydantic import Field

from tests.harness.mcp_web import HOST, KEY


def _png() -> bytes:
    """A blue square."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    side = 48
    rows = b"".join(b"\0" + b"\x20\x60\xd0" * side for _ in range(side))
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


def _main(port: int) -> None:
    server = MCPServer("shop", version="1.2")

    @server.tool()
    def find(
        words: Annotated[str, Field(description="what to look for")],
        limit: Annotated[int, Field(description="how many, at most")] = 10,
        exact: bool = False,
        sort: Literal["price", "name"] = "price",
        where: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Find articles in the shop.

        The newest prices. <b>Not HTML.</b>
        """
        return {"words": words, "limit": limit, "exact": exact, "sort": sort, "where": where}

    @server.tool()
    def picture() -> Image:
        """A photograph of the shop."""
        return Image(data=_png(), format="png")

    @server.tool()
    def fails(article: str) -> str:
        """Never works."""
        raise ValueError(f"there is no article {article}")

    app = server.streamable_http_app()
    uvicorn.run(_guarded(app), host=HOST, port=port, log_level="critical")


# ASGI's own types are trees of anything.
def _guarded(app: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def guard(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (b"x-key", KEY.encode()) not in scope["headers"]:
            await send({"type": "http.response.start", "status": 401, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await app(scope, receive, send)

    return guard


if __name__ == "__main__":
    _main(int(sys.argv[1]))
