"""Moves rows from the spool into the database, in a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence

from ai_gateway.core.record import RequestRecord
from ai_gateway.store.pace import Pace, never_interrupt, set_pace
from ai_gateway.store.protocols import AccountingStore, StoreError
from ai_gateway.store.segments import BATCH_ROWS, READ_BYTES, Batch
from ai_gateway.store.spool import Spool

__all__ = ["Writer"]

POLL_S = 0.1
GATHER_S = 0.1
"""Until there are more rows: a transaction costs as much as many of them."""
PAUSE_S = 0.002
"""Where a full batch waits already: a long replay leaves the event loop its share of the interpreter."""
BEHIND_ROWS = 2 * BATCH_ROWS
"""In the spool: from here on there is no rest within a batch, until a single batch is left."""
SHOWN_ROWS = 64
"""Rows that readers get at once: some 0.2 ms."""
FIRST_RETRY_S = 0.1
LAST_RETRY_S = 5.0
ADOPT_INTERVAL_S = 30.0
JOIN_TIMEOUT_S = 10.0

_log = logging.getLogger("ai_gateway.store")


class Writer:
    """Stores every row of the spool exactly once, however often it or the database dies meanwhile.

    A row leaves the spool after its transaction; if the process dies in between, the row comes again and
    the database knows its id.
    """

    def __init__(
        self,
        spool: Spool,
        store: AccountingStore,
        *,
        on_read: Callable[[Sequence[RequestRecord]], None] | None = None,
        pace: Pace | None = None,
    ) -> None:
        """The writer closes `store` at its end. `pace`: the store's, too; the writer tells it when there is
        haste.

        `on_read` gets each row of this process once, soon after its end, whether the database is there or
        not; no replays of earlier processes. It is called from the writer's thread and must not raise.
        """
        self._spool = spool
        self._store = store
        self._on_read = on_read
        self._pace = pace or Pace()
        self._pause_s = PAUSE_S
        self._stopping = threading.Event()
        self._hurry = threading.Event()
        self._progress = threading.Condition()
        self._adopted = False
        self._adopt_at = 0.0
        self._held: Batch | None = None
        self._retry_s = 0.0
        self._fault: str | None = None
        self._thread = threading.Thread(target=self._run, name="accounting", daemon=True)

    @property
    def fault(self) -> str | None:
        """Why rows wait; None while they are stored."""
        if self._thread.ident is not None and not self._thread.is_alive():
            return "the accounting thread has ended"
        return self._fault

    def start(self) -> None:
        self._thread.start()

    def flush(self, timeout_s: float) -> bool:
        """Wait until every row is in the database, those of dead processes too; False at the timeout."""
        deadline = time.monotonic() + timeout_s
        with self._progress:
            while not self._drained():
                self._hurry.set()
                left = deadline - time.monotonic()
                if left <= 0 or not self._thread.is_alive():
                    return False
                self._progress.wait(min(left, POLL_S))
        return True

    def finish(self, timeout_s: float) -> None:
        """Store what there is, then end the thread."""
        if not self.flush(timeout_s):
            _log.warning("some rows are still in the spool: they are written at the next start")
        self.stop()

    def stop(self) -> None:
        """End the thread; rows that are not stored yet stay in the spool."""
        self._stopping.set()
        self._hurry.set()
        if self._thread.is_alive():
            self._thread.join(JOIN_TIMEOUT_S)

    def _drained(self) -> bool:
        return self._adopted and self._spool.is_drained

    def _run(self) -> None:
        never_interrupt()
        set_pace(self._pace)
        try:
            while not self._stopping.is_set():
                moved = self._step()
                with self._progress:
                    self._progress.notify_all()
                self._hurry.wait(self._pause_s if moved else self._retry_s or POLL_S)
                self._hurry.clear()
        finally:
            self._store.close()

    def _step(self) -> bool:
        """Store one batch. False where there was none, or it could not be stored."""
        self._keep_house()
        try:
            if self._held is None:
                self._held = self._next()
            batch = self._held
            if batch is None:
                return False
            if batch.records:
                self._store.write(batch.records)
        except (StoreError, OSError) as error:
            self._back_off(str(error))
            return False
        self._spool.commit(batch)
        is_next_full = self._spool.depth >= BATCH_ROWS or self._spool.backlog_bytes >= READ_BYTES
        self._pause_s = PAUSE_S if is_next_full else GATHER_S
        self._held = None
        self._recover()
        return True

    def _keep_house(self) -> None:
        if not self._spool.healthy:
            self._spool.retry()
        now = time.monotonic()
        if now >= self._adopt_at:
            self._adopt_at = now + ADOPT_INTERVAL_S
            try:
                self._spool.adopt()
            except OSError as error:  # this process' own rows need not wait for that
                _log.warning("cannot look for rows of dead processes: %s", error)
            self._adopted = True

    def _next(self) -> Batch | None:
        """Raises: OSError."""
        depth = self._spool.depth
        if depth >= BEHIND_ROWS or depth <= BATCH_ROWS:
            self._pace.in_haste = depth >= BEHIND_ROWS
        found = self._spool.read()
        if found is None:
            return None
        batch, is_new = found
        if is_new:
            self._announce(batch)
        return batch

    def _announce(self, batch: Batch) -> None:
        if self._on_read is None:
            return
        size = BATCH_ROWS if self._pace.in_haste else SHOWN_ROWS
        for start in range(0, len(batch.records), size):
            self._pace.rest()
            self._on_read(batch.records[start : start + size])

    def _back_off(self, reason: str) -> None:
        """Wait longer each time; meanwhile, new rows are shown even though they cannot be stored."""
        if self._fault is None:
            _log.error("rows wait in the spool: %s", reason)
        self._fault = reason
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S) if self._retry_s else FIRST_RETRY_S
        try:
            while (batch := self._spool.read_ahead()) is not None:
                self._announce(batch)
        except OSError as error:
            _log.debug("cannot read the spool: %s", error)

    def _recover(self) -> None:
        if self._fault is not None:
            _log.info("rows are stored again, %d to go", self._spool.depth)
        self._fault = None
        self._retry_s = 0.0
