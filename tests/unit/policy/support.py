"""Limits as an obvious list: every request that was admitted, counted anew at each question."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from ai_gateway.policy.limits import DEFAULT_OUTPUT_TOKENS, Limits, Want
from ai_gateway.policy.windows import DAY_S, HOUR_S, MINUTE_S

__all__ = ["Reference", "Sums", "Taken"]


class Taken(msgspec.Struct, eq=False):
    """A request that was admitted. It is open until `used` is known."""

    at_s: float
    wall_s: float
    day: str
    limits: Limits
    want: Want
    allowance: int
    used: tuple[int, int, float] | None = None

    @property
    def month(self) -> str:
        return self.day[:7]

    @property
    def held_usd(self) -> float:
        return self.want.input_usd + self.allowance * self.want.output_usd


class Sums(msgspec.Struct, frozen=True):
    """Of a day or a month."""

    requests: int
    input_tokens: int
    output_tokens: int
    usd: float
    held_input: int
    held_output: int
    held_usd: float

    @property
    def all_input(self) -> int:
        return self.input_tokens + self.held_input

    @property
    def all_output(self) -> int:
        return self.output_tokens + self.held_output

    @property
    def all_usd(self) -> float:
        return self.usd + self.held_usd


class Reference:
    """What the limits say, by the book. Money is exact as long as all sums are of multiples of 1/1024."""

    def __init__(self, zone: str) -> None:
        self.zone = ZoneInfo(zone)
        self.taken: list[Taken] = []

    def day(self, wall_s: float) -> str:
        return datetime.fromtimestamp(wall_s, self.zone).date().isoformat()

    @property
    def open(self) -> list[Taken]:
        return [each for each in self.taken if each.used is None]

    def within(self, now_s: float, seconds: float) -> int:
        return sum(1 for each in self.taken if now_s < each.at_s + seconds)

    def sums(self, period: str) -> Sums:
        """Of a day (YYYY-MM-DD) or a month (YYYY-MM)."""
        mine = [each for each in self.taken if each.day.startswith(period)]
        ended = [each.used for each in mine if each.used is not None]
        held = [each for each in mine if each.used is None]
        return Sums(
            requests=len(mine),
            input_tokens=sum(used[0] for used in ended),
            output_tokens=sum(used[1] for used in ended),
            usd=sum(used[2] for used in ended),
            held_input=sum(each.want.input_tokens for each in held),
            held_output=sum(each.allowance for each in held),
            held_usd=sum(each.held_usd for each in held),
        )

    def output_left(self, limits: Limits, day: str, output_usd: float, input_usd: float) -> float:
        """Output tokens that may still be had on a day; below 0 where not even the input may."""
        today, month = self.sums(day), self.sums(day[:7])
        room = float("inf")
        if limits.output_tokens:
            room = max(0, limits.output_tokens - today.all_output)
        for limit, used in ((limits.usd_day, today.all_usd), (limits.usd_month, month.all_usd)):
            if limit:
                left = limit - used - input_usd
                if limit - used <= 0 or left < 0:
                    return -1
                if output_usd:
                    room = min(room, left // output_usd)
        return room

    def allowance(self, limits: Limits, want: Want, now_s: float, wall_s: float) -> int | None:
        """Output tokens that a request would get; None where it is kept out."""
        day = self.day(wall_s)
        today = self.sums(day)
        asked = DEFAULT_OUTPUT_TOKENS if want.output_tokens is None else want.output_tokens
        room = self.output_left(limits, day, want.output_usd, want.input_usd)
        kept_out = (
            (limits.minute and self.within(now_s, MINUTE_S) >= limits.minute)
            or (limits.hour and self.within(now_s, HOUR_S) >= limits.hour)
            or (limits.day and self.within(now_s, DAY_S) >= limits.day)
            or (limits.concurrency and len(self.open) >= limits.concurrency)
            or (limits.requests and today.requests >= limits.requests)
            or (limits.input_tokens and today.all_input + want.input_tokens > limits.input_tokens)
            or room < min(asked, 1)
        )
        return None if kept_out else int(min(asked, room))

    def restart(self, now_s: float, wall_s: float) -> None:
        """What was in flight is gone; admissions of one second are known by the last of them."""
        self.taken = [each for each in self.taken if each.used is not None]
        last = {int(each.wall_s): each.wall_s for each in self.taken}
        for each in self.taken:
            each.at_s = now_s - (wall_s - last[int(each.wall_s)])
