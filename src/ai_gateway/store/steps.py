"""What a batch of rows adds to `usage_steps`: the sums of each minute and hour, for charts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ai_gateway.core.record import RequestRecord

__all__ = ["ALL_CLIENTS", "KEPT_DAYS", "StepRow", "steps_of"]

ALL_CLIENTS = ""
"""The client id under which everything is summed, callers that are no clients among them."""
KEPT_DAYS = {60: 3, 3600: 100}
"""Length of a step in seconds: for how many days it is kept."""

StepRow = tuple[int, str, int, str, int, int, int, int, float | None]
"""In the order of the table's columns."""


def steps_of(rows: Iterable[RequestRecord]) -> Iterator[StepRow]:
    """One entry for each minute and model; for each hour, client (and all of them) and model.

    Minutes of single clients would be most of the writing: they are counted from the log when asked for.
    """
    sums: dict[tuple[int, str, int, str], list[int]] = {}
    costs: dict[tuple[int, str, int, str], float] = {}
    for row in rows:
        minute_ms = row.started_at - row.started_at % 60_000
        hour_ms = minute_ms - minute_ms % 3_600_000
        model = row.model_served or row.model_asked or ""
        keys = [(60, ALL_CLIENTS, minute_ms, model), (3600, ALL_CLIENTS, hour_ms, model)]
        if row.client_id:
            keys.append((3600, row.client_id, hour_ms, model))
        for key in keys:
            found = sums.get(key)
            if found is None:
                found = sums[key] = [0, 0, 0, 0]
            found[0] += 1
            found[1] += row.status >= 400
            found[2] += row.input_tokens
            found[3] += row.output_tokens
            if row.cost_usd is not None:
                costs[key] = costs.get(key, 0.0) + row.cost_usd
    for key, (requests, errors, input_tokens, output_tokens) in sums.items():
        yield *key, requests, errors, input_tokens, output_tokens, costs.get(key)
