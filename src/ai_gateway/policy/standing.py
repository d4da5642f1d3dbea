"""How a client stands with its limits, for answers and for the dashboard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ai_gateway.core.headroom import Headroom, LimitState, Room, Standing
from ai_gateway.policy.limits import Limits
from ai_gateway.policy.refusals import Standings

__all__ = ["standing", "states"]


class Account(Standings, Protocol):
    """An account that knows when its day is over."""

    def turn(self, wall_s: float) -> None: ...
    def room(self, limits: Limits, *, now_s: float, wall_s: float) -> Room: ...


def standing(account: Account, limits: Limits, *, now_s: float, wall_s: float) -> Standing:
    """What answers tell of the client's limits."""
    limit, left, reset_s, _, _, midnight_s = account.room(limits, now_s=now_s, wall_s=wall_s)
    today = account.today
    return Standing(
        requests=Headroom(limit, left, reset_s) if limit else None,
        input_tokens=_tokens(limits.input_tokens, today.all_input, midnight_s),
        output_tokens=_tokens(limits.output_tokens, today.all_output, midnight_s),
    )


def _tokens(limit: int, used: int, reset_s: float) -> Headroom | None:
    if not limit:
        return None
    return Headroom(limit, limit - used if limit > used else 0, reset_s)


def states(account: Account, limits: Limits, *, now_s: float, wall_s: float) -> Sequence[LimitState]:
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
