"""Why a request was not admitted, and when it would be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Protocol

from ai_gateway.errors import ContextLengthExceeded, GatewayError, LimitReached
from ai_gateway.policy.calendar import Day
from ai_gateway.policy.limits import Limits, Used, Want, usd_room
from ai_gateway.policy.windows import Window

__all__ = ["IN_FLIGHT_RETRY_S", "Standings", "refusal"]

IN_FLIGHT_RETRY_S = 1
"""Nobody knows when a request in flight will end."""


class Standings(Protocol):
    """What an account knows of itself."""

    @property
    def windows(self) -> tuple[Window, Window, Window]: ...
    @property
    def day(self) -> Day: ...
    @property
    def today(self) -> Used: ...
    @property
    def month(self) -> Used: ...
    @property
    def in_flight(self) -> int: ...


def refusal(account: Standings, limits: Limits, want: Want, *, now_s: float, wall_s: float) -> GatewayError:
    """The error for a request that some limit keeps out: of several the one that does so longest, for after
    that time all of them are open."""
    if limits.input_tokens and want.input_tokens > limits.input_tokens:
        return ContextLengthExceeded(
            f"the input is some {want.input_tokens} tokens, and this client may send {limits.input_tokens} "
            "in a whole day"
        )
    for limit, name in ((limits.usd_day, "day"), (limits.usd_month, "month")):
        if limit and not _affordable(limit, want):
            return ContextLengthExceeded(
                f"this request costs more than the {limit:g} USD that this client may spend in a whole {name}"
            )
    found = [
        *_windows(account, limits, now_s),
        *_quotas(account, limits, want, account.day.end_s - wall_s),
        *_budgets(account, limits, want, wall_s),
    ]
    if limits.concurrency and account.in_flight >= limits.concurrency:
        found.append(
            LimitReached(
                f"rate limit reached: {limits.concurrency} requests of this client are in flight",
                reason="concurrency",
                retry_after_s=IN_FLIGHT_RETRY_S,
            )
        )
    return max(found, key=lambda error: error.retry_after_s or 0)


def _windows(account: Standings, limits: Limits, now_s: float) -> Iterator[LimitReached]:
    names = ("minute", "hour", "day")
    bounds = (limits.minute, limits.hour, limits.day)
    for window, limit, name in zip(account.windows, bounds, names, strict=True):
        if limit and window.used(now_s) >= limit:
            yield LimitReached(
                f"rate limit reached: {limit} requests a {name}",
                reason=name,
                retry_after_s=_whole(window.wait_s(now_s, limit)),
            )


def _quotas(account: Standings, limits: Limits, want: Want, to_midnight_s: float) -> Iterator[LimitReached]:
    today = account.today
    if limits.requests and today.requests >= limits.requests:
        yield _spent(f"quota reached: {limits.requests} requests a day", "quota_requests", to_midnight_s)
    if limits.input_tokens and today.all_input + want.input_tokens > limits.input_tokens:
        left = max(0, limits.input_tokens - today.all_input)
        yield _short(
            f"quota reached: {limits.input_tokens} input tokens a day, {left} are left, this request has "
            f"some {want.input_tokens}",
            "quota_input_tokens",
            to_midnight_s,
            held=today.input_tokens + want.input_tokens <= limits.input_tokens,
        )
    wanted = want.least_output
    if limits.output_tokens and wanted and today.all_output + wanted > limits.output_tokens:
        yield _short(
            f"quota reached: {limits.output_tokens} output tokens a day",
            "quota_output_tokens",
            to_midnight_s,
            held=today.output_tokens + wanted <= limits.output_tokens,
        )


def _budgets(account: Standings, limits: Limits, want: Want, wall_s: float) -> Iterator[LimitReached]:
    for name, limit, used, end_s in (
        ("day", limits.usd_day, account.today, account.day.end_s),
        ("month", limits.usd_month, account.month, account.day.month_end_s),
    ):
        if limit and not _affordable(limit - used.all_usd, want):
            yield _short(
                f"budget reached: {limit:g} USD a {name}",
                f"budget_{name}",
                end_s - wall_s,
                held=_affordable(limit - used.usd, want),
            )


def _affordable(left_usd: float, want: Want) -> bool:
    """The same sum as an admission's, so that each finds what the other does."""
    return usd_room(left_usd, want.output_usd, want.input_usd) >= want.least_output


def _short(message: str, reason: str, wait_s: float, *, held: bool) -> LimitReached:
    """Too little is left; `held`: there would be enough, did requests in flight not have it reserved."""
    if held:
        return LimitReached(
            f"{message} (reserved for requests in flight)", reason=reason, retry_after_s=IN_FLIGHT_RETRY_S
        )
    return _spent(message, reason, wait_s)


def _spent(message: str, reason: str, wait_s: float) -> LimitReached:
    return LimitReached(message, reason=reason, retry_after_s=_whole(wait_s), quota=True)


def _whole(seconds: float) -> int:
    """Seconds to tell: never too few."""
    return max(1, math.ceil(seconds))
