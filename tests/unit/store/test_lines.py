"""Rows come out of the spool's lines as they were, whatever their lines have in common; who reads them by the
batch says of each what he would say of it alone."""

from __future__ import annotations

import io
import json
import logging
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ai_gateway.admin.feed import Feed
from ai_gateway.core.record import RequestRecord
from ai_gateway.core.rows import Rows
from ai_gateway.observe.logs import RequestLog
from ai_gateway.observe.model_names import ModelNames
from ai_gateway.observe.tally import Tally
from ai_gateway.store.lines import MAX_KNOWN, PIECE_BYTES, UNREADABLE, Lines
from tests.unit.store.support import row

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"
encode = msgspec.json.Encoder().encode_lines
kinds = st.sampled_from(
    (
        {},
        {"day": "2025-10-09"},
        {"day": "2025-10-09", "client_id": "cl_b", "cost_usd": 0.25, "streaming": True, "ttfb_ms": 0.5},
        {"day": "2025-10-09", "error_message": ',"day":"2025-10-10"}', "status": 502, "error": "api_error"},
        {"day": "2025-10-09", "usage_raw": '{"a":1,"day":"x"}', "cached_tokens": 2, "caller_address": "::1"},
        {"day": "2025-10-09", "trace": TRACE},
        {"day": "2025-10-09", "tool_log": "[]", "tools_used": True},
        {"day": "2025-10-09", "caller_request": "x" * 2000, "response": "\n"},
        {"day": "2025-10-09", "client_name": "ä\x7f", "status": 500, "error": "internal_error"},
    )
)
rows = st.lists(
    st.builds(
        lambda kind, at, spent: row(started_at=at, latency_ms=spent, overhead_ms=spent / 4, **kind),
        kinds,
        st.sampled_from((0, 999, 1000, 59_999, 1_767_225_600_123)),
        st.sampled_from((0.0, 0.004, 12.5, 70_000.0)),
    ),
    min_size=1,
    max_size=12,
)


@given(st.lists(rows, min_size=1, max_size=3))
def test_rows_are_read_as_they_were(batches: list[list[RequestRecord]]) -> None:
    lines = Lines()
    for batch in batches:
        found = lines.read(encode(batch))
        assert list(found) == batch
        assert len(found) == len(batch)
        assert [list(found[at : at + 2]) for at in range(len(batch))] == [
            batch[at : at + 2] for at in range(len(batch))
        ]
        assert found[-1] == batch[-1]


@given(rows, st.randoms())
def test_the_order_of_members_does_not_matter(batch: list[RequestRecord], dice: random.Random) -> None:
    """Other versions have another one."""

    def shuffled(record: RequestRecord) -> bytes:
        members = list(msgspec.json.decode(msgspec.json.encode(record)).items())
        dice.shuffle(members)
        return msgspec.json.encode(dict(members)) + b"\n"

    found = read(b"".join(map(shuffled, batch)))
    assert found == batch


def read(data: bytes) -> list[RequestRecord]:
    """As the spool does: where lines cannot be read together, each on its own."""
    lines = Lines()
    try:
        return list(lines.read(data))
    except UNREADABLE:
        return [lines.read_one(line) for line in data.splitlines()]


LINE = encode([row(id="req_1", day="2025-10-09")])


@pytest.mark.parametrize(
    "damaged",
    [
        b"\n",
        b"garbage\n",
        LINE[: LINE.index(b',"day"')] + b"\n",
        LINE[:-3] + b"\n",
        LINE.replace(b'"started_at":', b'"started_at":x'),
        LINE.replace(b'"started_at":', b'"started":'),
        LINE.replace(b'"status":200', b'"status":"ok"'),
        LINE.replace(b',"day"', b'},"day"'),
        LINE.replace(b',"day"', b',"more":{"a":1,"day"'),
        LINE[:-1] + LINE,
    ],
)
def test_a_damaged_line_is_no_row(damaged: bytes) -> None:
    lines = Lines()
    lines.read(LINE)  # it knows how lines end
    for data in (damaged, LINE + damaged, damaged + LINE):
        with pytest.raises(UNREADABLE):
            lines.read(data)


