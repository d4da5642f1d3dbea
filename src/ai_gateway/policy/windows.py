"""Sliding windows: how many requests were admitted within the last so many seconds, exactly.

An admission at time t counts until t + the window's length: no more than the limit ever fall into any stretch
of that length, wherever it begins. Clocks are the caller's: any that never goes back.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Protocol

__all__ = ["COMPACT_AT", "DAY_S", "EXACT_ENTRIES", "HOUR_S", "MINUTE_S", "SlidingWindow", "Window"]

MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86_400.0
EXACT_ENTRIES = 1024
"""Up to here each admission leaves its window to the instant. Beyond, neighbours within a 1024th of the
window leave together with the last of them: never early, and memory stays bounded (some 64 KiB a window)."""
COMPACT_AT = 256
_ONES = array("L", [1] * 64)
_NEVER = math.inf


class Window(Protocol):
    """Admissions within the last so many seconds."""

    @property
    def seconds(self) -> float: ...
    @property
    def total(self) -> int: ...
    @property
    def due_s(self) -> float: ...
    @property
    def newest_s(self) -> float: ...
    def used(self, now_s: float) -> int: ...
    def add(self, now_s: float, count: int = 1) -> None: ...
    def extend(self, moments: Sequence[float]) -> None: ...
    def remove(self, at_s: float) -> None: ...
    def wait_s(self, now_s: float, limit: int) -> float: ...
    def empty_s(self, now_s: float) -> float: ...


class SlidingWindow:
    """The admissions of one client within the last `seconds`."""

    __slots__ = ("_counts", "_first", "_gone_s", "_grain_s", "_head", "_times", "due_s", "seconds", "total")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._grain_s = seconds / EXACT_ENTRIES
        self.total = 0
        """Admissions within the window as of the last look at it."""
        self._times = array("d")
        """When the last admission of each entry was."""
        self._counts = array("L")
        self._head = 0
        self._gone_s = -math.inf
        """Of the newest admission that has left."""
        self._first = 0.0
        """When the newest entry was begun."""
        self.due_s = math.inf
        """When the oldest entry leaves: perhaps too early, never too late."""

    @property
    def newest_s(self) -> float:
        """When the newest admission was that still counts; -inf where there is none."""
        return self._times[-1] if len(self._times) > self._head else -math.inf

    def used(self, now_s: float) -> int:
        """Admissions that still count at `now_s`."""
        if now_s < self.due_s:
            return self.total
        times, head = self._times, self._head
        # The very sum that `wait_s` tells of: whoever has waited so long is let in, to the last bit.
        seconds = self.seconds
        while head < len(times) and times[head] + seconds <= now_s:
            self.total -= self._counts[head]
            head += 1
        if head > self._head:
            self._gone_s = times[head - 1]
        self.due_s = times[head] + seconds if head < len(times) else math.inf
        if head > COMPACT_AT and 2 * head > len(times):
            del times[:head], self._counts[:head]
            head = 0
        self._head = head
        return self.total

    def add(self, now_s: float, count: int = 1) -> None:
        """Note admissions; times never go back."""
        self.total += count
        times = self._times
        entries = len(times) - self._head
        if entries >= EXACT_ENTRIES:
            if now_s - self._first <= self._grain_s:
                times[-1] = now_s
                self._counts[-1] += count
                return
            self.used(now_s)  # where no limit is set, nobody else looks
        self._first = now_s
        times.append(now_s)
        self._counts.append(count)
        if len(times) - self._head == 1:
            self.due_s = now_s + self.seconds

    def extend(self, moments: Sequence[float]) -> None:
        """As `add` of each of these moments, of which there is one at least, oldest first."""
        times, counts = self._times, self._counts
        end = len(moments)
        if len(times) - self._head + end <= EXACT_ENTRIES:
            times.extend(moments)
            counts.extend(_ONES[:end] if end <= len(_ONES) else _ONES[:1] * end)
            self.total += end
            self._first = moments[-1]
            if self.due_s == _NEVER:
                self.due_s = moments[0] + self.seconds
            return
        at = 0
        while at < end:
            joined = at
            if len(times) - self._head >= EXACT_ENTRIES:
                joined = bisect_right(moments, self._first + self._grain_s, at)
            if joined > at:
                times[-1] = moments[joined - 1]
                counts[-1] += joined - at
                self.total += joined - at
                at = joined
            else:
                self.add(moments[at])
                at += 1

    def remove(self, at_s: float) -> None:
        """Take back one admission of `at_s`; where it has left the window, there is nothing to take back."""
        if at_s <= self._gone_s:
            return
        times, counts = self._times, self._counts
        index = bisect_left(times, at_s, self._head)
        while index < len(times) - 1 and not counts[index]:
            index += 1
        if index < len(times) and counts[index]:
            counts[index] -= 1
            self.total -= 1
        while len(times) > self._head and not counts[-1]:
            times.pop()
            counts.pop()
            self._first = -math.inf  # an older entry takes no more

    def wait_s(self, now_s: float, limit: int) -> float:
        """Seconds until one more is within `limit`; 0.0 where it already is."""
        over = self.used(now_s) - limit + 1
        index = self._head
        while over > 0 and index < len(self._times):
            over -= self._counts[index]
            index += 1
        return self._times[index - 1] + self.seconds - now_s if index > self._head else 0.0

    def empty_s(self, now_s: float) -> float:
        """Seconds until nothing counts any more."""
        if not self.used(now_s):
            return 0.0
        return self._times[-1] + self.seconds - now_s
