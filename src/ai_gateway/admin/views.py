"""From what the store and the data path know to what the API tells."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import get_args

import msgspec

from ai_gateway.admin.schemas.base import instant
from ai_gateway.admin.schemas.clients import (
    Client,
    ClientSummary,
    KeyInfo,
    LimitName,
    LimitState,
    TodayUsage,
)
from ai_gateway.admin.schemas.traffic import (
    Attempt,
    Bodies,
    Point,
    RequestDetail,
    RequestSummary,
    ToolRun,
    TopClient,
    TopModel,
    Totals,
)
from ai_gateway.core import client as core
from ai_gateway.core.headroom import LimitState as HeldLimit
from ai_gateway.core.record import Attempt as AttemptRecord
from ai_gateway.core.record import RequestRecord
from ai_gateway.core.server_tools import ToolRun as ToolRunRecord
from ai_gateway.core.server_tools import runs_of
from ai_gateway.store.admin_protocols import PointRow, Sums, TopRow

__all__ = [
    "client_summary",
    "client_view",
    "limit_states",
    "point",
    "request_detail",
    "request_summary",
    "top_client",
    "top_model",
    "totals",
]

_LIMIT_NAMES: dict[str, LimitName] = {name: name for name in get_args(LimitName)}
_attempts = msgspec.json.Decoder(list[AttemptRecord])
MAX_ATTEMPTS = 1000
MAX_RUNS = 1000


def client_view(client: core.Client) -> Client:
    return Client.model_validate(
        {
            **client.public(),
            "keys": [
                KeyInfo(tail=key.tail, created_at=key.created_at, expires_at=key.expires_at)
                for key in client.keys
            ],
            "expires_at": _utc(client.settings.expires_at),
            "etag": client.etag,
        }
    )


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.astimezone(UTC)


def client_summary(client: core.Client, used: Sums | None, states: Sequence[HeldLimit]) -> ClientSummary:
    settings, sums = client.settings, used or Sums()
    return ClientSummary(
        id=client.id,
        name=settings.name,
        description=settings.description,
        backend=settings.backend,
        default_model=settings.default_model,
        is_active=settings.is_active,
        expires_at=_utc(settings.expires_at),
        last_seen=client.last_seen,
        key_tails=[key.tail for key in client.keys],
        today=TodayUsage(
            requests=sums.requests,
            errors=sums.errors,
            input_tokens=sums.input_tokens,
            output_tokens=sums.output_tokens,
            cost_usd=sums.cost_usd,
        ),
        limits=limit_states(states),
    )


def limit_states(states: Iterable[HeldLimit]) -> list[LimitState]:
    return [
        LimitState(
            name=_LIMIT_NAMES[state.name],
            limit=state.limit,
            used=state.used,
            held=state.held,
            remaining=state.remaining,
            resets_in_s=state.resets_in_s,
        )
        for state in states
    ]


def totals(sums: Sums) -> Totals:
    return Totals(
        requests=sums.requests,
        errors=sums.errors,
        error_rate=sums.errors / sums.requests if sums.requests else 0.0,
        input_tokens=sums.input_tokens,
        output_tokens=sums.output_tokens,
        cached_tokens=sums.cached_tokens,
        cost_usd=sums.cost_usd,
        unpriced_requests=sums.unpriced_requests,
    )


def point(row: PointRow) -> Point:
    return Point(
        at=instant(row.at),
        requests=row.requests,
        errors=row.errors,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cost_usd=row.cost_usd,
    )


def top_model(row: TopRow) -> TopModel:
    return TopModel(model=row.key, requests=row.requests, tokens=_tokens(row), cost_usd=row.cost_usd)


def top_client(row: TopRow) -> TopClient:
    return TopClient(
        id=row.key, name=row.name, requests=row.requests, tokens=_tokens(row), cost_usd=row.cost_usd
    )


def _tokens(row: Sums) -> int:
    return row.input_tokens + row.output_tokens


_SUMMARY = tuple(name for name in RequestSummary.model_fields if name != "at")


def request_summary(row: RequestRecord) -> RequestSummary:
    return RequestSummary(at=instant(row.started_at), **{name: getattr(row, name) for name in _SUMMARY})


def request_detail(row: RequestRecord) -> RequestDetail:
    return RequestDetail(
        at=instant(row.started_at),
        **{name: getattr(row, name) for name in _SUMMARY},
        model_reported=row.model_reported,
        error_message=row.error_message,
        cache_write_tokens=row.cache_write_tokens,
        overhead_ms=row.overhead_ms,
        key_tail=row.key_tail,
        caller_address=row.caller_address,
        usage_raw=row.usage_raw,
        attempt_log=_attempt_log(row),
        tool_runs=_tool_runs(row),
        bodies=_bodies(row),
    )


def _attempt_log(row: RequestRecord) -> list[Attempt]:
    if row.attempt_log is None:
        return []
    found = _attempts.decode(row.attempt_log)[:MAX_ATTEMPTS]
    return [Attempt(**{name: getattr(each, name) for name in Attempt.model_fields}) for each in found]


def _tool_runs(row: RequestRecord) -> list[ToolRun]:
    """As they began; the log has them as they ended."""
    runs = sorted(runs_of(row.tool_log), key=lambda run: run.started_ms)
    return [_tool_run(run) for run in runs[:MAX_RUNS]]


def _tool_run(run: ToolRunRecord) -> ToolRun:
    return ToolRun(
        name=run.name,
        server=run.source or None,
        round=run.round,
        started_ms=run.started_ms,
        duration_ms=run.duration_ms,
        error=run.error,
    )


def _bodies(row: RequestRecord) -> Bodies | None:
    if row.caller_request is None and row.upstream_request is None and row.response is None:
        return None
    return Bodies(
        caller_request=row.caller_request, upstream_request=row.upstream_request, response=row.response
    )
