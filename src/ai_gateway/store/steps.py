"""What rows add to `usage_steps`: the sums of each minute and hour, for charts."""

from __future__ import annotations

from collections.abc import Iterator
from operator import add

from ai_gateway.core.record import RequestRecord

__all__ = ["ALL_CLIENTS", "KEPT_DAYS", "StepRow", "Steps"]

ALL_CLIENTS = ""
"""The client id under which everything is summed, callers that are no clients among them."""
KEPT_DAYS = {60: 3, 3600: 100}
"""Length of a step in seconds: for how many days it is kept."""

StepRow = tuple[int, str, int, str, int, int, int, int, float | None]
"""In the order of the table's columns."""


class Steps:
    """The sums of each minute and model; of each hour, client (and all of them) and model.

    Minutes of single clients would be most of the writing: they are counted from the log when asked for.
    """

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str, int, str], list[int]] = {}
        self._costs: dict[tuple[int, str, int, str], float] = {}

    def add(
        self,
        at_ms: int,
        client_id: str | None,
        model: str,
        counts: tuple[int, int, int, int],
        cost_usd: float | None,
    ) -> None:
        """`counts`: requests, errors, input tokens, output tokens; all of the same minute."""
        minute_ms = at_ms - at_ms % 60_000
        hour_ms = minute_ms - minute_ms % 3_600_000
        keys = [(60, ALL_CLIENTS, minute_ms, model), (3600, ALL_CLIENTS, hour_ms, model)]
        if client_id:
            keys.append((3600, client_id, hour_ms, model))
        for key in keys:
            found = self._counts.get(key)
            if found is None:
                self._counts[key] = list(counts)
            else:
                found[:] = map(add, found, counts)
            if cost_usd is not None:
                self._costs[key] = self._costs.get(key, 0.0) + cost_usd

    def add_row(self, row: RequestRecord) -> None:
        counts = (1, int(row.status >= 400), row.input_tokens, row.output_tokens)
        self.add(
            row.started_at, row.client_id, row.model_served or row.model_asked or "", counts, row.cost_usd
        )

    def rows(self) -> Iterator[StepRow]:
        """One for each step that something was added to."""
        for key, (requests, errors, input_tokens, output_tokens) in self._counts.items():
            yield *key, requests, errors, input_tokens, output_tokens, self._costs.get(key)
