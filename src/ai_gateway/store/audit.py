"""The audit log: who changed what. A row is written in the transaction of its change."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

import msgspec
from sqlalchemy import insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ai_gateway.core.client import SECRET_FIELDS, ClientSettings
from ai_gateway.store import schema
from ai_gateway.store.admin_protocols import AuditFilter, AuditRow, Change
from ai_gateway.store.database import Database
from ai_gateway.store.protocols import Actor

__all__ = ["SECRET", "SqlAuditStore", "Target", "audit", "command_line", "settings_changes"]

SECRET = "(secret)"  # noqa: S105 - what is shown instead of one
MAX_TEXT = 500
"""Characters of a value that are kept."""

_log = schema.audit_log
_decode = msgspec.json.Decoder(list[Change]).decode


class Target(msgspec.Struct, frozen=True):
    """What was changed."""

    kind: str
    id: str | None
    name: str | None


def command_line() -> Actor:
    """Whoever runs the program on this machine."""
    import getpass  # only a change needs it

    try:
        name = getpass.getuser()
    except (OSError, KeyError, ImportError):  # no entry for this user id, as in containers
        name = "unknown"
    return Actor(kind="cli", name=name)


async def audit(
    connection: AsyncConnection,
    action: str,
    target: Target,
    changes: Sequence[Change] = (),
    *,
    by: Actor | None,
) -> None:
    """Note a change in the transaction that makes it; without an actor it was the command line."""
    actor = by or command_line()
    await connection.execute(
        insert(_log).values(
            at=time.time_ns() // 1_000_000,
            actor_kind=actor.kind,
            actor=actor.name,
            address=actor.address,
            action=action,
            target_kind=target.kind,
            target_id=target.id,
            target_name=target.name,
            changes=msgspec.json.encode(list(changes)).decode(),
        )
    )


def settings_changes(before: ClientSettings | None, after: ClientSettings | None) -> list[Change]:
    """The fields that differ; of a new or a deleted client, those that are not at their default."""
    known = before or after
    assert known is not None, "one of the two is there"
    blank = ClientSettings(name=known.name, backend=known.backend)
    old, new = before or blank, after or blank
    changes = []
    for name in ClientSettings.model_fields:
        if before is not None and after is not None:
            changed = getattr(old, name) != getattr(new, name)
        else:
            changed = name in ("name", "backend") or getattr(old, name) != getattr(new, name)
        if changed and name != "models":
            told = (None if each is None else _told(name, each) for each in (before, after))
            changes.append(Change(name, *told))
    return changes


def _told(name: str, settings: ClientSettings) -> str | None:
    value = getattr(settings, name)
    if name in SECRET_FIELDS:
        return SECRET if value else None
    if name == "extra_backends":
        value = [
            {
                **extra.model_dump(mode="json", exclude=set(SECRET_FIELDS)),
                **({"backend_api_key": SECRET} if extra.backend_api_key else {}),
            }
            for extra in value
        ]
    if isinstance(value, str):
        text = value
    elif hasattr(value, "isoformat"):
        text = value.isoformat()
    else:
        text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MAX_TEXT else f"{text[:MAX_TEXT]}…"


class SqlAuditStore:
    """An `AuditStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def note(
        self, action: str, target_kind: str, target_id: str | None, *, name: str | None = None, by: Actor
    ) -> None:
        async with self._database.writing() as connection:
            await audit(connection, action, Target(target_kind, target_id, name or by.name), by=by)

    async def page(self, wanted: AuditFilter, *, before: int | None, limit: int) -> Sequence[AuditRow]:
        query = select(_log).order_by(_log.c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(_log.c.id < before)
        if wanted.actor is not None:
            query = query.where(_log.c.actor == wanted.actor)
        if wanted.action is not None:
            query = query.where(_log.c.action == wanted.action)
        if wanted.target is not None:
            query = query.where(or_(_log.c.target_id == wanted.target, _log.c.target_name == wanted.target))
        if wanted.since_ms is not None:
            query = query.where(_log.c.at >= wanted.since_ms)
        if wanted.until_ms is not None:
            query = query.where(_log.c.at < wanted.until_ms)
        async with self._database.reading() as connection:
            rows = await connection.execute(query)
            return [AuditRow(**{**row._mapping, "changes": _decode(row.changes)}) for row in rows]
