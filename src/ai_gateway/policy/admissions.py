"""A client's admissions within the last minute, hour and day.

An admission is noted once, in a short list. The windows take the list over when it is full, when the oldest
of it may leave one of them, or when one decides that a request is kept out.
"""

from __future__ import annotations

import math
import sys

from ai_gateway.policy.limits import Limits
from ai_gateway.policy.windows import DAY_S, HOUR_S, MINUTE_S, SlidingWindow, Window

__all__ = ["MOST_NOTED", "Admissions", "Windows"]

MOST_NOTED = 64
"""So many wait for the windows to take them over."""

Windows = tuple[Window, Window, Window]
"""Of the last minute, hour and day."""


class Admissions:
    """What an account knows of its admissions. Times never go back."""

    __slots__ = (
        "_even",
        "_length_s",
        "_over_s",
        "_room",
        "_stop",
        "_tight",
        "_windows",
        "due_s",
        "measured",
        "moments",
        "newest_s",
        "noted",
    )

    def __init__(self, windows: Windows | None = None) -> None:
        """`windows`: whose entries others see, too."""
        self._windows: Windows = windows or (
            SlidingWindow(MINUTE_S),
            SlidingWindow(HOUR_S),
            SlidingWindow(DAY_S),
        )
        self.moments: list[float] = []
        self.noted = 0
        """Admissions that the windows do not have yet: their number, and when they were."""
        self.due_s = -math.inf
        """Until then nothing leaves a window: perhaps too early, never too late."""
        self._over_s = -math.inf
        """Until then none of what is noted leaves a window."""
        self.measured: Limits | None = None
        """The limits of what follows; None: other things than admissions have happened since."""
        self._room = self._stop = 0
        """How many may be noted: until the tightest limit is reached, and until the next look."""
        self._tight = 0
        """The tightest limit of requests, 0 where there is none."""
        self._length_s = 0.0
        """Of its window; 0: it is of the calendar day."""
        self._even = 0
        """The limit of the calendar day, where that leaves as little."""
        self.newest_s = 0.0
        """When the newest admission was."""

    @property
    def windows(self) -> Windows:
        """With all that is noted."""
        self._take_over()
        return self._windows

    def _take_over(self) -> None:
        """Move what is noted into the windows."""
        moments = self.moments
        if moments:
            for window in self._windows:
                window.extend(moments)
            moments.clear()
            self.noted = 0
            self.measured = None

    def _look(self, limits: Limits, requests: int, now_s: float) -> bool:
        """Find the tightest limit of requests as of now, with `requests` of today; False where it has no
        room for one more."""
        if now_s >= self._over_s or self.noted >= MOST_NOTED:
            self._take_over()
            # What is noted from now on leaves the shortest window first.
            self._over_s = now_s + MINUTE_S
        minute, hour, day = self._windows
        if now_s >= minute.due_s:
            minute.used(now_s)
        if now_s >= hour.due_s:
            hour.used(now_s)
        if now_s >= day.due_s:
            day.used(now_s)
        self.due_s = min(self._over_s, minute.due_s, hour.due_s, day.due_s)
        self._measure(limits, requests)
        return self.noted < self._stop

    def _measure(self, limits: Limits, requests: int) -> None:
        """Of two windows that leave as little, the longer one is the tighter: it does so for longer."""
        minute, hour, day = self._windows
        noted = self.noted
        left, tight, limit, even = sys.maxsize - MOST_NOTED, minute, 0, 0
        if (bound := limits.minute) and (room := bound - minute.total - noted) <= left:
            left, limit = (room if room > 0 else 0), bound
        if (bound := limits.hour) and (room := bound - hour.total - noted) <= left:
            left, limit, tight = (room if room > 0 else 0), bound, hour
        if (bound := limits.day) and (room := bound - day.total - noted) <= left:
            left, limit, tight = (room if room > 0 else 0), bound, day
        length_s = tight.seconds
        if bound := limits.requests:
            room = max(bound - requests, 0)
            if room < left:
                left, limit, length_s = room, bound, 0.0
            elif room == left:
                even = bound
        self.measured = limits
        self._room = left + noted
        self._stop = min(self._room, MOST_NOTED)
        self._tight, self._length_s, self._even = limit, length_s, even
        if not noted:
            self.newest_s = tight.newest_s

    def take_back(self, at_s: float) -> None:
        """One admission of `at_s` was none."""
        for window in self.windows:
            window.remove(at_s)
        self.changed()

    def put_back(self, count: int, *, now_s: float, age_s: float) -> None:
        """Admissions of so many seconds ago are known again."""
        for window in self.windows:
            if age_s < window.seconds:
                window.add(now_s - age_s, count)
        self.changed()

    def changed(self) -> None:
        """The windows are not what they were, or the day is not."""
        self.due_s = self._over_s = -math.inf
        self.measured = None
