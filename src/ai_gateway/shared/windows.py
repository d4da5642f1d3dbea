"""A sliding window whose entries several processes see.

It is `policy.windows.SlidingWindow` over memory of a fixed size: the same entries leave at the same instants,
which the tests hold both to. Whoever uses it holds the account's lock, has loaded its `numbers` before, and
stores them after: entries count only once that is done, so that a process may die in between.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from ai_gateway.policy.admissions import MOST_NOTED
from ai_gateway.policy.windows import COMPACT_AT, EXACT_ENTRIES

__all__ = ["MAX_ENTRIES", "SharedWindow"]

MAX_ENTRIES = 4 * EXACT_ENTRIES + 2 * COMPACT_AT
"""No more than `2 * EXACT_ENTRIES` count at a time, and as many again may wait to be moved over."""

_ONES = array("d", [1.0] * MOST_NOTED)


class SharedWindow:
    """The admissions of one client within the last `seconds`."""

    __slots__ = (
        "_counts",
        "_grain_s",
        "_times",
        "first_s",
        "gone_s",
        "head",
        "seconds",
        "tail",
        "total",
    )

    def __init__(self, seconds: float, times: memoryview[float], counts: memoryview[float]) -> None:
        """`times` and `counts`: `MAX_ENTRIES` floats each."""
        self.seconds = seconds
        self._grain_s = seconds / EXACT_ENTRIES
        self._times, self._counts = times, counts
        self.head = self.tail = self.total = 0
        self.gone_s = -math.inf
        """Of the newest admission that has left."""
        self.first_s = 0.0
        """When the newest entry was begun."""

    @property
    def due_s(self) -> float:
        """When the oldest entry leaves; infinite where there is none."""
        return self._times[self.head] + self.seconds if self.head < self.tail else math.inf

    def load(
        self,
        head: int,
        tail: int,
        total: int,
        gone_s: float,
        first_s: float,
        last_s: float,
        last_count: float,
    ) -> None:
        """Its numbers as they count. The newest entry is one that others may have been changing when they
        died."""
        self.head, self.tail, self.total, self.gone_s, self.first_s = head, tail, total, gone_s, first_s
        if tail > head:
            self._times[tail - 1], self._counts[tail - 1] = last_s, last_count

    def numbers(self) -> tuple[int, int, int, float, float, float, float]:
        """What `load` takes."""
        last_s = last_count = 0.0
        if self.tail > self.head:
            last_s, last_count = self._times[self.tail - 1], self._counts[self.tail - 1]
        return self.head, self.tail, self.total, self.gone_s, self.first_s, last_s, last_count

    @property
    def newest_s(self) -> float:
        """When the newest admission was that still counts; -inf where there is none."""
        return self._times[self.tail - 1] if self.head < self.tail else -math.inf

    def used(self, now_s: float) -> int:
        """Admissions that still count at `now_s`."""
        head, tail, times = self.head, self.tail, self._times
        seconds = self.seconds
        if head == tail or times[head] + seconds > now_s:
            return self.total
        while head < tail and times[head] + seconds <= now_s:
            self.total -= int(self._counts[head])
            head += 1
        self.gone_s = times[head - 1]
        self.head = head
        if head == tail:
            self.head = self.tail = 0  # who asks seldom needs no more than the first page
        elif head > COMPACT_AT and 2 * head > tail:
            self._compact()
        return self.total

    def add(self, now_s: float, count: int = 1) -> None:
        """Note admissions; times never go back."""
        self.total += count
        if self.tail - self.head >= EXACT_ENTRIES:
            if now_s - self.first_s <= self._grain_s:
                self._join(now_s, count)
                return
            self.used(now_s)  # where no limit is set, nobody else looks
        if self.tail == MAX_ENTRIES:
            self._compact()
        self.first_s = now_s
        if self.tail == MAX_ENTRIES:
            self._join(now_s, count)  # more than there can be: late rather than early
            return
        self._times[self.tail], self._counts[self.tail] = now_s, count
        self.tail += 1

    def extend(self, moments: Sequence[float]) -> None:
        """As `add` of each of these moments, oldest first."""
        at, end = 0, len(moments)
        tail = self.tail + end
        if tail - self.head <= EXACT_ENTRIES and tail <= MAX_ENTRIES and end <= MOST_NOTED:
            self._times[self.tail : tail] = array("d", moments)
            self._counts[self.tail : tail] = _ONES[:end]
            self.tail, self.first_s = tail, moments[-1]
            self.total += end
            return
        while at < end:
            joined = at
            if self.tail - self.head >= EXACT_ENTRIES:
                joined = bisect_right(moments, self.first_s + self._grain_s, at)
            if joined > at:
                self.total += joined - at
                self._join(moments[joined - 1], joined - at)
                at = joined
            else:
                self.add(moments[at])
                at += 1

    def remove(self, at_s: float) -> None:
        """Take back one admission of `at_s`; where it has left the window, there is nothing to take back."""
        if at_s <= self.gone_s:
            return
        times, counts = self._times, self._counts
        index = bisect_left(times, at_s, self.head, self.tail)
        while index < self.tail - 1 and not counts[index]:
            index += 1
        if index < self.tail and counts[index]:
            counts[index] -= 1
            self.total -= 1
        while self.tail > self.head and not counts[self.tail - 1]:
            self.tail -= 1
            self.first_s = -math.inf  # an older entry takes no more

    def wait_s(self, now_s: float, limit: int) -> float:
        """Seconds until one more is within `limit`; 0.0 where it already is."""
        over = self.used(now_s) - limit + 1
        index = self.head
        while over > 0 and index < self.tail:
            over -= int(self._counts[index])
            index += 1
        return self._times[index - 1] + self.seconds - now_s if index > self.head else 0.0

    def empty_s(self, now_s: float) -> float:
        """Seconds until nothing counts any more."""
        if not self.used(now_s):
            return 0.0
        return self._times[self.tail - 1] + self.seconds - now_s

    def mend(self) -> None:
        """Make it whole after a process that died while it changed it."""
        self.head = min(max(self.head, 0), MAX_ENTRIES)
        self.tail = min(max(self.tail, self.head), MAX_ENTRIES)
        entries = sorted(
            zip(self._times[self.head : self.tail], self._counts[self.head : self.tail], strict=True)
        )
        for index, (time_s, count) in enumerate(entries, self.head):
            self._times[index], self._counts[index] = time_s, count
        self.total = int(sum(count for _, count in entries))
        self.first_s = -math.inf

    def _join(self, now_s: float, count: int) -> None:
        self._times[self.tail - 1] = now_s
        self._counts[self.tail - 1] += count

    def _compact(self) -> None:
        """Move the entries to the front. What they are moved over is not needed any more, and they stay where
        they were, too, until the new `head` is stored."""
        head, tail = self.head, self.tail
        kept = tail - head
        if kept + MOST_NOTED > head:
            return  # nor may what is added next
        self._times[:kept] = self._times[head:tail]
        self._counts[:kept] = self._counts[head:tail]
        self.head, self.tail = 0, kept
