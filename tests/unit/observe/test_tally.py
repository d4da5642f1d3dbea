"""A batch is counted as its rows are one by one."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.record import Attempt, RequestRecord
from ai_gateway.observe.model_names import ModelNames
from ai_gateway.observe.tally import DURATION_S, Histogram, Tally

ATTEMPTS = msgspec.json.encode(
    [Attempt("a", "m", error="timeout"), Attempt("b", "n", input_tokens=2)]
).decode()
milliseconds = st.sampled_from(
    (0.0, 0.05, 0.1, 1.0, 49.999, 50.0, 50.001, 100.0, 700.0, 600_000.0, 900_000.0)
)
rows = st.lists(
    st.builds(
        RequestRecord,
        id=st.just("req_1"),
        started_at=st.just(0),
        endpoint=st.just("POST /v1/chat/completions"),
        dialect=st.just("openai"),
        client_id=st.sampled_from((None, "c1", "c2")),
        provider=st.sampled_from((None, "a", "b")),
        model_asked=st.sampled_from((None, "m")),
        model_served=st.sampled_from((None, "m", "n")),
        status=st.sampled_from((200, 201, 400, 502)),
        error=st.sampled_from((None, None, None, "api_error", "client_closed")),
        streaming=st.booleans(),
        input_tokens=st.integers(0, 3),
        output_tokens=st.integers(0, 3),
        cached_tokens=st.integers(0, 3),
        cost_usd=st.sampled_from((None, 0.0, 0.25)),
        ttfb_ms=st.none() | milliseconds,
        latency_ms=milliseconds,
        overhead_ms=milliseconds,
        attempts=st.sampled_from((0, 1, 1, 1)),
        attempt_log=st.sampled_from((None, None, None, ATTEMPTS)),
    ),
    max_size=40,
)


def plain(value: object) -> Any:
    """As what can be compared; seconds are added up in another order."""
    if isinstance(value, Histogram):
        return value.counts, round(value.total, 6)
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    return value


@given(rows)
def test_a_batch_counts_as_its_rows_do(batch: list[RequestRecord]) -> None:
    together, apart = Tally(ModelNames(lambda *_: True)), Tally(ModelNames(lambda *_: True))
    together.add(batch)
    for row in batch:
        apart.add([row])
    clients = ("c1", "c2")
    assert plain(together.sums(clients)) == plain(apart.sums(clients))


@given(st.lists(milliseconds, min_size=1))
def test_many_values_fall_into_the_buckets_of_each(values: list[float]) -> None:
    one_by_one, at_once = Histogram(DURATION_S), Histogram(DURATION_S)
    for value in values:
        one_by_one.observe(value / 1000)
    at_once.observe_all(values)
    assert at_once.counts == one_by_one.counts
    assert at_once.total == pytest.approx(one_by_one.total)
