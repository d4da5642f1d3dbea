"""A shared account's numbers as one process has them, for `policy.account` to decide with."""

from __future__ import annotations

from ai_gateway.policy.account import Account
from ai_gateway.policy.admissions import MOST_NOTED, Admissions, Windows
from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limits import Limits
from ai_gateway.policy.windows import DAY_S, HOUR_S, MINUTE_S
from ai_gateway.shared.records import RING, WINDOWS, WINDOWS_AT, Record
from ai_gateway.shared.windows import SharedWindow

__all__ = ["LocalAccount"]


class LocalAccount(Account):
    """What is noted stands in the record's ring, and the windows in its memory. Whoever looks at them holds
    the account's lock: they are loaded when they are first looked at after others have changed them."""

    stop: int = vars(Admissions)["_stop"]
    """How many may be noted until the next look: the same member, for whoever holds the account's lock."""
    __slots__ = ("_memory", "_seen", "_shared", "looks", "ring", "ring_at", "touched")

    def __init__(self, record: Record, calendar: Calendar, wall_s: float) -> None:
        minute, hour, day = (
            SharedWindow(seconds, times, counts)
            for seconds, (times, counts) in zip((MINUTE_S, HOUR_S, DAY_S), record.windows(), strict=True)
        )
        self._shared = (minute, hour, day)
        super().__init__(calendar, wall_s, self._shared)
        self._memory, self.ring = record.memory, record.ring()
        self.ring_at = 0
        """Where in the ring the first of what is noted stands."""
        self.looks = 0
        """How often the windows were changed, by anybody; `_seen`: what they were loaded for."""
        self._seen = -1
        self.touched = False
        """The windows are about to be changed."""

    @property
    def windows(self) -> Windows:
        self._touch()
        self._take_over()
        return self._windows

    def store_windows(self) -> None:
        """They count with the sums that are stored next."""
        self.touched = False
        self.looks += 1
        self._seen = self.looks
        minute, hour, day = self._shared
        at = WINDOWS_AT + (self.looks & 1) * WINDOWS.size
        WINDOWS.pack_into(
            self._memory,
            at,
            *minute.numbers(),
            *hour.numbers(),
            *day.numbers(),
            self.ring_at,
            self.due_s,
        )

    def mend(self) -> None:
        """Make the windows whole after a process that died while it changed them."""
        self._touch()
        for window in self._shared:
            window.mend()
        self.changed()

    def _touch(self) -> None:
        """Before the windows are changed. Loaded even if nobody else has stored any: one that died may have
        been changing them."""
        if not self.touched:
            self.touched = True
            self._load()

    def _load(self) -> None:
        at = WINDOWS_AT + (self.looks & 1) * WINDOWS.size
        numbers = WINDOWS.unpack_from(self._memory, at)
        minute, hour, day = self._shared
        minute.load(*numbers[:7])
        hour.load(*numbers[7:14])
        day.load(*numbers[14:21])
        self.ring_at, self.due_s = numbers[21:]
        self._seen = self.looks

    def _take_over(self) -> None:
        noted = self.noted
        if noted:
            self._touch()
            ring, start = self.ring, self.ring_at
            moments = [ring[place % RING] for place in range(start, start + noted)]
            for window in self._shared:
                window.extend(moments)
            self.ring_at = (start + noted) % RING
            self.noted, self.measured = 0, None

    def _look(self, limits: Limits, requests: int, now_s: float) -> bool:
        if self._seen != self.looks and not self.touched:
            self._load()
        if now_s >= self.due_s or now_s >= self._over_s or self.noted >= MOST_NOTED:
            self._touch()
        return super()._look(limits, requests, now_s)
