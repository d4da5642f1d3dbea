"""Finished requests on their way from the accounting thread to the dashboard.

Alive from the start, and cheap: the dashboard's own modules are loaded when somebody first looks.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from ai_gateway.core.record import UNSTORED, RequestRecord

__all__ = ["PENDING", "Feed"]

PENDING = 1024
"""Newest rows that are kept: more than the database is behind while it is there."""
CHUNK = 64
"""Rows for which the lock is held at once: some 0.3 ms."""
_LEFT_OUT = dict.fromkeys(
    ("caller_request", "upstream_request", "response", "usage_raw", "attempt_log", "tool_log", *UNSTORED)
)
"""What a list does not show would only fill memory."""


class Feed:
    """The newest rows, numbered as they came."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rows: deque[tuple[int, RequestRecord]] = deque(maxlen=PENDING)
        self.count = 0
        self.listener: Callable[[RequestRecord], None] | None = None
        """Told of each row, with the lock held; must be quick, and not raise."""

    def put(self, records: Sequence[RequestRecord]) -> None:
        """Rows that are on their way into the database. Called from the accounting thread; never raises."""
        for start in range(0, len(records), CHUNK):
            with self.lock:
                for record in records[start : start + CHUNK]:
                    slim = msgspec.structs.replace(record, **_LEFT_OUT)
                    self.count += 1
                    self.rows.append((self.count, slim))
                    if self.listener is not None:
                        self.listener(slim)
