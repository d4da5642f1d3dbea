"""What is happening now: fed by the accounting thread, read by the dashboard.

While nobody looks it only keeps the newest rows. A first look reads the sums from the database; from then on
each row is added to them, until nobody has looked for a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from ai_gateway.admin.feed import CHUNK, Feed
from ai_gateway.admin.live_sums import MINUTE_MS, MINUTES, LiveSums
from ai_gateway.admin.schemas.traffic import Delta, DeltaMessage, Overview, Series, SnapshotMessage
from ai_gateway.admin.views import request_summary, totals
from ai_gateway.core.record import RequestRecord
from ai_gateway.policy.calendar import Calendar
from ai_gateway.store.admin_protocols import Baseline, Moment
from ai_gateway.store.protocols import StoreError

__all__ = ["Hub", "LiveStore"]

RECENT = 20
FRAME_INTERVAL_S = 0.25
"""At most four messages a second, and as much work, however many watch."""
REFRESH_S = 300.0
"""How often the sums are read anew while somebody looks."""
ASLEEP_AFTER_S = 60.0
MAX_MEANWHILE = 50_000
"""Rows that may come while the database is read: some 50 MB, where the core is so full that it takes long."""


class LiveStore(Protocol):
    async def baseline(self, *, day: str, since_ms: int, recent: int) -> Baseline:
        """Of one moment after the call. Raises: StoreError."""
        ...

    async def stored(self, ids: Sequence[str], moment: Moment) -> frozenset[str]:
        """Those of the requests that were in the database at that moment. Raises: StoreError."""
        ...


class Mark(msgspec.Struct, frozen=True):
    """A state of the figures."""

    seq: int
    in_flight: int
    minute_ms: int


class Frame(msgspec.Struct):
    """What all watchers are told at one moment, made once for all of them."""

    number: int
    mark: Mark
    delta: str | None
    """For who has seen the frame before; None: too much has happened for that."""
    snapshot: str | None = None


class Hub:
    """The dashboard's figures. The accounting thread tells of rows, the event loop asks.

    The lock is held for some microseconds, never while the database is read.
    """

    def __init__(
        self,
        feed: Feed,
        store: LiveStore,
        calendar: Calendar,
        in_flight: Callable[[], int],
        now_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._calendar = calendar
        self._in_flight = in_flight
        self._now_ms = now_ms
        self._feed = feed
        self._lock = feed.lock
        self._older: list[RequestRecord] = []
        """The database's newest rows, to fill the list of recent ones."""
        self._reading = asyncio.Lock()
        self._meanwhile: list[RequestRecord] | None = None
        """While the database is read: rows that it may not have, and all that have come since."""
        self._sums: LiveSums | None = None
        self._frame: Frame | None = None
        self._framed_at_s = 0.0
        self._read_at_s = 0.0
        self._asked_at_s = 0.0
        feed.listener = self._hear

    def _hear(self, records: Sequence[RequestRecord]) -> None:
        """New rows; called by the accounting thread, with the lock held."""
        if self._meanwhile is not None and len(self._meanwhile) <= MAX_MEANWHILE:
            self._meanwhile.extend(records)
        if self._sums is None:
            return
        if time.monotonic() - self._asked_at_s > ASLEEP_AFTER_S:
            self._sums = None  # nobody looks any more
        else:
            for record in records:
                self._sums.add(record)

    async def overview(self) -> Overview:
        """All of it. Raises: StoreError."""
        await self._awake()
        with self._lock:
            return self._overview(*self._current())

    async def next(self, seen: int | None) -> tuple[int, str] | None:
        """The message for a watcher whose last one had the number `seen` (None: its first), and its number.

        None: there is nothing new. Raises: StoreError.
        """
        await self._awake()
        with self._lock:
            frame = self._advanced()
            if frame.number == seen:
                return None
            if frame.delta is not None and seen is not None and frame.number == seen + 1:
                return frame.number, frame.delta
            if frame.snapshot is None:
                frame = self._with_snapshot(frame)
            assert frame.snapshot is not None
            return frame.number, frame.snapshot

    def _advanced(self) -> Frame:
        """The newest frame, which is a new one where it is time and there is something to tell."""
        frame = self._frame
        if frame is not None and time.monotonic() - self._framed_at_s < FRAME_INTERVAL_S:
            return frame
        sums, now = self._current()
        if frame is not None and frame.mark == now:
            return frame
        return self._framed(sums, now)

    def _framed(self, sums: LiveSums, now: Mark) -> Frame:
        known = self._frame
        number = 0 if known is None else known.number + 1
        delta = None if known is None else self._delta(sums, known.mark, now)
        self._frame = Frame(number, now, delta)
        self._framed_at_s = time.monotonic()
        return self._frame

    def _with_snapshot(self, frame: Frame) -> Frame:
        """A frame that has one: of its own moment, so that no row is told twice."""
        sums, now = self._current()
        if now != frame.mark:
            frame = self._framed(sums, now)
        frame.snapshot = SnapshotMessage(data=self._overview(sums, now)).model_dump_json()
        return frame

    def _overview(self, sums: LiveSums, now: Mark) -> Overview:
        return Overview(
            today=totals(sums.today),
            in_flight=now.in_flight,
            active_clients=len(sums.seen),
            series=Series(step_s=60, points=sums.series(now.minute_ms)),
            top_models=sums.top_models(),
            top_clients=sums.top_clients(),
            recent=[request_summary(record) for record in self._recent()],
        )

    def _delta(self, sums: LiveSums, before: Mark, now: Mark) -> str | None:
        if now.seq - before.seq > RECENT or now.minute_ms != before.minute_ms:
            return None
        changed = now.seq != before.seq
        fresh = [record for seq, record in self._newest() if seq > before.seq]
        delta = Delta(
            today=totals(sums.today),
            in_flight=now.in_flight,
            active_clients=len(sums.seen),
            minute=sums.minute(now.minute_ms),
            recent=[request_summary(record) for record in fresh],
            top_models=sums.top_models() if changed else None,
            top_clients=sums.top_clients() if changed else None,
        )
        return DeltaMessage(data=delta).model_dump_json()

    def _current(self) -> tuple[LiveSums, Mark]:
        minute_ms = self._now_ms() // MINUTE_MS * MINUTE_MS
        assert self._sums is not None, "only after _awake"
        self._sums.forget_before(minute_ms - (MINUTES - 1) * MINUTE_MS)
        return self._sums, Mark(self._feed.count, self._in_flight(), minute_ms)

    def _newest(self) -> list[tuple[int, RequestRecord]]:
        """Newest first."""
        feed = self._feed
        return [(feed.count - back, record) for back, record in enumerate(reversed(feed.newest(RECENT)))]

    def _recent(self) -> list[RequestRecord]:
        return [*(record for _, record in self._newest()), *self._older][:RECENT]

    async def _awake(self) -> None:
        """Raises: StoreError."""
        self._asked_at_s = time.monotonic()
        today = self._calendar.day(self._now_ms() / 1000).name
        if self._is_due(today):
            async with self._reading:
                if self._is_due(today):  # no other watcher was first
                    await self._read(today)
            self._asked_at_s = time.monotonic()

    def _is_due(self, today: str) -> bool:
        sums = self._sums
        return sums is None or sums.day != today or time.monotonic() - self._read_at_s > REFRESH_S

    async def _read(self, today: str) -> None:
        """Start from the database, and add the rows that are not in it yet.

        A row is announced before it is stored, so one that is announced after the database was read is not
        in what was read; of all others the database is asked.
        """
        first_ms = self._now_ms() // MINUTE_MS * MINUTE_MS - (MINUTES - 1) * MINUTE_MS
        with self._lock:
            meanwhile = self._meanwhile = self._feed.newest()
        try:
            base = await self._store.baseline(day=today, since_ms=first_ms, recent=RECENT)
            with self._lock:
                ids = [record.id for record in meanwhile]
            stored = await self._store.stored(ids, base.moment)
            await self._begin(LiveSums(today, base), base, meanwhile, stored)
        finally:
            with self._lock:
                self._meanwhile = None

    async def _begin(
        self, sums: LiveSums, base: Baseline, meanwhile: Sequence[RequestRecord], stored: frozenset[str]
    ) -> None:
        """Use `sums`, once all rows are in them: requests go on in between. Raises: StoreError."""
        known: set[str] = set()
        done = 0
        while True:
            with self._lock:
                if len(meanwhile) > MAX_MEANWHILE:
                    raise StoreError("the database is read more slowly than requests come")
                rows = meanwhile[done : done + CHUNK]
                if not rows:
                    self._older = [record for record in base.recent if record.id not in known]
                    self._sums = sums
                    self._read_at_s = self._asked_at_s = time.monotonic()
                    return
            for record in rows:
                known.add(record.id)
                if record.id not in stored:
                    sums.add(record)
            done += len(rows)
            await asyncio.sleep(0)
