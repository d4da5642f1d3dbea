"""How a client stands with each of its limits, for the dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ai_gateway.core.headroom import LimitState
from ai_gateway.policy.limits import Limits
from ai_gateway.policy.refusals import Standings

__all__ = ["states"]


class Turning(Standings, Protocol):
    """An account that knows when its day is over."""

    def turn(self, wall_s: float) -> None: ...


def states(account: Turning, limits: Limits, *, now_s: float, wall_s: float) -> Sequence[LimitState]:
    """Every limit that the client has, in the order in which they are told."""
    account.turn(wall_s)
    today, month = account.today, account.month
    day_s = account.day.end_s - wall_s
    minute, hour, day = account.windows
    rows = (
        _state("requests_minute", limits.minute, minute.used(now_s), 0, minute.empty_s(now_s)),
        _state("requests_hour", limits.hour, hour.used(now_s), 0, hour.empty_s(now_s)),
        _state("requests_day", limits.day, day.used(now_s), 0, day.empty_s(now_s)),
        _state("concurrency", limits.concurrency, account.in_flight, 0, None),
        _state("quota_requests_day", limits.requests, today.requests, 0, day_s),
        _state("quota_input_tokens_day", limits.input_tokens, today.input_tokens, today.held_input, day_s),
        _state(
            "quota_output_tokens_day", limits.output_tokens, today.output_tokens, today.held_output, day_s
        ),
        _state("budget_usd_day", limits.usd_day, today.usd, today.held_usd, day_s),
        _state(
            "budget_usd_month", limits.usd_month, month.usd, month.held_usd, account.day.month_end_s - wall_s
        ),
    )
    return [row for row in rows if row.limit]


def _state(name: str, limit: float, used: float, held: float, resets_in_s: float | None) -> LimitState:
    return LimitState(name=name, limit=limit, used=used, held=held, resets_in_s=resets_in_s)
