"""Rows go into the database whole, whatever they have in common."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ai_gateway.core.record import UNSTORED, RequestRecord
from ai_gateway.store import schema
from ai_gateway.store.accounting import SqliteAccounting
from ai_gateway.store.alike import COLUMNS
from ai_gateway.store.pace import Pace
from ai_gateway.store.protocols import StoreError
from tests.harness.databases import empty_database
from tests.unit.store.support import row

BODIES = ("caller_request", "upstream_request", "response")
kinds = st.sampled_from(
    (
        {},
        {"cost_usd": 0.25},
        {"client_id": "cl_b", "model_served": None, "provider": None},
        {"client_id": "cl_b", "cost_usd": 0.0, "streaming": True, "ttfb_ms": 0.5},
        {"client_id": None, "client_name": None, "status": 401, "error": "invalid_api_key", "attempts": 0},
        {"status": 502, "error": "api_error", "error_message": "no"},
        {"attempt_log": "[]", "attempts": 2},
        {"tool_log": "[]", "tools_used": True, "cost_usd": 1.0},
        {"day": "2025-10-08", "admitted": True, "usage_estimated": True, "key_tail": "abcd"},
    )
)
runs = st.lists(st.tuples(kinds, st.integers(1, 40), st.integers(0, 9)), min_size=1, max_size=8)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.db"
    empty_database(path)
    return path


def test_the_columns_come_in_the_order_of_the_table(path: Path) -> None:
    """Otherwise SQLite copies each value once more."""
    with closing(sqlite3.connect(path)) as reader:
        order = [name for _, name, *_ in reader.execute("PRAGMA table_info(requests)")]
    assert order == COLUMNS
    assert {*COLUMNS} == {column.name for column in schema.requests.columns}
    assert {*COLUMNS, *BODIES, *UNSTORED} == {*RequestRecord.__struct_fields__}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(runs, st.booleans())
def test_each_row_is_stored_as_it_is(
    path: Path, batch: list[tuple[dict[str, object], int, int]], haste: bool
) -> None:
    rows = [
        row(input_tokens=n, latency_ms=n / 8, usage_raw=f'{{"n":{n}}}' if n % 3 else None, **kind)
        for kind, count, first in batch
        for n in range(first, first + count)
    ]
    books = SqliteAccounting(path, pace=Pace(in_haste=haste))
    with closing(books), closing(sqlite3.connect(path)) as reader:
        assert books.write(rows) == len(rows)
        reader.row_factory = sqlite3.Row
        ids = msgspec.json.encode([one.id for one in rows]).decode()
        query = "SELECT * FROM requests WHERE id IN (SELECT value FROM json_each(?))"
        found = {one["id"]: dict(one) for one in reader.execute(query, (ids,))}
    assert found == {one.id: {name: getattr(one, name) for name in COLUMNS} for one in rows}


def test_a_database_that_will_not_have_a_row_is_a_fault_and_not_a_row_that_comes_again(path: Path) -> None:
    """The accounting thread waits and tries again; of anything but a `StoreError` it would end."""
    rows = [row() for _ in range(30)]
    books = SqliteAccounting(path)
    with closing(books), closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TRIGGER no BEFORE INSERT ON requests BEGIN SELECT RAISE(ABORT, 'no'); END")
        for _ in range(2):
            with pytest.raises(StoreError):
                books.write(rows)
        other.execute("DROP TRIGGER no")
        assert books.write(rows) == 30
        assert books.write([rows[3], row(), rows[4]]) == 1
