from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest

from ai_gateway.core.client import ClientSettings
from ai_gateway.core.record import UNSTORED, Attempt, RequestRecord
from ai_gateway.store.protocols import AccountingStore, ClientStore, StoreError
from tests.contract.conftest import Database
from tests.contract.test_client_store import NOW
from tests.unit.store.support import DAY_MS, NOON_MS, row


@pytest.fixture
def reader(database: Database) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(database.path, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection


def rows(reader: sqlite3.Connection, table: str) -> list[dict[str, Any]]:
    return [dict(found) for found in reader.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3")]


def test_a_row_is_stored_whole(accounting: AccountingStore, reader: sqlite3.Connection) -> None:
    record = RequestRecord(
        id="req_1",
        started_at=NOON_MS,
        day="2025-10-10",
        client_id="cl_a",
        client_name="äpp",
        endpoint="POST /v1/chat/completions",
        dialect="openai",
        provider="openai",
        model_asked="fast",
        model_served="m",
        model_reported="m-2025",
        admitted=True,
        status=502,
        error="upstream_error",
        error_message="it said: \0 'no'",
        streaming=True,
        tools_used=True,
        input_tokens=1,
        cached_tokens=2,
        cache_write_tokens=3,
        output_tokens=4,
        reasoning_tokens=5,
        usage_estimated=True,
        usage_raw='{"prompt_tokens": 1}',
        cost_usd=0.25,
        ttfb_ms=1.5,
        latency_ms=2.5,
        overhead_ms=0.5,
        attempts=6,
        attempt_log="[]",
        tool_log="[]",
        key_tail="abcd",
        caller_address="::1",
        caller_request="in",
        upstream_request="up",
        response="out",
    )
    defaults = RequestRecord(id="", started_at=0, endpoint="", dialect="", status=0)
    kept = [name for name in record.__struct_fields__ if name not in UNSTORED]
    assert all(getattr(record, name) != getattr(defaults, name) for name in kept)
    assert accounting.write([record]) == 1
    (stored,) = rows(reader, "requests")
    (bodies,) = rows(reader, "request_bodies")
    assert bodies.pop("request_id") == record.id
    assert bodies.pop("started_at") == record.started_at
    together = {**stored, **bodies}
    assert together == {name: getattr(record, name) for name in kept}


def test_a_row_without_anything_optional(accounting: AccountingStore, reader: sqlite3.Connection) -> None:
    accounting.write(
        [RequestRecord(id="r", started_at=NOON_MS, endpoint="GET /", dialect="openai", status=401)]
    )
    (stored,) = rows(reader, "requests")
    assert stored["client_id"] is stored["cost_usd"] is stored["ttfb_ms"] is None
    assert rows(reader, "request_bodies") == []
    (usage,) = rows(reader, "usage_daily")
    assert (usage["client_id"], usage["client_name"], usage["model"]) == ("", "", "")
    assert (usage["requests"], usage["errors"], usage["unpriced_requests"]) == (1, 1, 0)


def test_each_row_counts_once(accounting: AccountingStore, reader: sqlite3.Connection) -> None:
    first, second, third = row(), row(), row()
    assert accounting.write([first, second, first]) == 2
    assert accounting.write([second, third]) == 1
    assert accounting.write([first, second, third]) == 0
    assert accounting.write([]) == 0
    assert len(rows(reader, "requests")) == 3
    (usage,) = rows(reader, "usage_daily")
    assert (usage["requests"], usage["input_tokens"]) == (3, 9)


def test_rows_that_come_again_among_many_new_ones(
    accounting: AccountingStore, reader: sqlite3.Connection
) -> None:
    records = [row(caller_request="body") for _ in range(100)]
    assert accounting.write(records[60:70]) == 10
    assert accounting.write(records) == 90
    assert len(rows(reader, "requests")) == len(rows(reader, "request_bodies")) == 100
    (usage,) = rows(reader, "usage_daily")
    assert usage["requests"] == 100
    assert sum(step["requests"] for step in rows(reader, "usage_steps") if step["step_s"] == 60) == 100


def test_a_row_says_which_day_it_counts_for(accounting: AccountingStore, reader: sqlite3.Connection) -> None:
    accounting.write([row(day="2025-10-10"), row()])
    assert [(usage["day"], usage["requests"]) for usage in rows(reader, "usage_daily")] == [
        ("2025-10-09", 1),
        ("2025-10-10", 1),
    ]


def test_what_each_attempt_used_counts_for_its_model(
    accounting: AccountingStore, reader: sqlite3.Connection
) -> None:
    attempts = [
        Attempt(provider="openai", model="m", error="upstream_error"),
        Attempt(provider="openai", model="m", error="upstream_error", input_tokens=3, cost_usd=0.25),
        Attempt(provider="anthropic", model="other", input_tokens=4, output_tokens=5, cost_usd=0.5),
    ]
    accounting.write(
        [
            row(
                model_served="other",
                input_tokens=7,
                cost_usd=0.75,
                attempts=3,
                attempt_log=msgspec.json.encode(attempts).decode(),
            )
        ]
    )
    found = [
        (usage["model"], usage["requests"], usage["input_tokens"], usage["output_tokens"], usage["cost_usd"])
        for usage in rows(reader, "usage_daily")
    ]
    assert found == [("m", 0, 3, 0, 0.25), ("other", 1, 4, 5, 0.5)]


@pytest.mark.parametrize("count", [1, 3, 4, 15, 16, 17, 63, 64, 65, 300])
def test_batches_of_any_size(count: int, accounting: AccountingStore, reader: sqlite3.Connection) -> None:
    records = [row(input_tokens=i, caller_address=str(i)) for i in range(count)]
    assert accounting.write(records) == count
    stored = {
        found["id"]: (found["input_tokens"], found["caller_address"]) for found in rows(reader, "requests")
    }
    assert stored == {record.id: (record.input_tokens, record.caller_address) for record in records}
    (usage,) = rows(reader, "usage_daily")
    assert (usage["requests"], usage["input_tokens"]) == (count, count * (count - 1) // 2)


def test_sums_of_a_day(accounting: AccountingStore, reader: sqlite3.Connection) -> None:
    records = [
        row(input_tokens=10, cached_tokens=4, cache_write_tokens=1, output_tokens=7, reasoning_tokens=2),
        row(input_tokens=20, cost_usd=0.5, admitted=True),
        row(status=400, attempts=0, input_tokens=0, output_tokens=0),
        row(status=399, cost_usd=0.25, usage_estimated=True),
        row(status=499),
    ]
    for batch in (records[:2], records[2:]):
        accounting.write(batch)
    (usage,) = rows(reader, "usage_daily")
    assert usage == {
        "day": "2025-10-09",
        "client_id": "cl_a",
        "model": "m",
        "client_name": "app",
        "requests": 5,
        "admitted_requests": 1,
        "errors": 2,
        "input_tokens": 36,
        "cached_tokens": 4,
        "cache_write_tokens": 1,
        "output_tokens": 22,
        "reasoning_tokens": 2,
        "estimated_requests": 1,
        "unpriced_requests": 2,
        "cost_usd": 0.75,
    }


def test_unknown_cost_is_not_zero(accounting: AccountingStore, reader: sqlite3.Connection) -> None:
    accounting.write([row()])
    accounting.write([row()])
    assert rows(reader, "usage_daily")[0]["cost_usd"] is None
    accounting.write([row(cost_usd=0.0)])
    assert rows(reader, "usage_daily")[0]["cost_usd"] == 0.0
    accounting.write([row(cost_usd=0.5), row()])
    (usage,) = rows(reader, "usage_daily")
    assert (usage["cost_usd"], usage["unpriced_requests"]) == (0.5, 3)


@pytest.mark.parametrize(
    ("started_at", "day"),
    [
        (0, "1970-01-01"),
        (DAY_MS - 1, "1970-01-01"),
        (DAY_MS, "1970-01-02"),
        (1_709_164_800_000, "2024-02-29"),
    ],
)
def test_the_day_is_that_of_the_start_in_utc(
    started_at: int, day: str, accounting: AccountingStore, reader: sqlite3.Connection
) -> None:
    accounting.write([row(started_at=started_at)])
    assert [usage["day"] for usage in rows(reader, "usage_daily")] == [day]


@pytest.mark.parametrize(
    ("served", "asked", "model"), [("a", "b", "a"), (None, "b", "b"), ("", "b", "b"), (None, None, "")]
)
def test_the_model_of_a_sum(
    served: str | None, asked: str | None, model: str, accounting: AccountingStore, reader: sqlite3.Connection
) -> None:
    accounting.write([row(model_served=served, model_asked=asked)])
    assert [usage["model"] for usage in rows(reader, "usage_daily")] == [model]


def test_the_newest_name_of_a_client_is_kept(accounting: AccountingStore, reader: sqlite3.Connection) -> None:
    accounting.write([row(client_name="old")])
    accounting.write([row(client_name="new")])
    assert [usage["client_name"] for usage in rows(reader, "usage_daily")] == ["new"]


async def test_last_seen_moves_forward_only(store: ClientStore, accounting: AccountingStore) -> None:
    client, _ = await store.create_client(
        ClientSettings.model_validate({"name": "a", "backend": "openai"}), now=NOW
    )
    version = await store.version()
    seen = []
    for moments in ([2000, 5000, 3000], [4000], [6000]):
        accounting.write([row(client_id=client.id, started_at=NOON_MS + ms) for ms in moments])
        last_seen = (await store.get_client(client.id)).last_seen
        assert last_seen is not None
        seen.append(round(last_seen.timestamp() * 1000) - NOON_MS)
    assert seen == [5000, 5000, 6000]
    assert await store.version() == version  # the data path need not know


@pytest.mark.parametrize("tokens", [2**53, 2**62, 2**63, 10**30, -(10**30)])
def test_absurd_token_counts_stop_nothing(
    tokens: int, accounting: AccountingStore, reader: sqlite3.Connection
) -> None:
    records = [row(input_tokens=tokens), row(input_tokens=tokens), row(output_tokens=7)]
    assert accounting.write(records) == 3
    assert len(rows(reader, "requests")) == 3
    (usage,) = rows(reader, "usage_daily")
    assert (usage["requests"], usage["output_tokens"]) == (3, 17)


def test_a_locked_database_writes_nothing_and_says_so(
    accounting: AccountingStore, reader: sqlite3.Connection
) -> None:
    record = row()
    reader.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        accounting.write([record])
    with pytest.raises(StoreError, match="locked"):
        accounting.purge(rows_before_ms=0, bodies_before_ms=0)
    reader.execute("ROLLBACK")
    assert rows(reader, "requests") == []
    assert accounting.write([record]) == 1


def test_a_fault_in_the_middle_leaves_nothing(
    accounting: AccountingStore, reader: sqlite3.Connection
) -> None:
    reader.execute("ALTER TABLE usage_daily RENAME TO away")
    with pytest.raises(StoreError, match="usage_daily"):
        accounting.write([row(), row(response="body")])
    assert rows(reader, "requests") == rows(reader, "request_bodies") == []
    reader.execute("ALTER TABLE away RENAME TO usage_daily")
    assert accounting.write([row()]) == 1


def test_a_missing_database_is_not_made_anew(database: Database, accounting: AccountingStore) -> None:
    away = database.path.rename(database.path.with_suffix(".away"))
    with pytest.raises(StoreError, match="cannot be opened"):
        accounting.write([row()])
    assert not database.path.exists()
    away.rename(database.path)
    assert accounting.write([row()]) == 1


def test_it_works_on_after_close(accounting: AccountingStore) -> None:
    accounting.write([row()])
    accounting.close()
    accounting.close()
    assert accounting.write([row()]) == 1


def test_purge_takes_the_oldest_a_piece_at_a_time(
    accounting: AccountingStore, reader: sqlite3.Connection
) -> None:
    records = [row(id=f"r{i}", started_at=NOON_MS + i, response="x") for i in range(10)]
    accounting.write(list(reversed(records)))
    usage = rows(reader, "usage_daily")

    def purge(rows_before: int, bodies_before: int, limit: int) -> int:
        return accounting.purge(
            rows_before_ms=NOON_MS + rows_before, bodies_before_ms=NOON_MS + bodies_before, limit=limit
        )

    assert purge(0, 0, 100) == 0
    assert purge(0, 3, 2) == 2
    assert [body["request_id"] for body in rows(reader, "request_bodies")] == [f"r{i}" for i in range(2, 10)]
    assert purge(0, 3, 2) == 1
    assert len(rows(reader, "requests")) == 10
    assert purge(5, 3, 3) == 3
    assert purge(5, 3, 3) == 2
    assert purge(5, 3, 3) == 0
    assert [found["id"] for found in rows(reader, "requests")] == [f"r{i}" for i in range(5, 10)]
    assert [body["request_id"] for body in rows(reader, "request_bodies")] == [f"r{i}" for i in range(5, 10)]
    assert purge(100, 100, 4) + purge(100, 100, 4) + purge(100, 100, 4) == 10
    assert rows(reader, "requests") == rows(reader, "request_bodies") == []
    assert rows(reader, "usage_daily") == usage
