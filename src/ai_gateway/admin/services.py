"""What the admin API works with: handed over by the composition root."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ai_gateway.admin.live import Hub
from ai_gateway.admin.sessions import Sessions
from ai_gateway.admin.state import GatewayState
from ai_gateway.config import Settings
from ai_gateway.pipeline import Pipeline
from ai_gateway.policy.calendar import Calendar
from ai_gateway.store.admin_protocols import AuditStore, HistoryStore, UsageStore, UserStore
from ai_gateway.store.protocols import ClientStore
from ai_gateway.store.tool_protocols import ToolStore
from ai_gateway.tools.toolbox import Toolbox
from ai_gateway.upstream.pool import TransportPool
from ai_gateway.upstream.proxies import Proxies

__all__ = ["MAX_TRIES", "Services"]

MAX_TRIES = 4
"""Tools that admins try at the same time."""


@dataclass(frozen=True, kw_only=True)
class Services:
    settings: Settings
    config_path: Path
    environ: Mapping[str, str]
    version: str
    started_ms: int
    clients: ClientStore
    users: UserStore
    audit: AuditStore
    history: HistoryStore
    usage: UsageStore
    sessions: Sessions
    live: Hub
    state: GatewayState
    calendar: Calendar
    pipeline: Pipeline
    toolbox: Toolbox
    tools: ToolStore
    reload_tools: Callable[[], Awaitable[None]]
    """Make the toolbox see a change of the store at once."""
    transports: TransportPool
    proxies: Proxies | None
    now_ms: Callable[[], int]
    """The wall clock."""
    tool_tries: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_TRIES))
