"""What a client may use, what a request wants of it, and what has been used."""

from __future__ import annotations

import math
import sys

import msgspec

from ai_gateway.core.client import ClientSettings
from ai_gateway.core.structs import quick_to_set

__all__ = [
    "DEFAULT_OUTPUT_TOKENS",
    "MOST_TOKENS",
    "NO_LIMITS",
    "TINY_USD",
    "Limits",
    "Used",
    "Want",
    "output_room",
    "usd_room",
]

TINY_USD = 1e-9
"""Rounding of sums: under a nanodollar is nothing."""
DEFAULT_OUTPUT_TOKENS = 4096
"""Reserved where a request names no limit of its own; more is taken as its answer grows."""
MOST_TOKENS = 2**40
"""Callers may name any figure: more than this is as good as no limit. Millions of requests at a time that ask
for as much are still a sum of 63 bits."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may use; 0 means unlimited."""

    minute: int = 0
    hour: int = 0
    day: int = 0
    """Requests within any 60 seconds, 3,600 seconds, 24 hours."""
    concurrency: int = 0
    """Requests in flight."""
    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    """In one calendar day."""
    usd_day: float = 0.0
    usd_month: float = 0.0
    has_budget: bool = False
    """Follows from the above, as all the next do."""
    counts_tokens: bool = False
    """Whether it matters how many tokens a request may use."""
    told: bool = False
    """Whether answers tell of any of them."""
    most_concurrency: int = 0
    most_input: int = 0
    most_output: int = 0
    most_usd_day: float = 0.0
    most_usd_month: float = 0.0
    """As above, but where there is no limit more than anybody uses."""

    def __post_init__(self) -> None:
        has_budget = bool(self.usd_day or self.usd_month)
        has_quota = bool(self.input_tokens or self.output_tokens)
        for name, value in (
            ("has_budget", has_budget),
            ("counts_tokens", has_budget or has_quota),
            ("told", bool(self.minute or self.hour or self.day or self.requests) or has_quota),
            ("most_concurrency", self.concurrency or sys.maxsize),
            ("most_input", self.input_tokens or sys.maxsize),
            ("most_output", self.output_tokens or sys.maxsize),
            ("most_usd_day", self.usd_day or math.inf),
            ("most_usd_month", self.usd_month or math.inf),
        ):
            msgspec.structs.force_setattr(self, name, value)

    @classmethod
    def of(cls, settings: ClientSettings) -> Limits:
        return cls(
            minute=settings.rate_limit_minute,
            hour=settings.rate_limit_hour,
            day=settings.rate_limit_day,
            concurrency=settings.max_concurrency,
            requests=settings.quota_requests_day,
            input_tokens=settings.quota_input_tokens_day,
            output_tokens=settings.quota_output_tokens_day,
            usd_day=settings.budget_usd_day,
            usd_month=settings.budget_usd_month,
        )


NO_LIMITS = Limits()


class Want(msgspec.Struct, frozen=True, gc=False):
    """What a request is expected to use."""

    input_tokens: int = 0
    """Estimated."""
    output_tokens: int | None = None
    """All that its answer may have; None: the caller set no limit."""
    input_usd: float = 0.0
    """Of all its input."""
    output_usd: float = 0.0
    """Per output token. Both are 0 where no price is known."""

    @property
    def asked(self) -> int:
        """Output tokens to reserve, where there are so many."""
        asked = self.output_tokens
        if asked is None:
            return DEFAULT_OUTPUT_TOKENS
        return asked if 0 <= asked <= MOST_TOKENS else MOST_TOKENS * (asked > 0)

    @property
    def least_output(self) -> int:
        """With fewer than so many there is no use in asking at all."""
        return min(self.asked, 1)


@quick_to_set
class Used(msgspec.Struct, gc=False):
    """What was used in a day, or of money in a month, and what requests in flight have reserved."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float = 0.0
    held_input: int = 0
    held_output: int = 0
    held_usd: float = 0.0

    @property
    def all_input(self) -> int:
        return self.input_tokens + self.held_input

    @property
    def all_output(self) -> int:
        return self.output_tokens + self.held_output

    @property
    def all_usd(self) -> float:
        return self.usd + self.held_usd


def output_room(limits: Limits, today: Used, month: Used, output_usd: float, input_usd: float = 0.0) -> float:
    """Output tokens that are left, after input for `input_usd`; infinite where nothing limits them, -1 where
    the budget has no room for the request at all."""
    room = math.inf
    if limits.output_tokens:
        room = limits.output_tokens - today.output_tokens - today.held_output
        if room < 0:
            room = 0
    left = usd_left(limits, today, month)
    if left is None:
        return room
    bought = usd_room(left, output_usd, input_usd)
    return bought if bought < room else room


def usd_room(left: float, output_usd: float, input_usd: float = 0.0) -> float:
    """Output tokens that `left` USD buy, after input for `input_usd`; -1 where there is no room at all."""
    if left <= TINY_USD or left - input_usd < -TINY_USD:
        return -1
    if not output_usd:
        return math.inf
    tokens = (left - input_usd + TINY_USD) / output_usd
    return math.floor(tokens) if tokens < MOST_TOKENS else MOST_TOKENS


def usd_left(limits: Limits, today: Used, month: Used) -> float | None:
    """The tighter of both budgets; None where there is none."""
    left = None
    if limits.usd_day:
        left = limits.usd_day - today.usd - today.held_usd
    if limits.usd_month:
        of_month = limits.usd_month - month.usd - month.held_usd
        if left is None or of_month < left:
            left = of_month
    return left
