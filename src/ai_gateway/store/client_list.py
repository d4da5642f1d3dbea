"""The query behind a page of clients."""

from __future__ import annotations

from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, and_, case, func, literal, or_, select

from ai_gateway.store import schema
from ai_gateway.store.protocols import BadCursor, ClientCursor

__all__ = ["ClientSort", "list_clients"]

ClientSort = Literal["name", "last_seen", "cost_today"]
_clients, _keys, _usage = schema.clients, schema.client_keys, schema.usage_daily


def list_clients(
    *,
    q: str | None,
    backend: str | None,
    active: bool | None,
    sort: ClientSort,
    today: str,
    after: ClientCursor | None,
    limit: int,
) -> Select[Any]:
    """Ids and what the order goes by, which is where the next page begins. Raises: BadCursor."""
    filters: list[ColumnElement[bool]] = []
    if q:
        filters.append(_matches(q))
    if backend is not None:
        filters.append(_clients.c.backend == backend)
    if active is not None:
        filters.append(_clients.c.is_active.is_(active))
    if sort == "name":
        query = select(_clients.c.id, _clients.c.name).order_by(_clients.c.name)
        if after is not None:
            filters.append(_clients.c.name > _name(after))
        return query.where(*filters).limit(limit)
    value, source = _value(sort, today)
    if after is not None:
        number, name = _number(after)
        filters.append(or_(value < number, and_(value == number, _clients.c.name > name)))
    query = select(_clients.c.id, value.label("value"), _clients.c.name).select_from(source)
    return query.where(*filters).order_by(value.desc(), _clients.c.name).limit(limit)


def _value(sort: Literal["last_seen", "cost_today"], today: str) -> tuple[ColumnElement[float], Any]:
    """What is highest first; never used and never priced come last."""
    if sort == "last_seen":
        return func.coalesce(_clients.c.last_seen, -1), _clients
    cost = func.sum(_usage.c.cost_usd).label("cost")
    spent = (
        select(_usage.c.client_id, cost).where(_usage.c.day == today).group_by(_usage.c.client_id).subquery()
    )
    value = case((spent.c.cost.is_(None), literal(-1.0)), else_=spent.c.cost)
    return value, _clients.outerjoin(spent, spent.c.client_id == _clients.c.id)


def _matches(q: str) -> ColumnElement[bool]:
    """Part of the name, whatever the case; an id or the tail of a key whole."""
    tails = select(_keys.c.client_id).where(_keys.c.tail == q)
    return or_(
        func.lower(_clients.c.name).contains(q.lower(), autoescape=True),
        _clients.c.id == q,
        _clients.c.id.in_(tails),
    )


def _name(after: ClientCursor) -> str:
    match after:
        case (str(name),):
            return name
        case _:
            raise BadCursor("this place is of another list")


def _number(after: ClientCursor) -> tuple[float, str]:
    match after:
        case (int() | float() as number, str(name)):
            return number, name
        case _:
            raise BadCursor("this place is of another list")
