"""The dashboard's WebSocket: a snapshot, then what changes, at most four times a second.

Nothing waits for a slow reader: the next message is made when the one before has gone out, and where too much
has happened since, it is a snapshot again.
"""

from __future__ import annotations

import asyncio
import time

from ai_gateway.admin.asgi import Receive, Scope, Send
from ai_gateway.admin.guard import cookie_of, same_origin
from ai_gateway.admin.live import Hub
from ai_gateway.admin.sessions import Sessions
from ai_gateway.store.protocols import StoreError

__all__ = ["LiveSocket"]

INTERVAL_S = 0.25
CHECK_INTERVAL_S = 2.0
"""How soon a session that was ended closes its sockets."""
SEND_TIMEOUT_S = 60.0
MAX_SOCKETS = 200
RETRY_S = 2.0
"""After the database was away."""
UNAUTHENTICATED, WRONG_ORIGIN, TRY_LATER = 4401, 4403, 1013


class LiveSocket:
    """Serves `/admin/ws`."""

    def __init__(self, hub: Hub, sessions: Sessions) -> None:
        self._hub = hub
        self._sessions = sessions
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return
        await send({"type": "websocket.accept"})  # only then can a browser read why it is closed
        code = await self._refusal(scope)
        if code is None:
            self._open += 1
            try:
                code = await self._serve(scope, receive, send)
            finally:
                self._open -= 1
        if code is not None:
            await send({"type": "websocket.close", "code": code})

    async def _refusal(self, scope: Scope) -> int | None:
        if not same_origin(scope):
            return WRONG_ORIGIN
        if self._open >= MAX_SOCKETS:
            return TRY_LATER
        return None if await self._is_signed_in(scope) else UNAUTHENTICATED

    async def _is_signed_in(self, scope: Scope) -> bool:
        try:
            return await self._sessions.of_cookie(cookie_of(scope), address=None) is not None
        except StoreError:
            return False

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> int | None:
        """Until one side ends it; the code to close with, None where the other side has closed."""
        leaving = asyncio.create_task(_left(receive))
        telling = asyncio.create_task(self._tell(scope, send))
        try:
            await asyncio.wait((leaving, telling), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # A query that is cancelled leaves its thread behind: the telling ends by itself where it can.
            leaving.cancel()
            telling.cancel()
            done = await asyncio.gather(telling, leaving, return_exceptions=True)
        return done[0] if isinstance(done[0], int) else None

    async def _tell(self, scope: Scope, send: Send) -> int:
        seen: int | None = None
        checked_s = time.monotonic()
        while True:
            if time.monotonic() - checked_s > CHECK_INTERVAL_S:
                if not await self._is_signed_in(scope):
                    return UNAUTHENTICATED
                checked_s = time.monotonic()
            try:
                found = await self._hub.next(seen)
            except StoreError:
                await asyncio.sleep(RETRY_S)
                continue
            if found is not None:
                seen, text = found
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await send({"type": "websocket.send", "text": text})
            await asyncio.sleep(INTERVAL_S)


async def _left(receive: Receive) -> None:
    """Returns when the other side has gone; what it says is of no interest."""
    while (await receive())["type"] != "websocket.disconnect":
        pass
