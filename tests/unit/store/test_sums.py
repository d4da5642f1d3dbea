"""A batch adds to the sums what its rows add one by one."""

import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.core.record import Attempt, RequestRecord
from ai_gateway.core.rows import Rows
from ai_gateway.store.alike import Alike
from ai_gateway.store.pace import Pace
from ai_gateway.store.steps import Steps
from ai_gateway.store.sums import BatchSums, Key, Sums, aggregate

HOUR_MS = 3_600_000
costs = st.none() | st.sampled_from((0.0, 0.1, 0.00123, 2.5))
tokens = st.integers(0, 5)
attempt_logs = st.lists(
    st.builds(
        Attempt,
        provider=st.just("openai"),
        model=st.sampled_from("ab"),
        input_tokens=tokens,
        output_tokens=tokens,
        cost_usd=costs,
    ),
    min_size=2,
    max_size=3,
).map(lambda attempts: msgspec.json.encode(attempts).decode())
rows = st.lists(
    st.builds(
        RequestRecord,
        id=st.just("req_1"),
        started_at=st.sampled_from((0, 59_999, 60_000, HOUR_MS - 1, HOUR_MS, 24 * HOUR_MS)),
        day=st.none() | st.sampled_from(("1970-01-01", "1970-01-02")),
        client_id=st.sampled_from((None, "c1", "c2")),
        client_name=st.sampled_from((None, "old", "new")),
        endpoint=st.just("POST /v1/chat/completions"),
        dialect=st.just("openai"),
        model_asked=st.sampled_from((None, "a")),
        model_served=st.sampled_from((None, "b")),
        admitted=st.booleans(),
        status=st.sampled_from((200, 399, 400, 502)),
        usage_estimated=st.booleans(),
        input_tokens=tokens,
        cached_tokens=tokens,
        cache_write_tokens=tokens,
        output_tokens=tokens,
        reasoning_tokens=tokens,
        cost_usd=costs,
        attempt_log=st.none() | attempt_logs,
    ),
    max_size=12,
)


def same(one: object, other: object) -> bool:
    """Costs may differ in their last bits: they are added up in another order."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, abs_tol=1e-12)
    return one == other


@given(rows)
def test_a_batch_adds_what_its_rows_add(batch: list[RequestRecord]) -> None:
    usage: dict[Key, Sums] = {}
    seen: dict[str, int] = {}
    steps = Steps()
    for row in batch:
        aggregate(usage, row)
        steps.add_row(row)
        if row.client_id and row.started_at:
            seen[row.client_id] = max(row.started_at, seen.get(row.client_id, 0))
    pace = Pace(in_haste=True)
    found = BatchSums(Alike(Rows.of(batch), pace), pace)
    assert found.seen == seen
    assert found.usage.keys() == usage.keys()
    for key, sums in usage.items():
        own = found.usage[key]
        names = {row.client_name or "" for row in batch if (row.client_id or "") == key[1]}
        assert own.client_name in names
        for name in sums.__struct_fields__:
            if name != "client_name":
                assert same(getattr(own, name), getattr(sums, name)), name
    by_key = {row[:4]: row[4:] for row in found.steps.rows()}
    expected = {row[:4]: row[4:] for row in steps.rows()}
    assert by_key.keys() == expected.keys()
    for step, figures in expected.items():
        assert all(map(same, by_key[step], figures)), step
