"""Finished requests on their way from the accounting thread to the dashboard.

Alive from the start, and cheap: the dashboard's own modules are loaded when somebody first looks.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

from msgspec.structs import replace

from ai_gateway.core.record import UNSTORED, RequestRecord
from ai_gateway.core.rows import OWN, Rows

__all__ = ["CHUNK", "PENDING", "Feed"]

PENDING = 1024
"""Newest rows that are kept: more than the database is behind while it is there."""
_LEFT_OUT = dict.fromkeys(
    ("caller_request", "upstream_request", "response", "usage_raw", "attempt_log", "tool_log", *UNSTORED)
)
"""What a list does not show would only fill memory."""
CHUNK = 64
"""Rows for which the lock is held at once: some 0.3 ms while somebody looks."""
LIGHT = 512
"""Characters of a provider's own figures, which are kept up to here: a copy of the row costs more."""
_USAGE = OWN.index("usage_raw")


class Feed:
    """The newest rows, numbered as they came."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._batches: deque[Rows] = deque()
        self._kept = 0
        self.count = 0
        """Of all rows so far: the number of the last one."""
        self.listener: Callable[[Sequence[RequestRecord]], None] | None = None
        """Told of rows, with the lock held; must be quick, and not raise."""

    def put(self, records: Sequence[RequestRecord]) -> None:
        """Rows that are on their way into the database. Called from the accounting thread; never raises."""
        rows = _slim(Rows.of(records))
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            with self.lock:
                self.count += len(part)
                self._kept += len(part)
                self._batches.append(part)
                while self._kept - len(self._batches[0]) >= PENDING:
                    self._kept -= len(self._batches.popleft())
                if self.listener is not None:
                    self.listener(part)

    def newest(self, limit: int = PENDING) -> list[RequestRecord]:
        """At most so many, oldest first. To be called with the lock held."""
        found: deque[Rows] = deque()
        wanted = limit
        for rows in reversed(self._batches):
            if wanted <= 0:
                break
            found.appendleft(rows)
            wanted -= len(rows)
        return [record for rows in found for record in rows][-limit:]


def _slim(rows: Rows) -> Rows:
    """Without what is not worth keeping."""
    longest = max([len(usage or "") for usage in rows.columns[_USAGE]], default=0)
    if longest <= LIGHT and not rows.whole:
        return rows
    return Rows.of([record if _is_light(record) else replace(record, **_LEFT_OUT) for record in rows])


def _is_light(record: RequestRecord) -> bool:
    """Whether a row has nothing that is worth leaving out."""
    usage = record.usage_raw
    return (
        record.response is None
        and record.attempt_log is None
        and record.tool_log is None
        and (usage is None or len(usage) <= LIGHT)
        and record.caller_request is None
        and record.upstream_request is None
    )
