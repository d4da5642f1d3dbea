"""A client's sums in shared memory, and the account that a process loads them into, under their lock."""

from __future__ import annotations

import struct

from msgspec.structs import astuple

from ai_gateway.policy.calendar import Calendar
from ai_gateway.policy.limits import Used
from ai_gateway.shared.local import LocalAccount
from ai_gateway.shared.records import STATE_BYTES, STATES_AT, SUMS, Record, Word
from ai_gateway.shared.region import Column, Region

__all__ = ["MOST", "Gone", "Sums"]

MOST = 2**62
"""Sums stay here rather than leave their 64 bits: providers may name any figure."""
_LOOKS = int(Word.LOOKS)  # once: members of an enumeration are looked up slowly


class Gone(Exception):
    """The record belongs to another client by now."""


class Sums:
    """They are changed number by number in `_words` and `_reals`, or loaded into `local` and stored."""

    __slots__ = (
        "_busy",
        "_calendar",
        "_clock_s",
        "_lock",
        "_memory",
        "_number",
        "_reals",
        "_stored",
        "_words",
        "generation",
        "gone",
        "head",
        "local",
        "record",
    )

    def __init__(self, region: Region, record: Record, slot: int, calendar: Calendar, wall_s: float) -> None:
        self.record = record
        self.head = record.head()
        """The generation, and how often the sums were stored."""
        self._memory = record.memory
        self._calendar = calendar
        self._lock, self._number = record.lock(region), record.index + 1
        self._busy = region.cell(Column.BUSY, slot)
        self.generation = record.generation
        self.gone = False
        """The record has been found to belong to another client by now."""
        self.local = LocalAccount(record, calendar, wall_s)
        self._clock_s = 0.0
        """The latest time that anybody has looked at it."""
        self._stored = -1
        """What `_words` and `_reals` are for: the sums that count, as whole numbers and as others."""
        self._words, self._reals = record.state(0)

    def _take(self) -> None:
        """Lock it, and follow what others have stored. Raises: Gone."""
        take, give, key, found = self._lock
        if code := take(key):
            found(code, key)
        if self.head[1] != self._stored:
            try:
                self._follow()
            except BaseException:  # the lock is not kept, whatever the reason
                self._stored = -1
                give(key)
                raise

    def _follow(self) -> None:
        """To the sums that count by now. Raises: Gone."""
        if self.head[0] != self.generation:
            self.gone = True
            raise Gone
        self._stored = stored = self.head[1]
        self._words, self._reals = self.record.state(stored)
        local, day_s, looks = self.local, self._reals[Word.DAY_S], self._words[_LOOKS]
        if day_s and day_s != local.day.start_s:  # 0: nobody has stored any
            day = self._calendar.day(day_s)
            if day.month != local.day.month:
                local.month = Used()
            local.day, local.today = day, Used()
            local.measured = None
        if looks != local.looks:
            local.looks, local.measured = looks, None

    def _load(self) -> None:
        """Have the sums in `local`, to change more than numbers of them."""
        self._busy[0] = self._number
        local = self.local
        today, month = local.today, local.month
        (
            _,
            local.in_flight,
            today.requests,
            today.input_tokens,
            today.output_tokens,
            today.usd,
            today.held_input,
            today.held_output,
            today.held_usd,
            month.usd,
            month.held_usd,
            local.noted,
            local.newest_s,
            _,
            self._clock_s,
        ) = SUMS.unpack_from(self._memory, STATES_AT + (self._stored & 1) * STATE_BYTES)

    def _store(self) -> None:
        """Have the sums of `local` count."""
        local, day_s = self.local, self.local.day.start_s
        if day_s != self._reals[Word.DAY_S]:
            _ = local.windows  # what others have measured does not hold any more
        if local.touched:
            local.store_windows()
        today, month, stored = local.today, local.month, self._stored + 1
        sums = (day_s, local.in_flight, *astuple(today), month.usd, month.held_usd)
        noted = (local.noted, local.newest_s, local.looks, self._clock_s)
        at = STATES_AT + (stored & 1) * STATE_BYTES
        try:
            SUMS.pack_into(self._memory, at, *sums, *noted)
        except struct.error:
            _bound(today)
            sums = (day_s, local.in_flight, *astuple(today), month.usd, month.held_usd)
            SUMS.pack_into(self._memory, at, *sums, *noted)
        self.head[1] = self._stored = stored
        self._words, self._reals = self.record.state(stored)


def _bound(today: Used) -> None:
    for name in today.__struct_fields__:
        value = getattr(today, name)
        if isinstance(value, int):
            setattr(today, name, max(-MOST, min(value, MOST)))