def test_what_lines_end_in_is_remembered_up_to_a_bound() -> None:
    batch = [row(day="2025-10-09", client_name=f"client {n}") for n in range(MAX_KNOWN + 50)]
    lines = Lines()
    for _ in range(2):
        assert list(lines.read(encode(batch))) == batch
    assert len(lines._known) <= MAX_KNOWN


def test_a_long_batch_is_read_in_pieces() -> None:
    batch = [row(day=f"2025-10-0{n % 9 + 1}", response="x" if n % 50 == 0 else None) for n in range(500)]
    assert len(encode(batch)) > 3 * PIECE_BYTES
    assert list(Lines().read(encode(batch))) == batch


def test_rows_with_an_ending_in_common_share_its_values() -> None:
    found = Lines().read(encode([row(day="2025-10-09"), row(day="2025-10-09"), row(day="2025-10-10")]))
    first, second, third = found.shared
    assert first is second is not third
    assert list(found.groups().values()) == [[0, 1], [2]]


@pytest.fixture(autouse=True, scope="module")
def _whole_log() -> Iterator[None]:
    log = logging.getLogger("ai_gateway.requests")
    log.setLevel(logging.INFO)
    yield
    log.setLevel(logging.NOTSET)


@given(rows)
def test_the_log_has_of_each_row_what_the_row_has(batch: list[RequestRecord]) -> None:
    for stream in (io.StringIO(), io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n")):
        RequestLog(as_json=True, stream=stream).write(Lines().read(encode(batch)))
        stream.seek(0)
        found = [json.loads(line, object_pairs_hook=list) for line in stream.read().splitlines()]
        assert found == [list(said_of(record).items()) for record in batch]


def said_of(record: RequestRecord) -> dict[str, Any]:
    moment = datetime.fromtimestamp(record.started_at / 1000, UTC)
    level = "info" if record.status < 500 else "error" if record.error == "internal_error" else "warning"
    names = """client_name endpoint provider model_asked model_served status error dialect streaming
        input_tokens output_tokens cached_tokens usage_estimated cost_usd ttfb_ms latency_ms overhead_ms
        attempts key_tail caller_address"""
    return {
        "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": level,
        "event": "request",
        "id": record.id,
        **{name: getattr(record, name) for name in names.split()},
        **({} if record.trace is None else {"trace_id": record.trace.split("-")[1]}),
    }


@given(rows)
def test_metrics_count_rows_that_were_read_together(batch: list[RequestRecord]) -> None:
    together, apart = Tally(ModelNames(lambda *_: True)), Tally(ModelNames(lambda *_: True))
    together.add(Lines().read(encode(batch)))
    for record in batch:
        apart.add([record])
    found, wanted = together.sums(("cl_a", "cl_b")), apart.sums(("cl_a", "cl_b"))
    assert (found.requests, found.used, found.unpriced) == (wanted.requests, wanted.used, wanted.unpriced)
    assert (found.cached_tokens, found.cost_usd) == (wanted.cached_tokens, wanted.cost_usd)
    assert found.upstream_errors == wanted.upstream_errors
    for name in ("duration", "first_token", "overhead"):
        assert getattr(found, name).counts == getattr(wanted, name).counts
        assert getattr(found, name).total == pytest.approx(getattr(wanted, name).total)
    assert {name: each.counts for name, each in found.upstream.items()} == {
        name: each.counts for name, each in wanted.upstream.items()
    }


@given(st.lists(rows, min_size=1, max_size=4), st.integers(1, 30))
def test_the_feed_keeps_the_newest_rows_in_their_order(
    batches: list[list[RequestRecord]], limit: int
) -> None:
    feed = Feed()
    told: list[str] = []
    feed.listener = lambda records: told.extend([record.id for record in records])
    lines = Lines()
    for batch in batches:
        feed.put(lines.read(encode(batch)))
    every = [record.id for batch in batches for record in batch]
    assert told == every
    assert feed.count == len(every)
    assert [record.id for record in feed.newest(limit)] == every[-limit:]
    assert all(record.caller_request is None for record in feed.newest())


def test_rows_of_records_are_these_records() -> None:
    records = [row(), row(response="x")]
    rows = Rows.of(records)
    assert Rows.of(rows) is rows
    assert all(one is other for one, other in zip(rows, records, strict=True))
    assert list(Rows.of([])) == []
