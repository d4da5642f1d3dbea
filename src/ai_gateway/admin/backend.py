"""Loads the admin API: the modules that only it needs, its own connections, the config's account."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ai_gateway.admin.api import make_api
from ai_gateway.admin.asgi import App
from ai_gateway.admin.live import Hub
from ai_gateway.admin.loader import Closing, Parts
from ai_gateway.admin.services import Services
from ai_gateway.admin.sessions import Sessions
from ai_gateway.admin.site import Backend
from ai_gateway.admin.socket import LiveSocket
from ai_gateway.policy.calendar import Calendar
from ai_gateway.store.accounts import PASSWORD_HASH, SESSION_SECRET
from ai_gateway.store.audit import SqlAuditStore
from ai_gateway.store.clients import SqlClientStore
from ai_gateway.store.courtesy import giving_way
from ai_gateway.store.database import Database
from ai_gateway.store.history import SqlHistoryStore
from ai_gateway.store.live import SqliteLiveStore
from ai_gateway.store.protocols import StoreError
from ai_gateway.store.reader import Reader
from ai_gateway.store.tools import SqlToolStore
from ai_gateway.store.usage import SqlUsageStore
from ai_gateway.store.users import SqlUserStore

__all__ = ["open_backend"]

POOL_SIZE = 3
"""Connections that are kept; more are made while they are needed."""


def now_ms() -> int:
    """Unix time."""
    return time.time_ns() // 1_000_000


async def open_backend(parts: Parts, on_close: Callable[[Closing], None]) -> Backend:
    """`on_close` is told what has to be closed at the end. Raises: StoreError."""
    database = Database.open(parts.settings.database.path, pool_size=POOL_SIZE)
    on_close(database.close)
    in_flight = parts.state.in_flight
    reader = Reader(parts.settings.database.path, in_flight)
    on_close(reader.close)
    clients = SqlClientStore(database, parts.box)
    users, audit = SqlUserStore(database), SqlAuditStore(database)
    admin = parts.settings.admin
    password_hash = admin.password_hash.reveal() or await clients.get_setting(PASSWORD_HASH)
    if password_hash:
        await users.adopt_admin(admin.username, password_hash, now_ms=now_ms())
    secret = admin.session_secret.reveal() or await clients.get_setting(SESSION_SECRET)
    if not secret:
        raise StoreError("there is no session secret: start the gateway by `ai-gateway serve`")
    calendar = Calendar(parts.settings.limits.timezone)
    usage = SqlUsageStore(database, reader)
    store = SqliteLiveStore(reader)
    sessions = Sessions(
        users, audit, secret=secret, now_ms=now_ms, monotonic_s=time.monotonic, in_flight=in_flight
    )
    hub = Hub(parts.feed, store, calendar, in_flight, now_ms)
    services = Services(
        settings=parts.settings,
        config_path=parts.config_path,
        environ=parts.environ,
        version=parts.version,
        started_ms=parts.started_ms,
        clients=clients,
        users=users,
        audit=audit,
        history=SqlHistoryStore(database, reader),
        usage=usage,
        sessions=sessions,
        live=hub,
        state=parts.state,
        calendar=calendar,
        pipeline=parts.pipeline,
        toolbox=parts.toolbox,
        tools=SqlToolStore(database, parts.box),
        reload_tools=parts.reload_tools,
        transports=parts.transports,
        proxies=parts.proxies,
        now_ms=now_ms,
    )
    return Backend(await asyncio.to_thread(_make_api, services), LiveSocket(hub, sessions))


def _make_api(services: Services) -> App:
    """It takes a quarter of a second."""
    with giving_way(services.state.in_flight):
        return make_api(services)
